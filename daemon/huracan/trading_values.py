"""The frozen values of :mod:`huracan.trading`, how they look as JSON, and how they make up what holds.

Named tuples: to load dataclasses takes a kill as long as all else that it does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple, Self

__all__ = ["Breaker", "KillSwitch", "Mode", "Note", "Reason", "SchedulePause", "TradingState", "compose", "instant"]

SCHEMA = 1


class Mode(StrEnum):
    """How the trading process may trade, from free to not at all."""

    NORMAL = "normal"
    REDUCED = "reduced"
    DEFENSIVE = "defensive"
    STOPPED = "stopped"


_ORDER = list(Mode)


class Note(NamedTuple):
    """A line of the kill switch's history; ``action`` is kill, resume or acknowledge."""

    time: datetime
    action: str
    by: str
    reason: str


class KillSwitch(NamedTuple):
    """The kill switch: what was said when it was thrown, and what happened to it before.

    ``acknowledged`` is when a person last said that trading may go on: losses up to then no longer count.
    """

    on: bool = False
    reason: str = ""
    by: str = ""
    since: datetime | None = None
    acknowledged: datetime | None = None
    history: tuple[Note, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            **self.short(),
            "acknowledged": instant(self.acknowledged),
            "history": [
                {"time": instant(each.time), "action": each.action, "by": each.by, "reason": each.reason}
                for each in self.history
            ],
        }

    def short(self) -> dict[str, Any]:
        """Return what of it stands in trading.json."""
        return {"on": self.on, "reason": self.reason, "by": self.by, "since": instant(self.since)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read it back. Raises ValueError, KeyError, TypeError or AttributeError for anything else."""
        return cls(
            _boolean(value["on"]),
            _text(value["reason"]),
            _text(value["by"]),
            _instant_or_none(value["since"]),
            _instant_or_none(value.get("acknowledged")),
            tuple(
                Note(_instant(each["time"]), _text(each["action"]), _text(each["by"]), _text(each["reason"]))
                for each in value.get("history", ())
            ),
        )


class Breaker(NamedTuple):
    """How one breaker stands. ``mode`` and ``size_factor`` hold while it is tripped; until when is not always known."""

    name: str
    tripped: bool
    mode: Mode
    size_factor: float
    sentence: str
    value: float | None = None
    limit: float | None = None
    since: datetime | None = None
    until: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "tripped": self.tripped,
            "mode": self.mode.value,
            "size_factor": self.size_factor,
            "sentence": self.sentence,
            "value": self.value,
            "limit": self.limit,
            "since": instant(self.since),
            "until": instant(self.until),
        }

    @classmethod
    def from_json(cls, name: str, value: Mapping[str, Any]) -> Self:
        return cls(
            name,
            _boolean(value["tripped"]),
            Mode(value["mode"]),
            float(value["size_factor"]),
            _text(value["sentence"]),
            _number_or_none(value["value"]),
            _number_or_none(value["limit"]),
            _instant_or_none(value["since"]),
            _instant_or_none(value["until"]),
        )


class Reason(NamedTuple):
    """Why trading is not normal. ``source`` is kill, breaker or state; ``kind`` names the breaker or what is wrong."""

    source: str
    kind: str
    sentence: str
    since: datetime | None


class TradingState(NamedTuple):
    """What the trading process may do until ``valid_until``; ``size_factor`` multiplies the size of every new order."""

    time: datetime
    valid_until: datetime
    mode: Mode
    size_factor: float
    new_positions: bool
    cancel_orders: bool
    reasons: tuple[Reason, ...]
    kill: KillSwitch
    breakers: tuple[Breaker, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the document of ``state/trading.json`` (``schemas/trading.schema.json``)."""
        return {
            "schema": SCHEMA,
            "time": instant(self.time),
            "valid_until": instant(self.valid_until),
            "valid_until_unix": int(self.valid_until.timestamp()),
            "mode": self.mode.value,
            "size_factor": self.size_factor,
            "new_positions": self.new_positions,
            "cancel_orders": self.cancel_orders,
            "reasons": [
                {"source": each.source, "kind": each.kind, "sentence": each.sentence, "since": instant(each.since)}
                for each in self.reasons
            ],
            "kill": self.kill.short(),
            "breakers": {each.name: each.as_json() for each in self.breakers},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read it back. Raises ValueError, KeyError, TypeError or AttributeError for anything else."""
        if value["schema"] != SCHEMA:
            raise ValueError(f"schema {value['schema']!r} is not {SCHEMA}")
        reasons = (
            Reason(_text(each["source"]), _text(each["kind"]), _text(each["sentence"]), _instant_or_none(each["since"]))
            for each in value["reasons"]
        )
        return cls(
            _instant(value["time"]),
            _instant(value["valid_until"]),
            Mode(value["mode"]),
            float(value["size_factor"]),
            _boolean(value["new_positions"]),
            _boolean(value["cancel_orders"]),
            tuple(reasons),
            KillSwitch.from_json(value["kill"]),
            tuple(Breaker.from_json(name, each) for name, each in value["breakers"].items()),
        )


class SchedulePause(NamedTuple):
    """Who paused the schedule, why and since when; ``since`` is None where the file could not be read."""

    reason: str
    by: str
    since: datetime | None

    @property
    def sentence(self) -> str:
        """Say it to a person."""
        since = f" since {self.since:%Y-%m-%d %H:%M}Z" if self.since else ""
        return f"paused{since}: {self.reason}"

    def as_json(self) -> dict[str, Any]:
        return {"schema": SCHEMA, "paused": True, "since": instant(self.since), "reason": self.reason, "by": self.by}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self | None:
        """Read it back, None where the file says that nothing is paused. Raises as the others."""
        if not _boolean(value["paused"]):
            return None
        return cls(_text(value["reason"]), _text(value["by"]), _instant(value["since"]))


def compose(kill: KillSwitch, breakers: Sequence[Breaker], now: datetime, valid_until: datetime) -> TradingState:
    """Return what holds: the strictest mode and the smallest size of all that is tripped, the kill switch above all.

    Breakers whose word no longer holds (``valid_until`` is not after ``now``) stop trading as well.
    """
    reasons = []
    if kill.on:
        reasons.append(Reason("kill", "kill", kill.reason, kill.since))
    if valid_until <= now:
        why = "no service judges the breakers: `huracan daemon` keeps the service safety running"
        reasons.append(Reason("state", "not-judged", why, None))
    stopped = bool(reasons)
    tripped = [each for each in breakers if each.tripped]
    reasons += [Reason("breaker", each.name, each.sentence, each.since) for each in tripped]
    modes = [Mode.STOPPED if stopped else Mode.NORMAL, *(each.mode for each in tripped)]
    mode = max(modes, key=_ORDER.index)
    size = 0.0 if mode is Mode.STOPPED else min([1.0, *(each.size_factor for each in tripped)])
    ordered = tuple(sorted(breakers, key=lambda each: each.name))
    may_open = mode is not Mode.STOPPED and size > 0.0
    return TradingState(now, valid_until, mode, size, may_open, not may_open, tuple(reasons), kill, ordered)


def instant(moment: datetime | None) -> str | None:
    """Return an instant as ISO in UTC to the millisecond, with Z."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment.astimezone(UTC)


def _instant_or_none(text: str | None) -> datetime | None:
    return None if text is None else _instant(text)


def _number_or_none(value: Any) -> float | None:
    return None if value is None else float(value)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
