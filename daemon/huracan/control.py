"""The daemon's control socket: one JSON object as a line in, one out. Who may open the socket may give orders.

A request is ``{"do": "start", "name": "train"}``; an answer ``{"ok": true, ...}`` or ``{"ok": false, "error": "..."}``.
The socket's file belongs to the daemon's user and group and is closed to all others.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huracan.errors import HuracanError, SettingsError, TryAgainError, UsageError
from huracan.workspace import DEFAULT

if TYPE_CHECKING:
    from huracan.config import CoreSettings
    from huracan.supervise.base import StopSwitch

__all__ = ["RUN_SOCKET", "ControlServer", "ask", "socket_path"]

LOG = logging.getLogger("huracan")

Handler = Callable[[Mapping[str, Any]], Mapping[str, Any]]

RUN_SOCKET = Path("/run/huracan/control.sock")
"""Where the daemon of an installation listens: systemd makes the folder when it starts ``huracan.service``."""

_LONGEST_LINE = 64 * 1024
_PATIENCE = 5.0
"""Seconds for either side to send or take a line."""
_MOST_AT_ONCE = 8
_PAUSE = 1.0
"""Seconds before the next caller is let in where one could not be."""


def socket_path(core: CoreSettings) -> Path:
    """Return where the daemon of these settings listens; whoever asks the daemon finds the same place by them."""
    if core.control_socket is not None:
        return core.control_socket
    if core.workspace == DEFAULT.resolve() and RUN_SOCKET.parent.is_dir():
        return RUN_SOCKET
    return core.workspace / "state" / "control.sock"


def ask(path: Path, request: Mapping[str, Any], patience: float = _PATIENCE) -> dict[str, Any]:
    """Send a request to the daemon and return its answer; ``patience`` is in seconds, for each step.

    Raises TryAgainError where no daemon listens, UsageError where it refuses, with its own words.
    """
    try:
        with _near(path) as address, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(patience)
            connection.connect(address)
            connection.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(_line(connection))
    except (FileNotFoundError, ConnectionError, NotADirectoryError):
        raise TryAgainError(f"no daemon listens at {path}; start one (`systemctl start huracan.target`)") from None
    except PermissionError:
        raise UsageError(f"{path} may not be opened by this user; let it join the group of that file") from None
    except (OSError, ValueError) as error:
        raise TryAgainError(f"the daemon at {path} does not answer: {error}") from None
    if not isinstance(answer, dict) or not answer.get("ok"):
        error_text = answer.get("error") if isinstance(answer, dict) else None
        raise UsageError(str(error_text or "the daemon gave no answer that makes sense"))
    return answer


class ControlServer:
    """Listens and lets ``handle`` answer, each connection in a thread that ends with it."""

    def __init__(self, path: Path, handle: Handler) -> None:
        self._path, self._handle = path, handle
        self._busy = threading.BoundedSemaphore(_MOST_AT_ONCE)

    def serve(self, stop: StopSwitch, alive: Callable[[], None]) -> None:
        """Answer until ``stop`` is asked. Raises SettingsError where the socket cannot be made."""
        with _listening(self._path) as listener, selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ)
            selector.register(stop, selectors.EVENT_READ)
            while not stop.asked:
                alive()
                for key, _ in selector.select(20.0):
                    if key.fileobj is listener and not self._let_in(listener):
                        stop.wait(_PAUSE)

    def _let_in(self, listener: socket.socket) -> bool:
        """Answer who waits to be let in; False where that cannot be done now (out of files, of threads)."""
        if not self._busy.acquire(timeout=_PATIENCE):
            return True  # all others are still being answered, and that took its time already
        try:
            connection, _ = listener.accept()
            try:
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()
            except BaseException:
                connection.close()
                raise
        except (OSError, RuntimeError) as error:
            self._busy.release()
            LOG.warning("the control socket could not let somebody in: %s", error)
            return False
        return True

    def _answer(self, connection: socket.socket) -> None:
        try:
            with connection:
                connection.settimeout(_PATIENCE)
                connection.sendall(json.dumps(self._answer_to(connection), default=str).encode() + b"\n")
        except OSError:
            return  # who asked went away
        finally:
            self._busy.release()

    def _answer_to(self, connection: socket.socket) -> Mapping[str, Any]:
        try:
            request = json.loads(_line(connection))
        except (ValueError, RecursionError):
            return {"ok": False, "error": "the request is no JSON"}
        if not isinstance(request, dict):
            return {"ok": False, "error": "a request is a JSON object"}
        try:
            return {"ok": True, **self._handle(request)}
        except HuracanError as error:
            return {"ok": False, "error": str(error)}
        except Exception as error:
            LOG.exception("a request at the control socket could not be done")
            return {"ok": False, "error": f"the daemon could not do that: {type(error).__name__}: {error}"}


def _line(connection: socket.socket) -> bytes:
    """Read up to the end of a line. Raises ValueError for one that is too long or never ends."""
    data = b""
    while not data.endswith(b"\n"):
        part = connection.recv(4096)
        if not part or len(data) + len(part) > _LONGEST_LINE:
            raise ValueError("a line that ends within 64 KiB was expected")
        data += part
    return data


@contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # The caller holds the daemon's lock: whoever made the file that is there is gone.
            path.unlink(missing_ok=True)
            with _near(path) as address:
                listener.bind(address)
            path.chmod(0o660)
            listener.listen(16)
        except OSError as error:
            raise SettingsError(f"control_socket: {path} cannot be made: {error.strerror or error}") from None
        try:
            yield listener
        finally:
            with suppress(OSError):
                path.unlink(missing_ok=True)


@contextmanager
def _near(path: Path) -> Iterator[str]:
    """Name a socket by its open folder: an address holds 107 bytes, and a workspace may lie deeper."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
