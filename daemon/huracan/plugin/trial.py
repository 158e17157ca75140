"""Tries what strangers wrote in a process of its own, before any process that matters loads it.

What a plugin raises can be caught by who loads it. What ends its process, hangs, eats the memory or writes elsewhere
cannot: the daemon and every command would go down with it. So each installed version is imported once and asked all of
its hooks by a process in a session of its own, with limits (:mod:`huracan.plugin.trying`). How that went is kept by the
state of the plugin's files, so that it costs a second after an installation and next to nothing from then on.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from huracan import API_VERSION, __version__
from huracan.plugin.installed import origin_of

__all__ = ["MEMORY_MIB", "SECONDS", "Trials", "fingerprint"]

SECONDS = 20.0
MEMORY_MIB = 1024

_AGAIN = 86_400.0
"""Seconds after which what failed is tried again: the machine may have been busy, a server away."""
_KEPT = 180 * 86_400.0
_MOST_FILES = 5000
_INSTALLED = ("site-packages", "dist-packages")
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Trials:
    """Tries plugins and remembers how it went in ``folders``: in the first that this user may write, and from any that
    knows. ``seconds`` and ``memory_mib`` are what import and hooks of one plugin may take."""

    folders: Sequence[Path] = ()
    seconds: float = SECONDS
    memory_mib: int = MEMORY_MIB
    done: dict[str, str] = field(default_factory=dict)
    """What this process found out, for where nothing can be written."""

    @classmethod
    def of(
        cls,
        environment: Mapping[str, str],
        state: Path | None = None,
        seconds: float = SECONDS,
        memory_mib: int = MEMORY_MIB,
    ) -> Trials:
        """Remember in a workspace's ``state``, where there is one, and for this user, who may have no workspace yet."""
        folders = [] if state is None else [state / "plugins" / "trials"]
        if home := environment.get("XDG_CACHE_HOME") or environment.get("HOME"):
            cache = Path(home) if environment.get("XDG_CACHE_HOME") else Path(home) / ".cache"
            folders.append(cache / "huracan" / "trials")
        return cls(tuple(folders), seconds, memory_mib)

    def refused(self, found: Iterable[EntryPoint]) -> dict[Key, str]:
        """Return why each plugin that may not be loaded may not, by its distribution and name."""
        marks = {fingerprint(each): each for each in found}
        unknown = {mark: each for mark, each in marks.items() if self._known(mark) is None}
        if unknown:
            with self._alone():  # whoever waited finds what the other one found out
                left = {mark: each for mark, each in unknown.items() if self._known(mark) is None}
                for mark, reason in _try_all(left, self.seconds, self.memory_mib).items():
                    self._keep(mark, left[mark], reason)
        reasons = {key_of(each): self._known(mark) or "" for mark, each in marks.items()}
        return {key: reason for key, reason in reasons.items() if reason}

    def note(self, entry_point: EntryPoint, reason: str) -> None:
        """Remember how the trial of a plugin went, as it is now: why it is refused, empty where it is not."""
        self._keep(fingerprint(entry_point), entry_point, reason)

    def _known(self, mark: str) -> str | None:
        """Return what is known: why it is refused, empty where it is not, None where it is to be tried."""
        import json

        if mark in self.done:
            return self.done[mark]
        for folder in self.folders:
            file = folder / f"{mark}.json"
            try:
                kept = json.loads(file.read_text("utf-8"))
                reason, age = str(kept["reason"]), time.time() - file.stat().st_mtime
            except (OSError, ValueError, KeyError, TypeError):
                continue
            if not reason or age < _AGAIN:
                self.done[mark] = reason
                return reason
        return None

    def _keep(self, mark: str, entry_point: EntryPoint, reason: str) -> None:
        from huracan.errors import HuracanError
        from huracan.paths import write_json

        self.done[mark] = reason
        name, distribution, version = entry_point.name, *origin_of(entry_point)
        told = {"schema": 1, "plugin": name, "distribution": distribution, "version": version, "reason": reason}
        if folder := next(filter(_may_write, self.folders), None):
            with suppress(OSError, HuracanError):
                _forget_old(folder)
                write_json(folder / f"{mark}.json", told, lasting=False)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one process at a time try, where there is a folder that all can write."""
        import fcntl

        with ExitStack() as stack:
            for folder in filter(_may_write, self.folders):
                with suppress(OSError):
                    file = stack.enter_context((folder / "lock").open("ab"))
                    fcntl.flock(file, fcntl.LOCK_EX)
                    break
            yield


def key_of(entry_point: EntryPoint) -> Key:
    """Return distribution and name of a plugin."""
    return origin_of(entry_point).name, entry_point.name


def fingerprint(entry_point: EntryPoint) -> str:
    """Return what changes when a plugin does, or what it may need: its files, Python, Huracan, the environment.

    An editable installation has its files elsewhere than its metadata says, so the package itself is looked through;
    it is not imported for that.
    """
    import hashlib  # loads OpenSSL, which a daemon without strangers does without

    parts: list[object] = [*origin_of(entry_point), entry_point.name, entry_point.value]
    parts += [sys.version, __version__, API_VERSION]
    parts += [_modified(folder) for folder in sys.path if folder.endswith(_INSTALLED)]
    folder = _own_folder(entry_point.value)
    if folder is not None:
        parts += _files(folder)
    return hashlib.sha256(repr(parts).encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _modified(path: str | Path) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - sys.path holds text
    except OSError:
        return 0


def _own_folder(value: str) -> Path | None:
    """Return where the package or module of a plugin lies, without importing it."""
    from importlib.util import find_spec

    try:
        spec = find_spec(value.partition(":")[0].partition(".")[0])
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.origin:
        return None
    return Path(spec.origin).parent if spec.submodule_search_locations else Path(spec.origin)


def _files(folder: Path) -> list[tuple[str, int, int]]:
    paths = [folder] if folder.is_file() else [Path(at, name) for at, _, names in os.walk(folder) for name in names]
    found = []
    for path in sorted(each for each in paths if each.suffix in (".py", ".so"))[:_MOST_FILES]:
        with suppress(OSError):
            about = path.stat()
            found.append((str(path), about.st_size, about.st_mtime_ns))
    return found


def _may_write(folder: Path) -> bool:
    """Make a folder of ours where its owner is this user: what root left there others could not renew."""
    try:
        for each in (folder.parent, folder):
            if each.parent.stat().st_uid != os.geteuid():
                return False
            each.mkdir(mode=0o750, exist_ok=True)
        return os.access(folder, os.W_OK)
    except OSError:
        return False


def _forget_old(folder: Path) -> None:
    for file in folder.glob("*.json"):
        if time.time() - file.stat().st_mtime > _KEPT:
            file.unlink(missing_ok=True)


# ------------------------------------------------------------------------------------------------ the processes of it


def _try_all(plugins: Mapping[str, EntryPoint], seconds: float, memory_mib: int) -> dict[str, str]:
    """Try all at the same time: many that hang cost no more than one."""
    import select
    import tempfile

    from huracan.plugin.attempt import Attempt

    with tempfile.TemporaryDirectory(prefix="huracan-trial-") as scratch, ExitStack() as stack:
        attempts = {}
        for mark, entry_point in plugins.items():
            own = _own_folder(entry_point.value)
            order: dict[str, Any] = {
                "name": entry_point.name, "value": entry_point.value, "memory_mib": memory_mib, "parent": os.getpid(),
                "folders": [scratch, *([] if own is None else [str(own)])],
            }  # fmt: skip
            with suppress(OSError):  # no process can be started now: it is loaded as it is, and tried the next time
                attempts[mark] = stack.enter_context(Attempt(order, scratch))
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and any(not each.has_ended() for each in attempts.values()):
            select.select([], [], [], 0.01)  # time.sleep fails where a library moves the clock
        return {mark: each.verdict(seconds, memory_mib) for mark, each in attempts.items()}
