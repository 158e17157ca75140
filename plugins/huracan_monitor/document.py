"""``monitoring/health.json``: what every check said last. It also carries what was told over a restart."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from huracan.clock import format_instant, parse_instant
from huracan.context import Context
from huracan.errors import HuracanError
from huracan.health import Finding
from huracan.paths import read_json, write_json
from huracan.types import CheckState
from huracan_monitor.standing import Standing, as_json, standing_from

__all__ = ["HEALTH_FILE", "HealthDocument"]

HEALTH_FILE = "health.json"


class HealthDocument:
    """One entry for each check, in the checks' order. What an earlier service wrote holds until a check is asked."""

    def __init__(self, context: Context, names: list[str]) -> None:
        self._context, self._names = context, names
        self._path = context.paths.monitoring / HEALTH_FILE
        self._troubled = False
        for leftover in self._path.parent.glob(f".{HEALTH_FILE}.*.tmp"):
            leftover.unlink(missing_ok=True)  # of a service that was killed while it wrote: it runs once
        self._entries = self._read()

    def standing(self, name: str) -> Standing | None:
        """Return what the owner was told of a check, None where nothing is known."""
        return standing_from(self._entries.get(name))

    def last_good_look(self, name: str) -> datetime | None:
        """Return when a check was found ok, where that was the last look at it and nothing waits to be confirmed."""
        entry, standing = self._entries.get(name, {}), self.standing(name)
        if standing is None or standing.recent or not (entry.get("state") == standing.told == CheckState.OK):
            return None
        try:
            return parse_instant(entry["time"])
        except (KeyError, TypeError, ValueError):
            return None

    def bad(self) -> list[str]:
        """Return the checks that are not ok."""
        return [name for name in self._names if self._entries.get(name, {}).get("state", "ok") != CheckState.OK]

    def note(self, asked_at: datetime, finding: Finding, standing: Standing) -> None:
        """Take down what a check said; :meth:`write` makes it visible."""
        self._entries[finding.name] = {
            "name": finding.name,
            "plugin": finding.plugin,
            "time": format_instant(asked_at),
            "state": finding.result.state.value,
            "detail": finding.result.detail,
            "hint": finding.result.hint,
            "latency_seconds": round(finding.seconds, 6),
            **as_json(standing),
        }

    def write(self) -> None:
        """Write the file. One that cannot be written, on a full disk perhaps, must not end the watch."""
        checks = [self._entries[name] for name in self._names if name in self._entries]
        now = format_instant(self._context.clock.now())
        try:
            write_json(self._path, {"schema": 1, "time": now, "checks": checks})
            self._troubled = False
        except (OSError, HuracanError) as error:
            if not self._troubled:
                self._context.log.warning("%s cannot be written: %s", self._path, error)
            self._troubled = True

    def _read(self) -> dict[str, dict[str, Any]]:
        """Read the entries that make sense, of checks that there still are."""
        listed = (read_json(self._path) or {}).get("checks")
        entries = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        found = {str(each.get("name")): each for each in entries if standing_from(each) is not None}
        return {name: found[name] for name in self._names if name in found}
