"""The end of a night: both sides are compared, and every file that is not safe is named."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from huracan.context import Context
from huracan.errors import TryAgainError
from huracan.types import Outcome
from huracan_remote.finish import run
from huracan_remote.tree import scan

Write = Callable[..., Path]


def test_what_is_left_is_copied_and_everything_is_compared(
    context: Context, moody: Any, remote_folder: Path, write: Write
) -> None:
    write("champions/A.json", at=1.7e9)
    write("models/A/20240105_020000Z/model.bin")
    result = run(context)
    assert result.outcome is Outcome.DONE
    assert "2 files" in result.summary
    assert "all compared by hash" in result.summary
    assert (remote_folder / "2023-11-14/champions/A.json").exists()


@pytest.mark.parametrize("harm", ["deleted", "changed"])
def test_a_copy_that_is_gone_or_changed_is_named_and_made_again(
    harm: str, context: Context, moody: Any, remote_folder: Path, write: Write
) -> None:
    write("champions/A.json", at=1.7e9)
    write("champions/B.json", at=1.7e9)
    run(context)
    copy = remote_folder / "2023-11-14/champions/A.json"
    copy.unlink() if harm == "deleted" else copy.write_bytes(b"CONTENT")
    result = run(context)
    assert result.outcome is Outcome.PARTLY_FAILED
    [problem] = result.problems
    assert problem.startswith("champions/A.json: its copy 2023-11-14/champions/A.json")
    assert problem.endswith("; it was copied again")
    assert copy.read_bytes() == b"content"
    assert run(context).outcome is Outcome.DONE


def test_a_store_that_refuses_a_file_fails_it_by_name(
    context: Context, moody: Any, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("champions/A.json")
    monkeypatch.setattr(moody, "verify", lambda *_: False)
    result = run(context)
    assert result.outcome is Outcome.FAILED
    assert any("champions/A.json: has no copy" in line for line in result.problems)


def test_a_store_that_is_away_is_tried_again(context: Context, moody: Any, write: Write) -> None:
    write("champions/A.json")
    moody.fails = TryAgainError("the line is down")
    with pytest.raises(TryAgainError, match="the line is down"):
        run(context)


def test_an_unchanged_tree_is_compared_by_one_listing(context: Context, moody: Any, write: Write) -> None:
    for number in range(50):
        write(f"models/A/20240105_020000Z/{number}")
    run(context)
    moody.calls.clear()
    result = run(context)
    assert result.outcome is Outcome.DONE
    asked = [what for what, _ in moody.calls]
    assert asked.count("list") == 1
    assert asked.count("verify") < 10, "one in thirty, the bytes of each once a month"
    assert "compared by hash," in result.summary
    assert "by size and time of change" in result.summary


def test_without_a_remote_store_it_says_so(make_context: Callable[..., Context]) -> None:
    result = run(make_context(plugins=["remote"]))
    assert (result.outcome, result.summary) == (
        Outcome.NOTHING_TO_DO, "no remote store is set: results stay on this machine",
    )  # fmt: skip


def test_a_copy_that_rotted_under_the_same_time_is_found_within_a_month(
    make_context: Callable[..., Context], remote_folder: Path, workspace: Path, write: Write
) -> None:
    write("champions/A.json", at=1.7e9)
    settings = {"remote": {"name": "local", "path": str(remote_folder)}, "sync": {"settle_seconds": 0.0}}
    first = datetime(2024, 1, 1, tzinfo=UTC)
    run(make_context(settings, plugins=["remote"], as_of=first))
    copy = remote_folder / "2023-11-14/champions/A.json"
    about = copy.stat()
    copy.write_bytes(b"rotten!")
    os.utime(copy, ns=(about.st_atime_ns, about.st_mtime_ns))
    outcomes = [
        run(make_context(settings, plugins=["remote"], as_of=first + timedelta(days=day))).outcome for day in range(31)
    ]
    assert outcomes.count(Outcome.PARTLY_FAILED) == 1
    assert copy.read_bytes() == b"content", "and it was made again"


def test_a_file_that_changes_while_its_copy_is_gone_is_copied_all_the_same(
    context: Context, moody: Any, remote_folder: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("champions/A.json", at=1.7e9)
    run(context)
    (remote_folder / "2023-11-14/champions/A.json").unlink()
    changed: list[int] = []
    listed = moody.list

    def and_change(prefix: str = "") -> Any:
        if not changed:
            changed.append(1)
            monkeypatch.setattr("huracan_remote.finish.scan", once_then_change)
        return listed(prefix)

    def once_then_change(*given: Any, **options: Any) -> Any:
        found = list(scan(*given, **options))
        write("champions/A.json", b"changed", at=1.7e9 + 5)
        monkeypatch.setattr("huracan_remote.finish.scan", scan)
        return iter(found)

    monkeypatch.setattr(moody, "list", and_change)
    assert run(context).outcome is Outcome.DONE
    assert (remote_folder / "2023-11-14/champions/A.json").read_bytes() == b"changed"
