"""The real paramiko against OpenSSH's own server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from huracan.errors import DataError, TryAgainError, UsageError
from huracan.testing.remotes import assert_remote_store
from huracan_sftp.settings import SftpSettings
from huracan_sftp.store import SftpStore
from servers.services import Sshd, open_sshd

MB = 1024 * 1024


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with open_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


def opened(server: Sshd, **more: Any) -> SftpStore:
    return SftpStore(SftpSettings(**{**server.settings, **more}))


def test_it_does_what_every_remote_store_does(sshd: Sshd, tmp_path: Path) -> None:
    assert_remote_store(lambda: opened(sshd), tmp_path, entries=250, big=40 * MB)


@pytest.mark.soak
def test_it_does_so_with_ten_thousand_entries_and_300_mb(sshd: Sshd, tmp_path: Path) -> None:
    assert_remote_store(lambda: opened(sshd), tmp_path)


def test_an_account_that_may_not_run_commands_is_verified_by_reading_back(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    with open_sshd(tmp_path / "server", commands=False) as server:
        store = opened(server)
        same, other = tmp_path / "same", tmp_path / "other"
        same.write_bytes(b"abc" * MB)
        other.write_bytes(b"abd" * MB)
        store.put(same, "a/b")
        assert store.verify(same, "a/b")
        assert not store.verify(other, "a/b")
        store.close()


def test_a_connection_that_broke_is_made_again(sshd: Sshd, tmp_path: Path) -> None:
    store = opened(sshd)
    store.stat("x")
    assert store._ssh is not None
    transport = store._ssh.get_transport()
    assert transport is not None
    transport.close()
    with pytest.raises(TryAgainError, match="Socket is closed"):
        store.stat("x")
    assert store.stat("x") is None
    store.close()


def test_an_unknown_or_changed_host_key_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    (tmp_path / "none").write_text("")
    with pytest.raises(UsageError, match=r"host key .* is not known; if that is right, add it: ssh-keyscan"):
        opened(sshd, known_hosts=tmp_path / "none").stat("x")
    name, kind, _ = Path(sshd.settings["known_hosts"]).read_text().split()
    other = (Path(sshd.settings["key_file"]).with_suffix(".pub")).read_text().split()[1]
    (tmp_path / "changed").write_text(f"{name} {kind} {other}\n")
    with pytest.raises(UsageError, match="somebody may be in between"):
        opened(sshd, known_hosts=tmp_path / "changed").stat("x")


def test_what_is_missing_or_refused_is_said(sshd: Sshd, tmp_path: Path) -> None:
    with pytest.raises(TryAgainError, match="the folder is not there: mount the disk"):
        opened(sshd, folder=str(tmp_path / "unmounted")).stat("x")
    with pytest.raises(UsageError, match=r"remote\.key_file: .* is not there"):
        opened(sshd, key_file=tmp_path / "nokey").stat("x")
    with pytest.raises(UsageError, match="the key or password is refused"):
        opened(sshd, key_file=None, password="wrong").stat("x")
    with pytest.raises(TryAgainError, match="is away"):
        opened(sshd, port=9).stat("x")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_said(sshd: Sshd, tmp_path: Path) -> None:
    (sshd.folder / "locked").mkdir(mode=0o500)
    source = tmp_path / "x"
    source.write_bytes(b"x")
    with pytest.raises(DataError, match="may not be read or written by this user"):
        opened(sshd).put(source, "locked/x")


def test_a_folder_in_the_way_and_a_name_too_long_stop_no_other_file(sshd: Sshd, tmp_path: Path) -> None:
    (sshd.folder / "way" / "x").mkdir(parents=True)
    source = tmp_path / "x"
    source.write_bytes(b"x")
    store = opened(sshd)
    answers = list(store.put_many([(source, "way/x"), (source, "way/" + "l" * 256), (source, "way/z")]))
    assert [type(each.error) for each in answers] == [DataError, DataError, type(None)]
    store.close()
