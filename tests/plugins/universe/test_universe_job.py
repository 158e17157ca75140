"""The job stores what it decided, and the command explains it."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from forked import run_huracan
from huracan.context import Context
from huracan.errors import DataError
from huracan.types import Outcome
from huracan_universe.job import run

AS_OF = datetime(2025, 6, 30, tzinfo=UTC)
PLUGINS = ("universe", "exchanges")


def document(context: Context) -> Any:
    return json.loads(context.paths.universe_file(context.current_run.run_date).read_text())


def test_the_simulated_exchange_gives_the_rules_something_to_do(make_context: Callable[..., Context]) -> None:
    context = make_context(
        {"exchange": {"name": "simulated"}, "universe": {"top": 5}}, as_of=AS_OF, job="universe", plugins=PLUGINS
    )
    result = run(context)
    assert (result.outcome, result.problems) == (Outcome.DONE, ())
    written = document(context)
    assert len(written["symbols"]) == 5
    vetoed = {reason["rule"] for entry in written["dropped"] for reason in entry["reasons"]}
    assert {"stablecoin", "fiat", "wrapped", "leveraged", "volume", "top"} <= vetoed
    stored = context.store.universe.load(AS_OF.date())
    assert stored is not None
    assert [each.symbol for each in stored.decisions if each.selected] == written["symbols"]
    assert len(stored.decisions) == len(written["selected"]) + len(written["dropped"])


def test_nothing_left_says_which_rules_dropped_most_and_is_stored_all_the_same(
    make_context: Callable[..., Context],
) -> None:
    context = make_context(
        {"exchange": {"name": "simulated"}, "universe": {"min_quote_volume_24h": 1e15}},
        as_of=AS_OF, job="universe", plugins=PLUGINS,
    )  # fmt: skip
    with pytest.raises(DataError, match=r"none of \d+ pairs is left; most were dropped by volume"):
        run(context)
    stored = context.store.universe.load(AS_OF.date())
    assert stored is not None
    assert all(each.reasons for each in stored.decisions)


def huracan(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_huracan("-c", str(file), "universe", "show", *arguments)


def test_show_explains_the_selection_in_force_at_a_date(make_context: Callable[..., Context], tmp_path: Path) -> None:
    context = make_context(
        {"exchange": {"name": "simulated"}, "universe": {"top": 3}}, as_of=AS_OF, job="universe", plugins=PLUGINS
    )
    run(context)
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump({"workspace": str(context.paths.workspace)}))
    shown = huracan(file)
    assert shown.returncode == 0
    assert "3 of" in shown.stdout
    assert "BTC-USDT" in shown.stdout
    assert "USDC is a stablecoin" in shown.stdout
    assert json.loads(huracan(file, "--json", "--as-of", "2025-07-15").stdout)["run_date"] == "2025-06-30"
    early = huracan(file, "--as-of", "2024-01-01")
    assert early.returncode == 2
    assert early.stderr.startswith("huracan: no pairs were selected as of 2024-01-01")


@pytest.mark.realdata
@pytest.mark.parametrize("as_of", ["2022-09-30", "2023-06-30", "2023-12-30"])
def test_real_pairs_that_are_stable_fiat_wrapped_or_dead_are_never_selected(
    make_context: Callable[..., Context], realdata: Path, as_of: str
) -> None:
    context = make_context(
        {"exchange": {"name": "files", "path": str(realdata / "crypto_1h")}},
        as_of=datetime.fromisoformat(as_of).replace(tzinfo=UTC), job="universe", plugins=PLUGINS,
    )  # fmt: skip
    assert run(context).outcome is Outcome.DONE
    written = document(context)
    with (realdata / "coin_flags.csv").open() as file:
        rows = list(csv.DictReader(file))
    forbidden = {f"{row['coin']}-USDT" for row in rows if row["kind"] != "crypto" or row["last_day"] < as_of[:7]}
    assert len(written["symbols"]) == 20
    assert not forbidden & set(written["symbols"])
    if as_of == "2022-09-30":
        assert "USDC-USDT" in {entry["symbol"] for entry in written["dropped"]}
