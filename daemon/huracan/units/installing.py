"""Puts rendered units where systemd looks for them, and takes them away again. Runs as root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from huracan.errors import HuracanError, UsageError
from huracan.paths import write_bytes
from huracan.units.render import CACHE, LEAN

__all__ = ["Change", "apply", "differences", "installed", "precompile", "remove"]

ETC = Path("/etc")
STAMPS = Path("/var/lib/systemd/timers")
"""Where systemd notes when a persistent timer was last due."""
MARK = "Rendered by `huracan units`"
_PATTERNS = (
    "systemd/system/huracan*.service", "systemd/system/huracan*.timer", "systemd/system/huracan*.target",
    "systemd/system/huracan*.slice", "systemd/system/huracan*.d/*.conf", "sysusers.d/huracan.conf",
    "tmpfiles.d/huracan.conf", "polkit-1/rules.d/50-huracan.rules",
)  # fmt: skip
_CALL_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be done with one file: ``write`` it anew, ``change`` it, or ``remove`` it."""

    verb: str
    path: Path


class CallError(HuracanError):
    """A program of the system refused."""


def differences(files: Mapping[str, str], etc: Path = ETC) -> list[Change]:
    """Say what has to change so that exactly ``files`` (text by path below ``etc``) are installed."""
    changes = []
    for name, text in sorted(files.items()):
        path = etc / name
        try:
            if path.read_bytes() != text.encode():
                changes.append(Change("change", path))
        except FileNotFoundError:
            changes.append(Change("write", path))
        except PermissionError:
            continue  # somebody else than root asks: what they may not read they cannot compare
    kept = {etc / name for name in files}
    return changes + [Change("remove", path) for path in installed(etc) if path not in kept]


def installed(etc: Path = ETC) -> list[Path]:
    """Return the files that an earlier call wrote; what an owner added beside them (`systemctl edit`) is theirs."""
    found = {path for pattern in _PATTERNS for path in etc.glob(pattern) if path.is_file()}
    return sorted(path for path in found if MARK in path.read_text("utf-8", "replace"))


def apply(files: Mapping[str, str], changes: Sequence[Change], etc: Path = ETC, *, start: bool = True) -> None:
    """Make the changes, make user and folders, tell systemd, enable the target and start or restart what changed.

    Safe to repeat: a call that was killed is finished by the next. Raises UsageError where it does not run as root.
    """
    _require_root(etc)
    for change in changes:
        if change.verb == "remove":
            _remove_file(change.path)
        else:
            write_bytes(change.path, files[change.path.relative_to(etc).as_posix()].encode(), mode=0o644)
    if etc != ETC:
        return
    _call("systemd-sysusers", str(etc / "sysusers.d/huracan.conf"))
    _call("systemd-tmpfiles", "--create", str(etc / "tmpfiles.d/huracan.conf"))
    _call("systemctl", "daemon-reload")
    _call("systemctl", "enable", "--quiet", "huracan.target")
    gone = [c.path.name for c in changes if c.verb == "remove" and c.path.suffix in (".service", ".timer")]
    gone += [c.path.parent.name.removesuffix(".d") for c in changes if c.verb == "remove" and c.path.suffix == ".conf"]
    still = {Path(name).parent.name.removesuffix(".d") for name in files}
    for unit in sorted({name for name in gone if name.startswith("huracan") and name not in still}):
        _stop_for_good(unit)
    if "Wants=huracan.service" not in files.get("systemd/system/huracan.target", ""):
        _stop_for_good("huracan.service")  # timers need no daemon, and it would start nothing
    if start:
        # A start that somebody asks for counts for no loop of starts.
        _call("systemctl", "reset-failed", "huracan.service", "huracan-service@*.service", check=False)
        # Starting what is up changes nothing; services take new settings and units by a restart, jobs are left alone.
        if changes:
            _call("systemctl", "try-restart", "huracan.service", "huracan-service@*.service", check=False)
        _call("systemctl", "start", "huracan.target")


def _stop_for_good(unit: str) -> None:
    _call("systemctl", "stop", unit, check=False)
    _call("systemctl", "reset-failed", unit, check=False)


def remove(etc: Path = ETC) -> list[Path]:
    """Stop everything and delete all that was installed; user and data stay."""
    _require_root(etc)
    files = installed(etc)
    if etc == ETC and files:
        _call("systemctl", "disable", "--quiet", "huracan.target", check=False)
        _call("systemctl", "stop", "huracan.target", check=False)
        _call("systemctl", "stop", "huracan*", check=False)
    for path in files:
        _remove_file(path)
    if etc == ETC:
        for stamp in STAMPS.glob("stamp-huracan*.timer"):
            stamp.unlink(missing_ok=True)
        _call("systemctl", "daemon-reload")
        _call("systemctl", "reset-failed", "huracan*", check=False)
    return files


def precompile(command: str) -> None:
    """Compile what the daemon loads, without its texts, where its unit looks for it and may not write."""
    folder = Path(command).parent.parent
    python = folder / "bin" / "python"
    if not python.exists():
        return
    environment = {**LEAN, "PYTHONPYCACHEPREFIX": str(folder / CACHE), "PATH": os.defpath}
    words = [str(python), "-c", "import huracan.cli.daemon as daemon; daemon.load_all()"]
    try:
        subprocess.run(words, env=environment, cwd="/", capture_output=True, timeout=_CALL_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise CallError(f"{python} cannot load the daemon: {error}") from None


def _require_root(etc: Path) -> None:
    if etc == ETC and os.geteuid() != 0:
        raise UsageError("units are installed by root: `sudo huracan units install`")


def _remove_file(path: Path) -> None:
    path.unlink(missing_ok=True)
    if path.parent.suffix == ".d" and path.parent.name.startswith("huracan") and not any(path.parent.iterdir()):
        path.parent.rmdir()


def _call(*words: str, check: bool = True) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_CALL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CallError(f"`{' '.join(words)}`: {error}") from None
    if check and done.returncode != 0:
        raise CallError(f"`{' '.join(words)}` failed: {(done.stderr or done.stdout).strip()}")
