"""What the core tells of: every kind of event, and the form in which bundled plugins declare theirs (``events.py``).

Tests hold every call of ``emit`` to these; the reference of events is rendered from them. A plugin of somebody else
needs none: its kinds are its own, best named ``NAME.what-happened``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from huracan.types.messages import Severity

__all__ = ["CORE_EVENTS", "EventKind"]

INFO, WARNING, ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR


@dataclass(frozen=True, slots=True)
class EventKind:
    """A kind of event: how bad it can be, when it is emitted, and what its fields hold, by name.

    ``more`` says that there are fields besides, which the sentence in ``when`` names.
    """

    kind: str
    severities: tuple[Severity, ...]
    when: str
    fields: Mapping[str, str] = field(default_factory=dict)
    more: bool = False


_SWITCH = {
    "breaker": "its name, `kill` for the kill switch",
    "mode": "what holds for trading: `normal`, `reduced`, `defensive` or `stopped`",
    "value": "what was measured, null where nothing is", "limit": "what it must not pass, null where there is none",
    "since": "since when", "by": "who did it",
}  # fmt: skip
_CHANNEL = {"channel": "its name"}

CORE_EVENTS: tuple[EventKind, ...] = (
    EventKind(
        "run.started", (INFO,), "a run begins, or goes on after it was interrupted",
        {"pipeline": "its name", "total": "number of its jobs", "jobs": "their names, in order"},
    ),
    EventKind(
        "run.ended", (INFO, WARNING, ERROR),
        "a run came to its end: well, with parts that failed (warning), or with jobs that failed (error)",
        {
            "pipeline": "its name", "state": "`done`, `partly-failed`, `nothing-to-do` or `failed`",
            "exit_code": "what `huracan run` ends with", "problems": "a line for each job that did not end well",
        },
    ),
    EventKind(
        "run.stopped", (WARNING,), "a person stopped the unit of a job; the run rests until its next time, or a start"
    ),
    EventKind("run.troubled", (WARNING,), "systemd does not start the jobs of a run; it is tried again"),
    EventKind(
        "run.given-up", (ERROR,), "a run was killed again and again and never came to its end", {"pipeline": "its name"}
    ),
    EventKind(
        "job.failed", (ERROR,), "a job failed for good, after all its retries",
        {
            "failed_job": "its name", "plugin": "whose job it is",
            "log": "file of the workspace with its last lines, null where there are none",
        },
    ),
    EventKind(
        "plugin.failed", (ERROR,), "a plugin does not work and was left out, or did what it must not; told once",
        {
            "plugin": "its name", "distribution": "the package that brings it",
            "about": "what of it: the plugin as it stands, a job, a feature set", "reason": "what is wrong",
            "hint": "where to look",
        },
    ),
    EventKind(
        "unit.failed", (ERROR,), "a unit of systemd failed; of a service that keeps failing it is told once",
        {"unit": "its name", "result": "systemd's word for it", "status": "exit status or signal"},
    ),
    EventKind("service.ended", (WARNING,), "without systemd: a service ended by itself and is started again"),
    EventKind("service.failed", (ERROR,), "without systemd: a service ends again and again; told once"),
    EventKind("service.not-restarted", (WARNING,), "after a reload, units of services still have the old settings"),
    EventKind("settings.reloaded", (INFO,), "the daemon took new settings"),
    EventKind("settings.refused", (ERROR,), "new settings are wrong; the daemon keeps the old ones"),
    EventKind("units.outdated", (WARNING,), "the installed units are not those that plugins and settings ask for"),
    EventKind(
        "schedule.failed", (ERROR,), "a pipeline on schedule has no jobs, or was missed where `catch_up` is off"
    ),
    EventKind("schedule.overlap", (WARNING,), "something is due while another run holds the workspace; it waits"),
    EventKind("control.failed", (WARNING,), "the daemon cannot listen for `huracan start` and the like"),
    EventKind(
        "alerts.channel-dead", (ERROR,), "a channel has failed for `alerts.dead_minutes`; told on the others",
        {**_CHANNEL, "error": "what it says"},
    ),
    EventKind("alerts.channel-back", (INFO,), "a channel that was dead takes messages again", _CHANNEL),
    EventKind(
        "alerts.refused", (ERROR,), "a channel will never take a message, or one of its recipients takes none",
        {
            **_CHANNEL, "messages": "titles of what is lost", "recipient": "of an email", "chat": "of Telegram",
            "hint": "how to mend it",
        },
    ),
    EventKind(
        "alerts.given-up", (WARNING,), "messages came to be older than `alerts.expire_hours`",
        {**_CHANNEL, "messages": "titles of what is lost"},
    ),
    EventKind("kill.on", (ERROR,), "the kill switch was thrown", _SWITCH),
    EventKind("kill.off", (INFO,), "the kill switch was lifted", _SWITCH),
    EventKind("breaker.tripped", (WARNING, ERROR), "a breaker reduced trading, or stopped it (error)", _SWITCH),
    EventKind("breaker.released", (INFO,), "a breaker let go", _SWITCH),
)  # fmt: skip
