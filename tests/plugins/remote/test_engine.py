"""What a sweep copies, what it leaves alone, and what it believes."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from huracan.context import Context
from huracan.errors import TryAgainError
from huracan.remote.base import nobody
from huracan_remote.engine import alone, pending, sweep, sweep_paths
from huracan_remote.layout import Kind
from huracan_remote.restore import newest
from huracan_remote.tree import scan

ALL = tuple(Kind)
Write = Callable[..., Path]


def everything(context: Context, moody: Any, **options: Any) -> Any:
    return sweep(context, moody, ALL, nobody, **{"settle": 0.0, **options})


def copies(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_file_is_copied_and_believed_only_after_it_was_verified(
    context: Context, moody: Any, remote_folder: Path, write: Write
) -> None:
    write("runs/20240105Z/status.json", b"{}")
    write("data/candles/BTC-USDT.parquet", b"candles")
    done = everything(context, moody)
    assert (done.files, done.size, done.problems) == (2, 9, [])
    assert copies(remote_folder) == {
        "2024-01-05/runs/20240105Z/status.json": b"{}", "data/candles/BTC-USDT.parquet": b"candles",
    }  # fmt: skip
    assert [what for what, _ in moody.calls].count("verify") == 2
    known = context.store.copies.known(moody.identity)
    assert known["data/candles/BTC-USDT.parquet"].size == 7


def test_an_unchanged_tree_costs_no_request(context: Context, moody: Any, write: Write) -> None:
    for number in range(50):
        write(f"models/BTC-USDT/20240105_020000Z/{number}")
    everything(context, moody)
    moody.calls.clear()
    assert everything(context, moody).files == 0
    assert moody.calls == []


def test_changes_are_copied_deletions_are_not(context: Context, moody: Any, remote_folder: Path, write: Write) -> None:
    changed, gone = write("champions/A.json", b"old", at=1.7e9), write("champions/B.json", at=1.7e9)
    everything(context, moody)
    write("champions/A.json", b"new", at=1.7e9 + 60)
    gone.unlink()
    assert everything(context, moody).files == 1
    assert changed.exists()
    assert copies(remote_folder) == {
        "2023-11-14/champions/A.json": b"new", "2023-11-14/champions/B.json": b"content",
    }  # fmt: skip


def test_a_file_that_changes_on_another_day_leaves_that_days_copy(
    context: Context, moody: Any, remote_folder: Path, write: Write
) -> None:
    write("champions/A.json", b"old", at=1.7e9)
    everything(context, moody)
    write("champions/A.json", b"new", at=1.7e9 + 86_400)
    everything(context, moody)
    assert sorted(copies(remote_folder).values()) == [b"new", b"old"]


def test_a_renamed_file_is_copied_under_its_new_name(
    context: Context, moody: Any, remote_folder: Path, write: Write
) -> None:
    file = write("champions/A.json", at=1.7e9)
    everything(context, moody)
    file.rename(file.with_name("B.json"))
    everything(context, moody)
    assert sorted(copies(remote_folder)) == ["2023-11-14/champions/A.json", "2023-11-14/champions/B.json"]


def test_a_file_that_somebody_may_still_write_waits(context: Context, moody: Any, write: Write) -> None:
    write("champions/A.json", at=time.time() - 1)
    done = everything(context, moody, settle=30.0)
    assert (done.files, done.later, moody.calls) == (0, 1, [])
    assert everything(context, moody, settle=0.5).files == 1


def test_a_file_that_changes_while_it_is_copied_is_never_seen_half(
    context: Context, moody: Any, remote_folder: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write("champions/A.json", b"x" * 100)
    copyfileobj = shutil.copyfileobj

    def and_grow(*given: Any) -> None:
        copyfileobj(*given)
        file.write_bytes(b"y" * 200)

    monkeypatch.setattr(shutil, "copyfileobj", and_grow)
    done = everything(context, moody)
    assert (done.files, done.later) == (0, 1)
    assert copies(remote_folder) == {}


def test_a_log_is_copied_to_the_end_of_its_last_line(
    context: Context, moody: Any, remote_folder: Path, write: Write
) -> None:
    log = write("logs/huracan.jsonl", b'{"a": 1}\n{"b": ', at=time.time())
    everything(context, moody)
    assert list(copies(remote_folder).values()) == [b'{"a": 1}\n']
    os.utime(log, (time.time() - 3600, time.time() - 3600))
    everything(context, moody)
    assert b'{"a": 1}\n{"b": ' in copies(remote_folder).values(), "and the rest when nobody writes any more"


@pytest.mark.parametrize(
    ("path", "content"),
    [("logs/crash.log", b"the last words"), ("logs/huracan.jsonl.1.gz", b"\x1f\x8b\x08AAAA\nBBBB")],
)
def test_a_log_that_is_quiet_or_packed_is_copied_whole(
    path: str, content: bytes, context: Context, moody: Any, remote_folder: Path, write: Write
) -> None:
    write(path, content, at=1.7e9)
    everything(context, moody)
    assert list(copies(remote_folder).values()) == [content]


def test_temporary_files_links_and_strangers_are_left_alone(context: Context, moody: Any, write: Write) -> None:
    write("models/.model.bin.abc.tmp")
    write("state/secret")
    link = write("models/x").with_name("link")
    link.symlink_to("/etc/passwd")
    assert {each.path for each in scan(context.paths.workspace)} == {"models/x"}
    assert everything(context, moody).files == 1


def test_what_was_copied_before_the_line_broke_is_not_copied_again(context: Context, moody: Any, write: Write) -> None:
    for number in range(30):
        write(f"models/{number:02d}")
    moody.fails, moody.fails_after = TryAgainError("away"), 12
    with pytest.raises(TryAgainError):
        everything(context, moody)
    moody.fails = None
    moody.calls.clear()
    assert everything(context, moody).files == 18
    assert sum(what == "put" for what, _ in moody.calls) == 18


def test_other_bytes_than_were_sent_are_not_believed(
    context: Context, moody: Any, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("champions/A.json")
    monkeypatch.setattr(moody, "verify", lambda *_: False)
    assert "holds other bytes" in everything(context, moody).problems[0]
    assert context.store.copies.known(moody.identity) == {}
    monkeypatch.undo()
    assert everything(context, moody).files == 1


def test_another_remote_store_gets_everything_again(context: Context, moody: Any, write: Write, tmp_path: Path) -> None:
    from huracan.remote.local import LocalFolderStore

    write("champions/A.json")
    everything(context, moody)
    (tmp_path / "other").mkdir()
    assert sweep(context, LocalFolderStore(tmp_path / "other"), ALL, nobody, settle=0.0).files == 1


def test_the_important_go_first_and_then_the_oldest(context: Context, write: Write) -> None:
    for place, path in enumerate(["logs/a", "data/candles/b", "models/d", "models/c", "champions/e", "runs/f"]):
        write(path, at=2e9 - place if "models" in path else 1e9 + place)
    order = [each.path for each in pending(scan(context.paths.workspace), {})]
    assert order == ["runs/f", "champions/e", "models/c", "models/d", "logs/a", "data/candles/b"]


def test_only_new_passes_over_what_has_an_older_copy(context: Context, moody: Any, write: Write) -> None:
    file = write("data/candles/A.parquet")
    everything(context, moody)
    os.utime(file)
    write("data/candles/B.parquet")
    assert everything(context, moody, only_new=True).files == 1
    assert "data/candles/B.parquet" in context.store.copies.known(moody.identity)


def test_named_paths_are_copied_alone(context: Context, moody: Any, write: Write) -> None:
    write("champions/A.json")
    write("champions/B.json")
    paths = ["champions/A.json", "champions/gone.json"]
    assert sweep_paths(context, moody, paths, nobody, settle=0.0).files == 1


def test_a_thousand_files_go_in_batches_and_all_arrive(
    context: Context, moody: Any, remote_folder: Path, write: Write
) -> None:
    for number in range(1000):
        write(f"models/{number % 30}/{number}", b"%d" % number, at=1.7e9)
    assert everything(context, moody).files == 1000
    assert len(copies(remote_folder)) == 1000
    assert not list((context.paths.state / "spool").glob("*"))


def test_a_log_that_became_a_link_meanwhile_is_left_alone_and_so_is_its_target(
    context: Context, moody: Any, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = write("data/candles/A.parquet", b"no line break here")
    log = write("logs/current.log", b"line", at=time.time())
    scanned = list(scan(context.paths.workspace))
    log.unlink()
    log.symlink_to(target)
    monkeypatch.setattr("huracan_remote.engine.scan", lambda *_: iter(scanned))
    everything(context, moody)
    assert target.read_bytes() == b"no line break here"
    assert "logs/current.log" not in context.store.copies.known(moody.identity)


def test_a_file_from_the_future_is_copied_and_the_later_right_one_replaces_it(
    context: Context, moody: Any, remote_folder: Path, write: Write
) -> None:
    write("champions/A.json", b"wrong clock", at=time.time() + 4 * 365 * 86_400)
    assert everything(context, moody, settle=30.0).files == 1
    write("champions/A.json", b"right clock", at=time.time() - 60)
    everything(context, moody, settle=30.0)
    assert b"right clock" in copies(remote_folder).values()
    found = newest(moody)["champions/A.json"]
    assert (remote_folder / found.path).read_bytes() == b"right clock"


def test_a_disk_without_room_for_a_second_copy_sends_nothing_half(
    context: Context, moody: Any, remote_folder: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("models/big", b"x" * 1000)
    usage = shutil.disk_usage(remote_folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10_000_000))
    done = everything(context, moody)
    assert (done.files, done.later) == (0, 1)
    assert done.problems == ["1 files are not copied: less than 67 MB would be left on the disk"]
    assert copies(remote_folder) == {}


def test_a_folder_that_cannot_be_looked_into_is_named(
    context: Context, moody: Any, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("models/A/model.bin")
    scandir = os.scandir

    def refuse(folder: Any) -> Any:
        if str(folder).endswith("models/A"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    assert everything(context, moody).problems == ["models/A: cannot be looked into: Permission denied"]


def test_a_name_that_is_no_text_is_named_and_the_others_are_copied(context: Context, moody: Any, write: Write) -> None:
    write("models/good")
    (context.paths.workspace / "models" / os.fsdecode(b"bad\xff")).write_bytes(b"x")
    done = everything(context, moody)
    assert done.files == 1
    assert "has a name that is no text" in done.problems[0]


def test_one_file_that_the_store_does_not_take_stops_no_other(
    context: Context, moody: Any, remote_folder: Path, write: Write
) -> None:
    (remote_folder / "2023-11-14/champions/A.json").mkdir(parents=True)
    write("champions/A.json", at=1.7e9)
    write("models/B", at=1.7e9)
    done = everything(context, moody)
    assert done.files == 1
    assert "champions/A.json" in done.problems[0]


def test_one_who_comes_second_waits_for_the_first(
    context: Context, moody: Any, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("champions/A.json")
    ready, free = threading.Event(), threading.Event()

    def hold() -> None:
        with alone(context):
            ready.set()
            free.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    ready.wait(20)
    threading.Timer(6.0, free.set).start()  # longer than one try for the lock
    assert everything(context, moody).files == 1
    thread.join()


def test_a_log_from_the_future_is_copied_whole(context: Context, moody: Any, remote_folder: Path, write: Write) -> None:
    write("logs/crash.log", b"the last words", at=time.time() + 86_400)
    everything(context, moody)
    assert everything(context, moody).files == 0
    assert list(copies(remote_folder).values()) == [b"the last words"]
