"""What units say, compared with what was declared; nothing of the machine is looked at."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from datetime import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from huracan.config import CoreSettings, Section, Settings, SettingsPath
from huracan.errors import SettingsError
from huracan.plugin.manager import Plugins
from huracan.types import Job, Resources, Service
from huracan.units.declared import Declared, declared
from huracan.units.render import render

SYSTEM = "systemd/system/"
BASE = Declared(
    pipelines={"nightly": (Job("a", "m:f", "first"), Job("b", "m:f", "second", after=("a",), stall_limit=7.5))},
    services=(Service("steady", "m:f", "stays"),),
    times={"nightly": time(2, 0)},
    scheduler="daemon",
    spread_seconds=30.0,
    workspace=Path("/var/lib/huracan"),
)


def lines(text: str, name: str) -> list[str]:
    return [line.partition("=")[2] for line in text.split("\n") if line.startswith(f"{name}=")]


def job_file(job: Job, **changes: Any) -> str:
    files = render(replace(BASE, pipelines={"nightly": (job,)}, **changes))
    return files[f"{SYSTEM}huracan-job@{job.name}.service.d/50-declared.conf"]


def test_each_job_and_service_has_a_drop_in_with_its_limits() -> None:
    files = render(BASE)
    assert lines(files[f"{SYSTEM}huracan-job@b.service.d/50-declared.conf"], "WatchdogSec") == ["7.5s"]
    assert lines(files[f"{SYSTEM}huracan-job@b.service.d/50-declared.conf"], "RuntimeMaxSec") == ["3600s"]
    assert lines(files[f"{SYSTEM}huracan-service@steady.service.d/50-declared.conf"], "WatchdogSec") == ["120s"]


def test_a_job_that_declares_no_network_gets_none() -> None:
    shut = job_file(Job("a", "m:f", ""))
    assert lines(shut, "PrivateNetwork") == ["yes"]
    assert lines(shut, "IPAddressDeny") == ["any"]
    assert lines(shut, "RestrictAddressFamilies") == ["AF_UNIX"]
    free = job_file(Job("a", "m:f", "", resources=Resources(network=True)))
    assert lines(free, "PrivateNetwork") == ["no"]
    assert lines(free, "IPAddressDeny") == [""]  # takes back what the template says
    template = render(BASE)[f"{SYSTEM}huracan-job@.service"]
    assert lines(template, "PrivateNetwork") == ["yes"]


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("", None),
        ("sqlite:////srv/a.db", None),
        ("postgresql://u:secret@localhost/h", "localhost"),
        ("postgresql://u:secret@127.0.0.1/h", "localhost"),
        ("postgresql://u:secret@10.0.0.7:5432/h", "10.0.0.7"),
        ("postgresql://u:secret@[2001:db8::7]/h", "2001:db8::7"),
        ("postgresql://u:secret@db.example/h", "any"),
        ("postgresql:///h?host=/run/postgresql", None),
    ],
)
def test_a_database_asked_by_tcp_is_the_one_address_that_stays_open(url: str, address: str | None) -> None:
    found = declared(Settings(CoreSettings(database=url)), Plugins([]))
    assert found.database == address
    files = render(replace(BASE, database=found.database))
    text = files[f"{SYSTEM}huracan-job@a.service.d/50-declared.conf"]
    assert lines(text, "IPAddressAllow") == ([address] if address else [])
    assert "secret" not in "".join(files.values())


def test_memory_gpu_and_compiling_are_opened_where_they_are_declared() -> None:
    text = job_file(Job("a", "m:f", "", resources=Resources(memory_mib=900, gpu=True, compiles=True, io_class="idle")))
    assert lines(text, "MemoryMax") == ["900M"]
    assert "char-nvidia rw" in lines(text, "DeviceAllow")
    assert lines(text, "MemoryDenyWriteExecute") == ["no"]
    assert lines(text, "IOSchedulingClass") == ["idle"]
    assert not lines(job_file(Job("a", "m:f", "")), "MemoryMax")


def test_with_the_daemon_nothing_else_starts_jobs() -> None:
    files = render(BASE)
    assert [name for name in files if name.endswith((".timer", "60-chain.conf"))] == [f"{SYSTEM}huracan-retry.timer"]
    assert "huracan-job" not in files[f"{SYSTEM}huracan-retry.service"]
    assert "huracan.service" in lines(files[f"{SYSTEM}huracan.target"], "Wants")


def test_with_timers_the_jobs_of_a_pipeline_are_a_chain_and_no_daemon_is_wanted() -> None:
    files = render(replace(BASE, scheduler="timers"))
    timer = files[f"{SYSTEM}huracan-nightly.timer"]
    assert lines(timer, "OnCalendar") == ["*-*-* 02:00:00 UTC"]
    assert lines(timer, "Persistent") == ["true"]
    assert lines(timer, "Unit") == ["huracan-job@a.service"]
    first = files[f"{SYSTEM}huracan-job@a.service.d/60-chain.conf"]
    assert lines(first, "OnSuccess") == lines(first, "OnFailure") == ["huracan-job@b.service"]
    assert not lines(files[f"{SYSTEM}huracan-job@b.service.d/60-chain.conf"], "OnSuccess")
    wanted = lines(files[f"{SYSTEM}huracan.target"], "Wants")
    assert "huracan.service" not in wanted
    assert "huracan-nightly.timer" in wanted


@pytest.mark.parametrize("scheduler", ["daemon", "timers"])
def test_who_keeps_failing_is_told_of_and_looked_at_again_for_ever(scheduler: Any) -> None:
    files = render(replace(BASE, scheduler=scheduler))
    for unit in ("huracan.service", "huracan-service@.service"):
        text = files[f"{SYSTEM}{unit}"]
        assert lines(text, "Restart") == ["always"]
        assert lines(text, "OnFailure") == ["huracan-failed@%n.service"]
        assert (lines(text, "StartLimitBurst"), lines(text, "StartLimitIntervalSec")) == (["8"], ["3600s"])
    assert "huracan-retry.timer" in lines(files[f"{SYSTEM}huracan.target"], "Wants")
    assert lines(files[f"{SYSTEM}huracan-retry.timer"], "OnUnitInactiveSec") == ["300s"]
    assert "--state=failed" in files[f"{SYSTEM}huracan-retry.service"]


def test_a_service_that_may_be_silent_for_long_is_given_the_time_for_a_loop_of_such_silences() -> None:
    slow = Service("slow", "m:f", "thinks", stall_limit=900.0, restart_delay=30.0)
    text = render(replace(BASE, services=(slow,)))[f"{SYSTEM}huracan-service@slow.service.d/50-declared.conf"]
    assert lines(text, "StartLimitIntervalSec") == [f"{8 * (900 + 30 + 60)}s"]


def test_no_secret_stands_in_a_unit_and_none_in_its_environment() -> None:
    for text in render(BASE).values():
        for value in lines(text, "Environment"):
            assert "HURACAN_" not in value


def test_a_name_that_no_unit_can_have_is_refused_with_its_plugin() -> None:
    jobs = SimpleNamespace(owners={"my job": "toy"})
    plugins: Any = SimpleNamespace(
        jobs=lambda: _Owned({"my job": Job("my job", "m:f", "")}, jobs.owners), services=lambda: _Owned({}, {})
    )
    with pytest.raises(SettingsError, match=r"'my job' of plugin toy"):
        declared(Settings(CoreSettings()), plugins)


def test_a_pipeline_that_no_timer_can_be_called_after_is_refused_with_timers_alone() -> None:
    job = Job("a", "m:f", "", pipeline="my night")
    plugins: Any = SimpleNamespace(
        jobs=lambda: _Owned({"a": job}, {"a": "toy"}), services=lambda: _Owned({}, {}), infos=lambda: []
    )
    core = CoreSettings.model_validate({"schedule": {"pipelines": {"my night": "02:00"}}})
    assert "my night" in declared(Settings(core), plugins).pipelines
    timers = core.model_copy(update={"schedule": core.schedule.model_copy(update={"scheduler": "timers"})})
    with pytest.raises(SettingsError, match=r"the pipeline 'my night' of plugin toy has a name that no unit can have"):
        declared(Settings(timers), plugins)


def test_a_folder_that_no_unit_can_name_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"'/srv/a\\nb' holds the end of a line"):
        declared(Settings(CoreSettings(workspace=Path("/srv/a\nb"))), Plugins([]))


@given(st.text())
def test_whatever_a_plugin_says_of_itself_is_one_line_of_comment(text: str) -> None:
    said = job_file(Job("a", "m:f", text), owners={"job a": "toy"})
    plain = job_file(Job("a", "m:f", "words"), owners={"job a": "toy"})
    (comment,) = set(said.splitlines()) - set(plain.splitlines()) or {"# words (plugin toy)"}
    assert len(said.splitlines()) == len(plain.splitlines())
    assert comment.startswith("# ")
    assert comment.endswith("(plugin toy)")
    assert comment.isprintable()
    said.encode()


def test_what_a_service_says_of_itself_is_one_line_as_well() -> None:
    files = render(replace(BASE, services=(Service("steady", "m:f", "stays\nExecStartPre=/bin/evil\r[Service]"),)))
    text = files[f"{SYSTEM}huracan-service@steady.service.d/50-declared.conf"]
    assert "# stays ExecStartPre=/bin/evil [Service] (plugin ?)" in text.splitlines()
    assert not lines(text, "ExecStartPre")


def test_a_workspace_is_one_field_of_sysusers_and_tmpfiles_whatever_letters_it_holds() -> None:
    files = render(replace(BASE, workspace=Path('/srv/my "100 %" work')))
    field = '"/srv/my \\"100 %%\\" work"'
    assert f"d {field} 0750 huracan huracan" in files["tmpfiles.d/huracan.conf"].splitlines()
    assert f'u huracan - "Huracan" {field}' in files["sysusers.d/huracan.conf"].splitlines()


def test_a_dollar_sign_is_doubled_in_commands_alone() -> None:
    files = render(replace(BASE, workspace=Path("/srv/$x"), config=(Path("/etc/$x.yaml"),)))
    text = files[f"{SYSTEM}huracan-job@.service"]
    assert lines(text, "ReadWritePaths") == ["/srv/$x"]
    assert lines(text, "ExecStart")[0].endswith(" -c /etc/$$x.yaml job %i --unit")


class _Owned(dict[str, Any]):
    def __init__(self, values: dict[str, Any], owners: dict[str, str]) -> None:
        super().__init__(values)
        self.owners = owners


class _Places(Section):
    written_paths: ClassVar[tuple[str, ...]] = ("copies",)
    copies: SettingsPath = Field(Path("/mnt/copies"))
    candles: SettingsPath = Field(Path("/home/me/candles"))
    elsewhere: SettingsPath = Field(Path("/srv/data"))


def test_folders_that_the_settings_name_stay_in_reach() -> None:
    found = declared(Settings(CoreSettings(), sections={"remote": _Places()}), Plugins([]))
    text = render(replace(found, command="/bin/huracan"))[f"{SYSTEM}huracan-job@.service"]
    assert lines(text, "ReadWritePaths") == ["/var/lib/huracan", "-/mnt/copies"]
    hidden = replace(found, workspace=Path("/home/me/work"), written=(Path("/tmp/copies"),))
    text = render(hidden)[f"{SYSTEM}huracan-job@.service"]
    assert lines(text, "BindPaths") == ["/home/me/work", "-/tmp/copies"]
    text = render(replace(found, command="/bin/huracan"))[f"{SYSTEM}huracan-job@.service"]
    assert lines(text, "BindReadOnlyPaths") == ["-/home/me/candles"]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\n\r\x00", exclude_categories=["Cc"]), min_size=1))
def test_a_path_is_one_word_of_the_command_line_whatever_letters_it_holds(name: str) -> None:
    path = Path("/srv") / name.replace("/", "_")
    text = render(replace(BASE, config=(path,)))[f"{SYSTEM}huracan-job@.service"]
    (command,) = lines(text, "ExecStart")
    assert _as_systemd_reads(command)[2] == str(path)


def _as_systemd_reads(command: str) -> list[str]:
    """Split as systemd.syntax(7) and systemd.service(5) say: quotes, backslashes, then %% and $$."""
    words = shlex.split(command) if '"' in command else command.split(" ")
    return [re.sub(r"\$\$", "$", word.replace("%%", "%")) for word in words]
