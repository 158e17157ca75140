"""A workspace whose files are as old as a test wants, and a clock that stands still."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from huracan.clock import FixedClock
from huracan.context import Context, RunInfo

NOW = datetime(2026, 11, 21, 6, 30, tzinfo=UTC)


@pytest.fixture
def maintained(make_context: Callable[..., Context]) -> Callable[..., Context]:
    """Build a context with this plugin, at NOW; keywords are settings of the section maintenance."""

    def build(
        settings: dict[str, Any] | None = None,
        plugins: tuple[str, ...] = (),
        extra: tuple[Any, ...] = (),
        at: datetime = NOW,
        **maintenance: Any,
    ) -> Context:
        context = make_context(
            {"maintenance": maintenance, **(settings or {})}, plugins=("maintenance", *plugins), extra=extra
        )
        return replace(context, clock=FixedClock(at))

    return build


@pytest.fixture
def in_run() -> Callable[..., Context]:
    """Put a context into a run of the pipeline that stands in the ledger, as a job has it."""

    def enter(context: Context, job: str = "daily-report", at: datetime = NOW) -> Context:
        row = context.store.ledger.begin_run("maintenance", at.date(), at, at)
        return replace(context, run=RunInfo(row.run_id, row.pipeline, row.run_date, row.as_of, job))

    return enter


@pytest.fixture
def put(workspace: Path) -> Callable[..., Path]:
    """Write a file of ``size`` bytes (or a text) that was last changed ``days`` before NOW."""

    def make(path: str, days: float = 0.0, size: int = 1000, text: str | None = None) -> Path:
        file = workspace / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * size if text is None else text.encode())
        changed = (NOW - timedelta(days=days)).timestamp()
        os.utime(file, (changed, changed))
        return file

    return make


@pytest.fixture
def put_model(put: Callable[..., Path]) -> Callable[..., str]:
    """Write the folder of a model and return its path in the workspace."""

    def make(symbol: str, days: float, size: int = 1000, complete: bool = True) -> str:
        stamp = NOW - timedelta(days=days)
        folder = f"models/{symbol}/{stamp:%Y%m%d_%H%M%S}Z"
        put(f"{folder}/model.bin", days, size)
        if complete:
            put(f"{folder}/sha256.txt", days, 100)
        return folder

    return make


@pytest.fixture
def crown(put: Callable[..., Path]) -> Callable[..., Path]:
    """Let the pointer of a coin name a model."""

    def point(symbol: str, folder: str) -> Path:
        pointer = {"symbol": symbol, "model_path": folder, "model_id": folder.removeprefix("models/")}
        return put(f"champions/{symbol}.json", text=json.dumps(pointer))

    return point


@pytest.fixture
def tree(workspace: Path) -> Callable[[], set[str]]:
    """Return the files of the workspace, but for the database and locks."""

    def look() -> set[str]:
        files = (path.relative_to(workspace).as_posix() for path in workspace.rglob("*") if path.is_file())
        return {path for path in files if not path.startswith(("huracan.db", "state/"))}

    return look
