"""A workspace with some files, and a remote store that is a folder and can be told to misbehave."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from huracan import hookimpl
from huracan.config import Section, SettingsPath
from huracan.context import Context
from huracan.errors import HuracanError
from huracan.remote.base import RemoteFile, Sent, Stored, nobody
from huracan.remote.local import LocalFolderStore
from huracan.testing import StandInEntryPoint, stand_in
from huracan.types import RemoteType


class Moody(LocalFolderStore):
    """A folder that counts what it is asked, and fails as long as it is told to."""

    calls: list[tuple[str, str]]
    fails: HuracanError | None
    fails_after: int | None

    def put(self, source: Path, path: str, sent: Sent = nobody) -> RemoteFile:
        self._ask("put", path)
        return super().put(source, path, sent)

    def put_many(self, files: Sequence[tuple[Path, str]], sent: Sent = nobody) -> Iterator[Stored]:
        yield from super().put_many(files, sent)

    def list(self, prefix: str = "") -> Iterator[RemoteFile]:
        self._ask("list", prefix)
        return super().list(prefix)

    def stat(self, path: str) -> RemoteFile | None:
        self._ask("stat", path)
        return super().stat(path)

    def verify(self, source: Path, path: str) -> bool:
        self._ask("verify", path)
        return super().verify(source, path)

    def _ask(self, what: str, path: str) -> None:
        self.calls.append((what, path))
        puts = sum(call[0] == "put" for call in self.calls)
        if self.fails is not None and (self.fails_after is None or puts > self.fails_after):
            raise self.fails


class MoodySettings(Section):
    name: str = "moody"
    path: SettingsPath = Path("remote")


@pytest.fixture
def remote_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "remote"
    folder.mkdir()
    return folder


@pytest.fixture
def moody(remote_folder: Path) -> Moody:
    store = Moody(remote_folder)
    store.calls, store.fails, store.fails_after = [], None, None
    return store


@pytest.fixture
def context(make_context: Callable[..., Context], moody: Moody, remote_folder: Path, workspace: Path) -> Context:
    """A context whose remote store is ``moody``."""

    @hookimpl
    def huracan_remotes() -> Any:
        return [RemoteType("moody", MoodySettings, lambda *_: moody)]

    entry: StandInEntryPoint = stand_in("moody", huracan_remotes=huracan_remotes)
    settings = {"remote": {"name": "moody", "path": str(remote_folder)}, "sync": {"settle_seconds": 0.0}}
    return make_context(settings, plugins=["remote"], extra=[entry])


@pytest.fixture
def write(workspace: Path) -> Callable[..., Path]:
    """Write a file of the workspace, with a time of change of long ago unless told otherwise."""

    def make(path: str, content: bytes = b"content", *, at: float | None = None) -> Path:
        file = workspace / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        when = time.time() - 3600 if at is None else at
        os.utime(file, (when, when))
        return file

    return make
