"""What a new plugin can bring: one part for each hook, and what it is called in the package."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from huracan.errors import UsageError
from huracan.settings_sources import nearest

__all__ = ["ALL", "PARTS", "Part", "chosen"]

ALL = "all"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a plugin.

    ``files`` are the templates of its modules and tests besides ``NAME.py`` and ``test_NAME.py``, ``values`` the types
    that its hook answers with, ``needs`` the parts that it cannot be without, ``libraries`` what its modules import.
    ``offers`` are the names that it takes: the method of ``Plugins`` that knows those of others, and the name.
    """

    name: str
    what: str
    values: tuple[str, ...]
    offers: tuple[str, str]
    files: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()


_NIGHTS = ("package/nights.py",)
_PLACE = ("package/place.py",)

PARTS: dict[str, Part] = {
    part.name: part
    for part in (
        Part(
            "settings", "a section of the settings", ("SettingsSection",), ("settings", "{snake}"),
            libraries=("pydantic",),
        ),
        Part(
            "job", "a job of the night: writes the last nights down", ("Job",), ("jobs", "{name}-diary"),
            (*_NIGHTS, *_PLACE),
        ),
        Part(
            "service", "a service: tells of a night that takes too long", ("Service",), ("services", "{name}-watch"),
            _NIGHTS,
        ),
        Part(
            "check", "a health check: did the last night take too long", ("Check",), ("checks", "{name}-last-night"),
            _NIGHTS,
        ),
        Part(
            "exchange", "an exchange that answers by HTTP", ("ExchangeType",), ("exchanges", "{name}"),
            ("package/exchange_client.py",), libraries=("httpx", "numpy", "pydantic"),
        ),
        Part(
            "universe", "a rule that leaves coins out", ("UniverseRule",), ("universe_rules", "{name}-memes"),
        ),
        Part(
            "features", "two columns for the models", ("FeatureSet",), ("features", "{name}"), libraries=("numpy",),
        ),
        Part(
            "trainer", "a kind of model: naive Bayes", ("Trainer",), ("trainers", "{name}-bayes"),
            libraries=("numpy",),
        ),
        Part("gate", "a condition that models must meet", ("Gate",), ("gates", "{name}-costs")),
        Part(
            "export", "a table and a text file for other programs", ("Export", "FileExport", "TableExport"),
            ("exports", "{snake}_nights"), _NIGHTS,
        ),
        Part(
            "notify", "an alert channel that posts to a server", ("Notifier",), ("notifiers", "{name}"),
            needs=("settings",), libraries=("httpx",),
        ),
        Part("chat", "a command by chat (Telegram)", ("ChatCommand",), ("chat_commands", "{snake}"), _NIGHTS),
        Part(
            "remote", "a place for copies: two folders that mirror each other", ("RemoteType",), ("remotes", "{name}"),
            libraries=("pydantic",),
        ),
        Part(
            "backup", "files of its own in every backup", ("BackupSource",), ("backup_sources", "{name}"), _PLACE,
        ),
        Part("report", "a section of the daily report", ("ReportSection",), ("report_sections", "{name}"), _NIGHTS),
        Part("command", "a command of the huracan line", ("Command",), ("commands", "{name}"), _NIGHTS),
    )
}  # fmt: skip
"""In the order of the hooks in spec.py."""


def chosen(words: Iterable[str]) -> tuple[Sequence[Part], Sequence[Part]]:
    """Return the parts that are asked for, and those of them that nobody named and another one needs.

    ``words`` are names, several in one with commas between them; ``all`` is every part. Raises UsageError for a name
    that is no part, and where nothing is asked for.
    """
    named = [name for word in words for name in word.replace(",", " ").split()]
    if not named:
        raise UsageError(f"--with names no part; known here: {', '.join([*PARTS, ALL])}")
    for name in named:
        if name not in PARTS and name != ALL:
            raise UsageError(f"there is no part {name!r}{nearest(name, [*PARTS, ALL])}")
    wanted = set(PARTS) if ALL in named else set(named)
    brought = {need for name in wanted for need in PARTS[name].needs} - wanted
    found = [part for part in PARTS.values() if part.name in wanted | brought]
    return found, [part for part in found if part.name in brought]
