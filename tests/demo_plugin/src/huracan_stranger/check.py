"""The health check `stranger-last-night`: did the last night take too long?"""

from __future__ import annotations

from huracan.context import Context
from huracan.types import CheckResult, CheckState

from huracan_stranger.nights import longest_minutes, past_nights

__all__ = ["check_last_night"]


def check_last_night(context: Context | None) -> CheckResult:
    """Warn where the last night took longer than it may."""
    if context is None or not (nights := past_nights(context, most=1)):
        return CheckResult(CheckState.OK, "no night has ended yet")
    last, most = nights[0], longest_minutes(context)
    if last.minutes <= most:
        return CheckResult(CheckState.OK, last.sentence)
    return CheckResult(
        CheckState.WARNING,
        f"{last.sentence}, longer than {most:g}",
        "see which job was slow: huracan jobs",
    )
