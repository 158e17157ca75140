"""A trace has every call of a plugin with its time and owner, and changes nothing of what is called."""

from __future__ import annotations

import inspect
import json
import pickle
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from huracan import hookimpl
from huracan.app import load_settings
from huracan.cli.main import main
from huracan.errors import SettingsError
from huracan.plugin.manager import Plugins
from huracan.plugin.selection import tracer_from
from huracan.plugin.status import PluginStatus
from huracan.plugin.trace import Call, Tracer, read_trace, shares
from huracan.testing import stand_in
from huracan.types import Column, ColumnKind, ExchangeType, Gate, Job, TableExport, Verdict

ANY: Any = None


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trace.jsonl"


def judge(context: Any, metrics: Any) -> Verdict:
    """Say yes."""
    if "wait" in metrics:
        time.sleep(metrics["wait"])
    if "raise" in metrics:
        raise ValueError("no")
    return Verdict("kind", None, None, True, "all is well")


def portions(context: Any, scope: Any) -> Iterator[list[tuple[Any, ...]]]:
    yield [(1,)]
    time.sleep(0.02)
    yield [(2,)]


class Settings:
    """Stands for a model of settings."""


class Opened:
    """Stands for an exchange."""

    def __init__(self, context: Any, settings: Any) -> None:
        self.context = context


def traced(file: Path, **hooks: Any) -> Plugins:
    made = {f"huracan_{name}": hookimpl(_answering(values)) for name, values in hooks.items()}
    return Plugins([stand_in("mine", **made)], tracer=Tracer(file))


def _answering(values: Any) -> Any:
    def huracan_hook() -> Any:
        return values

    return huracan_hook


def calls(file: Path) -> list[tuple[str, str, str]]:
    return [(each.plugin, each.kind, each.name) for each in read_trace(file)]


def test_each_call_of_a_hook_is_noted_with_its_owner_its_time_and_how_much_it_gave(file: Path) -> None:
    def slow() -> Iterator[Job]:
        time.sleep(0.02)
        yield Job("a", "m:f", "d")
        yield Job("b", "m:f", "d")

    entries = [stand_in("mine", huracan_jobs=hookimpl(slow)), stand_in("other", huracan_jobs=hookimpl(lambda: []))]
    plugins = Plugins(entries, tracer=Tracer(file))
    assert list(plugins.jobs()) == ["a", "b"]
    mine, other = read_trace(file)
    assert (mine.plugin, mine.kind, mine.name, mine.values, mine.error) == ("mine", "hook", "huracan_jobs", 2, None)
    assert (other.plugin, other.values) == ("other", 0)
    assert mine.seconds is not None
    assert 0.02 <= mine.seconds < 5
    assert abs(mine.at - time.time()) < 60


def test_a_hook_that_raises_is_noted_and_judged_as_ever(file: Path) -> None:
    def bad() -> list[Job]:
        raise OSError("gone")

    plugins = Plugins([stand_in("mine", huracan_jobs=hookimpl(bad))], tracer=Tracer(file))
    assert list(plugins.jobs()) == []
    assert plugins.infos()[0].status is PluginStatus.BAD_HOOK
    assert plugins.infos()[0].error == "huracan_jobs raised OSError: gone"
    assert [each.error for each in read_trace(file)] == ["OSError"]


def test_functions_that_values_bring_are_timed_and_stay_what_they_were(file: Path) -> None:
    gate = traced(file, gates=[Gate("kind", judge)]).gates()["kind"]
    assert gate.judge(ANY, {}).passed
    with pytest.raises(ValueError, match="no"):
        gate.judge(ANY, {"raise": True})
    assert calls(file) == [("mine", "hook", "huracan_gates"), *2 * [("mine", "gate", "kind.judge")]]
    assert [each.error for each in read_trace(file)] == [None, None, "ValueError"]
    assert gate.judge.__doc__ == "Say yes."
    assert list(inspect.signature(gate.judge).parameters) == ["context", "metrics"]


def test_models_of_settings_stay_classes_and_what_opens_may_be_one(file: Path) -> None:
    kind: Any = ExchangeType("mine", Settings, Opened)  # type: ignore[arg-type]
    found: Any = traced(file, exchanges=[kind]).exchanges()["mine"]
    assert found.settings is Settings
    assert isinstance(found.open(ANY, ANY), Opened)
    assert calls(file)[-1] == ("mine", "exchange", "mine.open")


def test_what_is_handed_out_in_portions_is_timed_portion_by_portion(file: Path) -> None:
    table = TableExport("t", "a table", (Column("n", ColumnKind.INTEGER, "a number"),), portions)
    found: Any = traced(file, exports=[table]).exports()["t"]
    assert list(found.batches(ANY, ANY)) == [[(1,)], [(2,)]]
    slowest = max(read_trace(file), key=lambda each: each.own)
    assert (slowest.name, slowest.own >= 0.02) == ("t.batches", True)


def test_time_of_a_call_inside_another_counts_once(file: Path) -> None:
    plugins = traced(file, gates=[Gate("kind", judge)], jobs=[Job("work", "m:f", "d")])
    gate = plugins.gates()["kind"]
    plugins.jobs()

    def work(context: Any) -> str:
        gate.judge(context, {"wait": 0.03})
        return "done"

    assert plugins.traced("job", "work", work)(ANY) == "done"
    job = next(each for each in read_trace(file) if each.kind == "job")
    inner = next(each for each in read_trace(file) if each.kind == "gate")
    assert (job.plugin, job.name) == ("mine", "work")
    assert job.seconds is not None
    assert inner.seconds is not None
    assert job.seconds >= inner.seconds >= 0.03
    assert job.own == pytest.approx(job.seconds - inner.seconds, abs=1e-4)


def test_threads_do_not_take_each_others_time(file: Path) -> None:
    gate = traced(file, gates=[Gate("kind", judge)]).gates()["kind"]
    threads = [threading.Thread(target=gate.judge, args=(ANY, {"wait": 0.02})) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    judged = [each for each in read_trace(file) if each.kind == "gate"]
    assert len(judged) == 4
    assert all(each.own == each.seconds for each in judged)


def test_a_call_that_never_ended_is_seen(file: Path) -> None:
    asked = Tracer(file).call("mine", "job", "hangs")
    asked.__enter__()
    (hanging,) = read_trace(file)
    assert (hanging.name, hanging.seconds, hanging.own) == ("hangs", None, 0.0)
    file.write_bytes(file.read_bytes() + b'{"begin": "1-')  # a line that was cut off by a kill
    assert read_trace(file) == [hanging]


def test_values_with_clocks_travel_to_other_processes(file: Path) -> None:
    gate = traced(file, gates=[Gate("kind", judge)]).gates()["kind"]
    copy: Any = pickle.loads(pickle.dumps(gate.judge))
    assert copy(ANY, {}).passed
    assert calls(file)[-1] == ("mine", "gate", "kind.judge")


def test_without_the_variable_nothing_is_wrapped() -> None:
    assert tracer_from({}) is None
    assert tracer_from({"HURACAN_TRACE": ""}) is None
    plugins = Plugins([stand_in("mine", huracan_gates=hookimpl(lambda: [Gate("kind", judge)]))])
    assert plugins.gates()["kind"].judge is judge
    assert plugins.traced("job", "x", judge) is judge


def test_a_trace_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"HURACAN_TRACE: .*/no/such cannot be written: No such file"):
        tracer_from({"HURACAN_TRACE": str(tmp_path / "no" / "such")})


def test_a_full_disk_costs_the_trace_and_nothing_else() -> None:
    gate = traced(Path("/dev/full"), gates=[Gate("kind", judge)]).gates()["kind"]
    assert gate.judge(ANY, {}).passed


def test_the_variable_is_no_setting(file: Path) -> None:
    _, plugins = load_settings([], {"HURACAN_TRACE": str(file), "HURACAN_PLUGINS_ONLY": "monitor"})
    plugins.ask_everything()
    assert {plugin for plugin, _, _ in calls(file)} == {"monitor"}


def test_shares_are_of_the_time_that_calls_took_by_themselves() -> None:
    made = [
        Call(0.0, 1, "a", "hook", "huracan_jobs", 1.0, 1.0, 3),
        Call(1.0, 1, "a", "job", "work", 9.0, 2.0),
        Call(2.0, 2, "b", "gate", "kind.judge", 7.0, 7.0, None, "ValueError"),
        Call(9.0, 2, "b", "job", "hangs"),
    ]
    first, second = shares(made)
    assert (first.plugin, first.share, first.calls, first.failed, first.unended) == ("b", 0.7, 2, 1, 1)
    assert (second.plugin, second.hooks, second.work, second.share) == ("a", 1.0, 2.0, 0.3)
    assert shares([]) == []


# ---------------------------------------------------------------------------------------------------------- the command


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    monkeypatch.setenv("HURACAN_PLUGINS_ONLY", "monitor,universe")
    monkeypatch.setenv("COLUMNS", "160")
    settings = tmp_path / "settings.yaml"
    settings.write_text("workspace: ./work\n", "utf-8")
    return ["-c", str(settings)]


def test_alone_it_asks_every_hook_once_and_names_the_slowest(
    only: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([*only, "plugins", "trace", "--top", "3"]) == 0
    text = capsys.readouterr().out
    assert text.index("share") < text.index("began")
    for word in ("monitor", "universe", "huracan_", "every hook, asked once", "calls in 1 process,"):
        assert word in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["settings.yaml"]


def test_as_json_it_has_every_call(only: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    kept = tmp_path / "kept.jsonl"
    assert main([*only, "plugins", "trace", "--json", "--keep", str(kept)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["command"], told["exit_code"]) == (None, 0)
    assert {each["plugin"] for each in told["plugins"]} == {"monitor", "universe"}
    assert sum(each["share"] for each in told["plugins"]) == pytest.approx(1)
    assert len(told["calls"]) == len(read_trace(kept)) > 5
    assert all(each["at"].endswith("Z") and each["seconds"] >= 0 for each in told["calls"])


def test_a_place_to_keep_it_that_cannot_be_is_one_line(only: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*only, "plugins", "trace", "--keep", "/no/such/file"]) == 2
    assert capsys.readouterr().err == (
        "huracan: --keep /no/such/file: it cannot be written: No such file or directory; name another file\n"
    )
