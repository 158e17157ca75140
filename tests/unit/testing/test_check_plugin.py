"""Every rule of check_plugin is seen to fail on a plugin that breaks it, and to hold for one that does not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import pytest

from huracan import hookimpl
from huracan.errors import DataError
from huracan.testing import assert_plugin, check_plugin, stand_in
from huracan.types import BackupSource, Notifier, ReportSection, SettingsSection
from unit.testing.bad_plugins import CHAT, CHECK, FEATURES, JOB, SERVICE, STAND_INS, TABLE, Wanted, look, plugin
from unit.testing.conftest import GOOD

Write = Callable[..., EntryPoint]
IMPORT = GOOD.replace("HURACAN_API = 2", "HURACAN_API = 2\n{}")
LIMITS: dict[str, Any] = {"import_seconds": 15.0, "answer_seconds": 15.0}


def broken(entry: Any, **options: Any) -> dict[str, str]:
    return {each.rule: each.failed for each in check_plugin(entry, **options) if each.failed}


# --------------------------------------------------------------------------------------- as an installed distribution


def test_a_good_plugin_keeps_every_rule_and_all_of_them_are_asked(write_plugin: Write) -> None:
    results = check_plugin(write_plugin(), **LIMITS)
    assert [each.rule for each in results] == [f"P{number}" for number in range(1, 29)]
    assert {each.rule: each.failed or each.skipped for each in results if each.failed or each.skipped} == {}


INSTALLED = {
    "raises": (IMPORT.format("raise OSError('no licence')"), {"P1": "importing it raises OSError: no licence"}),
    "exits": (IMPORT.format("import sys; sys.exit(3)"), {"P1": "importing it raises SystemExit: 3"}),
    "ends the process": (IMPORT.format("import os; os._exit(0)"), {"P1": "the process ended without a word"}),
    "is killed": (IMPORT.format("import os; os.kill(0, 9)"), {"P1": "the process ended with signal 9"}),
    "is slow": (IMPORT.format("import time; time.sleep(1.2)"), {"P2": "importing it takes", "P6": "imports time"}),
    "prints": (IMPORT.format("print('hello from strange')"), {"P3": "hello from strange", "P6": "line 9"}),
    "loads a library": (
        IMPORT.format("import numpy"),
        {"P4": "importing it loads numpy: import it where it is used", "P6": "line 9: imports numpy"},
    ),
    "loads one in a hook": (
        GOOD.replace("    return", "    import numpy\n\n    return"),
        {"P4": "huracan_jobs loads numpy"},
    ),
    "reads a file": (
        IMPORT.format("import pathlib; pathlib.Path(__file__).read_text()"),
        {"P5": "touches a file (", "P6": "imports pathlib"},
    ),
    "reads the environment": (
        GOOD.replace("    return", "    import os\n\n    os.getenv('HOME')\n    return"),
        {"P5": "reads the environment in huracan_jobs (__init__.py line 15)"},
    ),
    "opens a socket": (
        IMPORT.format("import socket; socket.socket().close()"),
        {"P5": "touches the network", "P6": "imports socket"},
    ),
    "starts a thread": (
        IMPORT.format("import threading as t; t.Thread(target=t.Event().wait, daemon=True).start()"),
        {"P5": "leaves 1 threads running", "P6": "imports threading"},
    ),
    "takes a signal": (
        IMPORT.format("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"),
        {"P5": "takes SIGTERM for itself", "P6": "imports signal"},
    ),
    "holds a class": (IMPORT.format("class Work: ..."), {"P6": "line 9: class Work; move it"}),
    "holds a function": (IMPORT.format("def tidy(): ..."), {"P6": "tidy is neither a hook nor a private helper"}),
    "imports its own": (IMPORT.format("from strange_work import work"), {"P6": "imports strange_work"}),
    "no hook": ('HURACAN_API = 2\n"""Nothing."""\n', {"P7": "it implements no hook"}),
    "misspelt": (GOOD.replace("huracan_jobs", "huracan_job"), {"P7": "huracan_job is no hook"}),
    "not marked": (GOOD.replace("@hookimpl\n", ""), {"P7": "huracan_jobs is not marked with @hookimpl"}),
    "no API": (GOOD.replace("HURACAN_API = 2\n", ""), {"P8": "does not say HURACAN_API"}),
    "newer API": (GOOD.replace("HURACAN_API = 2", "HURACAN_API = 3"), {"P8": "is made for plugin API 3"}),
}


@pytest.mark.parametrize("name", INSTALLED)
def test_what_a_plugin_does_when_it_is_imported_is_named(name: str, write_plugin: Write) -> None:
    source, expected = INSTALLED[name]
    slow = {**LIMITS, "import_seconds": 1.0} if name == "is slow" else LIMITS
    found = broken(write_plugin(source), **slow)
    assert set(found) == set(expected)
    for rule, words in expected.items():
        assert words in found[rule]


def test_after_an_import_that_fails_nothing_else_is_asked(write_plugin: Write) -> None:
    results = check_plugin(write_plugin(IMPORT.format("1 / 0")), **LIMITS)
    assert [each.rule for each in results if each.failed] == ["P1"]
    assert all(each.skipped for each in results[1:])
    assert "strange_work" not in sys.modules


def test_an_import_or_a_hook_that_hangs_is_ended_and_named(write_plugin: Write) -> None:
    hangs = GOOD.replace("    return", "    import time\n\n    time.sleep(60)\n    return")
    found = broken(write_plugin(hangs), import_seconds=5.0, answer_seconds=1.0)
    assert found == {"P11": "huracan_jobs: no end within 6 s"}


# ------------------------------------------------------------------------------------- as a module made of functions


@pytest.mark.parametrize("name", STAND_INS)
def test_a_plugin_that_breaks_a_rule_is_told_which(name: str) -> None:
    make, rule, words = STAND_INS[name]
    found = broken(make(), answer_seconds=0.5 if "hangs" in name else 30.0)
    assert set(found) == {rule}, found
    assert words in found[rule]


def test_values_of_every_kind_keep_the_rules() -> None:
    def report(context: Any, day: Any) -> Any:
        raise DataError("mood", "there is none yet")

    whole = plugin(
        settings=[SettingsSection("strange", Wanted)], jobs=[JOB], services=[SERVICE], checks=[CHECK],
        features=[FEATURES], exports=[TABLE], chat_commands=[CHAT], report_sections=[ReportSection("mood", report)],
        notifiers=[Notifier("pager", look, is_set=lambda _: False)],
        backup_sources=[BackupSource("mood", lambda context, folder: None)],
    )  # fmt: skip
    assert broken(whole) == {}


def test_a_stand_in_has_no_rules_about_its_import() -> None:
    skipped = {each.rule: each.skipped for each in check_plugin(plugin(jobs=[JOB])) if each.skipped}
    assert set(skipped) == {"P2", "P3", "P4", "P5", "P6"}
    failing = stand_in("strange")
    failing = replace(failing, target=ImportError("no module named x"))
    assert "ImportError: no module named x" in broken(failing)["P1"]


def test_rules_are_skipped_with_reasons_and_names_must_exist() -> None:
    bare = stand_in("strange", huracan_jobs=hookimpl(lambda: [JOB]))
    with pytest.raises(AssertionError, match="plugin strange breaks 1 rules:\n  P8 says its API: its module does not"):
        assert_plugin(bare)
    assert_plugin(bare, skip={"P8": "a plugin of this test"})
    with pytest.raises(ValueError, match="0 plugins of the name 'nobody' are installed; there are alerts, backup"):
        check_plugin("nobody")


def test_a_module_is_what_an_entry_point_names() -> None:
    entry = replace(plugin(jobs=[JOB]), target=ModuleType("empty"))
    assert "it implements no hook" in broken(entry)["P7"]
