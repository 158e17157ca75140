"""What the owner believes of a check, and when a look at it is news. Plain logic, no clock and no files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from huracan.clock import format_instant, parse_instant
from huracan.types import CheckState

__all__ = ["Change", "Standing", "as_json", "look", "standing_from"]

_ORDER = {state: place for place, state in enumerate(CheckState)}


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a check."""

    time: datetime
    state: CheckState


@dataclass(frozen=True, slots=True)
class Standing:
    """What was last told of a check, since when that holds, and since when it has not been ok.

    ``recent`` are the last looks in a row that found it worse (or all of them better) than what was told.
    """

    told: CheckState
    since: datetime
    bad_since: datetime | None = None
    recent: tuple[Look, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """News: the state is another one. ``bad_seconds`` is how long it was not ok, up to the first better look."""

    before: CheckState
    after: CheckState
    bad_seconds: float


def look(standing: Standing, state: CheckState, time: datetime, confirm: int) -> tuple[Standing, Change | None]:
    """Take one more look into account.

    It is news once ``confirm`` looks in a row were worse than what was told (then the mildest of them is told), or
    all of them better (then the worst of them): a check that flaps is told of once.
    """
    side = _side(state, standing.told)
    if side == 0:
        return replace(standing, recent=()), None
    before = [each for each in standing.recent if _side(each.state, standing.told) == side]
    recent = (*before, Look(time, state))[-confirm:]
    if len(recent) < confirm:
        return replace(standing, recent=recent), None
    states = [each.state for each in recent]
    after = min(states, key=_ORDER.__getitem__) if side > 0 else max(states, key=_ORDER.__getitem__)
    since = recent[0].time
    bad_since = standing.bad_since or since
    change = Change(standing.told, after, max(0.0, (since - bad_since).total_seconds()))
    return Standing(after, since, None if after is CheckState.OK else bad_since), change


def as_json(standing: Standing) -> dict[str, Any]:
    """Return a standing as JSON values."""
    return {
        "told": standing.told.value,
        "since": format_instant(standing.since),
        "bad_since": format_instant(standing.bad_since) if standing.bad_since else None,
        "recent": [[format_instant(each.time), each.state.value] for each in standing.recent],
    }


def standing_from(value: Any) -> Standing | None:
    """Read what :func:`as_json` made; None for anything else."""
    try:
        return Standing(
            CheckState(value["told"]),
            parse_instant(value["since"]),
            parse_instant(value["bad_since"]) if value["bad_since"] else None,
            tuple(Look(parse_instant(time), CheckState(state)) for time, state in value["recent"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _side(state: CheckState, told: CheckState) -> int:
    return (_ORDER[state] > _ORDER[told]) - (_ORDER[state] < _ORDER[told])
