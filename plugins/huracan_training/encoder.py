"""The shared encoder: principal components of what the features of all coins have in common, as further columns.

Each coin's features are standardised by the coin's own past; the correlations between them are averaged over all coins,
and the eigenvectors of that mean correlation with the largest eigenvalues are the components (Jolliffe 2002, Principal
Component Analysis, section 2.3). Nothing is coupled but these few vectors: a coin's columns are made of its own
features.

The encoder is fitted several times, each time on rows before one instant (*cutoff*), and a fold uses the newest one
that was fitted on rows before its own. Coins hand in sums (*moments*) up to each cutoff, which add up exactly.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from huracan.errors import DataError

__all__ = [
    "Encoder",
    "Scaling",
    "cutoffs_of_night",
    "dump_encoder",
    "fit_encoder",
    "load_encoder",
    "moments",
    "read_arrays",
    "write_arrays",
]

LARGEST = 5.0
"""Standardised values are clipped here, so that one wild bar does not rule a component."""

LEAST_ROWS = 200
"""Rows that a coin must have before a cutoff to have a say in the correlations, and to be encoded."""


def cutoffs_of_night(
    first_ms: int, last_ms: int, *, folds: int, test_share: float, inner_share: float
) -> tuple[int, ...]:
    """Return the instants that the encoder is fitted up to: the search's validation rows, each fold, and the end."""
    span, before = last_ms - first_ms, 1.0 - test_share
    shares = [before * (1.0 - inner_share), *(before + test_share * each / folds for each in range(folds + 1))]
    return tuple(first_ms + int(span * share) for share in shares)


def moments(closed: np.ndarray, x: np.ndarray, cutoffs: Sequence[int]) -> np.ndarray:
    """Return the sums of one coin up to each cutoff, shape (cutoffs, 3, features, features).

    ``closed`` is when each row's bar closed (ms). The three matrices hold, for every pair of features, the sums over
    rows where both are known of: their product, the first of them, and 1.
    """
    known = np.isfinite(x)
    # Sums around the coin's own early mean: those of a price of 30,000 would leave no digits for its variance.
    early = closed <= cutoffs[0]
    shift = np.where(known[early], x[early], 0.0).sum(axis=0) / np.maximum(known[early].sum(axis=0), 1)
    values, marks = np.where(known, x - shift, 0.0), known.astype(np.float64)
    result = np.zeros((len(cutoffs), 3, x.shape[1], x.shape[1]))
    start = 0
    for number, cutoff in enumerate(cutoffs):
        stop = int(np.searchsorted(closed, cutoff, side="right"))
        v, m = values[start:stop], marks[start:stop]
        result[number] = v.T @ v, v.T @ m, m.T @ m
        start = max(start, stop)
    summed: np.ndarray = np.cumsum(result, axis=0)
    return summed


def _correlation(sums: np.ndarray) -> np.ndarray:
    """Return the correlations of one coin up to one cutoff; 0 where one side does not vary or too little is known."""
    product, first, count = sums
    n = np.maximum(count, 1.0)
    covariance = product / n - first * first.T / n**2
    deviation = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    scale = np.outer(deviation, deviation)
    usable = (scale > 1e-12 * np.sqrt(np.outer(np.diag(product), np.diag(product)) / n**2)) & (count >= LEAST_ROWS)
    result = np.divide(covariance, scale, out=np.zeros_like(covariance), where=usable)
    clipped: np.ndarray = np.clip(result, -1.0, 1.0)
    return clipped


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """Each feature's mean and scale (1 / standard deviation, 0 where it does not vary) on the rows before a cutoff, and
    the components fitted up to it."""

    mean: np.ndarray
    scale: np.ndarray
    components: np.ndarray

    def columns(self, x: np.ndarray) -> np.ndarray:
        """Return the encoded rows, shape (rows, components); what is unknown counts as the mean."""
        scaled = np.clip((x - self.mean) * self.scale, -LARGEST, LARGEST)
        encoded: np.ndarray = np.nan_to_num(scaled) @ self.components
        return encoded

    def to_json(self) -> dict[str, Any]:
        return {
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "components": self.components.tolist(),
            "largest": LARGEST,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """Components (cutoffs, features, components), the share of variance of each, and the cutoffs (ms) they hold for."""

    cutoffs: np.ndarray
    components: np.ndarray
    explained: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"shared_{number}" for number in range(1, self.components.shape[2] + 1))

    def scaling(self, closed: np.ndarray, x: np.ndarray, until: int) -> Scaling | None:
        """Return how a coin is encoded from the instant ``until`` on; None where there is too little before it."""
        usable = np.flatnonzero(self.cutoffs <= until)
        if not len(usable):
            return None
        number = int(usable[-1])
        past = x[closed <= self.cutoffs[number]]
        if len(past) < LEAST_ROWS:
            return None
        known = np.isfinite(past)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, past, 0.0).sum(axis=0) / count
        deviation = np.sqrt(np.square(np.where(known, past - mean, 0.0)).sum(axis=0) / count)
        varies = deviation > 1e-12 * np.maximum(np.abs(mean), 1e-300)
        scale = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=varies)
        return Scaling(mean, scale, self.components[number])


def fit_encoder(by_coin: Mapping[str, np.ndarray], cutoffs: Sequence[int], components: int) -> Encoder:
    """Fit one set of components for each cutoff, from the moments of every coin, of which there is at least one.

    Coins count alike however long they are; they are added up in the order of their names, so that the bytes do not
    depend on who was first, and one by one: a mapping that reads each when it is asked keeps memory flat. A component's
    sign is such that its largest entry is positive.
    """
    total, counts = np.zeros(0), np.zeros(len(cutoffs), dtype=np.int64)
    for symbol in sorted(by_coin):
        sums = by_coin[symbol]
        if not total.size:
            total = np.zeros((len(cutoffs), sums.shape[-1], sums.shape[-1]))
        for number in np.flatnonzero(sums[:, 2].max(axis=(1, 2)) >= LEAST_ROWS):
            total[number] += _correlation(sums[number])
            counts[number] += 1
    features = total.shape[-1]
    kept = min(components, features)
    vectors, shares = np.zeros((len(cutoffs), features, kept)), np.zeros((len(cutoffs), kept))
    for number in np.flatnonzero(counts):
        values, found = np.linalg.eigh(total[number] / counts[number])
        chosen = found[:, ::-1][:, :kept]
        largest = np.abs(chosen).argmax(axis=0)
        vectors[number] = chosen * np.sign(chosen[largest, np.arange(kept)])
        shares[number] = np.maximum(values[::-1][:kept], 0.0) / max(float(values.sum()), 1e-12)
    return Encoder(np.array(cutoffs, dtype=np.int64), vectors, shares)


def write_arrays(**arrays: np.ndarray) -> bytes:
    """Return arrays one after the other in NumPy's own format (no pickles), in the order of their names."""
    content = io.BytesIO()
    for name in sorted(arrays):
        np.lib.format.write_array(content, np.ascontiguousarray(arrays[name]), allow_pickle=False)
    return content.getvalue()


def read_arrays(content: bytes, *names: str) -> dict[str, np.ndarray]:
    """Return what :func:`write_arrays` wrote under these names. Raises DataError where it is something else."""
    stream = io.BytesIO(content)
    try:
        return {name: np.lib.format.read_array(stream, allow_pickle=False) for name in sorted(names)}
    except (ValueError, EOFError) as error:
        raise DataError("arrays", f"cannot be read: {error}") from None


def dump_encoder(encoder: Encoder) -> bytes:
    return write_arrays(cutoffs=encoder.cutoffs, components=encoder.components, explained=encoder.explained)


def load_encoder(content: bytes) -> Encoder:
    """Read what :func:`dump_encoder` wrote. Raises DataError for anything else."""
    arrays = read_arrays(content, "cutoffs", "components", "explained")
    return Encoder(arrays["cutoffs"], arrays["components"], arrays["explained"])


def encoder_hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
