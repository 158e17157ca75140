"""What is known of files from the last backup, so that an unchanged one need not be read again.

Kept in the workspace's state and not beside the backups, which may be encrypted, on a disk that others see.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from huracan.paths import sha256_of, write_bytes
from huracan_backup.packs import Member, Source

__all__ = ["KnownHashes"]

_FILE = "backup-files.json"
_RACY_NS = 2_000_000_000
"""A file that changed so shortly before may change again within the same tick of the file system's clock."""


@dataclass
class KnownHashes:
    """SHA-256 by path, believed as long as size, times, inode and permissions are the same."""

    before: dict[str, list[object]]
    now: dict[str, list[object]] = field(default_factory=dict)

    @classmethod
    def read(cls, state: Path) -> KnownHashes:
        """Read what the last backup left; a file that is missing or damaged costs time and nothing else."""
        try:
            value = json.loads((state / _FILE).read_text("utf-8"))
        except (OSError, ValueError):
            value = {}
        return cls(value if isinstance(value, dict) else {})

    def write(self, state: Path) -> None:
        """Keep what is known of the files of this backup."""
        write_bytes(state / _FILE, json.dumps(self.now, separators=(",", ":")).encode(), 0o600)

    def members(self, sources: Sequence[Source], step: Callable[[], None]) -> list[Member] | None:
        """Return the members that packing these files would give, None where one of them is not known unchanged.

        Only what is made anew for each backup, and is equal perhaps, is read where it is not known.
        """
        found = []
        for source in sources:
            try:
                about = source.file.lstat()
                known = self.before.get(source.path)
                if known is not None and known[:-1] == _facts(about):
                    digest = str(known[-1])
                    self.now[source.path] = known
                elif source.path.startswith("workspace/"):
                    return None
                else:
                    digest = sha256_of(source.file)
                    step()
            except OSError:
                return None
            found.append(Member(source.path, about.st_size, about.st_mode & 0o755, about.st_mtime_ns, digest))
        return found

    def learn(self, sources: Sequence[Source], members: Sequence[Member]) -> None:
        """Note what was packed."""
        for source, member in zip(sources, members, strict=True):
            try:
                about = source.file.lstat()
            except OSError:
                continue
            if (about.st_size, about.st_mtime_ns) == (member.size, member.modified_ns):
                self._keep(source.path, about, member.sha256)

    def _keep(self, path: str, about: os.stat_result, digest: str) -> None:
        if time.time_ns() - about.st_ctime_ns > _RACY_NS:
            self.now[path] = [*_facts(about), digest]


def _facts(about: os.stat_result) -> list[object]:
    return [about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino, about.st_mode]
