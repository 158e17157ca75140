"""What docs/how-to/kill-switch.md tells the authors of trading processes is run against real files."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from huracan.trading import Breaker, Mode, kill, publish

LOSING = Breaker("streak", True, Mode.REDUCED, 0.5, "3 losses in a row", 3.0, 3.0)
CALM = Breaker("streak", False, Mode.REDUCED, 0.5, "0 losses in a row", 0.0, 3.0)
MINUTES = timedelta(minutes=1)


@pytest.fixture
def page(repository: Path) -> str:
    return (repository / "docs" / "how-to" / "kill-switch.md").read_text("utf-8")


@pytest.fixture
def allowed(page: str) -> Callable[[Path], dict[str, Any]]:
    found = re.search(r"```python\n(.*?)```", page, flags=re.DOTALL)
    assert found
    names: dict[str, Any] = {}
    exec(compile(found[1], "kill-switch.md", "exec", dont_inherit=True), names)
    read: Callable[[Path], dict[str, Any]] = names["allowed"]
    return read


def free_by_lines(text: str, now: float) -> bool:
    """Follow the three rules for MQL."""
    mode = '\n  "mode": "normal",' in text
    found = re.search(r'\n  "valid_until_unix": (\d+)', text)
    return mode and found is not None and int(found[1]) > now and text.endswith("}\n")


def test_the_documented_readers_say_what_was_written(tmp_path: Path, allowed: Callable[[Path], dict[str, Any]]) -> None:
    now, file = datetime.now(UTC), tmp_path / "trading.json"
    stopped = {"mode": "stopped", "size_factor": 0.0, "new_positions": False, "cancel_orders": True}
    assert allowed(file) == stopped
    publish(tmp_path, [CALM], now, now + 2 * MINUTES)
    text = file.read_text("utf-8")
    assert allowed(file) == {"mode": "normal", "size_factor": 1.0, "new_positions": True, "cancel_orders": False}
    assert free_by_lines(text, time.time())
    assert not free_by_lines(text, time.time() + 180)
    for length in range(len(text)):
        assert not free_by_lines(text[:length], time.time())
        file.write_text(text[:length], "utf-8")
        assert length == len(text) - 1 or allowed(file) == stopped
    publish(tmp_path, [LOSING], now, now + 2 * MINUTES)
    assert allowed(file)["size_factor"] == 0.5
    assert '\n  "size_factor": 0.5,' in file.read_text("utf-8")
    for until in (now - MINUTES, now + 120 * MINUTES):
        publish(tmp_path, [CALM], now - 10 * MINUTES, until)
        assert allowed(file) == stopped
    publish(tmp_path, [CALM], now, now + 2 * MINUTES)
    kill(tmp_path, '"mode": "normal",\n  "mode": "normal",', "ada", now)
    assert allowed(file) == stopped
    assert not free_by_lines(file.read_text("utf-8"), time.time())
