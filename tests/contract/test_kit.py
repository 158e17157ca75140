"""The bundled plugins keep the rules that the kit has for strangers' plugins, and are found the same way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from contract.other_sides import SIDES
from huracan.clock import FixedClock, milliseconds
from huracan.context import Context
from huracan.plugin.installed import own_plugins
from huracan.plugin.manager import Plugins
from huracan.testing import (
    ExchangeCase,
    assert_exchange,
    assert_features,
    assert_gate,
    assert_notifier,
    assert_plugin,
    assert_trainer,
    assert_universe_rule,
)
from huracan.testing.made_up import walk
from servers.binance import HOUR, BinanceServer, made_up, symbol_entry

BUNDLED = sorted(
    own_plugins(),
    key=lambda entry: entry.name,
)
PLUGINS = Plugins(BUNDLED)
MakeContext = Callable[..., Context]
NOW = datetime(2024, 3, 10, 2, 0, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from huracan.testing import make_context

    made = make_context(tmp_path_factory.mktemp("contract") / "work", plugins=[entry.name for entry in BUNDLED])
    yield made
    made.store.close()


@pytest.mark.parametrize("entry", BUNDLED, ids=lambda entry: entry.name)
def test_a_bundled_plugin_keeps_every_rule(entry: EntryPoint) -> None:
    # On a busy machine an import may wait for its turn.
    skip = {"P8": "comes with Huracan itself: the two cannot differ"}
    assert_plugin(entry, skip=skip, import_seconds=20.0, answer_seconds=60.0)


@pytest.mark.parametrize("name", PLUGINS.features())
def test_a_bundled_feature_set_keeps_every_rule(name: str) -> None:
    assert_features(PLUGINS.features()[name])


# ------------------------------------------------------------------------------------------------- trainers and judges

SMALL: dict[str, dict[str, Any]] = {"lightgbm": {"rows_per_leaf": 10}, "xgboost": {"leaf_weight": 3.0}, "logistic": {}}
"""Defaults for hundreds of rows instead of thousands."""
SAME_ORDER = {"logistic": 0.999}


@pytest.mark.parametrize("name", PLUGINS.trainers())
def test_a_bundled_trainer_keeps_every_rule(name: str) -> None:
    trainer = PLUGINS.trainers()[name]
    small = replace(trainer, defaults={**trainer.defaults, **SMALL[name]})
    assert_trainer(small, same_order=SAME_ORDER.get(name, 0.9))


def test_every_bundled_gate_keeps_every_rule(context: Context) -> None:
    for gate in PLUGINS.gates().values():
        assert_gate(gate, context)


def test_every_bundled_rule_of_the_universe_keeps_every_rule(context: Context) -> None:
    for rule in PLUGINS.universe_rules().values():
        assert_universe_rule(rule, context)


# ----------------------------------------------------------------------------------------------------------- exchanges


def simulated(context: Context, folder: Path) -> dict[str, Any]:
    return {"settings": {"coins": 3}, "symbol": "BTC-USDT"}


def files(context: Context, folder: Path) -> dict[str, Any]:
    """A folder with two sound files and one that is none."""
    opened = milliseconds(NOW) // HOUR * HOUR
    for name, seed in (("ABLE-USDT", 1), ("BAKER-USDT", 2)):
        columns = walk(900, seed).columns()
        columns["timestamp"] = (
            opened - HOUR * (len(columns["timestamp"]) - 1) + columns["timestamp"] - columns["timestamp"][0]
        )
        rows = zip(*(array.tolist() for array in columns.values()), strict=True)
        lines = [",".join(columns), *(",".join(map(repr, row)) for row in rows)]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "BAD-USDT.csv").write_text("what is this", "utf-8")
    return {"settings": {"path": str(folder)}, "symbol": "ABLE-USDT", "broken": ["BAD-USDT.csv"]}


@pytest.fixture
def binance() -> Any:
    opened = milliseconds(NOW) // HOUR * HOUR
    series = {"BTCUSDT": made_up(1500, opened, 1), "ETHUSDT": made_up(1500, opened, 2)}
    entries = [symbol_entry(name.removesuffix("USDT"), "USDT") for name in series]
    with BinanceServer(series, entries, milliseconds(NOW)) as server:
        yield server


@pytest.mark.parametrize("name", PLUGINS.exchanges())
def test_a_bundled_exchange_keeps_every_rule(
    name: str, context: Context, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if name == "ccxt":
        url = request.getfixturevalue("binance").url
        options = {"urls": {"api": {"public": f"{url}/api/v3"}}}
        given: dict[str, Any] = {"settings": {"id": "binance", "options": options, "timeout_seconds": 10.0}}
        given["symbol"] = "BTC-USDT"
    else:
        given = {"simulated": simulated, "files": files}[name](context, tmp_path)
    offered = PLUGINS.exchanges()[name]
    settings = offered.settings(name=name, **given.pop("settings"))
    assert_exchange(
        ExchangeCase(lambda now: offered.open(replace(context, clock=FixedClock(now)), settings), NOW, **given)
    )


# ------------------------------------------------------------------------------------------------------------ channels

SKIPPED: dict[str, dict[str, str]] = {
    "webhook": {},
    "pings": {},
    "command": {
        "N12": "a program has no way to say how long to wait",
        "N13": "it gets its message on standard input alone, and has no secrets",
    },
    "email": {
        "N12": "SMTP has no way to say how long to wait",
        "N13": "the server of this test wants no login; tests/plugins/email has one that does",
    },
    "alerts-file": dict.fromkeys(("N9", "N10", "N11", "N12", "N13", "N14"), "a file of this machine"),
    "telegram": {},
}


@pytest.mark.parametrize("name", PLUGINS.notifiers())
def test_a_bundled_channel_keeps_every_rule(name: str, make_context: MakeContext, tmp_path: Path) -> None:
    owner = PLUGINS.notifiers().owners[name]
    count = iter(range(10))

    def make(settings: dict[str, Any]) -> Context:
        return make_context(settings, plugins=[owner], folder=tmp_path / f"work-{next(count)}")

    notifier = PLUGINS.notifiers()[name]
    with SIDES[name](make, tmp_path) as side:
        assert_notifier(notifier, side, skip=SKIPPED[name])
        if name == "telegram":
            channel: Any = notifier.deliver
            channel.__self__.close()  # it stays connected, as in the service that delivers


# ------------------------------------------------------------------------------------------------------------- remotes

REMOTES = {
    "local": "tests/unit/remote/test_local.py",
    "dropbox": "tests/plugins/dropbox/test_dropbox_store.py",
    "s3": "tests/plugins/s3/test_s3_store.py",
    "sftp": "tests/plugins/sftp/test_sftp_store.py",
}
"""Where each remote store is held against check_remote_store: beside the server that it needs."""


def test_every_bundled_remote_store_is_held_against_its_rules(repository: Path) -> None:
    assert set(REMOTES) == set(PLUGINS.remotes())
    for file in REMOTES.values():
        assert "    assert_remote_store(" in (repository / file).read_text("utf-8"), file
