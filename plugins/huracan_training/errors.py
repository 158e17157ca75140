"""Reasons to leave a coin out tonight."""

from __future__ import annotations

__all__ = ["CoinSkippedError", "TooFewRowsError"]


class CoinSkippedError(Exception):
    """This coin cannot be trained on what there is; trying again would not help. The text is the reason."""


class TooFewRowsError(CoinSkippedError):
    """History is too short for honest folds."""
