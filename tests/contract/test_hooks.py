"""Every hook of spec.py, implemented by a stranger's plugin and used through the facade as the product uses it."""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from huracan.alerts.delivery import Deliverer
from huracan.cli.main import make_parser
from huracan.context import Context
from huracan.errors import StopRequested
from huracan.market.candles import COLUMNS, Candles
from huracan.plugin import spec
from huracan.plugin.installed import own_plugins
from huracan.plugin.manager import Plugins
from huracan.plugin.status import PluginStatus
from huracan.store import RunState
from huracan.table_files import write_table
from huracan.testing import RecordingProgress
from huracan.testing.servers import Reply, ScriptedServer, reply_json
from huracan.types import (
    Candidate,
    ChatReply,
    CheckState,
    Event,
    ExportScope,
    FeatureInput,
    FileExport,
    Market,
    Message,
    Severity,
    TableExport,
    Ticker,
    TrainingData,
)

HOOKS = sorted(name for name in vars(spec) if name.startswith("huracan_"))
NOW = datetime(2024, 1, 1, tzinfo=UTC)


def _referred(reference: str) -> Callable[..., object]:
    module, _, name = reference.partition(":")
    function: Callable[..., object] = getattr(importlib.import_module(module), name)
    return function


def _two_nights(context: Context) -> None:
    """Write two nights into the ledger: the 1st took 30 minutes, the 2nd 250."""
    for day, minutes in ((1, 30), (2, 250)):
        began = NOW.replace(day=day)
        run = context.store.ledger.begin_run("nightly", began.date(), began, began)
        context.store.ledger.end_run(run.run_id, RunState.DONE, "", began + timedelta(minutes=minutes))


def _settings(context: Context, _: ScriptedServer) -> None:
    assert context.settings.sections["stranger"].model_dump()["longest_minutes"] == 240.0


def _jobs(context: Context, _: ScriptedServer) -> None:
    _two_nights(context)
    job = context.plugins.jobs()["stranger-diary"]
    assert _referred(job.run)(context).summary == "2 nights written down"  # type: ignore[attr-defined]
    assert (context.paths.workspace / "stranger" / "diary.json").is_file()


def _services(context: Context, _: ScriptedServer) -> None:
    class Stopping(RecordingProgress):
        def step(self, text: str, **told: Any) -> None:
            super().step(text)
            raise StopRequested

    service, progress = context.plugins.services()["stranger-watch"], Stopping()
    with pytest.raises(StopRequested):
        _referred(service.run)(replace(context, progress=progress))
    assert progress.steps == ["0 late nights told of"]


def _checks(context: Context, _: ScriptedServer) -> None:
    assert context.plugins.checks()["stranger-last-night"].run(context).state is CheckState.OK


def _exchanges(context: Context, server: ScriptedServer) -> None:
    server.answers["/markets"] = reply_json([{"base": "OP", "quote": "USDT"}])
    chosen = context.plugins.exchanges()["stranger"]
    exchange = chosen.open(context, context.settings.choice("exchange"))
    assert [market.symbol for market in exchange.markets()] == ["OP-USDT"]
    exchange.close()


def _universe_rules(context: Context, _: ScriptedServer) -> None:
    rule = context.plugins.universe_rules()["stranger-memes"]
    ticker = Ticker("DOGE-USDT", NOW, 1.0, 2e6, 3.0, "estimate", 1.0, 0.05)
    reason = rule.veto(context, Candidate(Market("DOGE-USDT", "DOGE", "USDT"), ticker, NOW))
    assert reason == "is one of 4 memes"


def _features(context: Context, _: ScriptedServer) -> None:
    features = context.plugins.features()["stranger"]
    ones = np.ones(3)
    candles = Candles.from_columns({name: ones * {"high": 3, "close": 2}.get(name, 1) for name in COLUMNS})
    columns = features.compute(FeatureInput(candles, "1h", {}))
    assert tuple(columns) == features.columns
    assert columns["stranger_body"].tolist() == [0.5, 0.5, 0.5]


def _trainers(context: Context, _: ScriptedServer) -> None:
    trainer = context.plugins.trainers()["stranger-bayes"]
    data = TrainingData(np.array([[0.0], [0.2], [1.0], [1.2]]), np.array([0, 0, 1, 1]), ("x",))
    model = trainer.fit(data, trainer.defaults, 1)
    scores = model.predict(data.x)
    assert scores[:2].max() < 0.5 < scores[2:].min()
    assert trainer.load(model.dumps()).predict(data.x).tolist() == scores.tolist()


def _gates(context: Context, _: ScriptedServer) -> None:
    gate = context.plugins.gates()["stranger-costs"]
    assert gate.judge(context, {"cost_share": 0.4}).passed
    assert not gate.judge(context, {"cost_share": 0.6}).passed


def _exports(context: Context, _: ScriptedServer) -> None:
    _two_nights(context)
    exports, scope = context.plugins.exports(), ExportScope(NOW.date(), NOW.date())
    file, table = exports["stranger_sentences"], exports["stranger_nights"]
    assert isinstance(file, FileExport)
    assert isinstance(table, TableExport)
    target = context.paths.workspace / f"nights.{file.suffix}"
    assert file.write(context, target, scope) == 1
    assert target.read_text("utf-8") == "the night of 2024-01-01 took 30 minutes (done)\n"
    assert write_table(target, "csv", table.columns, table.batches(context, scope)) == 1
    assert target.read_bytes() == b"run_date,state,minutes\r\n2024-01-01,done,30.0\r\n"


def _notifiers(context: Context, server: ScriptedServer) -> None:
    server.answers["/alerts"] = Reply(204)
    context.emit("test", Severity.ERROR, "something burns")
    deliverer = Deliverer(context, clock=context.clock, chance=random.Random(1))
    while deliverer.turn():
        pass
    notifier = context.plugins.notifiers()["stranger"]
    assert notifier.deliver(context, Message("key", (Event("test", Severity.ERROR, "by hand", NOW),))) is None
    told = [[event["title"] for event in request.json()["events"]] for request in server.asked("/alerts")]
    assert told == [["something burns"], ["by hand"]]


def _chat_commands(context: Context, _: ScriptedServer) -> None:
    _two_nights(context)
    command = context.plugins.chat_commands()["stranger"]
    assert not command.acts
    table = (("night", "minutes", "state"), ("2024-01-02", "250", "done"))
    assert _referred(command.run)(context, ("1",)) == ChatReply("the last 1 nights", table=table)


def _remotes(context: Context, _: ScriptedServer) -> None:
    remote = context.plugins.remotes()["stranger"].open(context, context.settings.choice("remote"))
    source = context.paths.workspace / "a.txt"
    source.write_text("a", "utf-8")
    remote.make_folder("2024-01-01")
    remote.put(source, "2024-01-01/a.txt")
    assert remote.verify(source, "2024-01-01/a.txt")
    remote.close()


def _backup_sources(context: Context, _: ScriptedServer) -> None:
    source = context.plugins.backup_sources()["stranger"]
    folder, own = context.paths.workspace / "collected", context.paths.workspace / "stranger"
    folder.mkdir()
    own.mkdir()
    (own / "notes.txt").write_text("hello", "utf-8")
    source.collect(context, folder)
    (own / "notes.txt").unlink()
    assert source.restore is not None
    source.restore(context, folder)
    assert (own / "notes.txt").read_text("utf-8") == "hello"


def _report_sections(context: Context, _: ScriptedServer) -> None:
    _two_nights(context)
    section = context.plugins.report_sections()["stranger"]
    written = section.write(context, NOW.date())
    assert written is not None
    assert written["summary"] == "The night of 2024-01-01 took 30 minutes (done)."


def _commands(context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    _two_nights(context)
    file = context.paths.workspace / "settings.yaml"
    file.write_text(f"workspace: {context.paths.workspace}\n", "utf-8")
    command = context.plugins.commands()["stranger"]
    module = importlib.import_module(command.module)
    parser = make_parser(command.name, module)
    assert module.run(parser.parse_args(["-c", str(file), "--last", "1"])) == 0
    assert capsys.readouterr().out == "the night of 2024-01-02 took 250 minutes (done)\n"


CASES: dict[str, Callable[..., None]] = {
    "huracan_settings": _settings,
    "huracan_jobs": _jobs,
    "huracan_services": _services,
    "huracan_checks": _checks,
    "huracan_exchanges": _exchanges,
    "huracan_universe_rules": _universe_rules,
    "huracan_features": _features,
    "huracan_trainers": _trainers,
    "huracan_gates": _gates,
    "huracan_exports": _exports,
    "huracan_notifiers": _notifiers,
    "huracan_chat_commands": _chat_commands,
    "huracan_remotes": _remotes,
    "huracan_backup_sources": _backup_sources,
    "huracan_report_sections": _report_sections,
    "huracan_commands": _commands,
}


@pytest.mark.parametrize("hook", HOOKS)
def test_a_strangers_value_works_through_every_hook(
    hook: str, context: Context, loopback_server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hook in CASES, f"{hook} of spec.py has no test: add a case here and a part to huracan.authoring.parts"
    CASES[hook](context, capsys if hook == "huracan_commands" else loopback_server)


def test_no_case_is_left_of_a_hook_that_is_gone() -> None:
    assert sorted(CASES) == HOOKS


def test_the_stranger_implements_every_hook_and_stands_well(stranger: EntryPoint) -> None:
    plugins = Plugins([stranger])
    plugins.ask_everything()
    (info,) = plugins.infos()
    assert info.status is PluginStatus.ENABLED, info.error
    assert (info.name, info.distribution, info.version) == ("stranger", "huracan-stranger", "0.1.0")
    assert list(info.hooks) == HOOKS


def test_asking_everything_asks_every_hook(stranger: EntryPoint, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    whole = Plugins._ask

    def watched(self: Plugins, hook: str, kind: str, of: type) -> object:
        asked.append(hook)
        return whole(self, hook, kind, of)

    plugins = Plugins([stranger])
    monkeypatch.setattr(Plugins, "_ask", watched)
    plugins.ask_everything()
    assert sorted(asked) == HOOKS


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_bundled_user(hook: str) -> None:
    users = [info.name for info in _bundled().infos() if hook in info.hooks]
    assert users, f"no bundled plugin implements {hook}: a hook without a user has no place in spec.py"


def test_every_bundled_plugin_stands_well() -> None:
    plugins = _bundled()
    plugins.ask_everything()
    assert plugins.problems() == []


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_for_authors_with_its_signature(hook: str, repository: Path) -> None:
    import inspect

    text = (repository / "plugins" / "README.md").read_text("utf-8")
    signature = f"{hook}() -> {inspect.signature(getattr(spec, hook)).return_annotation}"
    assert signature in text, f"plugins/README.md does not show `{signature}`"
    assert (getattr(spec, hook).__doc__ or "").strip(), f"{hook} has no docstring"


def _bundled() -> Plugins:
    return Plugins(own_plugins())
