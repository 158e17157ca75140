from __future__ import annotations

import numpy as np
from huracan.testing import assert_trainer
from huracan.types import TrainingData

from huracan_stranger import huracan_trainers
from huracan_stranger.trainer import DEFAULTS, fit


def test_the_trainer_keeps_every_rule() -> None:
    (trainer,) = huracan_trainers()
    assert_trainer(trainer)


def test_what_is_unknown_says_nothing() -> None:
    draw = np.random.default_rng(1)
    y = np.repeat([0.0, 1.0], 100)
    x = (y + draw.normal(size=200))[:, None]
    model = fit(TrainingData(x, y, ("edge",)), DEFAULTS, 1)
    low, unknown, high = model.predict(np.array([[-1.0], [np.nan], [2.0]]))
    assert low < unknown < high
    assert unknown == 0.5
