"""A workspace as nights leave it, places for copies, and keys."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from forked import run_huracan
from huracan import hookimpl
from huracan.config import Section, SettingsPath
from huracan.context import Context
from huracan.errors import HuracanError
from huracan.remote.base import RemoteFile, Sent, nobody
from huracan.remote.local import LocalFolderStore
from huracan.testing import stand_in
from huracan.types import RemoteType
from huracan_backup.keys import Keys, new_identity

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
Write = Callable[..., Path]
Huracan = Callable[..., subprocess.CompletedProcess[str]]


class Moody(LocalFolderStore):
    """A folder that counts what is sent, and fails as long as it is told to."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.puts: list[str] = []
        self.deleted: list[str] = []
        self.fails: HuracanError | None = None
        self.fails_after = 0

    def put(self, source: Path, path: str, sent: Sent = nobody) -> RemoteFile:
        if self.fails is not None and len(self.puts) >= self.fails_after:
            raise self.fails
        self.puts.append(path)
        return super().put(source, path, sent)

    def delete(self, path: str) -> None:
        self.deleted.append(path)
        super().delete(path)

    def list(self, prefix: str = "") -> Iterator[RemoteFile]:
        if self.fails is not None and not self.fails_after:
            raise self.fails
        return super().list(prefix)


class MoodySettings(Section):
    name: str = "moody"
    path: SettingsPath = Path("remote")


@pytest.fixture
def keys() -> Keys:
    return Keys((new_identity()[0],))


@pytest.fixture
def write(workspace: Path) -> Write:
    """Write a file of the workspace, changed so long ago that nobody doubts its time."""

    def make(path: str, content: bytes | str = b"content") -> Path:
        file = workspace / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        os.utime(file, (time.time() - 3600, time.time() - 3600))
        return file

    return make


@pytest.fixture
def night(write: Write) -> Callable[[str], None]:
    """Write what the night of a day leaves behind: a run, a model, the champion that points at it."""

    def make(day: str) -> None:
        folder = f"models/BTC-USDT/{day}_020000Z"
        write(f"{folder}/model.bin", os.urandom(50_000))
        write(f"{folder}/sha256.txt", "sums")
        write(f"runs/{day}Z/status.json", json.dumps({"run": day}))
        write("champions/BTC-USDT.json", json.dumps({"symbol": "BTC-USDT", "model_path": folder}))

    return make


@pytest.fixture
def moody(tmp_path: Path) -> Moody:
    (tmp_path / "remote").mkdir()
    return Moody(tmp_path / "remote")


@pytest.fixture
def context(
    make_context: Callable[..., Context], moody: Moody, keys: Keys, tmp_path: Path, night: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> Context:  # fmt: skip
    """A context with encrypted backups that go to ``moody``, and one night."""

    @hookimpl
    def huracan_remotes() -> Any:
        return [RemoteType("moody", MoodySettings, lambda *_: moody)]

    # What was written just now is not trusted to stay as it is; tests have no two seconds to wait.
    monkeypatch.setattr("huracan_backup.known._RACY_NS", -1)
    settings = {
        "remote": {"name": "moody", "path": str(tmp_path / "remote")},
        "backup": {"identity": keys.identities[0], "keep_daily": 3, "keep_weekly": 2, "keep_monthly": 2},
    }
    context = make_context(
        settings, plugins=["remote", "backup"], extra=[stand_in("moody", huracan_remotes=huracan_remotes)]
    )
    night("20261119")
    return context


@pytest.fixture
def at() -> Callable[[float], Callable[[], datetime]]:
    """Return a clock that stands so many days after the first night."""
    return lambda days: lambda: NOW + timedelta(days=days)


@pytest.fixture
def huracan(tmp_path: Path, workspace: Path) -> Huracan:
    """Run ``huracan`` as an owner types it, with settings of these values."""

    def run(*words: str, **settings: Any) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "settings.yaml"
        values = {"workspace": str(workspace), "plugins": {"only": ["remote", "backup"]}, **settings}
        file.write_text(yaml.safe_dump(values))
        return run_huracan("-c", str(file), *words)

    return run
