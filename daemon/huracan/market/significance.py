"""Is a difference more than luck: tests that shuffle instead of assuming a distribution, and the price of many tests.

Everything that is drawn at random comes from a seed: the same numbers give the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["BootstrapMean", "benjamini_hochberg", "permutation_p_values", "stationary_bootstrap"]

_ELEMENTS = 1_000_000
"""Numbers that are shuffled at once, which bounds memory."""


def benjamini_hochberg(p_values: np.ndarray) -> np.ndarray:
    """Return p-values adjusted for their number, in the same order.

    Calling all adjusted values up to q significant lets at most a share q of them be false in expectation (Benjamini
    and Hochberg 1995, "Controlling the False Discovery Rate").
    """
    count = len(p_values)
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * count / np.arange(1, count + 1)
    adjusted = np.empty(count)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def permutation_p_values(
    values: np.ndarray, chosen: np.ndarray, *, rounds: int = 4999, seed: int = 7, greater: bool = False
) -> np.ndarray:
    """Return, for each column of ``values`` (rows, columns), the p-value of the chosen rows' mean against the others'.

    The share of random choices of as many rows whose mean is as far off or farther, the real one included (Phipson and
    Smyth 2010, "Permutation P-values Should Never Be Zero"); two sided, or ``greater`` one sided. All columns are asked
    with the same shuffles. Ones where all rows or none are chosen.
    """
    rows, columns = values.shape
    count = int(chosen.sum())
    if count in (0, rows):
        return np.ones(columns)
    centred = values - values.mean(axis=0)
    seen = chosen @ centred
    # Equal sums must count as equal, in whatever order they were added.
    slack = 1e-9 * np.abs(centred).sum(axis=0)
    random, hits, left = np.random.default_rng(seed), np.zeros(columns), rounds
    while left:
        part = min(left, max(_ELEMENTS // rows, 1))
        order = random.permuted(np.tile(np.arange(rows), (part, 1)), axis=1)
        picked = np.zeros((part, rows))
        np.put_along_axis(picked, order[:, :count], 1.0, axis=1)
        drawn = picked @ centred
        far = drawn >= seen - slack if greater else np.abs(drawn) >= np.abs(seen) - slack
        hits += far.sum(axis=0)
        left -= part
    return (hits + 1.0) / (rounds + 1.0)


@dataclass(frozen=True, slots=True)
class BootstrapMean:
    """A mean with the interval that 95 % of resamples fall into, and the two-sided p-value of a true mean of zero."""

    mean: float
    low: float
    high: float
    p_value: float


def stationary_bootstrap(
    series: np.ndarray, block: float | None = None, *, rounds: int = 4999, seed: int = 7
) -> BootstrapMean | None:
    """Resample a series in blocks of random length and say how sure its mean is; None for fewer than two values.

    Blocks have a geometric length of mean ``block`` (default: the cube root of the length) and wrap around the end, so
    that what is correlated stays together (Politis and Romano 1994, "The Stationary Bootstrap"). Resampled means are
    spread as far as those of independent values would be, which blocks of a short series are not by themselves.
    """
    n = len(series)
    if n < 2:
        return None
    length = max(block if block is not None else n ** (1 / 3), 1.0)
    random, mean = np.random.default_rng(seed), float(series.mean())
    means = np.concatenate(
        [_resampled(series, length, part, random).mean(axis=1) for part in _parts(rounds, max(_ELEMENTS // n, 1))]
    )
    means = mean + (means - mean) / _shrinkage(n, length)
    low, high = np.clip(np.quantile(means, [0.025, 0.975]), series.min(), series.max())
    slack = 1e-12 * max(float(np.abs(series).max()), 1e-300)
    hits = int((np.abs(means - mean) >= abs(mean) - slack).sum())
    return BootstrapMean(mean, float(low), float(high), (hits + 1.0) / (rounds + 1.0))


def _shrinkage(n: int, length: float) -> float:
    """Return how much too little means of resampled independent values spread: deviations from the series' own mean
    sum up to nothing, so that long blocks of a short series are all alike (lemma 1 of the same paper)."""
    apart, stays = np.arange(1, n), 1.0 - 1.0 / length
    kept = 1.0 - 1.0 / n - 2.0 / n * float(((1.0 - apart / n) * stays**apart).sum())
    return float(np.sqrt(max(kept, 1.0 / n)))


def _parts(rounds: int, size: int) -> list[int]:
    return [min(size, rounds - start) for start in range(0, rounds, size)]


def _resampled(series: np.ndarray, length: float, rounds: int, random: np.random.Generator) -> np.ndarray:
    """Return (rounds, n) values: each goes on where the one before it stood, or jumps with probability 1 / length."""
    n = len(series)
    jumps = random.random((rounds, n)) < 1.0 / length
    jumps[:, 0] = True
    starts = random.integers(0, n, (rounds, n))
    at = np.arange(n)
    last = np.maximum.accumulate(np.where(jumps, at, 0), axis=1)
    first = np.take_along_axis(starts, last, axis=1)
    values: np.ndarray = series[(first + at - last) % n]
    return values
