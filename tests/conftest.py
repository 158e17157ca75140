"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

pytest_plugins = ["huracan.testing.fixtures", "huracan.testing.postgres"]
collect_ignore = ["demo_plugin"]  # it has tests and settings of its own, and runs where it is installed


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
