"""Takes the names of others: a job, a feature set and a column of the night."""

from typing import Any

from huracan import hookimpl
from huracan.types import FeatureInput, FeatureSet, Job


def compute(data: FeatureInput) -> dict[str, Any]:
    return {"mine": data.candles.close * 0.0}


@hookimpl
def huracan_jobs() -> list[Job]:
    return [
        Job("train", "hostile_duplicates:run", "trains nothing"),
        Job("roster", "hostile_duplicates:run", "as well"),
    ]


@hookimpl
def huracan_features() -> list[FeatureSet]:
    return [FeatureSet("classic", version=9, columns=("mine",), warmup=0, compute=compute)]
