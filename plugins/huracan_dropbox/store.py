"""A folder of a Dropbox as a remote store.

Small files go up side by side, each in a session of its own, and are committed together by one request: Dropbox locks
the namespace for each commit, and commits that meet answer 429. A large file goes up in chunks; where it stopped is
written down, so that a killed upload goes on and does not begin again. Content becomes visible by its commit alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from huracan.errors import DataError, HuracanError, TryAgainError
from huracan.paths import write_atomically
from huracan.remote.base import RemoteFile, Sent, Stored, blocks, checked_path, nobody, put_one
from huracan_dropbox.client import Client, RefusedError
from huracan_dropbox.sessions import Session, Sessions
from huracan_dropbox.settings import DropboxSettings

__all__ = ["DropboxStore"]

AT_ONCE = 4
BATCH_FILES = 200
BATCH_BYTES = 64 * 1024 * 1024
LIST_LIMIT = 2000


class _LostSessionError(TryAgainError):
    """Dropbox does not have what was sent: it has to be sent again."""


class DropboxStore:
    """One folder of a Dropbox. ``state`` is the local folder where unfinished uploads are written down."""

    def __init__(self, settings: DropboxSettings, state: Path, tell: Callable[[str], None]) -> None:
        self._folder, self._chunk = settings.folder, settings.chunk_megabytes * 1024 * 1024
        self._account = settings.account or settings.app_key
        self._client = Client(settings, tell)
        self._sessions = Sessions(state / "dropbox-uploads.json")
        self._committing = threading.Lock()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="dropbox")

    @property
    def identity(self) -> str:
        """Name the account, or the app where it is not known, and the folder."""
        return f"dropbox:{self._account}{self._folder or '/'}"

    def make_folder(self, path: str) -> None:
        checked_path(path)
        try:
            with self._committing:
                self._client.call("files_create_folder_v2", self._place(path), subject=path, expects=True)
        except RefusedError as error:
            if "folder" not in error.tags:
                raise _as_data_error(path, error) from None

    def put(self, source: Path, path: str, sent: Sent = nobody) -> RemoteFile:
        """Store a file; a large one goes on where an upload of the same bytes stopped, if Dropbox has that still."""
        checked_path(path)
        stored = self._put_once(source, path, sent)
        if isinstance(stored.error, _LostSessionError) and self._sessions.forget(path):
            # A week after it stopped, or with another account, there is nothing to go on with: from the start, then.
            stored = self._put_once(source, path, sent)
        if stored.file is None:
            raise stored.error or TryAgainError(f"dropbox: {path} was not committed")
        return stored.file

    def put_many(self, files: Sequence[tuple[Path, str]], sent: Sent = nobody) -> Iterator[Stored]:
        """Store small files in batches, large ones alone."""
        for batch in self._batches(files):
            if len(batch) == 1:
                yield put_one(self, *batch[0], sent)
                continue
            begun = list(self._pool.map(lambda each: self._begin(each[0], each[1], sent), batch))
            ready = []
            for (source, path), session in zip(batch, begun, strict=True):
                if isinstance(session, DataError):
                    yield Stored(path, error=session)
                else:
                    ready.append((source, path, session))
            answers = self._commit(ready)
            # What was stored is told of before what was not ends all this.
            yield from (each for each in answers if not isinstance(each.error, TryAgainError))
            for each in answers:
                if isinstance(each.error, TryAgainError):
                    raise each.error

    def get(self, path: str, target: Path) -> None:
        """Fetch a file, atomically, and compare its hash. Raises FileNotFoundError where there is none."""
        place = self._place(checked_path(path))

        def fill(temporary: Path) -> None:
            found = self._client.call("files_download_to_file", str(temporary), place, subject=path, expects=True)
            if found.content_hash != _hash(temporary):
                raise TryAgainError(f"dropbox: {path} came back damaged")

        try:
            write_atomically(target, fill)
        except RefusedError as error:
            if "not_found" in error.tags or "not_file" in error.tags:
                raise FileNotFoundError(path) from None
            raise _as_data_error(path, error) from None

    def list(self, prefix: str = "") -> Iterator[RemoteFile]:
        """Yield files below the deepest folder that the prefix names, thousands for each request."""
        folder = prefix.rpartition("/")[0]
        place = self._place(folder) if folder else self._folder
        try:
            page = self._client.call(
                "files_list_folder", place, recursive=True, limit=LIST_LIMIT, subject=prefix, expects=True
            )
        except RefusedError as error:
            if "not_found" in error.tags or "not_folder" in error.tags:
                return
            raise _as_data_error(prefix, error) from None
        while True:
            for entry in page.entries:
                if hasattr(entry, "content_hash") and (file := self._describe(entry)).path.startswith(prefix):
                    yield file
            if not page.has_more:
                return
            page = self._client.call("files_list_folder_continue", page.cursor, subject=prefix)

    def stat(self, path: str) -> RemoteFile | None:
        try:
            entry = self._client.call("files_get_metadata", self._place(checked_path(path)), subject=path, expects=True)
        except RefusedError as error:
            if "not_found" in error.tags:
                return None
            raise _as_data_error(path, error) from None
        return self._describe(entry) if hasattr(entry, "content_hash") else None

    def delete(self, path: str) -> None:
        try:
            with self._committing:
                self._client.call("files_delete_v2", self._place(checked_path(path)), subject=path, expects=True)
        except RefusedError as error:
            if "not_found" not in error.tags:
                raise _as_data_error(path, error) from None

    def content_hash(self, source: Path, stored: RemoteFile) -> str | None:  # noqa: ARG002 - the hash needs no copy
        """Return Dropbox's content hash of the bytes: SHA-256 of the SHA-256 sums of 4 MiB blocks."""
        return _hash(source)

    def verify(self, source: Path, path: str) -> bool:
        """Compare content hashes."""
        stored = self.stat(path)
        return stored is not None and stored.content_hash == _hash(source)

    def close(self) -> None:
        """Close the connections."""
        self._pool.shutdown(cancel_futures=True)
        self._client.close()

    # ------------------------------------------------------------------------------------------------------- sending

    def _batches(self, files: Sequence[tuple[Path, str]]) -> Iterator[Sequence[tuple[Path, str]]]:
        batch: list[tuple[Path, str]] = []
        room = BATCH_BYTES
        for source, path in files:
            size = source.stat().st_size if source.is_file() else 0
            if size > self._chunk:
                yield [(source, path)]
                continue
            if len(batch) == BATCH_FILES or size > room:
                yield batch
                batch, room = [], BATCH_BYTES
            batch.append((source, path))
            room -= size
        if batch:
            yield batch

    def _put_once(self, source: Path, path: str, sent: Sent) -> Stored:
        small = source.stat().st_size <= self._chunk
        session = self._small(source, sent) if small else self._large(source, path, sent)
        (stored,) = self._commit([(source, path, session)])
        if stored.file is not None:
            self._sessions.forget(path)
        return stored

    def _begin(self, source: Path, path: str, sent: Sent) -> Session | DataError:
        try:
            checked_path(path)
            return self._small(source, sent)
        except FileNotFoundError:
            return DataError(path, "is no file any more")
        except DataError as error:
            return error

    def _small(self, source: Path, sent: Sent) -> Session:
        """Send a file's bytes in one request; nobody sees them before the commit."""
        content = source.read_bytes()
        sent(len(content))
        answer = self._client.call("files_upload_session_start", content, close=True, subject=source.name)
        return Session(answer.session_id, len(content), "")

    def _large(self, source: Path, path: str, sent: Sent) -> Session:
        from dropbox.files import UploadSessionCursor

        whole = _hash(source)
        session = self._sessions.find(path, whole) or self._first(source, path, whole, sent)
        size = source.stat().st_size
        with source.open("rb") as file:
            file.seek(session.offset)
            for block in blocks(file, sent, self._chunk):
                end = session.offset + len(block)
                cursor = UploadSessionCursor(session.session_id, session.offset)
                try:
                    self._client.call(
                        "files_upload_session_append_v2", block, cursor, close=end == size, subject=path, expects=True
                    )
                except RefusedError as error:
                    return self._elsewhere(error, source, path, sent)
                session = Session(session.session_id, end, whole)
                self._sessions.remember(path, session)
        return session

    def _first(self, source: Path, path: str, whole: str, sent: Sent) -> Session:
        with source.open("rb") as file:
            block = next(blocks(file, sent, self._chunk))
        answer = self._client.call("files_upload_session_start", block, subject=path)
        session = Session(answer.session_id, len(block), whole)
        self._sessions.remember(path, session)
        return session

    def _elsewhere(self, error: RefusedError, source: Path, path: str, sent: Sent) -> Session:
        """Go on where Dropbox stands, which may have a chunk whose answer was lost; else begin again."""
        found = self._sessions.find(path, _hash(source))
        correct = _correct_offset(error)
        if found is not None and correct is not None and correct != found.offset:
            self._sessions.remember(path, Session(found.session_id, correct, found.content_hash))
            return self._large(source, path, sent)
        if found is not None and "closed" in error.tags:
            return Session(found.session_id, source.stat().st_size, found.content_hash)
        if found is not None and "not_found" in error.tags:
            self._sessions.forget(path)
            return self._large(source, path, sent)
        raise TryAgainError(f"dropbox: the upload of {path} is refused ({error})")

    # -------------------------------------------------------------------------------------------------------- commit

    def _commit(self, ready: Sequence[tuple[Path, str, Session]]) -> Sequence[Stored]:
        """Make sent files visible, all by one request; those that met another writer are tried again."""
        if not ready:
            return []
        done: dict[str, Stored] = {}
        open_ones = list(ready)
        for _ in range(5):
            with self._committing:
                answer = self._client.call("files_upload_session_finish_batch_v2", [self._entry(*e) for e in open_ones])
            again = []
            for each, entry in zip(open_ones, answer.entries, strict=True):
                stored, busy = self._outcome(each[0], each[1], entry)
                done[each[1]] = stored
                if busy:
                    again.append(each)
            open_ones = again
            if not open_ones:
                break
        return [done[path] for _, path, _ in ready]

    def _entry(self, source: Path, path: str, session: Session) -> Any:
        from dropbox.files import CommitInfo, UploadSessionCursor, UploadSessionFinishArg, WriteMode

        modified = datetime.fromtimestamp(int(source.stat().st_mtime), UTC).replace(tzinfo=None)
        commit = CommitInfo(self._place(path), mode=WriteMode.overwrite, mute=True, client_modified=modified)
        return UploadSessionFinishArg(UploadSessionCursor(session.session_id, session.offset), commit)

    def _outcome(self, source: Path, path: str, entry: Any) -> tuple[Stored, bool]:
        from huracan_dropbox.client import tags

        if entry.is_success():
            done = entry.get_success()
            if done.name != path.rpartition("/")[2]:
                return Stored(
                    path, error=DataError(path, f"Dropbox takes it for {done.name}: only capitals differ")
                ), False
            return Stored(path, self._describe(done, path)), False
        words = tuple(tags(entry.get_failure()))
        if "insufficient_space" in words:
            return Stored(path, error=TryAgainError("dropbox: the account is full: make room there")), False
        if "not_found" in words and (there := self.stat(path)) and there.content_hash == _hash(source):
            return Stored(path, there), False  # an earlier commit of it was done, its answer was lost
        error: HuracanError = DataError(path, f"Dropbox refuses it ({' / '.join(words)})")
        busy = "too_many_write_operations" in words
        if busy or {"not_found", "not_closed", "incorrect_offset"} & set(words):
            kind = TryAgainError if busy else _LostSessionError
            error = kind(f"dropbox: {path} was not committed ({' / '.join(words)})")
        return Stored(path, error=error), busy

    def _describe(self, entry: Any, path: str = "") -> RemoteFile:
        shown = path or str(entry.path_display)[len(self._folder) + 1 :]
        modified = entry.client_modified.replace(tzinfo=UTC)
        return RemoteFile(shown, entry.size, modified, entry.content_hash, entry.rev)

    def _place(self, path: str) -> str:
        return f"{self._folder}/{path}"


def _hash(source: Path) -> str:
    from dropbox.content_hash import DropboxContentHasher

    hasher = DropboxContentHasher()
    with source.open("rb") as file:
        for block in blocks(file, nobody):
            hasher.update(block)
    return str(hasher.hexdigest())


def _correct_offset(error: RefusedError) -> int | None:
    value = error.error.error
    while value is not None:
        if isinstance(offset := getattr(value, "correct_offset", None), int):
            return offset
        value = getattr(value, "_value", None)
    return None


def _as_data_error(path: str, error: RefusedError) -> DataError:
    return DataError(path, f"Dropbox refuses it ({error})")
