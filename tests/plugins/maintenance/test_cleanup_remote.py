"""Clean-up where copies are kept elsewhere: nothing goes that has none, and no copy is ever lost for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from huracan import hookimpl
from huracan.cli.main import main
from huracan.config import Section
from huracan.context import Context
from huracan.errors import UsageError
from huracan.testing import stand_in
from huracan.types import Outcome, RemoteType
from huracan_maintenance import cleanup
from huracan_maintenance.cleanup import run
from huracan_remote.finish import run as finish


@pytest.fixture
def remote_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "copies"
    folder.mkdir()
    return folder


@pytest.fixture
def copied(maintained: Callable[..., Context], remote_folder: Path) -> Callable[..., Context]:
    """Build a context with a real folder as its remote store."""

    def build(**maintenance: Any) -> Context:
        settings = {"remote": {"name": "local", "path": str(remote_folder)}, "sync": {"settle_seconds": 0}}
        return maintained(settings, ("remote",), **maintenance)

    return build


def copies_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_has_no_copy_yet_stays_and_goes_once_it_has_one(
    copied: Callable[..., Context], put: Any, put_model: Any, workspace: Path
) -> None:
    old = put_model("BTC-USDT", 100)
    for days in (3, 2, 1):
        put_model("BTC-USDT", days)
    context = copied()
    first = run(context)
    assert first.outcome is Outcome.NOTHING_TO_DO
    assert "1 kept that have no copy in the remote store yet" in first.summary
    finish(context)
    put(f"{old}/model.bin", 99)  # changed since
    assert (run(context).outcome, (workspace / old).exists()) == (Outcome.NOTHING_TO_DO, True)
    finish(context)
    assert run(context).outcome is Outcome.DONE
    assert not (workspace / old).exists()


def test_want_of_space_is_no_reason_to_delete_what_has_no_copy(
    copied: Callable[..., Context], put: Any, monkeypatch: pytest.MonkeyPatch, tree: Any
) -> None:
    put("exports/2026-11-01/a.csv", 9)
    put("exports/2026-11-20/a.csv", 1)
    monkeypatch.setattr(cleanup, "free_bytes", lambda _: 0)
    context = copied(exports={"newest": 1})
    run(context)
    assert "exports/2026-11-01/a.csv" in tree()
    finish(context)
    run(context)
    assert "exports/2026-11-01/a.csv" not in tree()


def test_what_nobody_copies_goes_without_a_copy(copied: Callable[..., Context], put: Any, tree: Any) -> None:
    put("data/quarantine/A-USDT.1.parquet", 100)
    put("data/quarantine/B-USDT.1.parquet", 1)
    run(copied())
    assert tree() == {"data/quarantine/B-USDT.1.parquet"}


@pytest.mark.parametrize("killed", [False, True])
def test_copies_of_what_was_cleaned_up_survive_even_a_prune(
    killed: bool, copied: Callable[..., Context], put: Any, remote_folder: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], workspace: Path,
) -> None:  # fmt: skip
    for day in range(1, 4):
        put(f"exports/2020-01-0{day}/a.csv", 2000 - day)
    context = copied(exports={"newest": 1})
    finish(context)
    before = copies_in(remote_folder)
    assert len(before) == 3
    if killed:  # between the hidden name and the rows of the copies
        with monkeypatch.context() as patch:
            patch.setattr(type(context.store.copies), "forget", _killed)
            with pytest.raises(KeyboardInterrupt):
                run(context)
    run(context)
    finish(context)
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"workspace: {workspace}\nremote: {{name: local, path: {remote_folder}}}\n")
    monkeypatch.setenv("HURACAN_PLUGINS_ONLY", "remote")
    assert main(["-c", str(settings), "sync", "prune", "--force"]) == 0
    assert "0 copies deleted" in capsys.readouterr().out
    assert copies_in(remote_folder) == before


def _killed(*_: Any) -> None:
    raise KeyboardInterrupt


def test_what_was_made_anew_under_a_name_that_was_being_deleted_keeps_its_copy(
    copied: Callable[..., Context], put: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("exports/2020-01-01/a.csv", 2000)
    put("exports/2026-11-20/a.csv", 1)
    context = copied(exports={"newest": 1})
    finish(context)
    with monkeypatch.context() as patch:
        patch.setattr(cleanup, "_erase", _killed)
        with pytest.raises(KeyboardInterrupt):
            run(context)
    put("exports/2020-01-01/a.csv", 0, size=7)
    finish(context)
    run(context)
    assert "; 0 copied now" in finish(context).summary


def test_a_remote_store_that_cannot_be_asked_what_it_is_keeps_everything_and_is_named(
    maintained: Callable[..., Context], put: Any, tree: Any
) -> None:
    def void(*_: Any) -> Any:
        raise UsageError("remote: the token is void; type `huracan far login`")

    entry = stand_in("far", huracan_remotes=hookimpl(lambda: [RemoteType("far", FarSettings, void)]))
    for day in range(1, 3):
        put(f"exports/2020-01-0{day}/a.csv", 2000 - day)
    put("data/quarantine/A-USDT.1.parquet", 100)
    put("data/quarantine/B-USDT.1.parquet", 1)
    before = tree()
    result = run(maintained({"remote": {"name": "far"}}, extra=(entry,), exports={"newest": 1}))
    assert result.outcome is Outcome.PARTLY_FAILED
    assert result.problems == ("copies: remote: the token is void; type `huracan far login`",)
    assert before - tree() == {"data/quarantine/A-USDT.1.parquet"}


class FarSettings(Section):
    """A store that nobody can reach."""

    name: str = "far"
