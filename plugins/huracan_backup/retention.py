"""Which backups stay: the newest of each of the last days, weeks and months that have one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

__all__ = ["kept"]


def kept(backups: Mapping[str, datetime], *, daily: int, weekly: int, monthly: int) -> dict[str, str]:
    """Return the backups that stay, each with the reason; the newest always does.

    Days, weeks (ISO 8601) and months in UTC, and only those that have a backup count: a machine that was away for a
    year keeps what it had. Pruning every night leaves what pruning once at the end would leave.
    """
    newest_first = sorted(backups, key=lambda name: (backups[name], name), reverse=True)
    stays = {newest_first[0]: "newest"} if newest_first else {}
    for count, word, bucket in (
        (daily, "day", _day), (weekly, "week", _week), (monthly, "month", _month),
    ):  # fmt: skip
        for name in _newest_of_each(newest_first, backups, bucket, count):
            stays.setdefault(name, word)
    return stays


def _newest_of_each(
    newest_first: Iterable[str], backups: Mapping[str, datetime], bucket: Callable[[datetime], str], count: int
) -> Iterable[str]:
    seen: set[str] = set()
    for name in newest_first:
        if len(seen) == count:
            return
        if (mark := bucket(backups[name])) not in seen:
            seen.add(mark)
            yield name


def _day(when: datetime) -> str:
    return f"{when:%Y-%m-%d}"


def _week(when: datetime) -> str:
    return f"{when:%G-%V}"


def _month(when: datetime) -> str:
    return f"{when:%Y-%m}"
