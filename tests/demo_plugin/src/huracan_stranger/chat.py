"""The chat command `/stranger`: how long the last nights took."""

from __future__ import annotations

from collections.abc import Sequence

from huracan.context import Context
from huracan.errors import UsageError
from huracan.types import ChatReply

from huracan_stranger.nights import past_nights

__all__ = ["answer_nights"]

USUAL, MOST = 7, 50


def answer_nights(context: Context, arguments: Sequence[str]) -> ChatReply:
    """Answer ``/stranger``, or with a number of nights ``/stranger 14``."""
    word = arguments[0] if arguments else str(USUAL)
    if not (word.isascii() and word.isdigit() and 1 <= int(word) <= MOST):
        raise UsageError(f"{word!r} is no number of nights; write 1 to {MOST}, as /stranger 14")
    nights = past_nights(context, most=int(word))
    if not nights:
        return ChatReply("No night has ended yet.")
    rows = tuple((str(night.run_date), f"{night.minutes:.0f}", night.state) for night in nights)
    return ChatReply(f"the last {len(nights)} nights", table=(("night", "minutes", "state"), *rows))
