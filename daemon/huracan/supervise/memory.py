"""How much memory a process has taken with all that it started, read from /proc: what no systemd counts for us."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

__all__ = ["taken_mib"]


def taken_mib(pid: int, proc: Path = Path("/proc")) -> float:
    """Return the MiB that ``pid`` and its descendants hold for themselves, in any session; 0 where it is gone.

    Files that are mapped and shared count for nobody, as they can be dropped: RssAnon and RssShmem of proc(5).
    """
    parents = _parents(proc)
    family, kilobytes = {pid}, 0
    grown = True
    while grown:
        more = {child for child, parent in parents.items() if parent in family} - family
        family |= more
        grown = bool(more)
    for member in family:
        with suppress(OSError, ValueError):
            for line in (proc / str(member) / "status").read_text("utf-8", "replace").splitlines():
                if line.startswith(("RssAnon:", "RssShmem:")):
                    kilobytes += int(line.split()[1])
    return kilobytes / 1024


def _parents(proc: Path) -> dict[int, int]:
    """Return the parent of each process."""
    found = {}
    for folder in proc.iterdir():
        if folder.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                text = (folder / "stat").read_text("utf-8", "replace")
                # The name stands in brackets and may hold anything, brackets too.
                found[int(folder.name)] = int(text.rpartition(")")[2].split()[1])
    return found
