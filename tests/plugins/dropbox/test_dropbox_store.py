"""The real SDK against a server that speaks Dropbox's protocol, in order and out of it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from huracan.errors import TryAgainError, UsageError
from huracan.testing.remotes import assert_remote_store
from huracan_dropbox.store import DropboxStore
from servers.base import Fault, Reply, chaos, once
from servers.dropbox_api import DropboxServer, content_hash

MB = 1024 * 1024
OpenStore = Callable[..., DropboxStore]


def file(folder: Path, content: bytes, name: str = "source") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


class KilledError(Exception):
    """What a test raises in the middle of an upload."""


def interrupt(store: DropboxStore, source: Path, after: int) -> None:
    """Begin an upload and end it once more than ``after`` bytes were to be sent."""
    sent = [0]

    def kill(count: int) -> None:
        sent[0] += count
        if sent[0] > after:
            raise KilledError

    with pytest.raises(KilledError):
        store.put(source, "models/big", kill)


def test_it_does_what_every_remote_store_does(open_store: OpenStore, tmp_path: Path) -> None:
    assert_remote_store(open_store, tmp_path, entries=1200, big=24 * MB)


@pytest.mark.soak
def test_it_does_so_with_ten_thousand_entries_and_300_mb(open_store: OpenStore, tmp_path: Path) -> None:
    assert_remote_store(open_store, tmp_path)


def test_many_small_files_are_committed_by_one_request(
    open_store: OpenStore, dropbox: DropboxServer, tmp_path: Path
) -> None:
    files = [(file(tmp_path, b"%d" % i, f"{i}"), f"many/{i}") for i in range(150)]
    assert all(each.file for each in open_store().put_many(files))
    assert len(dropbox.asked("finish_batch")) == 1
    assert len(dropbox.files) == 150


def test_two_writers_that_meet_are_both_stored(open_store: OpenStore, dropbox: DropboxServer, tmp_path: Path) -> None:
    dropbox.commit_seconds = 0.3
    stores = [open_store(), open_store()]
    sources = [file(tmp_path, bytes([65 + i]) * 1000, f"{i}") for i in range(2)]
    threads = [threading.Thread(target=stores[i].put, args=(sources[i], f"writer/{i}")) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(dropbox.files) == 2
    assert len(dropbox.asked("finish_batch")) > 2, "one of them was answered 429 and tried again"


def test_a_token_that_expires_in_the_middle_of_an_upload_is_renewed(
    open_store: OpenStore, dropbox: DropboxServer, tmp_path: Path
) -> None:
    dropbox.token_uses = 2
    content = bytes(range(256)) * 4 * 1024 * 20
    store = open_store()
    store.put(file(tmp_path, content), "models/big")
    assert dropbox.files["/huracan/models/big"].content == content
    assert len(dropbox.asked("oauth2/token")) >= 3


def test_an_upload_that_was_killed_goes_on_where_it_stopped(
    open_store: OpenStore, dropbox: DropboxServer, tmp_path: Path
) -> None:
    content = b"".join(i.to_bytes(4, "big") for i in range(6 * MB))
    source = file(tmp_path, content)
    interrupt(open_store(), source, 16 * MB)
    assert "/huracan/models/big" not in dropbox.files
    again: list[int] = []
    open_store().put(source, "models/big", again.append)
    assert dropbox.files["/huracan/models/big"].content == content
    assert sum(again) == len(content) - 16 * MB


def test_a_file_that_changed_since_is_not_joined_to_the_old_half(
    open_store: OpenStore, dropbox: DropboxServer, tmp_path: Path
) -> None:
    source = file(tmp_path, b"a" * 12 * MB)
    interrupt(open_store(), source, 8 * MB)
    source.write_bytes(b"b" * 12 * MB)
    open_store().put(source, "models/big")
    assert dropbox.files["/huracan/models/big"].content == b"b" * 12 * MB


def test_an_answer_that_was_lost_costs_no_chunk(open_store: OpenStore, dropbox: DropboxServer, tmp_path: Path) -> None:
    content = b"".join(i.to_bytes(4, "big") for i in range(5 * MB))
    dropbox.faults.append(once(Fault(reset_after=True), "append", times=2))
    open_store().put(file(tmp_path, content), "models/big")
    assert dropbox.files["/huracan/models/big"].content == content


def test_a_session_that_dropbox_forgot_is_begun_again(
    open_store: OpenStore, dropbox: DropboxServer, tmp_path: Path
) -> None:
    content = b"".join(i.to_bytes(4, "big") for i in range(3 * MB))
    source = file(tmp_path, content)
    interrupt(open_store(), source, 8 * MB)
    dropbox.uploads.clear()
    open_store().put(source, "models/big")
    assert dropbox.files["/huracan/models/big"].content == content


def test_a_full_account_is_said_and_leaves_the_old_content(
    open_store: OpenStore, dropbox: DropboxServer, tmp_path: Path
) -> None:
    store = open_store()
    store.put(file(tmp_path, b"old"), "champions/roster.json")
    dropbox.quota = 100
    with pytest.raises(TryAgainError, match="the account is full: make room there"):
        store.put(file(tmp_path, b"n" * 1000), "champions/roster.json")
    assert dropbox.files["/huracan/champions/roster.json"].content == b"old"


def test_revoked_access_says_what_to_do(open_store: OpenStore, dropbox: DropboxServer, tmp_path: Path) -> None:
    store = open_store()
    store.stat("x")
    dropbox.revoked = True
    with pytest.raises(UsageError, match=r"access was revoked .*: run `huracan dropbox login`"):
        store.put(file(tmp_path, b"x"), "x")
    with pytest.raises(UsageError, match="huracan dropbox login"):
        open_store(refresh_token="another-token").stat("x")
    with pytest.raises(UsageError, match=r"remote\.refresh_token are not set"):
        open_store(refresh_token="")


def test_a_missing_permission_is_named(open_store: OpenStore, dropbox: DropboxServer) -> None:
    dropbox.missing_scope = "files.content.write"
    with pytest.raises(UsageError, match="lacks a permission"):
        open_store().stat("x")


def test_retry_after_is_kept(open_store: OpenStore, dropbox: DropboxServer, tmp_path: Path) -> None:
    slow = Reply(429, b"slow down", {"Retry-After": "2", "Content-Type": "text/plain"})
    store = open_store()
    store.stat("x")
    dropbox.faults.append(once(Fault(reply=slow), "upload_session"))
    started = time.monotonic()
    store.put(file(tmp_path, b"x"), "x")
    assert time.monotonic() - started > 1.9


def test_an_account_that_stays_away_is_given_up_in_words(open_store: OpenStore, dropbox: DropboxServer) -> None:
    dropbox.faults.append(lambda _: Fault(reply=Reply(503, b"down")))
    with pytest.raises(TryAgainError, match=r"dropbox: is away \(answered 503\); tried \d times"):
        open_store(patience_seconds=1.0).stat("x")
    dropbox.faults[0] = lambda _: Fault(reply=Reply(200, b"<html>log in to the hotel</html>"))
    with pytest.raises(TryAgainError, match="dropbox: answers what nobody understands"):
        open_store(patience_seconds=0.5).stat("x")


def test_faults_of_every_kind_cost_time_and_no_byte(
    open_store: OpenStore, dropbox: DropboxServer, tmp_path: Path
) -> None:
    down = Reply(500, b"oops")
    shares = [(0.1, Fault(reset_before=True)), (0.1, Fault(reset_after=True)), (0.1, Fault(reply=down))]
    dropbox.faults.append(chaos(3, shares))
    files = [(file(tmp_path, bytes([i]) * (i * 400_000), f"{i}"), f"some/{i}") for i in range(20)]
    store = open_store(patience_seconds=100.0)
    for source, path in files:
        store.put(source, path)
    assert {path: stored.content for path, stored in dropbox.files.items()} == {
        f"/huracan/{path}": source.read_bytes() for source, path in files
    }


def test_the_time_of_a_file_is_kept(open_store: OpenStore, tmp_path: Path) -> None:
    source = file(tmp_path, b"x")
    os.utime(source, (1_700_000_000, 1_700_000_000))
    assert open_store().put(source, "x").modified.timestamp() == 1_700_000_000


def test_the_hash_is_dropboxs(open_store: OpenStore, tmp_path: Path) -> None:
    content = bytes(range(256)) * 40_000
    source = file(tmp_path, content)
    store = open_store()
    stored = store.put(source, "x")
    assert stored.content_hash == content_hash(content) == store.content_hash(source, stored)


def test_a_session_that_was_sent_whole_and_is_gone_by_its_commit_is_sent_again(
    open_store: OpenStore, dropbox: DropboxServer, tmp_path: Path
) -> None:
    source = file(tmp_path, b"x" * 9 * MB)
    dropbox.quota = 1
    with pytest.raises(TryAgainError, match="the account is full"):
        open_store().put(source, "models/big")
    dropbox.quota, dropbox.uploads = 10**12, {}
    open_store().put(source, "models/big")
    assert len(dropbox.files["/huracan/models/big"].content) == 9 * MB


def test_what_was_committed_is_told_of_before_a_full_account_ends_it(
    open_store: OpenStore, dropbox: DropboxServer, tmp_path: Path
) -> None:
    dropbox.quota = 1000
    files = [(file(tmp_path, b"x" * size, f"{size}"), f"part/{size}") for size in (100, 200, 5000)]
    told: list[str] = []
    with pytest.raises(TryAgainError, match="the account is full"):
        told.extend(each.path for each in open_store().put_many(files))
    assert told == ["part/100", "part/200"]


def test_another_account_is_another_place(open_store: OpenStore) -> None:
    assert open_store(account="dbid:1").identity != open_store(account="dbid:2").identity


def test_a_full_account_does_not_cost_what_was_sent_already(
    open_store: OpenStore, dropbox: DropboxServer, tmp_path: Path
) -> None:
    source = file(tmp_path, b"x" * 9 * MB)
    dropbox.quota = 1
    sent: list[int] = []
    for _ in range(3):
        with pytest.raises(TryAgainError, match="the account is full"):
            open_store().put(source, "models/big", sent.append)
    assert sum(sent) == 9 * MB
