"""Every rule of check_features is seen to fail on a set that breaks it, and to hold for one that does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from huracan.errors import DataError
from huracan.testing import assert_features, check_features
from huracan.types import FeatureInput, FeatureSet

Compute = Callable[[FeatureInput], Mapping[str, Any]]
WARMUP = 40


def rolling(values: np.ndarray, rows: int) -> np.ndarray:
    """Return the mean of each row and those before it; NaN where there are fewer than ``rows``."""
    found = np.full(len(values), np.nan)
    if len(values) >= rows:
        found[rows - 1 :] = np.convolve(values, np.ones(rows) / rows, "valid")
    return found


def good(given: FeatureInput) -> dict[str, np.ndarray]:
    """How far the price is from its mean, and from where BTC is."""
    close, nothing = given.candles.close, np.full(len(given.candles), np.nan)
    mean = rolling(close, 20)
    btc = given.reference.get("BTC", nothing)
    return {"from_mean": close / mean - 1, "to_btc": np.log(close) - np.log(btc)}


def of(compute: Compute, *columns: str, **changed: Any) -> FeatureSet:
    return FeatureSet(
        **{"name": "mine", "version": 1, "columns": columns, "warmup": WARMUP, "compute": compute, **changed}
    )


def one(change: Callable[[FeatureInput, np.ndarray], Any]) -> FeatureSet:
    """A set of one column made of the closes."""
    return of(lambda given: {"x": change(given, given.candles.close)}, "x")


def ewma(values: np.ndarray, rows: int) -> np.ndarray:
    found, alpha = values.astype(np.float64), 2 / (rows + 1)
    for row in range(1, len(found)):
        found[row] = found[row - 1] + alpha * (found[row] - found[row - 1])
    return found


def until_asked_again(given: FeatureInput, close: np.ndarray) -> np.ndarray:
    return close * next(COUNTER)


def writing(given: FeatureInput, close: np.ndarray) -> np.ndarray:
    for closes in given.reference.values():
        closes *= 1.0001
    return close.copy()


def refusing_none(given: FeatureInput, close: np.ndarray) -> np.ndarray:
    return close / close[-1] * close[-1] if len(close) > 1 else close[[0, 0]]


def sleeping(given: FeatureInput, close: np.ndarray) -> np.ndarray:
    if len(close) > 5000:
        time.sleep(0.3)
    return close.copy()


def never_forgetting(given: FeatureInput, close: np.ndarray) -> np.ndarray:
    """What TA-Lib does after one NaN: a number like any other, to the end."""
    unknown = np.logical_or.accumulate(np.isnan(given.candles.high)) if len(close) else np.zeros(0, bool)
    return np.where(unknown, 0.0, close)


def by_the_gap(given: FeatureInput, close: np.ndarray) -> np.ndarray:
    """Looks a bar ahead only where one is missing."""
    step = np.diff(given.candles.timestamp, append=given.candles.timestamp[-1:])
    return np.where(step > 3_600_000, np.append(close[1:], close[-1:]), close)


def over_hours(given: FeatureInput, close: np.ndarray) -> np.ndarray:
    return close[: len(close) if given.timeframe == "1h" else -1]


COUNTER = iter(range(1, 10_000))
BAD: dict[str, tuple[FeatureSet, set[str], str]] = {
    "no columns": (of(lambda _: {}), {"F1"}, "it has no columns"),
    "an odd name": (of(lambda given: {"a b": given.candles.close}, "a b"), {"F1"}, "'a b' cannot be"),
    "a column twice": (of(good, "from_mean", "to_btc", "to_btc"), {"F1"}, "to_btc is there twice"),
    "no version": (of(good, "from_mean", "to_btc", version=0), {"F1"}, "its version is 0"),
    "a long warm-up": (of(good, "from_mean", "to_btc", warmup=500), {"F1"}, "warm-up of 500 rows"),
    "a column too few": (of(good, "from_mean", "to_btc", "more"), {"F2"}, "it declares more and does not compute it"),
    "a column too many": (of(good, "from_mean"), {"F2"}, "it computes to_btc and does not declare it"),
    "float32": (one(lambda _, close: close.astype(np.float32)), {"F3"}, "x is of float32"),
    "a list": (one(lambda _, close: close.tolist()), {"F3"}, "x is list, no array"),
    "another length": (one(lambda _, close: close[1:]), {"F3"}, "x has the shape (1239,) for 1240 candles"),
    "not the same twice": (one(until_asked_again), {"F4"}, "x is another one when it is computed again"),
    "writes into the references": (one(writing), {"F5"}, "it writes into BTC"),
    "the next close": (
        one(lambda _, close: np.append(close[1:], close[-1:])),
        {"F6", "F7"},
        "and later ones are cut off: it reads 1 ahead",
    ),
    "centred means": (
        one(lambda _, close: np.convolve(close, np.ones(9) / 9, "same") if len(close) > 9 else close * np.nan),
        {"F6", "F7"},
        "it reads",
    ),
    "the length of the file": (
        one(lambda _, close: np.arange(len(close)) / max(1, len(close))),
        {"F6", "F9", "F10"},
        "moves when row",
    ),
    "scaled over all": (
        one(lambda _, close: (close - close.mean()) / close.std() if len(close) > 1 else close),
        {"F6", "F7", "F9", "F10", "F16"},
        "moves when row",
    ),
    "BTC's next close": (
        of(
            lambda given: {"x": given.candles.close + sum(np.append(e[1:], e[-1:]) for e in given.reference.values())},
            "x",
        ),
        {"F6", "F8"},
        "moves when row",
    ),
    "counts from the first row": (
        one(lambda _, close: np.arange(len(close)) * 1.0),
        {"F9", "F10"},
        "with more history",
    ),
    "a warm-up that is too short": (
        one(lambda _, close: ewma(close, 60)),
        {"F10", "F16"},
        "after the warm-up of 40 rows",
    ),
    "never known": (one(lambda _, close: close * np.nan), {"F11"}, "x is unknown in every row"),
    "infinite": (
        one(lambda _, close: np.where(close > 0, np.inf, close)),
        {"F11", "F13", "F15"},
        "x is infinite at row 40",
    ),
    "ahead across gaps": (one(by_the_gap), {"F12"}, "it reads 1 ahead"),
    "divided by nothing": (
        of(lambda given: {"x": given.candles.close / (given.candles.high - given.candles.low)}, "x"),
        {"F13"},
        "infinite",
    ),
    "no row": (one(refusing_none), {"F14"}, "raised IndexError"),
    "wants BTC": (of(lambda given: {"x": given.reference["BTC"] * 1.0}, "x"), {"F15"}, "raised KeyError: 'BTC'"),
    "never forgets": (one(never_forgetting), {"F16"}, "x: it never forgets one unknown high"),
    "hours alone": (one(over_hours), {"F17"}, "x has another length than the candles of 5m"),
    "slow": (one(sleeping), {"F18"}, "times a pass over its rows"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_set_that_breaks_a_rule_is_told_which(name: str) -> None:
    features, rules, words = BAD[name]
    found = {each.rule: each.failed for each in check_features(features, cuts=4) if each.failed}
    assert set(found) == rules, found
    assert words in found[min(rules, key=lambda rule: int(rule[1:]))]


def test_a_good_set_keeps_every_rule_and_all_of_them_are_asked() -> None:
    results = check_features(of(good, "from_mean", "to_btc"), cuts=6)
    assert [each.rule for each in results] == [f"F{number}" for number in range(1, 19)]
    assert [each for each in results if each.failed or each.skipped] == []


def test_refusing_unknown_prices_is_as_good_as_forgetting_them() -> None:
    def compute(given: FeatureInput) -> dict[str, np.ndarray]:
        if not all(np.isfinite(array).all() for array in given.candles.columns().values()):
            raise DataError("candles", "a price is unknown")
        return {"x": never_forgetting(given, given.candles.close)}

    assert_features(of(compute, "x"), cuts=2)


def test_what_cannot_be_compared_is_not_asked_but_named_once() -> None:
    def broken(given: FeatureInput) -> dict[str, np.ndarray]:
        raise ZeroDivisionError("no")

    results = {each.rule: each for each in check_features(of(broken, "x"))}
    assert results["F2"].failed == "raised ZeroDivisionError: no"
    assert results["F6"].skipped == "it cannot be computed: no"
    with pytest.raises(AssertionError, match="feature set mine breaks"):
        assert_features(of(broken, "x"))


def test_several_columns_are_named_with_their_rows() -> None:
    def compute(given: FeatureInput) -> dict[str, np.ndarray]:
        close = given.candles.close
        return {f"ahead_{by}": np.append(close[by:], np.full(min(by, len(close)), np.nan)) for by in (1, 2, 3, 4, 5, 6)}

    (found,) = (
        each
        for each in check_features(of(compute, *(f"ahead_{by}" for by in range(1, 7))), cuts=4)
        if each.rule == "F6"
    )
    assert "ahead_1 at row" in found.failed
    assert "it reads 3 ahead" in found.failed
    assert found.failed.endswith("and 2 more columns")
