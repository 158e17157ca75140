"""Runs ``huracan`` in processes that are forked from one in which its modules are loaded already.

They are processes like any other, with folder, environment, streams and exit code of their own; what is left out is
that Python loads five hundred modules anew, which is most of what a command costs and is the same each time. Tests of
the start itself, and of what a process is killed in, start ``python -m huracan``.

The server is this very file, one for each process of pytest: ``python forked.py SOCKET``.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["run_huracan"]

_START_SECONDS = 60.0
LOADED = (
    "alembic.command", "huracan.app", "huracan.cli.commands", "huracan.cli.common", "huracan.cli.failures",
    "huracan.cli.health", "huracan.cli.job", "huracan.cli.jobs", "huracan.cli.main", "huracan.cli.plugins",
    "huracan.cli.run", "huracan.cli.settings", "huracan.cli.settings_text", "huracan.cli.status",
    "huracan.run.pipeline", "huracan.store.schema", "huracan_alerts.settings",
    "huracan_backup.settings", "huracan_exchanges.settings",
    "huracan_maintenance.settings", "huracan_remote.settings", "huracan_training.settings", "huracan_universe.settings",
    "rich.progress", "rich.table", "sqlalchemy.dialects.sqlite",
)  # fmt: skip
"""What a forked process need not load. Nothing of it keeps anything of the process that loads it."""


def run_huracan(
    *words: str, cwd: Path | None = None, env: Mapping[str, str] | None = None, text: str = "", timeout: float = 120.0
) -> subprocess.CompletedProcess[str]:
    """Run ``huracan WORDS`` and return its exit code and what it wrote, as :func:`subprocess.run` does."""
    environment = dict(os.environ if env is None else env)
    if _asks_the_interpreter(environment):
        return subprocess.run(
            [sys.executable, "-m", "huracan", *words], cwd=cwd, env=environment, input=text, capture_output=True,
            text=True, check=False, timeout=timeout,
        )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="huracan-said-") as folder:
        (Path(folder) / "in").write_text(text)
        order = {"words": words, "cwd": str(cwd or Path.cwd()), "env": environment, "said": folder}
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(_server()))
            line.sendall(json.dumps(order).encode() + b"\n")
            answers = line.makefile("rb")
            pid = int(answers.readline())
            line.settimeout(timeout)
            try:
                code = int(answers.readline())
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(["huracan", *words], timeout, *_said(folder)) from None
        return subprocess.CompletedProcess(["huracan", *words], code, *_said(folder))


def _asks_the_interpreter(environment: Mapping[str, str]) -> bool:
    """Say whether Python itself reads, when it starts, something that is not as it is here."""
    names = {name for name in {*environment, *os.environ} if name.startswith(("PYTHON", "LC_", "LANG"))}
    return any(environment.get(name) != os.environ.get(name) for name in names - {"PYTHONPATH"})


def _said(folder: str) -> tuple[str, str]:
    out, err = ((Path(folder) / name).read_bytes().decode() for name in ("out", "err"))
    return out, err


@cache
def _server() -> Path:
    """Start the server of this process, once; it ends with it."""
    folder = tempfile.TemporaryDirectory(prefix="huracan-fork-")
    place = Path(folder.name) / "socket"
    server = subprocess.Popen([sys.executable, __file__, str(place)], stdin=subprocess.PIPE)
    atexit.register(_end, server, folder)
    deadline = time.monotonic() + _START_SECONDS
    while not place.exists():
        assert server.poll() is None, f"the server ended with {server.returncode}"
        assert time.monotonic() < deadline, "the server does not come up"
        time.sleep(0.01)
    return place


def _end(server: subprocess.Popen[bytes], folder: tempfile.TemporaryDirectory[str]) -> None:
    server.kill()
    server.wait()
    folder.cleanup()


# ------------------------------------------------------------------------------------------------------- in the server


def serve(place: Path) -> NoReturn:
    """Fork a process for each order that comes, until the process that reads our answers is gone."""
    import importlib

    sys.path.remove(str(Path(__file__).parent))
    for name in LOADED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how those in between ended
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{place}.new")
        listener.listen(64)
        Path(f"{place}.new").rename(place)
        while True:
            line, _ = listener.accept()
            with line:
                if os.fork() == 0:
                    listener.close()
                    _between(line)


def _between(line: socket.socket) -> NoReturn:
    """Fork the command, and tell whoever asked how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    order = json.loads(line.makefile("rb").readline())
    pid = os.fork()
    if pid == 0:
        line.close()
        _work(order)
    line.sendall(b"%d\n" % pid)
    line.sendall(b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os._exit(0)


def _work(order: dict[str, Any]) -> NoReturn:
    """Be ``python -m huracan WORDS``."""
    code = 1
    try:
        _become(order)
        from huracan.cli.main import main

        code = main(order["words"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter would
        sys.excepthook(*sys.exc_info())
    finally:
        import threading

        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code & 0xFF)


def _become(order: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    sys.argv = ["huracan", *order["words"]]
    sys.path[:0] = [order["cwd"], *filter(None, order["env"].get("PYTHONPATH", "").split(os.pathsep))]
    for number, name in enumerate(("in", "out", "err")):
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND if number else os.O_RDONLY
        handle = os.open(Path(order["said"]) / name, flags)
        os.dup2(handle, number)
        os.close(handle)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
