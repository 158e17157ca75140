"""The sd_notify protocol, both ends: datagrams by which a process says that it is ready and still gets on.

One datagram holds lines ``NAME=value``. Understood are ``READY=1``, ``STATUS=``, ``WATCHDOG=1``, ``WATCHDOG_USEC=``,
``EXTEND_TIMEOUT_USEC=``, ``STOPPING=1`` (as in sd_notify(3)) and our own ``X_HURACAN_PROGRESS=`` with a JSON object,
which systemd ignores. See docs/decisions/014.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from sdnotify import SystemdNotifier

__all__ = [
    "Notification",
    "Notifier",
    "NotifyListener",
    "NotifyProgress",
    "ProgressEvent",
    "SilentProgress",
    "parse_notification",
    "progress_from",
]

SEND_TIMEOUT = 0.2
"""Seconds that a sender waits for a listener whose queue is full; then the datagram is given up."""

WAITING = 900.0
"""Seconds by which whoever waits puts the time limit off, each time it looks again."""

_ONE_AT_A_TIME = threading.Lock()
_DATAGRAM_BYTES = 65536
_TEXT_LENGTH = 300
_FOLDER_PREFIX = "huracan-notify-"
_LONGEST_PARENT = 70
"""A socket address holds 108 bytes with its final zero; folder and name take 31 of them."""


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """One finished step of a job, as bars and lines show it."""

    job: str
    text: str
    done: int | None = None
    total: int | None = None
    item: str | None = None


@dataclass(frozen=True, slots=True)
class Notification:
    """What one datagram said. Times are seconds; a field that was not sent is False or None."""

    ready: bool = False
    stopping: bool = False
    watchdog: bool = False
    status: str | None = None
    watchdog_limit: float | None = None
    extend_timeout: float | None = None
    progress: ProgressEvent | None = None


class SilentProgress:
    """Progress that nobody watches."""

    def step(self, text: str, *, done: int | None = None, total: int | None = None, item: str | None = None) -> None:
        """Do nothing."""

    def extend(self, seconds: float) -> None:
        """Do nothing."""

    def stall_limit(self, seconds: float | None) -> None:
        """Do nothing."""


class Notifier(SystemdNotifier):  # type: ignore[misc]
    """Sends datagrams to ``address``; says nothing where that is None. Never raises for a listener that went away.

    The base class reads the address from the environment, blocks on a full queue, swallows every exception (also the
    one a signal handler raises) and encodes Latin-1; what is kept of it is the sending.
    """

    def __init__(self, address: str | None) -> None:
        self.debug = True  # raise, so that only what is expected is swallowed here
        self.address = address

    def notify(self, state: str) -> None:
        """Send ``state``, lines of NAME=value, within :data:`SEND_TIMEOUT` seconds or not at all.

        The socket lives for one datagram (some 20 microseconds): a notifier can be pickled and is never left open.
        """
        if self.address is None:
            return
        try:
            # The base class keeps the socket in itself: two threads must not send at the same time.
            with _ONE_AT_A_TIME, _connected(self.address) as self.socket:
                super().notify(state.encode("utf-8", "replace").decode("latin-1"))
        except OSError:
            return  # nobody listens, or does not keep up: work goes on, the next step tries again

    def ready(self, status: str = "") -> None:
        """Say that start-up is over."""
        self.notify("READY=1" + (f"\nSTATUS={_plain(status)}" if status else ""))

    def alive(self, status: str = "") -> None:
        """Say that the caller's loop has just gone round."""
        self.notify("WATCHDOG=1" + (f"\nSTATUS={_plain(status)}" if status else ""))

    def status(self, text: str) -> None:
        """Say what a person may want to read; this is no sign of life."""
        self.notify(f"STATUS={_plain(text)}")

    def stopping(self) -> None:
        """Say that the process is about to end."""
        self.notify("STOPPING=1")


class NotifyProgress:
    """The :class:`huracan.context.Progress` of a supervised process: every step is a heartbeat.

    ``declared_stall_limit`` (seconds) is what :meth:`stall_limit` goes back to when it is given None.
    """

    def __init__(self, address: str | None, job: str = "", declared_stall_limit: float | None = None) -> None:
        self._notifier = Notifier(address)
        self._job = job
        self._declared = declared_stall_limit

    def step(self, text: str, *, done: int | None = None, total: int | None = None, item: str | None = None) -> None:
        """Send heartbeat, status and numbers in one datagram."""
        self.relay(ProgressEvent(self._job, text, done, total, item))

    def relay(self, event: ProgressEvent) -> None:
        """Send an event that another process reported, under the name that it carries."""
        text = _plain(event.text)
        numbers = {
            "job": event.job or self._job, "text": text, "done": event.done, "total": event.total,
            "item": None if event.item is None else _plain(event.item),
        }  # fmt: skip
        self._notifier.notify(f"WATCHDOG=1\nSTATUS={text}\nX_HURACAN_PROGRESS={json.dumps(numbers)}")

    def extend(self, seconds: float) -> None:
        """Ask that the time limit end no sooner than ``seconds`` from now."""
        self._notifier.notify(f"EXTEND_TIMEOUT_USEC={_microseconds(seconds)}")

    def stall_limit(self, seconds: float | None) -> None:
        """Name the longest silence from here on; None gives the declared one back."""
        limit = self._declared if seconds is None else seconds
        if limit is not None:
            self._notifier.notify(f"WATCHDOG=1\nWATCHDOG_USEC={_microseconds(limit)}")

    def ready(self) -> None:
        """Say that start-up is over and steps follow."""
        self._notifier.ready()

    def wait(self, why: str, seconds: float) -> None:
        """Sleep for a few ``seconds``, again and again: neither silence nor a time limit is to end the waiting."""
        self.ready()
        self.extend(WAITING)
        self.step(why)
        time.sleep(seconds)


def progress_from(environment: Mapping[str, str], job: str = "") -> NotifyProgress:
    """Return progress that goes to the supervisor which the environment names, silent where it names none."""
    limit = _number(environment.get("WATCHDOG_USEC", ""))
    return NotifyProgress(environment.get("NOTIFY_SOCKET") or None, job, None if limit is None else limit / 1e6)


class NotifyListener:
    """A socket of our own that processes notify. ``address`` is what they get as NOTIFY_SOCKET.

    Whatever arrives is read as far as it makes sense; nothing a sender does makes :meth:`receive` raise.
    """

    def __init__(self) -> None:
        self._folder = _short_folder()
        self.address = str(self._folder / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.bind(self.address)
        except OSError:
            self.close()
            raise

    def fileno(self) -> int:
        """Let selectors wait for this listener."""
        return self._socket.fileno()

    def receive(self, timeout: float = 0.0) -> Notification | None:
        """Return the next notification, or None when none came within ``timeout`` seconds."""
        self._socket.settimeout(max(timeout, 0.0))
        try:
            datagram = self._socket.recv(_DATAGRAM_BYTES)
        except (TimeoutError, BlockingIOError):
            return None
        return parse_notification(datagram)

    def close(self) -> None:
        """Close the socket and delete its folder."""
        self._socket.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> NotifyListener:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def parse_notification(datagram: bytes) -> Notification:
    """Read one datagram. Unknown names, wrong numbers and text that is no UTF-8 are passed over or replaced."""
    fields: dict[str, str] = {}
    for line in datagram.decode("utf-8", "replace").split("\n"):
        name, equals, value = line.partition("=")
        if equals:
            fields[name.strip()] = value.strip()
    return Notification(
        ready=fields.get("READY") == "1",
        stopping=fields.get("STOPPING") == "1",
        watchdog=fields.get("WATCHDOG") == "1",
        status=_plain(fields["STATUS"]) if "STATUS" in fields else None,
        watchdog_limit=_seconds(fields.get("WATCHDOG_USEC", "")),
        extend_timeout=_seconds(fields.get("EXTEND_TIMEOUT_USEC", "")),
        progress=_event(fields.get("X_HURACAN_PROGRESS", "")),
    )


def _event(text: str) -> ProgressEvent | None:
    try:
        value: Any = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    item = value.get("item")
    return ProgressEvent(
        job=_plain(str(value.get("job", ""))),
        text=_plain(str(value.get("text", ""))),
        done=_count(value.get("done")),
        total=_count(value.get("total")),
        item=None if item is None else _plain(str(item)),
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) <= 18 and int(text) > 0 else None


def _seconds(text: str) -> float | None:
    number = _number(text)
    return None if number is None else number / 1e6


def _microseconds(seconds: float) -> int:
    """Return whole microseconds, at least one: zero would mean something else to systemd."""
    bounded = seconds if math.isfinite(seconds) else 1e9
    return max(1, round(min(bounded, 1e9) * 1e6))


def _plain(text: str) -> str:
    """Make one printable line of bounded length: text goes to terminals and into a line-based protocol."""
    line = "".join(character if character.isprintable() else " " for character in text[: 4 * _TEXT_LENGTH])
    line = " ".join(line.split())
    return line if len(line) <= _TEXT_LENGTH else line[: _TEXT_LENGTH - 1] + "…"


def _connected(address: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        connection.settimeout(SEND_TIMEOUT)
        connection.connect("\0" + address[1:] if address.startswith("@") else address)
    except OSError:
        connection.close()
        raise
    return connection


def _short_folder() -> Path:
    """Make a folder that only this user may enter, with a path that leaves room in a socket address."""
    parent = Path(tempfile.gettempdir())
    if len(os.fsencode(parent)) > _LONGEST_PARENT:
        parent = Path("/tmp")
    _sweep_dead(parent)
    return Path(tempfile.mkdtemp(prefix=_FOLDER_PREFIX, dir=parent))


def _sweep_dead(parent: Path) -> None:
    """Delete what listeners that were killed left behind: this user's sockets which nobody holds any more."""
    for folder in parent.glob(f"{_FOLDER_PREFIX}*"):
        try:
            if folder.stat().st_uid == os.getuid() and (folder / "notify").is_socket():
                _connected(str(folder / "notify")).close()
        except ConnectionRefusedError:
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # somebody else sweeps here too, or may not look: it is only tidiness
