"""A coin's rows as each fold sees them: with or without the shared encoder's columns, and which of both is better."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from huracan.market.measures import information_coefficient
from huracan.types import WatchedFit
from huracan_training.dataset import Dataset
from huracan_training.encoder import Encoder, Scaling
from huracan_training.fitting import Fitter, clearly_better
from huracan_training.splits import inner_split

__all__ = ["Compared", "View", "compare_encoder"]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The rows of a coin, and the encoder whose columns are added to them; None where it is not used.

    ``bar_ms`` is the length of a bar.
    """

    data: Dataset
    encoder: Encoder | None
    bar_ms: int

    def before(self, row: int) -> Dataset:
        """Return the rows with the encoder that was fitted before the bar of ``row`` opened."""
        scaling = self.scaling(int(self.data.timestamp[row]))
        if self.encoder is None:
            return self.data
        if scaling is None:
            unknown = np.full((len(self.data), len(self.encoder.names)), np.nan)
            return self.data.with_columns(self.encoder.names, unknown)
        return self.data.with_columns(self.encoder.names, scaling.columns(self.data.x))

    def last(self) -> Dataset:
        """Return the rows with the newest encoder."""
        scaling = self.final_scaling()
        if self.encoder is None or scaling is None:
            return self.data
        return self.data.with_columns(self.encoder.names, scaling.columns(self.data.x))

    def final_scaling(self) -> Scaling | None:
        """Return what encodes the rows that come after the last one."""
        return self.scaling(int(self.data.timestamp[-1]) + self.bar_ms)

    def scaling(self, instant: int) -> Scaling | None:
        if self.encoder is None:
            return None
        return self.encoder.scaling(self.data.timestamp + self.bar_ms, self.data.x, instant)


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """What the encoder is worth, as metadata tells it, and the fits that were compared."""

    worth: dict[str, Any]
    without: WatchedFit
    encoded: WatchedFit


def compare_encoder(
    view: View,
    train: np.ndarray,
    fitter: Fitter,
    parameters: Mapping[str, Any],
    inner_share: float,
    horizon: int,
    tell: Callable[[str], None],
) -> Compared:
    """Fit once with and once without the encoder's columns, both on the earlier training rows of the first fold.

    Loss and information coefficient of both are those on the later ones.
    """
    rows, start, _ = inner_split(train, inner_share, horizon)
    validate = train[train >= start]
    gains = view.data.outcomes.net[validate]
    told: dict[str, Any] = {"rows": len(validate)}
    fits: list[WatchedFit] = []
    for name, data in (("without", view.data), ("with", view.before(start))):
        fitted = fitter.fit_watched(data, rows, validate, parameters, lambda _step, _loss: False)
        assert fitted is not None  # nobody gives up on it
        told[name] = {"loss": fitted.loss, "information_coefficient": information_coefficient(fitted.scores, gains)}
        fits.append(fitted)
        tell(f"{name} encoder")
    without, encoded = fits
    better = clearly_better(view.data, validate, encoded.scores, without.scores, horizon)
    return Compared(told | {"better": better}, without, encoded)
