"""``check_features``: what every feature set must do, as numbered rules. For tests of plugins that bring one.

====  ==============================================================================================================
rule  what must hold
====  ==============================================================================================================
F1    columns are distinct plain names, there is one, ``version`` is 1 or more, and the warm-up leaves rows to learn
F2    what is computed are the declared columns, no more and no fewer
F3    each is a float64 array of one dimension, as long as the candles
F4    the same candles give the same bytes
F5    candles and references are left as they were
F6    rows that are cut off change nothing before them
F7    other prices and volumes from a row on change nothing before it
F8    another course of the references (BTC, ETH) from a row on changes nothing before it
F9    the last rows are the same with more history before them
F10   after the warm-up the values do not depend on what came before the first row
F11   after the warm-up every column is known somewhere, and never infinite
F12   missing bars are borne, and nothing looks ahead across them
F13   a market that stands still, without any volume, is borne, without infinite values
F14   no row, one, two, and fewer than the warm-up are borne
F15   references that have not begun, or are not there, are borne
F16   a price that is unknown (NaN) is refused with DataError, or forgotten after the warm-up
F17   bars of other lengths are borne
F18   it costs no more than so many times a plain pass over the rows, a column
====  ==============================================================================================================

What moved is named with its column, its row, and how many rows ahead it reads.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from huracan.errors import DataError
from huracan.testing.made_up import changed, cut, flat, input_of, scaled_reference, with_gaps
from huracan.testing.rules import NotAskedError, Rule, RuleResult, ask_rules, assert_rules
from huracan.types import FeatureInput, FeatureSet

__all__ = ["assert_features", "check_features"]

ROWS, YEAR = 1200, 8760
MOST_WARMUP = 360
"""Half of the shortest history that exchanges hand out (Kraken: 720 bars)."""
NEAR = 1e-9
"""Values closer than this, of their own size or of what their column varies by, have not moved: sums of arrays of
another length may be rounded another way."""
FORGOTTEN = 1e-4
"""How near, of a column's usual size, values are after the warm-up whatever came before: recursive averages never
forget to the last bit."""
_COLUMN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

Columns = Mapping[str, np.ndarray]


def check_features(
    features: FeatureSet,
    *,
    skip: Mapping[str, str] | None = None,
    cuts: int = 12,
    seed: int = 1,
    slowest: float = 3000.0,
) -> list[RuleResult]:
    """Hold a feature set against every rule, on markets that are made up.

    ``skip`` names rules that are not asked, each with a reason. ``cuts`` rows are drawn by ``seed`` at which the
    future is changed; ``slowest`` is F18's factor.
    """
    return ask_rules(_rules(_Check(features, cuts, seed, slowest)), skip)


def assert_features(
    features: FeatureSet,
    *,
    skip: Mapping[str, str] | None = None,
    cuts: int = 12,
    seed: int = 1,
    slowest: float = 3000.0,
) -> None:
    """Fail with every broken rule in one message."""
    results = check_features(features, skip=skip, cuts=cuts, seed=seed, slowest=slowest)
    assert_rules(f"feature set {features.name}", results)


def _rules(check: _Check) -> Iterator[Rule]:
    yield "F1", "declared well", check.declared
    yield "F2", "the declared columns", check.columns
    yield "F3", "arrays of float64", check.arrays
    yield "F4", "same bytes", check.same_bytes
    yield "F5", "input is left alone", check.leaves_input
    yield "F6", "a future that is cut off", check.cut_off
    yield "F7", "another future", check.another_future
    yield "F8", "another future of references", check.other_references
    yield "F9", "more history, same last rows", check.more_history
    yield "F10", "forgets within the warm-up", check.forgets
    yield "F11", "known after the warm-up", check.known
    yield "F12", "missing bars", check.gaps
    yield "F13", "a market that stands still", check.flat
    yield "F14", "few rows", check.few_rows
    yield "F15", "no references", check.no_references
    yield "F16", "unknown prices", check.unknown_price
    yield "F17", "other bars", check.other_bars
    yield "F18", "speed", check.speed


class _Check:
    """The questions, in the order of the table."""

    def __init__(self, features: FeatureSet, cuts: int, seed: int, slowest: float) -> None:
        self._features, self._seed, self._slowest = features, seed, slowest
        warmup: Any = features.warmup
        self._rows = ROWS + max(0, warmup if isinstance(warmup, int) else 0)
        self._wavers = self._leaks = False
        draw = np.random.default_rng(seed)
        span = np.arange(self._rows // 4, self._rows - 2)
        self._cuts: list[int] = np.sort(draw.choice(span, size=min(cuts, len(span)), replace=False)).tolist()

    @cached_property
    def _given(self) -> FeatureInput:
        return input_of(self._rows, self._seed)

    @cached_property
    def _whole(self) -> Columns:
        """The columns of the plain market. Raises NotAskedError where they cannot be compared with anything."""
        try:
            found = self._compute(self._given)
        except Exception as error:  # noqa: BLE001 - F2 says so
            raise NotAskedError(f"it cannot be computed: {error}") from None
        if not found or any(array.shape != (self._rows,) for array in found.values()):
            raise NotAskedError("it has no columns that are as long as the candles")
        return found

    @property
    def _comparable(self) -> Columns:
        if self._wavers:
            raise NotAskedError("it is not the same when it is computed again")
        return self._whole

    def _compute(self, given: FeatureInput) -> Columns:
        with warnings.catch_warnings(action="ignore"):  # what NumPy says of 0 / 0 is no part of the contract
            found = self._features.compute(given)
        if missing := sorted(set(self._features.columns) - set(found)):
            raise NotAskedError(f"it does not compute {missing[0]}")
        return {name: np.asarray(found[name], dtype=np.float64) for name in self._features.columns}

    def declared(self) -> str | None:
        each: Any = self._features
        if not each.columns:
            return "it has no columns"
        if odd := [name for name in each.columns if not _COLUMN.fullmatch(str(name))]:
            return f"{odd[0]!r} cannot be the name of a column"
        if twice := [name for name in each.columns if each.columns.count(name) > 1]:
            return f"the column {twice[0]} is there twice"
        if not isinstance(each.version, int) or each.version < 1:
            return f"its version is {each.version!r}"
        if not isinstance(each.warmup, int) or each.warmup < 0:
            return f"its warm-up is {each.warmup!r}"
        if each.warmup > MOST_WARMUP:
            return f"its warm-up of {each.warmup} rows is longer than {MOST_WARMUP}: new coins have few"
        return None

    def columns(self) -> str | None:
        with warnings.catch_warnings(action="ignore"):
            found, wanted = set(self._features.compute(self._given)), set(self._features.columns)
        if missing := sorted(wanted - found):
            return f"it declares {missing[0]} and does not compute it"
        return f"it computes {min(found - wanted)} and does not declare it" if found - wanted else None

    def arrays(self) -> str | None:
        rows = len(self._given.candles)
        with warnings.catch_warnings(action="ignore"):
            found: Mapping[str, Any] = self._features.compute(self._given)
        for name, array in found.items():
            if not isinstance(array, np.ndarray):
                return f"{name} is {type(array).__name__}, no array"
            if array.dtype != np.float64:
                return f"{name} is of {array.dtype}, not float64"
            if array.shape != (rows,):
                return f"{name} has the shape {array.shape} for {rows} candles"
        return None

    def same_bytes(self) -> str | None:
        again = self._compute(self._given)
        for name, whole in self._whole.items():
            if whole.tobytes() != again[name].tobytes():
                self._wavers = True
                return f"{name} is another one when it is computed again"
        return None

    def leaves_input(self) -> str | None:
        given = input_of(self._rows, self._seed)
        names = list(given.reference)
        self._compute(given)
        if list(given.reference) != names:
            return "it changes which references there are"
        before = {**self._given.candles.columns(), **self._given.reference}
        for name, array in {**given.candles.columns(), **given.reference}.items():
            if not np.array_equal(before[name], array):
                return f"it writes into {name}"
        return None

    # ------------------------------------------------------------------------------------------------------- leaks

    def cut_off(self) -> str | None:
        return self._moved((at, cut(self._given, at), "cut off") for at in self._cuts)

    def another_future(self) -> str | None:
        return self._moved((at, changed(self._given, at, self._seed + at), "changed") for at in self._cuts)

    def other_references(self) -> str | None:
        return self._moved((at, scaled_reference(self._given, at), "changed in the references") for at in self._cuts)

    def gaps(self) -> str | None:
        _ = self._comparable
        given = with_gaps(self._given, self._seed)
        rows = len(given.candles)
        whole = self._compute(given)
        if odd := [name for name, array in whole.items() if array.shape != (rows,)]:
            return f"{odd[0]} has another length than the candles where bars are missing"
        if self._leaks:
            return None  # F6 and F7 say so
        # Where bars are missing before the cut, a look over the gap ends behind it.
        steps = np.diff(given.candles.timestamp)
        after_gaps = np.flatnonzero(steps > steps.min()) + 1
        cuts = [*self._cuts[:2], int(steps.argmax()) + 1, *after_gaps[:: max(1, len(after_gaps) // 4)].tolist()]
        return self._moved(((at, cut(given, at), "cut off") for at in cuts), whole)

    def _moved(self, futures: Iterator[tuple[int, FeatureInput, str]], whole: Columns | None = None) -> str | None:
        """Name the earliest value of each column that moved although only what follows a row is another."""
        whole = self._comparable if whole is None else whole
        found: dict[str, tuple[int, str]] = {}
        for at, given, how in futures:
            after = self._compute(given)
            for name, left in whole.items():
                row = _first_moved(left[:at], after[name][:at])
                if row is not None and row < found.get(name, (self._rows, ""))[0]:
                    words = (
                        f"{name} at row {row} moves when row {at} and later ones are {how}: it reads {at - row} ahead"
                    )
                    found[name] = row, words
        self._leaks = self._leaks or bool(found)
        return _listed([words for _, words in found.values()])

    # ----------------------------------------------------------------------------------------------------- warm-up

    def more_history(self) -> str | None:
        before = self._compute(cut(self._given, self._rows, begin=self._rows // 2 - self._features.warmup))
        return self._apart(before, slice(-3, None), "with more history its last rows are others")

    def forgets(self) -> str | None:
        begin = self._rows // 2
        before = self._compute(cut(self._given, self._rows, begin=begin))
        rows = slice(begin + self._features.warmup, None)
        what = f"after the warm-up of {self._features.warmup} rows it depends on what came before the first"
        return self._apart(before, rows, what)

    def _apart(self, other: Columns, rows: slice, what: str) -> str | None:
        """Compare ``rows`` of the whole history with the same ones of one that begins later."""
        found = []
        for name, whole in self._comparable.items():
            left = whole[rows]
            right = other[name][-len(left) :]
            usual = np.nanmedian(np.abs(whole)) if np.isfinite(whole).any() else 0.0
            same = np.isclose(left, right, rtol=FORGOTTEN, atol=FORGOTTEN * float(usual or 1.0), equal_nan=True)
            if not same.all():
                row = int(np.argmin(same))
                found.append(f"{name}: {what} ({left[row]:.6g} and {right[row]:.6g})")
        return _listed(found)

    def known(self) -> str | None:
        return _unknown(self._whole, self._features.warmup)

    # --------------------------------------------------------------------------------------------------- odd input

    def flat(self) -> str | None:
        _ = self._whole
        found = self._compute(flat(self._rows))
        infinite = [name for name, array in found.items() if np.isinf(array).any()]
        return f"{infinite[0]} is infinite where nothing moves: unknown is NaN" if infinite else None

    def few_rows(self) -> str | None:
        _ = self._whole
        for rows in sorted({0, 1, 2, max(3, self._features.warmup - 1)}):
            found = self._compute(cut(self._given, rows))
            if odd := [name for name, array in found.items() if array.shape != (rows,)]:
                return f"{odd[0]} has the shape {found[odd[0]].shape} for {rows} rows"
        return None

    def no_references(self) -> str | None:
        _ = self._whole
        nothing = dict.fromkeys(self._given.reference, np.full(self._rows, np.nan))
        for given in (replace(self._given, reference=nothing), replace(self._given, reference={})):
            found = self._compute(given)
            if infinite := [name for name, array in found.items() if np.isinf(array).any()]:
                return f"{infinite[0]} is infinite without references"
        return None

    def unknown_price(self) -> str | None:
        _ = self._whole
        at = self._rows // 2
        for name in ("close", "high", "volume"):
            columns = {key: array.copy() for key, array in self._given.candles.columns().items()}
            columns[name][at] = np.nan
            given = replace(self._given, candles=type(self._given.candles).from_columns(columns))
            try:
                found = self._compute(given)
            except DataError:
                continue
            rows = slice(at + self._features.warmup + 1, None)
            if wrong := self._apart(found, rows, f"it never forgets one unknown {name}"):
                return wrong
        return None

    def other_bars(self) -> str | None:
        _ = self._whole
        for timeframe in ("5m", "1d"):
            given = input_of(self._features.warmup + 60, self._seed, timeframe)
            found = self._compute(given)
            if odd := [name for name, array in found.items() if array.shape != given.candles.timestamp.shape]:
                return f"{odd[0]} has another length than the candles of {timeframe}"
        return None

    def speed(self) -> str | None:
        _ = self._whole
        year = input_of(YEAR, self._seed)
        self._compute(self._given)  # what is compiled or imported at the first call is paid once
        floor = _best_of(5, lambda: np.cumsum(year.candles.close))
        taken = _best_of(3, lambda: self._compute(year)) / len(self._features.columns)
        if taken / floor <= self._slowest:
            return None
        return (
            f"a column costs {taken / floor:,.0f} times a pass over its rows: {taken * 1e3:.1f} ms for {YEAR} of them"
        )


def _first_moved(left: np.ndarray, right: np.ndarray) -> int | None:
    spread = float(np.nanstd(left)) if np.isfinite(left).any() else 0.0
    same = np.isclose(left, right, rtol=NEAR, atol=NEAR * spread, equal_nan=True)
    return None if same.all() else int(np.argmin(same))


def _unknown(found: Columns, warmup: int) -> str | None:
    for name, array in found.items():
        if np.isinf(array[warmup:]).any():
            return f"{name} is infinite at row {warmup + int(np.argmax(np.isinf(array[warmup:])))}: unknown is NaN"
        if not np.isfinite(array[warmup:]).any():
            return f"{name} is unknown in every row after the warm-up"
    return None


def _listed(words: Sequence[str]) -> str | None:
    more = f"; and {len(words) - 4} more columns" if len(words) > 4 else ""
    return "; ".join(words[:4]) + more if words else None


def _best_of(times: int, act: Callable[[], object]) -> float:
    """Return the shortest of some runs, seconds: what is longer was disturbed. One that takes seconds is enough."""
    taken: list[float] = []
    while len(taken) < times and sum(taken) < 3.0:
        began = time.perf_counter()
        act()
        taken.append(time.perf_counter() - began)
    return max(min(taken), 1e-6)
