"""The remote store that is a folder."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan.errors import DataError, TryAgainError
from huracan.paths import sha256_of
from huracan.remote.base import RemoteStore
from huracan.remote.local import LocalFolderStore
from huracan.testing.remotes import assert_remote_store


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "copies"
    folder.mkdir()
    return folder


@pytest.fixture
def store(root: Path) -> RemoteStore:
    return LocalFolderStore(root)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "model.bin"
    file.write_bytes(bytes(range(256)) * 40)
    return file


def test_a_stored_file_comes_back_with_the_same_bytes(store: RemoteStore, source: Path, tmp_path: Path) -> None:
    stored = store.put(source, "2026-11-20/models/model.bin")
    assert (stored.path, stored.size) == ("2026-11-20/models/model.bin", 10_240)
    assert abs(stored.modified - datetime.now(UTC)).total_seconds() < 3600
    store.get("2026-11-20/models/model.bin", tmp_path / "back" / "model.bin")
    assert sha256_of(tmp_path / "back" / "model.bin") == sha256_of(source)


def test_putting_again_replaces(store: RemoteStore, source: Path, root: Path) -> None:
    store.put(source, "a")
    source.write_bytes(b"new")
    assert store.put(source, "a").size == 3
    assert (root / "a").read_bytes() == b"new"


def test_an_interrupted_put_leaves_the_old_content_and_nothing_else(
    store: RemoteStore, source: Path, root: Path
) -> None:
    store.put(source, "a")
    source.write_bytes(b"x" * 100_000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(DataError, match="a cannot be stored: File too large"):
            store.put(source, "a")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (root / "a").stat().st_size == 10_240
    assert os.listdir(root) == ["a"]  # noqa: PTH208


def test_verify_compares_bytes_not_names_or_sizes(store: RemoteStore, source: Path, root: Path) -> None:
    store.put(source, "a")
    assert store.verify(source, "a")
    content = (root / "a").read_bytes()
    (root / "a").write_bytes(content[:-1] + b"?")
    assert not store.verify(source, "a")
    assert not store.verify(source, "missing")


def test_files_are_listed_by_name_and_prefix_without_leftovers_and_links(
    store: RemoteStore, source: Path, root: Path
) -> None:
    for path in ("b/two", "a/one", "b/three"):
        store.put(source, path)
    (root / "b" / ".two.k3j.tmp").write_text("half")
    (root / "b" / "link").symlink_to(source)
    assert [file.path for file in store.list()] == ["a/one", "b/three", "b/two"]
    assert [file.path for file in store.list("b/t")] == ["b/three", "b/two"]
    assert list(store.list("c")) == []


def test_what_is_not_there_is_none_or_said(store: RemoteStore, tmp_path: Path) -> None:
    assert store.stat("nothing") is None
    store.delete("nothing")
    with pytest.raises(FileNotFoundError):
        store.get("nothing", tmp_path / "target")
    with pytest.raises(FileNotFoundError):
        store.put(tmp_path / "nothing", "a")
    assert not (tmp_path / "target").exists()


def test_a_deleted_file_is_gone(store: RemoteStore, source: Path) -> None:
    store.put(source, "a")
    store.delete("a")
    assert store.stat("a") is None


def test_a_folder_is_made_with_those_above_it_and_twice(store: RemoteStore, root: Path) -> None:
    store.make_folder("2026-11-20/models")
    store.make_folder("2026-11-20/models")
    assert (root / "2026-11-20" / "models").is_dir()


METHODS: dict[str, Callable[[RemoteStore, Path, str], object]] = {
    "make_folder": lambda store, source, path: store.make_folder(path),
    "put": lambda store, source, path: store.put(source, path),
    "get": lambda store, source, path: store.get(path, source.parent / "target"),
    "stat": lambda store, source, path: store.stat(path),
    "delete": lambda store, source, path: store.delete(path),
    "verify": lambda store, source, path: store.verify(source, path),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", ["", ".", "/etc/passwd", "..", "../a", "a/../../b", "a/..", "a\0b", "//a"])
def test_a_path_that_leaves_the_folder_is_refused(
    method: str, path: str, store: RemoteStore, source: Path, root: Path
) -> None:
    with pytest.raises(DataError, match="is no path below"):
        METHODS[method](store, source, path)
    assert list(root.rglob("*")) == []


@pytest.mark.parametrize("method", METHODS)
def test_a_symbolic_link_does_not_lead_out(
    method: str, store: RemoteStore, source: Path, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (root / "away").symlink_to(tmp_path / "outside")
    with pytest.raises(DataError, match="symbolic link"):
        METHODS[method](store, source, "away/file")
    assert list((tmp_path / "outside").iterdir()) == []


@given(st.text(st.sampled_from("ab./\\ \0~"), max_size=12))
def test_whatever_the_path_nothing_is_written_outside(tmp_path_factory: pytest.TempPathFactory, path: str) -> None:
    base = tmp_path_factory.mktemp("base")
    (base / "copies").mkdir()
    source = base / "source"
    source.write_bytes(b"x")
    stored = None
    with contextlib.suppress(DataError, TryAgainError):
        stored = LocalFolderStore(base / "copies").put(source, path)
    assert stored is None or (base / "copies" / stored.path).read_bytes() == b"x"
    assert sorted(file.name for file in base.iterdir()) == ["copies", "source"]


@pytest.mark.parametrize("method", METHODS)
def test_an_unmounted_disk_is_not_replaced_by_a_folder(method: str, source: Path, tmp_path: Path) -> None:
    store = LocalFolderStore(tmp_path / "not-mounted")
    with pytest.raises(TryAgainError, match="not-mounted is not there"):
        METHODS[method](store, source, "a")
    with pytest.raises(TryAgainError):
        list(store.list())
    assert not (tmp_path / "not-mounted").exists()


@pytest.mark.parametrize("method", ["make_folder", "put"])
def test_a_file_in_the_way_of_a_folder_is_said_in_one_line(method: str, store: RemoteStore, source: Path) -> None:
    store.put(source, "a")
    with pytest.raises(DataError, match="a/b cannot be"):
        METHODS[method](store, source, "a/b")


def test_a_folder_is_not_deleted_as_if_it_were_a_file(store: RemoteStore, root: Path) -> None:
    store.make_folder("a")
    with pytest.raises(DataError, match="a cannot be deleted"):
        store.delete("a")
    assert (root / "a").is_dir()


def test_it_does_what_every_remote_store_does(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    assert_remote_store(lambda: LocalFolderStore(tmp_path / "root"), tmp_path, entries=500, big=8 * 1024 * 1024)


@pytest.mark.soak
def test_it_does_so_with_ten_thousand_entries_and_300_mb(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    assert_remote_store(lambda: LocalFolderStore(tmp_path / "root"), tmp_path)
