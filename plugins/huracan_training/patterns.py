"""Rules of one or two conditions: found in the rows before a fold, then asked what they are worth on the fold.

Rows are looked at a label's reach apart, so that no two outcomes share a bar: neighbours would make every rule look
many times surer than it is. What is found is the best of hundreds of candidates and says nothing by itself; what counts
is the test on rows that no candidate has seen, adjusted for the number of rules that are tested.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from huracan.market.significance import benjamini_hochberg, permutation_p_values
from huracan_training.dataset import Dataset
from huracan_training.splits import Fold, label_reach

__all__ = ["FILE", "find_patterns"]

FILE = "patterns.json"

CUTS = (("below", 0.1), ("below", 0.25), ("above", 0.75), ("above", 0.9))
RULES_A_FOLD = 3
LEAST_ROWS = 20
"""Rows that a rule must hold on to be found, and a fifth of them to be tested."""

PAIRED = 12
"""The best single conditions, which are tried in pairs as well."""

ALIKE = 0.5
"""Rules that share more than this of the rows that either holds on say the same."""

LEVEL = 0.05
ROUNDS = 999


@dataclass(frozen=True, slots=True)
class _Condition:
    column: int
    side: str
    value: float

    def holds(self, x: np.ndarray) -> np.ndarray:
        """Say for each row whether it meets the condition; what is unknown does not."""
        values = x[:, self.column]
        met: np.ndarray = values > self.value if self.side == "above" else values < self.value
        return met


_Rule = tuple[_Condition, ...]


def find_patterns(data: Dataset, folds: Sequence[Fold], horizon: int, bar_ms: int) -> dict[str, Any]:
    """Return the content of ``patterns.json``: the rules of each fold, in training and on the fold itself."""
    rules = [told for fold in folds for told in _of_fold(data, fold, horizon, bar_ms)]
    asked = [each["tested"] for each in rules if each["tested"]["p_value"] is not None]
    adjusted = benjamini_hochberg(np.array([each["p_value"] for each in asked]))
    for each, value in zip(asked, adjusted, strict=True):
        each |= {"p_adjusted": float(value), "significant": bool(value <= LEVEL)}
    return {"schema": 1, "rows_apart": label_reach(horizon), "rules": rules}


def _of_fold(data: Dataset, fold: Fold, horizon: int, bar_ms: int) -> list[dict[str, Any]]:
    reach = label_reach(horizon)
    past = fold.train[::reach]
    past = past[np.isfinite(data.outcomes.net[past])]
    ahead = np.arange(fold.start, max(fold.stop - reach, fold.start), reach)
    ahead = ahead[np.isfinite(data.outcomes.net[ahead])]
    told = []
    for number, rule in enumerate(_best(data.x[past], data.outcomes.net[past]), start=1):
        names = [{"feature": data.names[c.column], "side": c.side, "value": c.value} for c in rule]
        tested = _measured(data, ahead, rule) | _luck(data, ahead, rule, fold.number)
        tested |= {"from_ms": int(data.timestamp[fold.start]), "until_ms": int(data.timestamp[fold.stop - 1]) + bar_ms}
        told.append(
            {
                "fold": fold.number, "number": number, "rule": _words(names), "conditions": names,
                "found": _measured(data, past, rule), "tested": tested,
            }
        )  # fmt: skip
    return told


def _best(x: np.ndarray, net: np.ndarray) -> list[_Rule]:
    """Return the rules whose rows earned more than the others by the most standard errors, none much like another."""
    singles: list[_Rule] = [(each,) for each in _conditions(x)]
    if not singles:
        return []
    held = np.array([rule[0].holds(x) for rule in singles])
    scores = _scores(held, net)
    leading = np.argsort(-scores, kind="stable")[:PAIRED]
    pairs = [(i, j) for i, j in combinations(leading.tolist(), 2) if singles[i][0].column != singles[j][0].column]
    rules = [*singles, *((singles[i][0], singles[j][0]) for i, j in pairs)]
    if pairs:
        both = np.array([held[i] & held[j] for i, j in pairs])
        held, scores = np.concatenate([held, both]), np.concatenate([scores, _scores(both, net)])
    chosen: list[int] = []
    for at in np.argsort(-scores, kind="stable").tolist():
        if scores[at] <= 0 or len(chosen) == RULES_A_FOLD:
            break
        if all((held[at] & held[other]).sum() <= ALIKE * (held[at] | held[other]).sum() for other in chosen):
            chosen.append(at)
    return [rules[at] for at in chosen]


def _conditions(x: np.ndarray) -> list[_Condition]:
    """Return the conditions that each column's own distribution suggests."""
    found = []
    for column in range(x.shape[1]):
        values = np.sort(x[np.isfinite(x[:, column]), column])
        if len(values) < 2 * LEAST_ROWS or values[0] == values[-1]:
            continue
        found += [_Condition(column, side, float(values[int(share * (len(values) - 1))])) for side, share in CUTS]
    return found


def _scores(held: np.ndarray, net: np.ndarray) -> np.ndarray:
    """Return Welch's t of the rows that a rule holds on against the others; minus infinity for too few on a side."""
    weights = held.astype(np.float64)
    count, other = weights.sum(axis=1), (1 - weights).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean, rest = weights @ net / count, (1 - weights) @ net / other
        spread = weights @ net**2 / count - mean**2
        rest_spread = (1 - weights) @ net**2 / other - rest**2
        t = (mean - rest) / np.sqrt(np.maximum(spread / count + rest_spread / other, 1e-18))
    return np.where((count >= LEAST_ROWS) & (other >= LEAST_ROWS), t, -np.inf)


def _holds(data: Dataset, rows: np.ndarray, rule: _Rule) -> np.ndarray:
    x = data.x[rows]
    met = np.ones(len(rows), dtype=bool)
    for condition in rule:
        met &= condition.holds(x)
    return met


def _measured(data: Dataset, rows: np.ndarray, rule: _Rule) -> dict[str, Any]:
    met, net = _holds(data, rows, rule), data.outcomes.net[rows]
    some, mine = len(rows) > 0, net[met]
    return {
        "rows": len(mine),
        "hit_rate": float(np.mean(mine > 0)) if len(mine) else None,
        "base_hit_rate": float(np.mean(net > 0)) if some else None,
        "mean_net_bps": float(mine.mean() * 1e4) if len(mine) else None,
        "base_net_bps": float(net.mean() * 1e4) if some else None,
    }


def _luck(data: Dataset, rows: np.ndarray, rule: _Rule, seed: int) -> dict[str, Any]:
    met = _holds(data, rows, rule)
    asked: Mapping[str, Any] = {"p_value": None, "p_adjusted": None, "significant": False}
    if min(met.sum(), (~met).sum()) < LEAST_ROWS // 5:
        return dict(asked)
    net = data.outcomes.net[rows][:, np.newaxis]
    p_value = permutation_p_values(net, met, rounds=ROUNDS, seed=seed, greater=True)[0]
    return {**asked, "p_value": float(p_value)}


def _words(conditions: Sequence[Mapping[str, Any]]) -> str:
    return " and ".join(f"{each['feature']} {each['side']} {each['value']:.4g}" for each in conditions)
