"""A pytest plugin: PostgreSQL of the system's package, started by the test session for itself.

Fixtures: ``postgres_server`` (one per session) and ``postgres_url`` (an empty database of its own for every test).
Where PostgreSQL is not installed the tests are skipped with a reason; with ``CI`` in the environment they fail.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest

__all__ = ["PostgresServer", "postgres_server", "postgres_url", "running"]

_OWNER = "huracan"
_START_SECONDS = 60
_MISSING = "PostgreSQL is not installed (no /usr/lib/postgresql/*/bin/initdb); apt-get install postgresql"
_QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=40")


@dataclass
class PostgresServer:
    """A running server that listens on a unix socket in ``folder`` and on no port; whoever connects is trusted."""

    programs: Path
    folder: Path
    process: subprocess.Popen[bytes]
    _names: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url(self, database: str, password: str = "") -> str:
        """Return the URL of a database, which need not exist."""
        user = f"{_OWNER}:{quote(password, safe='')}" if password else _OWNER
        return f"postgresql://{user}@/{database}?host={quote(str(self.folder), safe='')}"

    def create(self) -> str:
        """Make an empty database and return its name."""
        name = f"test_{next(self._names)}"
        self.command(f"CREATE DATABASE {name}")
        return name

    def drop(self, name: str) -> None:
        self.command(f"DROP DATABASE {name} WITH (FORCE)")

    def command(self, sql: str, database: str = "postgres") -> str:
        """Run one statement with psql and return what it prints. Raises CalledProcessError where it is refused."""
        arguments = ["-h", str(self.folder), "-U", _OWNER, "-d", database, "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        done = subprocess.run(
            [self.programs / "psql", *arguments, "-c", sql], check=True, capture_output=True, text=True, cwd="/"
        )
        return done.stdout.strip()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Start a server in a folder of its own; it is stopped at the end and dies with the session."""
    programs = _programs()
    if programs is None:
        if os.environ.get("CI"):
            pytest.fail(_MISSING)
        pytest.skip(_MISSING)
    with running(programs) as server:
        yield server


@contextmanager
def running(programs: Path | None = None) -> Iterator[PostgresServer]:
    """Run a server in a folder of its own, for benches and the fixture; ``programs`` is where its programs are."""
    programs = programs or _programs()
    if programs is None:
        raise FileNotFoundError(_MISSING)
    # A short path: a unix socket's must fit in 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="hpg-", dir="/tmp"))
    try:
        server = _start(programs, folder)
        try:
            yield server
        finally:
            _stop(server.process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Make an empty database for one test and drop it afterwards."""
    name = postgres_server.create()
    yield postgres_server.url(name)
    postgres_server.drop(name)


def _programs() -> Path | None:
    """Find the newest installed server; Debian keeps its programs out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    anywhere = shutil.which("initdb")
    return Path(anywhere).resolve().parent if anywhere else None


def _start(programs: Path, folder: Path) -> PostgresServer:
    as_user = _as_server_user(folder)
    data = folder / "data"
    made = subprocess.run(
        [*as_user, programs / "initdb", "-D", data, "-U", _OWNER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N"],
        capture_output=True, text=True, cwd="/", check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.fail(f"initdb failed: {made.stderr.strip()}")
    options = [part for option in (*_QUICK, "listen_addresses=", f"unix_socket_directories={folder}")
               for part in ("-c", option)]  # fmt: skip
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*as_user, programs / "postgres", "-D", data, *options], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            cwd="/", start_new_session=True,
        )  # fmt: skip
    server = PostgresServer(programs, folder, process)
    _wait_until_ready(server)
    return server


def _as_server_user(folder: Path) -> Sequence[str]:
    """Return how to start a program that is no root, whom PostgreSQL refuses, and that ends when this process does."""
    dying = ["setpriv", "--pdeathsig", "QUIT"]
    if os.geteuid() != 0:
        return dying
    user = next(entry for name in ("postgres", "nobody") if (entry := _user(name)))
    os.chown(folder, user.pw_uid, user.pw_gid)
    return [*dying, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _wait_until_ready(server: PostgresServer) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            server.command("SELECT 1")
        except subprocess.CalledProcessError:
            time.sleep(0.1)
        else:
            return
    _stop(server.process)
    pytest.fail(f"PostgreSQL did not start: {(server.folder / 'server.log').read_text(errors='replace')[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server: at once and without a checkpoint, its data is thrown away."""
    if process.poll() is None:
        process.send_signal(signal.SIGQUIT)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
