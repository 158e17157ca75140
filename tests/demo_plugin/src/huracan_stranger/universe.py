"""The rule `stranger-memes`: leaves out coins that are a joke."""

from __future__ import annotations

from huracan.context import Context
from huracan.types import Candidate

from huracan_stranger.settings import Settings

__all__ = ["veto_memes"]


def veto_memes(context: Context, candidate: Candidate) -> str | None:
    """Return why the pair is left out, in one sentence, or None."""
    memes = context.settings.section(Settings).memes
    return f"is one of {len(memes)} memes" if candidate.market.base in memes else None
