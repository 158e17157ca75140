"""Nights as training leaves them: ledger, library, model folders, universe."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from huracan.context import Context
from huracan.paths import Paths, write_json
from huracan.store import ItemState, RunState, UniverseDecision
from huracan.testing import make_context as build_context
from library_rows import LAST_NIGHT, Recorded, made_models

AS_OF = datetime(2023, 12, 30, 2, tzinfo=UTC)
Play = Callable[..., "Played"]


@dataclass(frozen=True)
class Played:
    """A context inside the job ``report``, and what the library was given."""

    context: Context
    models: list[Recorded]

    @property
    def folder(self) -> Path:
        return self.context.paths.workspace / "reports" / "nightly" / f"{LAST_NIGHT:%Y%m%d}"


@pytest.fixture(scope="session")
def new_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without a row: to make its tables takes longer than most tests here."""
    folder = tmp_path_factory.mktemp("new")
    build_context(folder, plugins=()).store.close()
    return folder / "huracan.db"


@pytest.fixture
def make_context(make_context: Callable[..., Context], workspace: Path, new_database: Path) -> Callable[..., Context]:
    """Build contexts as everywhere, in a workspace whose database has its tables already."""
    if not workspace.exists():
        workspace.mkdir()
        shutil.copy(new_database, workspace)
    return make_context


@pytest.fixture
def play(make_context: Callable[..., Context]) -> Play:
    """Play nights, as ``player_of`` says."""
    return player_of(make_context)


@pytest.fixture(scope="module")
def play_once(tmp_path_factory: pytest.TempPathFactory, new_database: Path) -> Iterator[Play]:
    """Play nights that several tests look at and none changes, each in a workspace of its own."""
    made: list[Context] = []

    def make(*args: Any, **options: Any) -> Context:
        folder = tmp_path_factory.mktemp("night")
        shutil.copy(new_database, folder)
        made.append(build_context(folder, *args, **options))
        return made[-1]

    yield player_of(make)
    for context in made:
        context.store.close()


def player_of(make_context: Callable[..., Context]) -> Play:
    """Return what plays a night of ``coins`` coins with ``trades`` trades each.

    ``failed`` and ``skipped`` name coins and why. Only a ``whole`` report has PDF and picture: they take seconds.
    """

    def build(
        coins: int = 3,
        trades: int = 120,
        *,
        failed: dict[str, str] | None = None,
        skipped: dict[str, str] | None = None,
        sentence: str = "",
        dropped: tuple[tuple[str, str, str], ...] = (("USDC-USDT", "stablecoin", "it is a stablecoin"),),
        whole: bool = False,
    ) -> Played:
        settings = {"reports": {"pdf": whole, "picture": whole}}
        context = make_context(settings, as_of=AS_OF, job="report", plugins=("reports",))
        models = list(made_models(coins * trades, coins=coins, trades_per_model=max(trades, 1))) if coins else []
        run_id, ledger = context.current_run.run_id, context.store.ledger
        for each in models:
            metadata = _folder(context.paths, each, sentence)
            context.store.library.record_model(each.model, each.performance, each.trades)
            ledger.begin_item("train", LAST_NIGHT, each.model.symbol)
            ledger.end_item(
                "train", LAST_NIGHT, each.model.symbol, ItemState.COMPLETED, 12.5, path=each.model.path,
                metrics=metadata["metrics"],
            )  # fmt: skip
        for state, lost in ((ItemState.FAILED, failed or {}), (ItemState.SKIPPED, skipped or {})):
            for symbol, why in lost.items():
                ledger.begin_item("train", LAST_NIGHT, symbol)
                ledger.end_item("train", LAST_NIGHT, symbol, state, 1.0, error=why)
        _universe(context, [each.model.symbol for each in models], dropped)
        ledger.begin_job(run_id, "export", AS_OF)
        ledger.end_job(run_id, "export", RunState.DONE, AS_OF, summary="7 of 7 exports")
        ranks = {each.model.symbol: i for i, each in enumerate(models, 1)}
        summary = {"tradable": sum(each.model.passed for each in models), "ranks": ranks}
        write_json(context.paths.summary_folder(LAST_NIGHT) / "engine_summary.json", summary)
        return Played(context, models)

    return build


def _folder(paths: Paths, each: Recorded, sentence: str) -> dict[str, Any]:
    model, folder = each.model, paths.workspace / each.model.path
    measures = {
        name: value
        for name, value in asdict(each.performance).items()
        if name not in ("model_id", "symbol", "run_date")
    }
    gates = [{**gate, "sentence": sentence or gate["sentence"]} for gate in model.gates]
    gates.append({"gate": "house_rule", "value": 3.0, "limit": 2.0, "passed": True, "sentence": "3 is above 2"})
    metadata = {
        "id": model.model_id, "symbol": model.symbol, "trainer": model.trainer, "timeframe": "1h", "horizon_bars": 8,
        "threshold": 0.55, "seconds": 12.5, "passed": model.passed, "gates": gates,
        "importance": dict(model.importance), "parameters": dict(model.parameters),
        "metrics": {name: value for name, value in measures.items() if name != "folds"},
    }  # fmt: skip
    write_json(folder / "metadata.json", metadata)
    write_json(folder / "metrics.json", {"schema": 2, **measures})
    write_json(folder / "costs.json", {"round_trip_bps": 24.2, "entry_fee_bps": 10.0, "exit_fee_bps": 10.0})
    return metadata


def _universe(context: Context, chosen: list[str], dropped: tuple[tuple[str, str, str], ...]) -> None:
    facts = {"quote_volume_24h": 2.5e6, "spread_bps": 1.5, "daily_volatility": 0.04}
    decisions = [UniverseDecision(name, True, i, 0.5, (), facts) for i, name in enumerate(chosen, 1)]
    decisions += [UniverseDecision(name, False, None, None, ((rule, why),), {}) for name, rule, why in dropped]
    context.store.universe.save(
        context.current_run.run_id, LAST_NIGHT, AS_OF, "simulated", {"top": len(chosen)}, decisions
    )
