"""Logging of a process is global: every test here gives it back as it was."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from huracan import logs, masking
from huracan.config import LoggingSettings


@pytest.fixture(autouse=True)
def no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_secrets", masking._Secrets())


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    level = logging.getLogger().level
    yield
    logs.configure(LoggingSettings(), None, "json", io.StringIO())
    logging.getLogger().setLevel(level)
