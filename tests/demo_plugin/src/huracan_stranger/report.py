"""The section `stranger` of the daily report: how long the night took."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from huracan.context import Context

from huracan_stranger.nights import past_nights

__all__ = ["tell_of_night"]


def tell_of_night(context: Context, day: date) -> Mapping[str, Any] | None:
    """Return what the report says about a day's night, None where none ended."""
    nights = past_nights(context, first=day, last=day)
    if not nights:
        return None
    night = nights[0]
    return {
        "headline": f"{night.minutes:.0f} minutes",
        "summary": f"{night.sentence[:1].upper()}{night.sentence[1:]}.",
        "minutes": round(night.minutes, 1),
    }
