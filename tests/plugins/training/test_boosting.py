from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from huracan.errors import DataError
from huracan.types import TrainingData
from huracan_training.boosting import lightgbm_trainer

SMALL = {**lightgbm_trainer().defaults, "rows_per_leaf": 20}
PROGRAM = """
import hashlib, sys
import numpy as np
from huracan.types import TrainingData
from huracan_training.boosting import lightgbm_trainer
rng = np.random.default_rng(3)
x = rng.normal(size=(800, 6)); y = (x[:, 1] + rng.normal(size=800) > 0).astype(float)
trainer = lightgbm_trainer()
model = trainer.fit(TrainingData(x, y, tuple("abcdef")), {**trainer.defaults, "rows_per_leaf": 20}, 11)
print(hashlib.sha256(model.dumps()).hexdigest())
"""


@pytest.fixture(scope="module")
def data() -> TrainingData:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(800, 6))
    x[rng.random(x.shape) < 0.05] = np.nan
    y = (np.nan_to_num(x[:, 1]) + rng.normal(size=800) > 0).astype(float)
    return TrainingData(x, y, tuple("abcdef"))


def test_two_processes_give_the_same_bytes() -> None:
    """Whatever number of threads the environment suggests."""
    digests = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            check=True,
            capture_output=True,
            text=True,
            env={"OMP_NUM_THREADS": threads},
        ).stdout
        for threads in ("1", "2")
    }
    assert len(digests) == 1


def test_another_seed_gives_another_model(data: TrainingData) -> None:
    trainer = lightgbm_trainer()
    assert trainer.fit(data, SMALL, 1).dumps() != trainer.fit(data, SMALL, 2).dumps()


def test_importance_names_the_column_that_matters(data: TrainingData) -> None:
    trainer = lightgbm_trainer()
    importance = trainer.fit(data, SMALL, 7).importance()
    assert max(importance, key=lambda name: importance[name]) == "b"
    assert sum(importance.values()) == pytest.approx(1, abs=1e-4)


def test_training_prints_nothing(data: TrainingData, capfd: pytest.CaptureFixture[str]) -> None:
    trainer = lightgbm_trainer()
    trainer.load(trainer.fit(data, SMALL, 7).dumps())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", b"tree\nversion=v4\n", json.dumps({"a": 1}).encode()])
def test_what_is_no_model_is_refused(content: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match="not a LightGBM model"):
        lightgbm_trainer().load(content)
