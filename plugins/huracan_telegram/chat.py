"""The commands of Huracan itself: how it stands, what it did, and the few switches."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from huracan.context import Context
from huracan.errors import HuracanError, UsageError
from huracan.masking import mask, printable
from huracan.types import ChatReply
from huracan_telegram.texts import one_line

__all__ = [
    "answer_doctor", "answer_help", "answer_history", "answer_jobs", "answer_logs", "answer_pause", "answer_resume",
    "answer_run", "answer_status",
]  # fmt: skip

BY = "the owner, by Telegram"
CHECK_SECONDS = 20.0
READ_BYTES = 4_000_000
SHOWN_LINES, FILE_LINES = 12, 1000
_MARKS = {
    "done": "✓", "ok": "✓", "nothing-to-do": "✓", "running": "▶", "partly-failed": "!", "warning": "!",
    "interrupted": "!", "skipped": "–", "never": "–",
}  # fmt: skip


# ------------------------------------------------------------------------------------------------------------- looking


def answer_status(context: Context, arguments: Sequence[str]) -> ChatReply:
    """Say what runs, what comes next and what is wrong."""
    from huracan.cli.status import look

    del arguments
    standing = look(context)
    lines = [f"▶ {standing.running}" if standing.running else "Nothing runs."]
    if running := _at_work(context):
        lines[0] = f"▶ {running}"
    for pipeline in standing.pipelines:
        last = pipeline.last
        state = f"{_mark(last.state)} {last.run_date:%-d %b} {last.state}" if last else "never ran"
        lines.append(f"{pipeline.name}: {state}{f', next {_moment(pipeline.next_due)}' if pipeline.next_due else ''}")
    lines.append(f"{standing.champions} champions, {standing.tradable} may be traded")
    if standing.trading:
        mark = "🟢" if standing.trading == "normal" else "🛑" if standing.trading.startswith("stopped") else "⚠️"
        lines.append(f"{mark} trading: {standing.trading}")
    if standing.paused:
        lines.append(f"⏸ schedule {standing.paused}")
    lines += [f"⚠️ {one_line(problem)}" for problem in standing.problems[:5]]
    if len(standing.problems) > 5:
        lines.append(f"… and {len(standing.problems) - 5} more; /doctor")
    return ChatReply("\n".join(lines), buttons=(("Jobs", "jobs"), ("Roster", "roster"), ("Doctor", "doctor")))


def _at_work(context: Context) -> str:
    """Return what the daemon says that it does; empty where it does nothing or there is none."""
    from huracan.control import ask, socket_path

    try:
        answer = ask(socket_path(context.settings.core), {"do": "status"}, 2.0)
    except HuracanError:
        return ""
    return str(answer.get("status", "")) if answer.get("running") else ""


def answer_jobs(context: Context, arguments: Sequence[str]) -> ChatReply:
    """List the jobs with their last result."""
    from huracan.cli.tables import duration

    del arguments
    last = {row.job: row for row in context.store.ledger.last_jobs()}
    rows = [
        (name, _mark(last[name].state) if name in last else "–", duration(last[name].seconds) if name in last else "-")
        for name in context.plugins.jobs()
    ]
    failed = [row for row in last.values() if row.state == "failed"]
    lines = [f"❌ {row.job}: {one_line(row.error or row.summary)}" for row in failed]
    return ChatReply(
        "\n".join(lines), (("job", "", "took"), *rows), buttons=tuple((f"Log {e.job}", f"logs {e.job}") for e in failed)
    )


def answer_history(context: Context, arguments: Sequence[str]) -> ChatReply:
    """List the last runs, newest first."""
    from huracan.cli.tables import duration

    runs = context.store.ledger.runs(limit=_count(arguments, 10))
    if not runs:
        return ChatReply("No run yet.", buttons=(("Run nightly", "run nightly"),))
    rows = [
        (f"{row.run_date:%d %b}", row.pipeline, _mark(row.state),
         duration((row.ended_at - row.started_at).total_seconds()) if row.ended_at else "-")
        for row in runs
    ]  # fmt: skip
    return ChatReply("", (("date", "run", "", "took"), *rows))


def answer_doctor(context: Context, arguments: Sequence[str]) -> ChatReply:
    """Ask every health check; what is well is counted, what is not is named with how to mend it."""
    from huracan.health import run_checks

    del arguments
    findings = run_checks(context, CHECK_SECONDS)
    bad = [finding for finding in findings if finding.result.state != "ok"]
    lines = [f"✓ {len(findings) - len(bad)} of {len(findings)} checks are well"]
    for finding in bad:
        mark = "❌" if finding.result.state == "failed" else "⚠️"
        lines.append(f"{mark} {finding.name}: {one_line(finding.result.detail)}")
        if finding.result.hint:
            lines.append(f"   → {one_line(finding.result.hint)}")
    lines += [f"❌ {one_line(problem)}" for problem in context.plugins.problems()]
    return ChatReply("\n".join(lines))


def answer_help(context: Context, arguments: Sequence[str]) -> ChatReply:
    """List the commands."""
    del arguments
    commands = context.plugins.chat_commands()
    # Who only looks finds that first; what asks before it acts stands last.
    listed = sorted(commands.values(), key=lambda command: command.acts + command.confirm)
    lines = [f"/{command.name} – {command.help}" for command in listed]
    picks = tuple((name.capitalize(), name) for name in ("status", "roster", "universe", "jobs", "history", "doctor"))
    return ChatReply("\n".join(lines), buttons=tuple(pick for pick in picks if pick[1] in commands))


# ---------------------------------------------------------------------------------------------------------------- logs


def answer_logs(context: Context, arguments: Sequence[str]) -> ChatReply:
    """Show the last lines of the log, of one job where it is named, and send more of them as a file; no secrets."""
    from huracan.paths import write_bytes

    job = arguments[0] if arguments else ""
    known = context.plugins.jobs()
    if job and job not in known:
        raise UsageError(f"there is no job {job!r}; known are: {', '.join(known)}")
    lines = list(_log_lines(context, job))[-FILE_LINES:]
    if not lines:
        return ChatReply(f"The log holds no line of {job}." if job else "The log is empty.")
    file = context.paths.state / "telegram" / f"log{f'_{job}' if job else ''}.txt"
    write_bytes(file, ("\n".join(lines) + "\n").encode(), mode=0o600)
    bad = [line for line in lines if " error " in line or " warning " in line]
    shown = (bad or lines)[-SHOWN_LINES:]
    what = "last warnings and errors" if bad else "last lines"
    return ChatReply(f"{what}{f' of {job}' if job else ''}:\n" + "\n".join(one_line(line) for line in shown), file=file)


def _log_lines(context: Context, job: str) -> Iterator[str]:
    """Yield lines as people read them, oldest first, from the end of the log."""
    from huracan.logs import LOG_FILE

    try:
        with (context.paths.logs / LOG_FILE).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - READ_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return
    for line in text.splitlines():
        try:
            found: Any = json.loads(line)
            if job and found.get("job") != job:
                continue
            where = " ".join(str(found[key]) for key in ("job", "symbol") if found.get(key))
            yield printable(
                mask(f"{found['time'][11:19]} {found['level']} {where + ': ' if where else ''}{found['message']}")
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # the first line is cut, and a foreign one cannot be sorted


# ------------------------------------------------------------------------------------------------------------- acting


def answer_run(context: Context, arguments: Sequence[str]) -> ChatReply:
    """Let the daemon run a pipeline or a job; without a name, offer the pipelines."""
    from huracan.control import ask, socket_path
    from huracan.run.graph import names_of_pipelines

    words = [word for word in arguments if word.lower() not in ("force", "--force", "again")]
    if not words:
        names = names_of_pipelines(context.plugins.jobs())
        return ChatReply(
            "Which one? /run NAME, or /run NAME again", buttons=tuple((each, f"run {each}") for each in names)
        )
    # The listener notes every command, with who gave it.
    request = {"do": "start", "name": words[0], "force": len(words) < len(arguments), "by": BY, "noted": True}
    answer = ask(socket_path(context.settings.core), request)
    behind = f" after {answer['after']}" if answer.get("after") else ""
    return ChatReply(f"▶ {words[0]} starts{behind}.", buttons=(("Status", "status"),))


def answer_pause(context: Context, arguments: Sequence[str]) -> ChatReply:
    """Pause the schedule; what runs goes on."""
    from huracan.trading import pause_schedule

    reason = " ".join(arguments) or "no reason given"
    pause = pause_schedule(context.paths.state, reason, BY, context.clock.now())
    return ChatReply(
        f"⏸ The schedule is paused since {_moment(pause.since)}: {pause.reason}\n/resume schedule goes on."
    )


def answer_resume(context: Context, arguments: Sequence[str]) -> ChatReply:
    """Let the schedule run again, or lift the kill switch; without a word, the only one of them that is on."""
    from huracan.trading import read_kill, schedule_pause

    state = context.paths.state
    killed, paused = read_kill(state).on, schedule_pause(state) is not None
    what = arguments[0].lower() if arguments else ""
    if what not in ("", "trading", "schedule"):
        raise UsageError("say /resume schedule or /resume trading")
    if not what and killed and paused:
        raise UsageError("trading is stopped and the schedule is paused: say /resume trading or /resume schedule")
    if (what or ("schedule" if paused else "trading")) == "schedule":
        return _resume_schedule(context)
    return _resume_trading(context, killed, " ".join(arguments[1:]))


def _resume_schedule(context: Context) -> ChatReply:
    from huracan.trading import resume_schedule

    was_paused = resume_schedule(context.paths.state)
    return ChatReply("▶ The schedule runs again." if was_paused else "The schedule is not paused.")


def _resume_trading(context: Context, killed: bool, reason: str) -> ChatReply:
    from huracan.alerts.trading import tell_changes
    from huracan.trading import lift

    if not killed:
        return ChatReply("The kill switch is off.")
    document = lift(context.paths.state, reason or "no reason given", BY, context.clock.now())
    tell_changes(context, patience=5.0)
    why = "; ".join(each.sentence for each in document.reasons)
    return ChatReply(f"🟢 The kill switch is lifted. Trading is {document.mode.value}{f': {why}' if why else ''}.")


def _count(arguments: Sequence[str], default: int) -> int:
    try:
        return max(1, min(50, int(arguments[0]))) if arguments else default
    except ValueError:
        raise UsageError(f"{arguments[0]!r} is no number") from None


def _mark(state: str) -> str:
    return _MARKS.get(str(state), "✗")


def _moment(instant: datetime | None) -> str:
    return f"{instant:%-d %b %H:%M} UTC" if instant else "an unknown time"
