from __future__ import annotations

import json
from pathlib import Path

import pytest
from huracan.cli.main import main
from huracan.context import Context


@pytest.fixture
def settings_file(context: Context, tmp_path: Path) -> str:
    """Settings that name the workspace of the context."""
    path = tmp_path / "settings.yaml"
    path.write_text(f"workspace: {context.paths.workspace}\n", "utf-8")
    return str(path)


@pytest.mark.usefixtures("nights")
def test_the_nights_are_printed_the_newest_first(settings_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-c", settings_file, "stranger", "--last", "1"]) == 0
    assert capsys.readouterr().out == "the night of 2026-01-06 took 250 minutes (done)\n"


@pytest.mark.usefixtures("nights")
def test_programs_get_json(settings_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-c", settings_file, "stranger", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["nights"]
    assert told[0] == {"run_date": "2026-01-06", "state": "done", "minutes": 250.0}


def test_before_the_first_night_it_says_so(settings_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-c", settings_file, "stranger"]) == 0
    assert capsys.readouterr().out == "No night has ended yet.\n"
