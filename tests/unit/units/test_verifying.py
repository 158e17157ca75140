"""systemd's own judgement of the units that the bundled plugins give, and of ones that are wrong."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from huracan.units.verifying import MOST_EXPOSED, verify

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None and not os.environ.get("CI"), reason="systemd-analyze is not installed"
)


def files_of(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("scheduler", ["daemon", "timers"])
def test_no_unit_is_exposed_more_than_allowed_and_none_has_a_mistake(repository: Path, scheduler: str) -> None:
    files = files_of(repository / "units")
    timers = {name.removeprefix("timers/"): text for name, text in files.items() if name.startswith("timers/")}
    common = {name: text for name, text in files.items() if not name.startswith("timers/") and name != "README.md"}
    mistakes, exposures = verify(common | timers if scheduler == "timers" else common)
    assert mistakes == []
    assert len(exposures) > 10
    assert [one for one in exposures if one.level > MOST_EXPOSED] == []


def test_a_mistake_is_named_with_its_unit() -> None:
    wrong = "[Service]\nExecStart=/bin/true\nWatchdogSec=soon\n"
    mistakes, exposures = verify({"systemd/system/huracan-x.service": wrong})
    assert any("huracan-x.service:3" in line and "soon" in line for line in mistakes)
    assert exposures[0].level > MOST_EXPOSED
