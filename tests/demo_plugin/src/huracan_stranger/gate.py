"""The gate `stranger-costs`: a model whose gain is eaten by costs is not traded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from huracan.context import Context
from huracan.types import Verdict

from huracan_stranger.settings import Settings

__all__ = ["NAME", "judge_costs"]

NAME = "stranger-costs"


def judge_costs(context: Context, metrics: Mapping[str, Any]) -> Verdict:
    """Judge a model by its out-of-sample measures; what was not measured has not passed."""
    most = context.settings.section(Settings).most_cost_share
    share = metrics.get("cost_share")
    if share is None or not math.isfinite(share) or share < 0:
        return Verdict(NAME, None, most, False, "which share of its gain costs take is not known")
    sentence = f"costs take {share:.0%} of its gross gain, at most {most:.0%} may be"
    return Verdict(NAME, float(share), most, share <= most, sentence)
