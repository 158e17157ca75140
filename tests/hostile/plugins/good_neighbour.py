"""The good one that stands beside the hostile ones: a feature, a job that writes a file, an export, a setting."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, SecretStr

from huracan import hookimpl
from huracan.config import Section
from huracan.types import ExportScope, FeatureInput, FeatureSet, FileExport, Job, JobResult, SettingsSection

if TYPE_CHECKING:
    import numpy as np

    from huracan.context import Context


class NeighbourSettings(Section):
    """What the good one keeps secret."""

    token: SecretStr = Field(SecretStr(""), description="A secret.")


def body_share(data: FeatureInput) -> dict[str, np.ndarray]:
    import numpy as np

    candles = data.candles
    return {"body_share": (candles.close - candles.open) / np.maximum(candles.high - candles.low, 1e-12)}


def greet(context: Context) -> JobResult:
    from huracan.paths import write_json

    write_json(context.paths.workspace / "neighbour" / "greeting.json", {"says": "good evening"})
    return JobResult(summary="greeted")


def write(context: Context, path: Path, scope: ExportScope) -> int:
    path.write_text("good evening\n")
    return 1


@hookimpl
def huracan_settings() -> list[SettingsSection]:
    return [SettingsSection("neighbour", NeighbourSettings)]


@hookimpl
def huracan_features() -> list[FeatureSet]:
    return [FeatureSet("neighbour", version=1, columns=("body_share",), warmup=0, compute=body_share)]


@hookimpl
def huracan_jobs() -> list[Job]:
    return [Job("neighbour", "good_neighbour:greet", "says good evening", after=("roster",))]


@hookimpl
def huracan_exports() -> list[FileExport]:
    return [FileExport("neighbour", "what the neighbour says", "txt", write)]
