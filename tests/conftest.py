"""Fixtures that every test may use."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from huracan.context import Context
from huracan.testing import make_context as build_context

if importlib.util.find_spec("huracan.testing.postgres"):
    pytest_plugins = ["huracan.testing.postgres"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let reports travel between pytest's processes: some tests log, on purpose, text that is no valid Unicode."""
    report = yield
    report.sections = [
        (title, content.encode("utf-8", "backslashreplace").decode()) for title, content in report.sections
    ]
    return report


REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of real market data: HURACAN_DATA or ../shared/data; without it skip, in CI fail."""
    folder = Path(os.environ.get("HURACAN_DATA") or REPOSITORY.parent / "shared" / "data")
    if not (folder / "crypto_1h").is_dir():
        reason = f"no real market data in {folder}; set HURACAN_DATA to a folder that holds crypto_1h"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "work"


@pytest.fixture
def make_context(workspace: Path) -> Iterator[Callable[..., Context]]:
    """Build contexts as ``huracan.testing.make_context`` does (workspace given), and close their stores at the end."""
    made: list[Context] = []

    def make(*args: object, folder: Path | None = None, **options: object) -> Context:
        context = build_context(folder or workspace, *args, **options)  # type: ignore[arg-type]
        made.append(context)
        return context

    yield make
    for context in made:
        context.store.close()
