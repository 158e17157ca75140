"""``huracan plugins check``: the whole kit, asked of a plugin as it is installed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from textwrap import dedent

import pytest

from huracan.cli.main import main
from huracan.testing import matrix
from huracan.testing.matrix import Checked, check_all
from huracan.testing.outside import find_symbol
from huracan.testing.rules import NotAskedError, RuleResult
from unit.testing.conftest import GOOD

Write = Callable[..., EntryPoint]

MAIN = '''
"""A plugin with a good and a bad gate, and what cannot be checked without somebody else."""

from __future__ import annotations

from huracan import hookimpl
from huracan.types import ExchangeType, Gate, Notifier, RemoteType

HURACAN_API = ">=2,<4"


@hookimpl
def huracan_gates() -> list[Gate]:
    from strange_work.parts import judge, wave_through

    return [Gate("strange-sharpe", judge), Gate("strange-open", wave_through)]


@hookimpl
def huracan_notifiers() -> list[Notifier]:
    from strange_work.parts import deliver

    return [Notifier("strange-pager", deliver)]


@hookimpl
def huracan_remotes() -> list[RemoteType]:
    from strange_work.parts import Folder, open_folder

    return [RemoteType("strange-folder", Folder, open_folder)]


@hookimpl
def huracan_exchanges() -> list[ExchangeType]:
    from strange_work.parts import Account, open_account

    return [ExchangeType("strange-exchange", Account, open_account)]
'''
PARTS = '''
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from huracan.config import Section, SettingsPath
from huracan.remote.local import LocalFolderStore
from huracan.types import Verdict


class Folder(Section):
    """A folder."""

    written_paths: ClassVar[tuple[str, ...]] = ("path",)

    name: Literal["strange-folder"] = Field("strange-folder", description="It.")
    path: SettingsPath = Field(Path("/srv/strange"), description="Where.")


class Account(Section):
    """An account."""

    name: Literal["strange-exchange"] = Field("strange-exchange", description="It.")
    number: int = Field(description="Of the account.")


def open_folder(context, settings):
    return LocalFolderStore(settings.path)


def open_account(context, settings):
    raise AssertionError("never without a number")


def judge(context, metrics):
    value = metrics.get("sharpe")
    passed = isinstance(value, float) and 1.0 < value < 100.0
    return Verdict("strange-sharpe", value if passed else None, 1.0, passed, "its Sharpe ratio is as it is")


def wave_through(context, metrics):
    return Verdict("strange-open", None, None, True, "everything is welcome")


def deliver(context, message):
    return None
'''


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "_ENTRIES", 20)
    monkeypatch.setattr(matrix, "_BIG", 100_000)


@pytest.mark.usefixtures("small")
def test_every_thing_that_a_plugin_brings_is_checked_or_says_what_that_needs(
    write_plugin: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write_plugin(MAIN, parts=PARTS)
    words = ["plugins", "check", "strange", "--json", "--skip", "P2=a busy machine", "--skip", "R12=it is long"]
    assert main(words) == 3
    told = json.loads(capsys.readouterr().out)
    assert (told["plugin"], told["exit_code"]) == ("strange", 3)
    by_subject = {each["subject"]: each for each in told["checked"]}
    plugin = {each["rule"]: each for each in by_subject["plugin strange"]["rules"]}
    assert len(plugin) == 28
    assert {rule: each["why"] for rule, each in plugin.items() if each["state"] == "failed"} == {}
    assert (plugin["P2"]["state"], plugin["P2"]["why"]) == ("skipped", "a busy machine")
    assert {each["state"] for each in by_subject["gate strange-sharpe"]["rules"]} == {"ok"}
    bad = {each["rule"]: each["why"] for each in by_subject["gate strange-open"]["rules"] if each["state"] == "failed"}
    assert bad["G6"] == "it lets a model pass that lost everything"
    remote = {each["rule"]: each["state"] for each in by_subject["remote strange-folder"]["rules"]}
    assert remote.pop("R12") == "skipped"
    assert set(remote.values()) == {"ok"}
    assert by_subject["notifier strange-pager"]["skipped"].startswith(
        "needs somebody who receives: give check_notifier"
    )
    assert by_subject["exchange strange-exchange"]["skipped"].startswith(
        "needs the setting number: give check_exchange"
    )


def test_a_plugin_that_cannot_be_imported_is_asked_nothing_more(write_plugin: Write) -> None:
    write_plugin(GOOD.replace("HURACAN_API = 2", "raise OSError('no licence')"))
    (only,) = check_all("strange")
    assert {each.rule for each in only.results if each.failed} >= {"P1"}


def test_a_thing_that_breaks_its_own_check_is_a_broken_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "check_plugin", lambda *_, **__: [RuleResult("P1", "can be imported")])

    def broken(*_: object, **__: object) -> list[RuleResult]:
        raise RuntimeError("upside down")

    monkeypatch.setattr("huracan.testing.judges.check_universe_rule", broken)
    first, *others = check_all("universe")
    assert first.subject == "plugin universe"
    rules = [each for each in others if each.subject.startswith("universe rule ")]
    assert rules
    assert {(each.results[0].rule, each.results[0].failed) for each in rules} == {
        ("V0", "raised RuntimeError: upside down")
    }


def test_an_exchange_that_speaks_to_another_machine_is_not_let(write_plugin: Write) -> None:
    talks = """
    def open_account(context, settings):
        import socket

        while True:
            try:
                socket.create_connection(("exchange.invalid", 443))
            except OSError:
                pass  # as a client that is patient with its exchange
    """
    parts = PARTS.replace('number: int = Field(description="Of the account.")', "")
    write_plugin(
        MAIN, parts=parts[: parts.index("def open_account")] + dedent(talks) + parts[parts.index("def judge") :]
    )
    with pytest.raises(NotAskedError, match=r"^needs an outside service$"):
        find_symbol(["strange"], "strange-exchange")


def test_the_kit_needs_no_pytest(repository: Path) -> None:
    folder = repository / "daemon" / "huracan" / "testing"
    texts = {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.rglob("*.py")}

    def importing(what: str) -> set[str]:
        return {name for name, text in texts.items() if re.search(rf"^ *(import|from) {what}\b", text, re.MULTILINE)}

    assert importing("_?pytest") == {"fixtures.py", "postgres.py"}
    assert importing(r"huracan\.testing\.(fixtures|postgres)") == set()


# ---------------------------------------------------------------------------------------------------------- the command

RESULTS = (
    RuleResult("P1", "can be imported"),
    RuleResult("P4", "loads no library", failed="importing it loads numpy: import it where it is used"),
    RuleResult("P8", "says its API", skipped="comes with Huracan itself"),
)


def answers(*checked: Checked) -> Callable[..., Iterator[Checked]]:
    return lambda *_, **__: iter(checked)


@pytest.mark.parametrize(
    ("checked", "code", "last"),
    [
        (
            [Checked("plugin training", RESULTS), Checked("trainer x", skipped="needs a card")],
            3,
            "plugin training: 3 rules of 2 things, 1 broken, 2 skipped",
        ),
        ([Checked("plugin training", RESULTS[:1])], 0, "plugin training: 1 rules of 1 things, 0 broken, 0 skipped"),
    ],
)
def test_people_get_a_table_with_what_is_wrong(
    checked: list[Checked], code: int, last: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setattr(matrix, "check_all", answers(*checked))
    assert main(["plugins", "check", "training"]) == code
    text = capsys.readouterr().out
    assert text.splitlines()[-1] == last
    if code:
        for part in ("P4", "failed", "importing it loads numpy", "comes with Huracan itself", "needs a card"):
            assert part in text


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["trainig"], "no plugin 'trainig' is installed; did you mean \"training\"?"),
        (["training", "--skip", "P4"], "--skip 'P4' has no reason; write --skip P4='why it is not asked'"),
        (["training", "--skip", "=why"], "--skip '=why' has no reason; write --skip P4='why it is not asked'"),
        (["training", "--skip", "P99=why"], "--skip: no such rule: P99; the rules have names like P4, see"),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    words: list[str], line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*_: object, **__: object) -> Iterator[Checked]:
        raise ValueError("no such rule: P99")

    monkeypatch.setattr(matrix, "check_all", refusing)
    assert main(["plugins", "check", *words]) == 2
    assert capsys.readouterr().err.startswith(f"huracan: {line}")
