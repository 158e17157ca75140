"""The health report: Markdown that a person can read as it is, send, or keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from huracan.cli.health_history import latency, share
from huracan.cli.tables import duration, moment
from huracan.types import CheckState

if TYPE_CHECKING:
    from huracan.cli.health_history import History

__all__ = ["report"]


def report(histories: Sequence[History], days: int, workspace: str) -> str:
    """Return the report on the last ``days`` days: a line for each check, every outage, the failures of each day."""
    lines = ["# Health report", "", *_introduction(histories, days, workspace), "", *_overview(histories, days), ""]
    lines += ["## Outages", "", *_outages(histories, days), "## Day by day", "", *_by_day(histories, days)]
    return "\n".join(lines) + "\n"


def _introduction(histories: Sequence[History], days: int, workspace: str) -> Iterator[str]:
    if not histories:
        yield "No enabled plugin brings a check."
        return
    now = histories[0].now
    yield f"From {moment(now - timedelta(days=days))} to {moment(now)}, workspace {_cell(workspace)}. Times are UTC."
    yield "The error rate is failed looks / looks; a warning is no failure. p95: 95 % of the looks took no longer."


def _overview(histories: Sequence[History], days: int) -> Iterator[str]:
    yield from _head(
        "check", "state now", "since", "looks", "failed", "warnings", "error rate", "median", "p95", "longest outage"
    )
    for each in histories:
        one = each.summary(timedelta(days=days))
        yield _row(
            each.name, each.state, moment(each.standing.since if each.standing else None), str(one.runs),
            str(one.failures), str(one.warnings), share(one.error_rate), latency(one.median_seconds),
            latency(one.p95_seconds), duration(one.longest_outage) if one.failures else "-",
        )  # fmt: skip


def _outages(histories: Sequence[History], days: int) -> Iterator[str]:
    from huracan.store import outages

    found = {each.name: outages(each.within(timedelta(days=days))) for each in histories}
    if well := [name for name, failures in found.items() if not failures]:
        yield from (f"No check failed of these: {', '.join(well)}.", "")
    for name, failures in found.items():
        if not failures:
            continue
        yield from (f"### {name}", "", *_head("from", "to", "lasted", "looks", "found"))
        for one in reversed(failures):
            until = moment(one.until) if one.until else "still"
            yield _row(moment(one.since), until, duration(one.seconds), str(one.looks), one.detail)
        yield ""


def _by_day(histories: Sequence[History], days: int) -> Iterator[str]:
    """Failed looks / looks of each day, newest first; days on which nobody looked are left out."""
    counts: dict[date, dict[str, list[int]]] = {}
    for each in histories:
        for result in each.within(timedelta(days=days)):
            looks = counts.setdefault(result.time.date(), {}).setdefault(each.name, [0, 0])
            looks[0] += result.state is CheckState.FAILED
            looks[1] += 1
    if not counts:
        yield "Nobody looked: the service monitor does, which `huracan daemon` keeps running."
        return
    yield from _head("day", *(each.name for each in histories))
    for day in sorted(counts, reverse=True):
        told = (counts[day].get(each.name) for each in histories)
        yield _row(str(day), *(f"{one[0]} / {one[1]}" if one else "-" for one in told))


def _head(*names: str) -> Iterable[str]:
    return _row(*names), _row(*("---" for _ in names))


def _row(*cells: str) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: str) -> str:
    """Return text that cannot break a table: a detail comes from anywhere."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split())
