"""What the plugin remembers over kills: small files in ``state/telegram``, each written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from huracan.clock import format_instant, parse_instant
from huracan.paths import Paths, read_json, write_json

__all__ = [
    "KEEP", "Delivery", "Inbox", "Pending", "Strangers", "Taken", "forget_old_deliveries", "new_chats", "remember_chat",
    "state_folder",
]  # fmt: skip

_MOST_CHATS = 100
KEEP = timedelta(hours=1)
"""How long a button that is too late is told so."""
KEEP_DELIVERIES = timedelta(days=31)
"""Longer than any message may wait (``expire_hours`` is 30 days at most)."""
MOST_STRANGERS = 1000
"""Users that are told apart; the messages of others are counted all the same."""
NUMBERS_HOLD = timedelta(days=5)
"""Less than the week after which Telegram numbers anew, more than the day for which it keeps what was not taken."""


def state_folder(paths: Paths) -> Path:
    """Return the folder of these files."""
    return paths.state / "telegram"


# --------------------------------------------------------------------------------------------------------- supergroups


def new_chats(paths: Paths) -> dict[int, int]:
    """Return the new ids of groups that became supergroups, by their old ones."""
    found = read_json(state_folder(paths) / "chats.json") or {}
    moved = found.get("moved")
    return {int(old): int(new) for old, new in moved.items()} if isinstance(moved, dict) else {}


def remember_chat(paths: Paths, old: int, new: int) -> None:
    """Keep the new id of a group."""
    moved = {**new_chats(paths), old: new}
    kept = dict(list(moved.items())[-_MOST_CHATS:])
    write_json(state_folder(paths) / "chats.json", {"schema": 1, "moved": {str(a): b for a, b in kept.items()}})


# ------------------------------------------------------------------------------------------------------------ delivery


class Delivery:
    """Which parts of a message arrived where: an attempt after one that failed sends only the others.

    A file for each message: one that stepped aside is tried between others, and must not be forgotten for them.
    """

    def __init__(self, paths: Paths, key: str) -> None:
        self.key, self._file = key, deliveries(paths) / f"{key}.json"
        arrived = (read_json(self._file) or {}).get("arrived")
        self._arrived: dict[str, int] = dict(arrived) if isinstance(arrived, dict) else {}

    def arrived(self, chat: int, part: int | str) -> int | None:
        """Return the id of a part's message, None where it has not arrived."""
        return self._arrived.get(f"{chat}:{part}")

    def note(self, chat: int, part: int | str, message: int, *, keep: bool) -> None:
        """Note that a part arrived; ``keep`` it on disk where others follow."""
        self._arrived[f"{chat}:{part}"] = message
        if keep:
            write_json(self._file, {"schema": 1, "arrived": self._arrived})

    def forget(self) -> None:
        """Delete the file: nobody asks for this message again."""
        with suppress(OSError):
            self._file.unlink(missing_ok=True)


def deliveries(paths: Paths) -> Path:
    """Return the folder of what arrived in parts."""
    return state_folder(paths) / "deliveries"


def forget_old_deliveries(paths: Paths, now: datetime) -> None:
    """Delete what killed processes left, and messages that were given up in the midst."""
    with suppress(OSError):
        for path in deliveries(paths).iterdir():
            if abs(now.timestamp() - path.stat().st_mtime) > KEEP_DELIVERIES.total_seconds():
                path.unlink(missing_ok=True)


# --------------------------------------------------------------------------------------------------------------- inbox


@dataclass(frozen=True, slots=True)
class Taken:
    """A command that was taken from Telegram and is not answered yet. ``begun`` is written before it acts."""

    number: int
    user: int
    chat: int
    words: tuple[str, ...]
    time: datetime
    begun: bool = False
    confirmed: bool = False
    by_button: bool = False


@dataclass(frozen=True, slots=True)
class Pending:
    """A command that waits for its button."""

    nonce: str
    user: int
    chat: int
    words: tuple[str, ...]
    expires: datetime
    message: int | None = None


@dataclass(frozen=True, slots=True)
class Strangers:
    """How often others wrote since the owner was last told: ``count`` in all, and which users, oldest first."""

    count: int = 0
    users: tuple[int, ...] = ()
    told_at: datetime | None = None

    def and_one(self, user: int | None) -> Strangers:
        """Return it with one message more."""
        known = user is None or user in self.users or len(self.users) >= MOST_STRANGERS
        users = self.users if known or user is None else (*self.users, user)
        return replace(self, count=self.count + 1, users=users)

    def as_json(self) -> dict[str, Any]:
        told_at = None if self.told_at is None else format_instant(self.told_at)
        return {"count": self.count, "users": list(self.users), "told_at": told_at}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Strangers:
        """Read it. Raises KeyError, TypeError or ValueError where it cannot be understood."""
        told_at = parse_instant(kept["told_at"]) if kept.get("told_at") else None
        return cls(int(kept.get("count", 0)), tuple(int(user) for user in kept.get("users", ())), told_at)


@dataclass(frozen=True, slots=True)
class Inbox:
    """Where the talk stands: the next update to ask for, what was taken, what waits for a button, who else wrote."""

    offset: int = 0
    taken: tuple[Taken, ...] = ()
    pending: Mapping[str, Pending] = field(default_factory=dict)
    heard_at: datetime | None = None
    strangers: Strangers = Strangers()

    def next_number(self, now: datetime) -> int:
        """Return from which update on to ask; 0 where nobody said anything for days: then numbers may begin anywhere.

        Source: core.telegram.org/bots/api#update, after a week of silence the next number is a random one.
        """
        return self.offset if self.heard_at is None or now - self.heard_at < NUMBERS_HOLD else 0

    @classmethod
    def read(cls, paths: Paths) -> Inbox:
        """Return what was written last; an empty inbox where nothing was, or where it cannot be understood."""
        kept = read_json(state_folder(paths) / "inbox.json") or {}
        try:
            pending = [Pending(**_back(each, "expires")) for each in kept["pending"]]
            taken = tuple(Taken(**_back(each, "time")) for each in kept["taken"])
            heard_at = parse_instant(kept["heard_at"]) if kept.get("heard_at") else None
            strangers = Strangers.from_json(kept.get("strangers") or {})
            return cls(int(kept["offset"]), taken, {each.nonce: each for each in pending}, heard_at, strangers)
        except (KeyError, TypeError, ValueError, AttributeError):
            return cls()

    def write(self, paths: Paths) -> None:
        """Write it down."""
        value = {
            "schema": 1,
            "offset": self.offset,
            "heard_at": None if self.heard_at is None else format_instant(self.heard_at),
            "taken": [_as_json(asdict(each)) for each in self.taken],
            "pending": [_as_json(asdict(each)) for each in self.pending.values()],
            "strangers": self.strangers.as_json(),
        }
        write_json(state_folder(paths) / "inbox.json", value)

    def without(self, number: int) -> Inbox:
        """Return it without the command of an update."""
        return replace(self, taken=tuple(each for each in self.taken if each.number != number))

    def asking(self, asked: Pending, now: datetime) -> Inbox:
        """Return it with a command that waits for its button, and without those whose time is long over."""
        others = {nonce: each for nonce, each in self.pending.items() if each.expires > now - KEEP}
        return replace(self, pending={**others, asked.nonce: asked})

    def answered(self, nonce: str, now: datetime) -> Inbox:
        """Return it without a command that waited for its button."""
        others = {key: each for key, each in self.pending.items() if key != nonce and each.expires > now - KEEP}
        return replace(self, pending=others)


def _as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: format_instant(value) if isinstance(value, datetime) else value for key, value in values.items()}


def _back(values: Mapping[str, Any], instant: str) -> dict[str, Any]:
    return {**values, "words": tuple(values["words"]), instant: parse_instant(values[instant])}
