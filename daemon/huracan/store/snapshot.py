"""A copy of the whole database as of one instant, and a new database out of such a copy.

SQLite: the online backup API, inside one read transaction of WAL mode, so that writers neither wait nor start the copy
over again. PostgreSQL: ``pg_dump`` and ``pg_restore`` in the custom format, of a version that suits the server.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from sqlalchemy import URL, Engine, inspect, text

from huracan.errors import DataError, StoreAwayError, StoreError, TryAgainError
from huracan.paths import sync_folder
from huracan.store.engine import as_store_error, open_engine, parse_url, shown, sqlite_file
from huracan.store.schema import current_revision, refuse_newer

__all__ = ["SnapshotInfo", "check_snapshot", "restore_snapshot", "take_snapshot"]

_PAGES_AT_ONCE = 2000
_VERSIONS = "alembic_version"
_POLL_SECONDS = 1.0
_LOCK_WAIT_SECONDS = 300.0
_OF_DEBIAN = Path("/usr/lib/postgresql")


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """What a snapshot is: of which kind of database, at which schema (None: no tables), of which server."""

    kind: Literal["sqlite", "postgresql"]
    schema: str | None
    server: str


def take_snapshot(engine: Engine, target: Path, tick: Callable[[], None]) -> SnapshotInfo:
    """Write the database into the file ``target``, which must not exist; ``tick`` is called every second or so.

    Raises StoreError where the program for it is missing or too old or the copy is damaged, StoreAwayError where the
    database does not answer, TryAgainError where the disk is full.
    """
    if engine.dialect.name == "sqlite":
        return _take_sqlite(engine, target, tick)
    return _take_postgresql(engine, target, tick)


def restore_snapshot(
    source: Path, kind: str, schema: str | None, url_text: str, tick: Callable[[], None] = lambda: None
) -> None:
    """Make a new database at a URL out of a snapshot, all or nothing.

    Raises StoreError where there is a database already, the kinds differ, or the schema is newer than this program.
    """
    url = parse_url(url_text)
    refuse_newer(schema)
    wanted = "sqlite" if url.get_backend_name() == "sqlite" else "postgresql"
    if wanted != kind:
        raise StoreError(f"database {shown(url)}: the backup is one of {kind}, and does not go into another kind")
    if kind == "sqlite":
        _restore_sqlite(source, url)
    else:
        _restore_postgresql(source, url, tick)


def check_snapshot(source: Path, kind: str, schema: str | None, what: str) -> None:
    """Open a snapshot as a database, without making one out of it, and compare its schema.

    It may take minutes without a word. Raises DataError about ``what`` where it cannot be opened, is damaged or holds
    another schema, StoreError where the program for it is missing.
    """
    found = _schema_of_sqlite(source, what) if kind == "sqlite" else _schema_of_dump(source, what)
    if found != schema:
        raise DataError(what, f"its database has schema {found}, its manifest says {schema}")


# ------------------------------------------------------------------------------------------------------------- SQLite


def _schema_of_sqlite(source: Path, what: str) -> str | None:
    try:
        with closing(sqlite3.connect(f"file:{quote(str(source))}?mode=ro&immutable=1", uri=True)) as copy:
            found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
            tables = {name for (name,) in copy.execute("SELECT name FROM sqlite_master")}
            row = copy.execute("SELECT version_num FROM alembic_version").fetchone() if _VERSIONS in tables else None
    except sqlite3.Error as error:
        raise DataError(what, f"its database cannot be opened: {error}") from None
    if found != "ok":
        raise DataError(what, f"its database is damaged: {' '.join(str(found).split())}")
    return str(row[0]) if row else None


def _take_sqlite(engine: Engine, target: Path, tick: Callable[[], None]) -> SnapshotInfo:
    file = sqlite_file(engine.url)
    with as_store_error(engine.url), engine.connect() as connection:
        # Holding this transaction is what keeps the copy consistent: without it every commit of another process would
        # make the copy begin again, for a whole night perhaps.
        schema = current_revision(connection)
        connection.execute(text("SELECT count(*) FROM sqlite_master")).scalar()
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        _copy_pages(raw, target, tick, str(file))
    return SnapshotInfo("sqlite", schema, sqlite3.sqlite_version)


def _copy_pages(source: sqlite3.Connection, target: Path, tick: Callable[[], None], name: str) -> None:
    try:
        with closing(sqlite3.connect(target)) as copy:
            source.backup(copy, pages=_PAGES_AT_ONCE, progress=lambda *_: tick(), sleep=0)
            copy.execute("PRAGMA journal_mode=DELETE")
            found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        target.unlink(missing_ok=True)
        words = f"database {name}: cannot be copied: {error}"
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise TryAgainError(f"{words}; free some space, then start the same command again") from None
        raise StoreError(words) from None
    if found != "ok":
        target.unlink(missing_ok=True)
        raise StoreError(f"database {name}: is damaged: {' '.join(str(found).split())}; restore an earlier backup")


def _restore_sqlite(source: Path, url: URL) -> None:
    file = sqlite_file(url)
    if file is None:
        raise StoreError("database: SQLite in memory cannot be restored into; name a file")
    if file.exists() and file.stat().st_size:
        raise StoreError(f"database {file}: is there already; move it away, or restore to another path")
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.restore.tmp")
    try:
        shutil.copyfile(source, temporary)
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        with closing(sqlite3.connect(f"file:{quote(str(temporary))}?mode=ro&immutable=1", uri=True)) as copy:
            found = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise StoreError(f"database: the backup's copy is damaged: {found}")
        # What a former database left beside it belongs to other pages.
        for leftover in ("-wal", "-shm", "-journal"):
            file.with_name(file.name + leftover).unlink(missing_ok=True)
        temporary.replace(file)
        sync_folder(file.parent)
    except sqlite3.Error as error:
        raise StoreError(f"database: the backup's copy is no database: {error}") from None
    finally:
        temporary.unlink(missing_ok=True)


# --------------------------------------------------------------------------------------------------------- PostgreSQL


def _take_postgresql(engine: Engine, target: Path, tick: Callable[[], None]) -> SnapshotInfo:
    with as_store_error(engine.url), engine.connect() as connection:
        schema = current_revision(connection)
        number = int(connection.execute(text("SHOW server_version_num")).scalar_one())
    program = _program("pg_dump", number // 10000, engine.url)
    arguments = ["--format=custom", "--compress=0", "--no-owner", "--no-privileges", f"--file={target}"]
    # Whoever holds a table for themselves (a migration, VACUUM FULL) must not hold up the end of the night.
    arguments.append(f"--lock-wait-timeout={int(_LOCK_WAIT_SECONDS * 1000)}")
    try:
        _run_program([program, *arguments, f"--dbname={_address(engine.url)}"], engine.url, tick)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return SnapshotInfo("postgresql", schema, f"{number // 10000}.{number % 10000}")


def _restore_postgresql(source: Path, url: URL, tick: Callable[[], None]) -> None:
    engine = open_engine(url)
    try:
        with as_store_error(url), engine.connect() as connection:
            tables = inspect(connection).get_table_names()
            number = int(connection.execute(text("SHOW server_version_num")).scalar_one())
    finally:
        engine.dispose()
    if tables:
        raise StoreError(f"database {shown(url)}: holds {len(tables)} tables; name an empty database (createdb NAME)")
    program = _program("pg_restore", number // 10000, url)
    arguments = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    _run_program([program, *arguments, f"--dbname={_address(url)}", str(source)], url, tick)


def _schema_of_dump(source: Path, what: str) -> str | None:
    """Read a dump from end to end as SQL that goes nowhere, then the one table that says its schema."""
    versions = _installed("pg_restore")
    if not any(versions):
        raise StoreError("database: pg_restore is needed to open the backup's copy; apt-get install postgresql-client")
    program, said = versions[max(versions)], ""
    for arguments in (["--file=/dev/null"], ["--data-only", f"--table={_VERSIONS}", "--file=-"]):
        try:
            done = subprocess.run(
                [program, *arguments, source], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                errors="replace", check=False,
            )  # fmt: skip
        except OSError as error:
            raise StoreError(f"database: {program} cannot be started: {error.strerror}") from None
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["?"]
            raise DataError(what, f"its database cannot be opened: {lines[0]}")
        said = done.stdout
    found = re.search(rf"^COPY \S*{_VERSIONS} .*?;\n([^\n\\]+)$", said, flags=re.MULTILINE)
    return found[1] if found else None


def _installed(name: str) -> dict[int, Path]:
    """Return the installed programs of a name by version; Debian keeps each version in a folder."""
    candidates = [path for path in sorted(_OF_DEBIAN.glob(f"*/bin/{name}")) if os.access(path, os.X_OK)]
    if (first := shutil.which(name)) is not None:
        candidates.insert(0, Path(first))
    return {_version_of(path): path for path in reversed(candidates)}


def _program(name: str, server: int, url: URL) -> str:
    """Return the oldest installed program that is as new as the server."""
    versions = _installed(name)
    fitting = [version for version in versions if version >= server]
    if fitting:
        return str(versions[min(fitting)])
    newest = f"only {max(versions)} is" if any(versions) else "none is"
    raise StoreError(
        f"database {shown(url)}: {name} of version {server} or newer is needed, {newest} installed; "
        f"apt-get install postgresql-client-{server}"
    )


def _version_of(program: Path) -> int:
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return 0
    found = re.search(r"(\d+)", said)
    return int(found[1]) if found else 0


def _address(url: URL) -> str:
    """Return the URL as libpq reads it, without its password: arguments are seen by every user of the machine."""
    plain = url.set(drivername="postgresql", password=None).difference_update_query(["password"])
    return plain.render_as_string(hide_password=False)


def _password(url: URL) -> str:
    """Return the password, which may stand before the host or among the options."""
    option = url.normalized_query.get("password", ())
    return str(url.password or "") or (option[0] if option else "")


def _run_program(command: Sequence[str], url: URL, tick: Callable[[], None]) -> None:
    environment = dict(os.environ)
    if password := _password(url):
        environment["PGPASSWORD"] = password
    environment.setdefault("PGCONNECT_TIMEOUT", "10")
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment,
            text=True, errors="replace",
        )  # fmt: skip
    except OSError as error:
        raise StoreError(f"database: {command[0]} cannot be started: {error.strerror}") from None
    said = ""
    with process:
        try:
            while True:
                try:
                    _, said = process.communicate(timeout=_POLL_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    tick()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        lines = [line.strip() for line in said.splitlines() if "error" in line.lower()] or said.splitlines() or ["?"]
        words = f"database {shown(url)}: {Path(command[0]).name} failed: {lines[0]}"
        if "No space left" in said:
            raise TryAgainError(f"{words}; free some space, then start the same command again")
        if "lock timeout" in said or "statement timeout" in said:
            raise TryAgainError(f"{words}; another program holds a table for itself")
        away = "could not connect" in said or "connection to server" in said
        raise StoreAwayError(words) if away else StoreError(words)
