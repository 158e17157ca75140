"""A folder of exports between two writes, one of which was killed."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from huracan.paths import sha256_of
from huracan.types import ExportScope
from huracan_export.folder import Folder

SCOPE = ExportScope(date(2023, 12, 30), date(2023, 12, 30))


def put(folder: Path, name: str, text: str) -> dict[str, Any]:
    """Write a file and return its entry of the index."""
    (folder / f"{name}_20231230.csv").write_text(text)
    file = folder / f"{name}_20231230.csv"
    return {"name": name, "file": file.name, "sha256": sha256_of(file)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a finished write of two exports."""
    whole = Folder.open(tmp_path, SCOPE)
    whole.begin(["trades_20231230.csv", "models_20231230.csv"])
    whole.finish([put(tmp_path, "trades", "a"), put(tmp_path, "models", "b")], [], ())
    return tmp_path


def listed(folder: Path) -> list[str]:
    index = json.loads((folder / "performance_summary_20231230.json").read_text())
    return [entry["name"] for entry in index["exports"]]


def test_a_write_that_was_killed_does_not_forget_what_the_index_said_of_others(folder: Path) -> None:
    Folder.open(folder, SCOPE).begin(["trades_20231230.csv"])
    assert not (folder / "performance_summary_20231230.json").exists()
    again = Folder.open(folder, SCOPE)
    kept, problems = again.verified(again.entries_but(["trades"]))
    again.begin(["trades_20231230.csv"])
    again.finish([*kept, put(folder, "trades", "c")], problems, ())
    assert (listed(folder), problems) == (["models", "trades"], [])
    assert sorted(file.name for file in folder.iterdir()) == [
        "models_20231230.csv", "performance_summary_20231230.json", "trades_20231230.csv",
    ]  # fmt: skip


def test_a_file_that_a_killed_write_replaced_is_listed_no_more_and_named(folder: Path) -> None:
    Folder.open(folder, SCOPE).begin(["models_20231230.csv"])
    put(folder, "models", "new, and nobody noted how many rows")
    again = Folder.open(folder, SCOPE)
    kept, problems = again.verified(again.entries_but(["trades"]))
    assert kept == []
    assert problems == ["models_20231230.csv is gone or was half replaced: export models again"]


def test_an_index_that_somebody_changed_cannot_have_other_files_removed(folder: Path, tmp_path: Path) -> None:
    precious = tmp_path.parent / "precious.csv"
    precious.write_text("mine")
    index = folder / "performance_summary_20231230.json"
    told = json.loads(index.read_text())
    told["exports"].append({"name": "x", "file": "../precious.csv"})
    index.write_text(json.dumps(told))
    (folder / ".performance_summary_20231230.json.journal").write_text('{"files": ["../precious.csv", 7]}')
    again = Folder.open(folder, SCOPE)
    again.begin([])
    again.finish([], [], ())
    assert precious.read_text() == "mine"
    assert [file.name for file in folder.iterdir()] == ["performance_summary_20231230.json"]


@pytest.mark.parametrize("text", ["", "[]", '{"exports": 5}', '{"exports": [1, {"file": 2}, null]}', "\udcff"])
def test_an_index_that_is_no_index_is_as_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "performance_summary_20231230.json").write_text(text, "utf-8", "surrogateescape")
    again = Folder.open(tmp_path, SCOPE)
    again.begin([])
    again.finish([], [], ())
    assert listed(tmp_path) == []
