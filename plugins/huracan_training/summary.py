"""The summary of a night: how many coins, how long, how good, and why some have no model."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean, median, stdev
from typing import TYPE_CHECKING, Any

from huracan.clock import format_instant
from huracan.context import Context
from huracan.paths import write_checksums, write_json
from huracan.store import ItemState
from huracan_training.folders import JOB

if TYPE_CHECKING:
    from huracan.store import ItemRow

__all__ = ["encoder_worth", "write_summary"]


def write_summary(
    context: Context,
    items: Mapping[str, ItemRow],
    metadata: Mapping[str, Mapping[str, Any]],
    ranked: Sequence[Mapping[str, Any]],
) -> None:
    """Write ``engine_summary.json`` of this run date. Minutes are those of the attempts that succeeded."""
    run = context.current_run
    folder = context.paths.summary_folder(run.run_date)
    states = Counter(row.state for row in items.values())
    minutes = [
        row.seconds / 60 for row in items.values() if row.state is ItemState.COMPLETED and row.seconds is not None
    ]
    job = context.store.ledger.job(JOB, run.run_date)
    summary = {
        "schema": 1,
        "run_date": run.run_date.isoformat(),
        "as_of": format_instant(run.as_of),
        "total": len(items),
        "succeeded": states[ItemState.COMPLETED],
        "failed": states[ItemState.FAILED],
        "skipped": states[ItemState.SKIPPED],
        "passed": sum(bool(each["passed"]) for each in metadata.values()),
        "mean_training_minutes": round(fmean(minutes), 4) if minutes else None,
        "median_training_minutes": round(median(minutes), 4) if minutes else None,
        "wall_minutes": round(job.seconds / 60, 4) if job is not None and job.seconds is not None else None,
        "metrics": {symbol: dict(each["metrics"]) for symbol, each in sorted(metadata.items())},
        "encoder": encoder_worth([each["encoder"] for each in metadata.values() if each["encoder"]]),
        "ranks": {row["symbol"]: row["rank"] for row in ranked},
        "tradable": sum(bool(row["trade_ok"]) for row in ranked),
        "reasons": {
            symbol: row.error or row.state.value
            for symbol, row in sorted(items.items())
            if row.state in (ItemState.FAILED, ItemState.SKIPPED)
        },
    }
    write_json(folder / "engine_summary.json", summary)
    write_checksums(folder, ["engine_summary.json"])


def encoder_worth(told: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return what the shared encoder was worth over all coins where it was tried, None where it was nowhere.

    ``loss_gain`` is by how much it lowered the loss on validation rows, on average over coins, ``standard_error`` that
    of this mean; ``with`` and ``without`` are mean information coefficients.
    """
    if not told:
        return None
    gains = [each["without"]["loss"] - each["with"]["loss"] for each in told]
    coefficients = {
        side: fmean(each[side]["information_coefficient"] or 0.0 for each in told) for side in ("with", "without")
    }
    error = stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else None
    return {
        "coins": len(told),
        "used": sum(bool(each["used"]) for each in told),
        "loss_gain": fmean(gains),
        "standard_error": error,
        "information_coefficient": coefficients,
    }
