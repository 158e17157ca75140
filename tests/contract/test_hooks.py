"""Every hook of spec.py, implemented by a stranger's plugin and used through the facade as the product uses it."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import numpy as np
import pytest

from huracan.context import Context
from huracan.market.candles import COLUMNS, Candles
from huracan.plugin import spec
from huracan.plugin.manager import HOST_DISTRIBUTION, Plugins
from huracan.plugin.status import PluginStatus
from huracan.table_files import write_table
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


def _settings(context: Context) -> None:
    assert context.settings.sections["stranger"].model_dump()["greeting"] == "hello"


def _jobs(context: Context) -> None:
    job = context.plugins.jobs()["stranger-greet"]
    assert _referred(job.run)(context).summary == "hello"  # type: ignore[attr-defined]


def _services(context: Context) -> None:
    service = context.plugins.services()["stranger-watch"]
    assert _referred(service.run)(context) is None


def _checks(context: Context) -> None:
    assert context.plugins.checks()["stranger-mood"].run(context).state is CheckState.OK


def _exchanges(context: Context) -> None:
    chosen = context.plugins.exchanges()["stranger"]
    exchange = chosen.open(context, context.settings.choice("exchange"))
    assert list(exchange.markets()) == []
    exchange.close()


def _universe_rules(context: Context) -> None:
    rule = context.plugins.universe_rules()["stranger-short-name"]
    ticker = Ticker("OP-USDT", NOW, 1.0, 2e6, 3.0, "estimate", 1.0, 0.05)
    reason = rule.veto(context, Candidate(Market("OP-USDT", "OP", "USDT"), ticker, NOW))
    assert reason == "its name has 2 letters, fewer than 3"


def _features(context: Context) -> None:
    features = context.plugins.features()["stranger"]
    ones = np.ones(3)
    candles = Candles.from_columns({name: ones * (3 if name == "high" else 1) for name in COLUMNS})
    columns = features.compute(FeatureInput(candles, "1h", {}))
    assert tuple(columns) == features.columns
    assert columns["stranger_range"].tolist() == [2.0, 2.0, 2.0]


def _trainers(context: Context) -> None:
    trainer = context.plugins.trainers()["stranger-share"]
    data = TrainingData(np.zeros((4, 1)), np.array([0, 1, 1, 1]), ("x",))
    model = trainer.fit(data, trainer.defaults, 1)
    assert model.predict(data.x).tolist() == [0.75] * 4
    assert trainer.load(model.dumps()).predict(data.x).tolist() == [0.75] * 4


def _gates(context: Context) -> None:
    gate = context.plugins.gates()["stranger-samples"]
    assert gate.judge(context, {"samples": 12}).passed
    assert not gate.judge(context, {"samples": 9}).passed


def _exports(context: Context) -> None:
    exports, scope = context.plugins.exports(), ExportScope(NOW.date(), NOW.date())
    file, table = exports["stranger_greeting"], exports["stranger_greetings"]
    assert isinstance(file, FileExport)
    assert isinstance(table, TableExport)
    target = context.paths.workspace / f"greeting.{file.suffix}"
    assert file.write(context, target, scope) == 1
    assert target.read_text("utf-8") == "hello\n"
    assert write_table(target, "csv", table.columns, table.batches(context, scope)) == 2
    assert target.read_bytes() == b"name,greeting\r\nAda,hello\r\nAlan,hello\r\n"


def _notifiers(context: Context) -> None:
    context.emit("test", Severity.ERROR, "something burns")
    assert (context.paths.workspace / "stranger.txt").read_text("utf-8") == "something burns\n"
    notifier = context.plugins.notifiers()["stranger-file"]
    notifier.deliver(context, Message("key", (Event("test", Severity.ERROR, "by hand", NOW),)))
    assert (context.paths.workspace / "stranger.txt").read_text("utf-8").endswith("by hand\n")


def _chat_commands(context: Context) -> None:
    command = context.plugins.chat_commands()["stranger"]
    assert not command.acts
    assert _referred(command.run)(context, ("Ada", "Lovelace")) == ChatReply("hello Ada Lovelace")


def _remotes(context: Context) -> None:
    remote = context.plugins.remotes()["stranger"].open(context, context.settings.choice("remote"))
    source = context.paths.workspace / "a.txt"
    source.write_text("a", "utf-8")
    remote.make_folder("2024-01-01")
    remote.put(source, "2024-01-01/a.txt")
    assert remote.verify(source, "2024-01-01/a.txt")
    remote.close()


def _backup_sources(context: Context) -> None:
    source = context.plugins.backup_sources()["stranger-diary"]
    folder = context.paths.workspace / "collected"
    folder.mkdir()
    source.collect(context, folder)
    assert source.restore is not None
    source.restore(context, folder)
    assert (context.paths.workspace / "diary.txt").read_text("utf-8") == "hello"


def _report_sections(context: Context) -> None:
    section = context.plugins.report_sections()["stranger-mood"]
    assert section.write(context, NOW.date()) == {"summary": "On 2024-01-01 it says hello."}


def _commands(context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    command = context.plugins.commands()["stranger"]
    module = importlib.import_module(command.module)
    parser = argparse.ArgumentParser()
    module.configure(parser)
    assert module.run(parser.parse_args(["--name", "Ada"])) == 0
    assert capsys.readouterr().out == "hello Ada\n"


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
    hook: str, context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hook in CASES, f"{hook} of spec.py has no test: add a case here and a value to tests/demo_plugin"
    if hook == "huracan_commands":
        CASES[hook](context, capsys)
    else:
        CASES[hook](context)


def test_no_case_is_left_of_a_hook_that_is_gone() -> None:
    assert sorted(CASES) == HOOKS


def test_the_stranger_implements_every_hook_and_stands_well(stranger: EntryPoint) -> None:
    plugins = Plugins([stranger])
    plugins.ask_everything()
    (info,) = plugins.infos()
    assert info.status is PluginStatus.ENABLED, info.error
    assert (info.name, info.distribution, info.version) == ("stranger", "huracan-stranger", "1.0")
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
    return Plugins(
        [entry for entry in entry_points(group="huracan") if entry.dist and entry.dist.name == HOST_DISTRIBUTION]
    )
