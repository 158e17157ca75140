"""Actions that people ordered, as files in ``state/audit``, until the store takes them: a switch waits for no database.

Importing this module loads no library: ``huracan kill`` has a tenth of a second.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huracan.errors import HuracanError
from huracan.paths import canonical_json, read_json
from huracan.trading_files import make_folder, one_line

if TYPE_CHECKING:
    from huracan.context import Context

__all__ = ["lay_down_action", "take_in_actions"]

MOST = 1000
"""Files; whoever gives orders without end while the database is away must not fill the disk."""


def lay_down_action(
    state: Path, time: datetime, actor: str, via: str, action: str, arguments: Mapping[str, Any], outcome: str = "done"
) -> bool:
    """Keep an action as a file, and return whether that could be done: it must never fail what was ordered."""
    folder = state / "audit"
    with suppress(OSError, HuracanError, ValueError, TypeError):
        make_folder(folder)
        if sum(1 for _ in folder.iterdir()) >= MOST:
            return False
        value = {
            "schema": 1, "time": time.isoformat(), "actor": one_line(actor), "via": via, "action": one_line(action),
            "arguments": {key: one_line(each) if isinstance(each, str) else each for key, each in arguments.items()},
            "outcome": one_line(outcome),
        }  # fmt: skip
        name = f"{time:%Y%m%dT%H%M%S.%f}-{os.urandom(8).hex()}.json"
        # Not flushed to the disk, which takes longer than all else of a kill: what a power cut takes from the audit
        # stands in the history of kill.json.
        temporary = folder / f".{name}.tmp"
        temporary.write_bytes(canonical_json(value))
        temporary.chmod(0o644)  # the owner of the workspace has to read what root noted
        temporary.replace(folder / name)
        return True
    return False


def take_in_actions(context: Context) -> int:
    """Put what was laid down into the store, oldest first, unless another process does, and return how many there were.

    A kill in between stores one twice. Raises StoreError where the store is away.
    """
    from filelock import FileLock, Timeout

    state = context.paths.state
    files = sorted((state / "audit").glob("[0-9]*.json"))
    if not files:
        return 0
    taken = 0
    with suppress(Timeout), FileLock(state / "audit.lock", timeout=0):
        for path in files:
            taken += _take_in(context, path)
    return taken


def _take_in(context: Context, path: Path) -> bool:
    from huracan.clock import parse_instant
    from huracan.store import AuditEntry

    if not path.exists():
        return False  # another process was here
    try:
        kept = read_json(path) or {}
        entry = AuditEntry(
            parse_instant(kept["time"]), str(kept["actor"]), str(kept["via"]), str(kept["action"]),
            dict(kept["arguments"]), str(kept["outcome"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError):
        context.log.warning("%s holds no action; it is deleted", path)
        path.unlink(missing_ok=True)
        return False
    try:
        context.store.audit.add(entry)
    except HuracanError:
        raise
    except Exception:
        # What no database takes must not end who takes it in again and again. The last such file stays.
        context.log.exception("the action %s of %s cannot be stored", entry.action, entry.actor)
        path.replace(path.with_name("refused.json"))
        return False
    path.unlink(missing_ok=True)
    return True
