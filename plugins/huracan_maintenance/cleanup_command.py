"""Delete what is old or too much, as the job ``cleanup`` does; ``--dry-run`` names it and touches nothing.

What a champion, the roster or the history of champions needs stays, so do the newest of each kind, and, where a remote
store is set, all that has no copy there yet. Copies in the remote store stay.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from huracan.cli.common import console, json_option, open_context, show_json
from huracan.clock import format_instant
from huracan.errors import ExitCode

if TYPE_CHECKING:
    from huracan_maintenance.cleanup import Cleaned
    from huracan_maintenance.plan import Plan

__all__ = ["configure", "run"]

MOST_SHOWN = 40


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument("--dry-run", action="store_true", help="say what would be deleted and why, and touch nothing")
    json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Clean up, or say what there is to clean up. Exit code 3 where something could not be deleted."""
    from huracan.run.lock import run_lock
    from huracan_maintenance.cleanup import carry_out, tell
    from huracan_maintenance.plan import free_bytes, make_plan

    context = open_context(arguments, create=not arguments.dry_run)
    workspace = context.paths.workspace
    with context.store:
        if arguments.dry_run:
            plan = make_plan(context, free_bytes(workspace) if workspace.exists() else float("inf"))
            done = None
        else:
            with run_lock(context.paths.state, "huracan cleanup", context.clock.now()):
                plan = make_plan(context, free_bytes(workspace))
                done = carry_out(context, plan)
            tell(context, plan, done)
    _show(arguments, plan, done)
    failed = plan.copies.problem is not None or (done is not None and done.problems)
    return int(ExitCode.PARTLY_FAILED if failed else ExitCode.DONE)


def _show(arguments: argparse.Namespace, plan: Plan, done: Cleaned | None) -> None:
    if arguments.json:
        show_json(_as_json(plan, done))
        return
    from rich.text import Text

    from huracan.cli.tables import make_table, moment
    from huracan_maintenance.cleanup import size_in_words, summary_of

    screen = console(arguments)
    listed = plan.doomed if done is None else tuple(done.gone)
    if listed:
        table = make_table(("kind", "path", "size", "changed", "why"), right=("size",), wide="why")
        for each in listed[:MOST_SHOWN]:
            item = each.item
            shown = (item.kind, Text(item.path), size_in_words(item.size), moment(item.changed), each.reason)
            table.add_row(*shown)
        screen.print(table)
        if len(listed) > MOST_SHOWN:
            screen.print(f"... and {len(listed) - MOST_SHOWN:,} more; --json lists them all")
        screen.print()
    screen.print(Text(summary_of(plan, done), "bold"))
    if plan.rotate_alerts:
        screen.print(
            "monitoring/alerts.jsonl is set aside and begun anew" if done is None else f"set aside: {done.rotated}"
        )
    if plan.short:
        screen.print(Text(f"{size_in_words(plan.short)} more are wanted than may be deleted", "red"))
    for line in [
        *(done.problems if done else ()),
        *([f"copies: {plan.copies.problem}"] if plan.copies.problem else ()),
    ]:
        screen.print(Text(line, "red"))


def _as_json(plan: Plan, done: Cleaned | None) -> dict[str, Any]:
    listed = plan.doomed if done is None else done.gone
    return {
        "dry_run": done is None,
        "items": [
            {
                "kind": each.item.kind,
                "path": each.item.path,
                "bytes": each.item.size,
                "changed": format_instant(each.item.changed),
                "reason": each.reason,
            }
            for each in listed
        ],
        "bytes": plan.size if done is None else done.size,
        "waiting_for_copies": [item.path for item in plan.waiting],
        "events": plan.events if done is None else done.events,
        "alerts_rotated": plan.rotate_alerts if done is None else done.rotated is not None,
        "bytes_short": round(plan.short),
        "problems": [*([] if done is None else done.problems), *([plan.copies.problem] if plan.copies.problem else [])],
    }
