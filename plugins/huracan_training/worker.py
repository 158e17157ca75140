"""A worker process: ``python -m huracan_training.worker SOCKET PARENT``. It trains the coins it is handed, one by one.

Messages are JSON over the socket. The first says which plugins to ask; each further one is a coin. The answer is
``{"step": text}`` for each finished step, then ``{"answer": ...}`` or ``{"error": line, "permanent": bool,
"details": traceback}``. The process ends when the socket closes, and the kernel kills it when its parent dies.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Never

from huracan.plugin.manager import Plugins
from huracan.plugin.selection import tracer_from
from huracan.run.parent import die_with_parent

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Serve until the parent closes the socket."""
    descriptor, parent = (int(each) for each in arguments)
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides what ends
    with Connection(descriptor) as connection:
        try:
            greeting = json.loads(connection.recv_bytes())
            sys.path[:] = greeting["path"]
            tracer = tracer_from(os.environ)
            plugins = Plugins(only=greeting["plugins"], prefer=greeting["prefer"], tracer=tracer)
            for name, reason in greeting.get("without", {}).items():
                plugins.leave_out_features(name, reason)
            _serve(connection, plugins)
        except (EOFError, ConnectionError):
            return 0  # the parent needs no more of this worker


def _serve(connection: Connection, plugins: Plugins) -> Never:
    from huracan_training.carried import LocalFiles
    from huracan_training.work import explained, perform

    def say(message: Mapping[str, Any]) -> None:
        connection.send_bytes(json.dumps(message).encode())

    sets, trainers = plugins.features(), plugins.trainers()
    while True:
        message = json.loads(connection.recv_bytes())
        try:
            answer = perform(
                message, sets, trainers, LocalFiles(Path(message["folder"])), lambda text: say({"step": text})
            )
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a trainer or feature raises costs its coin alone
            say(explained(error))
        else:
            say({"answer": answer})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
