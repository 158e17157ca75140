"""Packs: what goes in comes out, and nothing else ever does."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from huracan.errors import DataError, UsageError
from huracan_backup.keys import Keys, new_identity
from huracan_backup.packs import Changed, Member, Source, check_stored, unpack, write_pack

letters = st.characters(codec="utf-8", exclude_characters="/\\\0")
names = st.lists(
    st.text(letters, min_size=1, max_size=40).filter(lambda name: name not in (".", "..")),
    min_size=1, max_size=6, unique=True,
)  # fmt: skip


def nothing() -> None:
    """Be told of progress."""


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(names, st.data(), st.booleans())
def test_what_is_packed_comes_out_byte_by_byte(
    tmp_path_factory: pytest.TempPathFactory, paths: list[str], data: st.DataObject, encrypted: bool
) -> None:
    folder = tmp_path_factory.mktemp("pack")
    contents = {f"workspace/{name}": data.draw(st.binary(max_size=5000)) for name in paths}
    sources = []
    for number, (path, content) in enumerate(contents.items()):
        (folder / f"{number}").write_bytes(content)
        sources.append(Source(path, folder / f"{number}", len(content)))
    keys = Keys((new_identity()[0],)) if encrypted else Keys()
    written = write_pack(folder / "packs", folder, sources, keys, nothing)
    file = folder / "packs" / written.name
    check_stored(file, written.name, written.size, "it")
    found: dict[str, Path] = {}

    def place(path: str) -> Path:
        return found.setdefault(path, folder / "out" / str(len(found)))

    unpack(file, folder, written.members, keys, encrypted, "it", place)
    assert {path: target.read_bytes() for path, target in found.items()} == contents


@pytest.fixture
def pack(tmp_path: Path) -> Callable[..., tuple[Path, list[Member]]]:
    """Make a pack by hand, with members that no honest program writes, and an index that names all of them."""

    def make(*entries: tuple[str, bytes], kind: bytes = tarfile.REGTYPE) -> tuple[Path, list[Member]]:
        buffer, members = io.BytesIO(), []
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name, content in entries:
                entry = tarfile.TarInfo(name)
                entry.type, entry.size, entry.linkname = kind, len(content) if kind == tarfile.REGTYPE else 0, "/etc"
                tar.addfile(entry, io.BytesIO(content))
                members.append(Member(name, len(content), 0o644, 0, hashlib.sha256(content).hexdigest()))
        file = tmp_path / "pack"
        file.write_bytes(zstandard.ZstdCompressor().compress(buffer.getvalue()))
        return file, members

    return make


@pytest.mark.parametrize("name", ["/etc/passwd", "../outside", "a/../../outside", "a//b", "a\\b"])
def test_a_path_that_leaves_the_target_is_refused(
    name: str, pack: Callable[..., tuple[Path, list[Member]]], tmp_path: Path
) -> None:
    file, members = pack((name, b"evil"))
    with pytest.raises(DataError, match="unsafe path"):
        unpack(file, tmp_path, members, Keys(), False, "it", lambda path: tmp_path / "out" / path)
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_links_devices_and_the_like_are_refused(
    kind: bytes, pack: Callable[..., tuple[Path, list[Member]]], tmp_path: Path
) -> None:
    file, members = pack(("a", b""), kind=kind)
    with pytest.raises(DataError, match="link or device"):
        unpack(file, tmp_path, members, Keys(), False, "it", lambda path: tmp_path / "out" / path)


def test_more_less_or_other_than_the_index_names_is_refused(
    pack: Callable[..., tuple[Path, list[Member]]], tmp_path: Path
) -> None:
    file, members = pack(("a", b"1"), ("b", b"2"))
    for changed, words in (
        (members[:1], "does not name"),
        ([*members, Member("c", 1, 0o644, 0, "")], "does not hold c"),
        ([members[0], Member("b", 2, 0o644, 0, members[1].sha256)], "bytes instead of"),
        ([members[0], Member("b", 1, 0o644, 0, members[0].sha256)], "other bytes"),
        ([members[0], members[1]], ""),
    ):
        if words:
            with pytest.raises(DataError, match=words):
                unpack(file, tmp_path, changed, Keys(), False, "it", lambda _: None)
        else:
            unpack(file, tmp_path, changed, Keys(), False, "it", lambda _: None)


@pytest.mark.parametrize("encrypted", [True, False])
def test_every_flipped_or_missing_byte_is_found(encrypted: bool, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content" * 20_000)
    keys = Keys((new_identity()[0],)) if encrypted else Keys()
    written = write_pack(tmp_path / "packs", tmp_path, [Source("workspace/a", tmp_path / "a", 1)], keys, nothing)
    whole = (tmp_path / "packs" / written.name).read_bytes()
    broken = tmp_path / "broken"
    for at in (0, len(whole) // 3, len(whole) - 1):
        broken.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(DataError, match="was changed"):
            check_stored(broken, written.name, written.size, "it")
        # And where nobody compared names, the format itself says so.
        with pytest.raises(DataError):
            unpack(broken, tmp_path, written.members, keys, encrypted, "it", lambda _: None)
    broken.write_bytes(whole[:-100])
    with pytest.raises(DataError, match="truncated"):
        check_stored(broken, written.name, written.size, "it")
    with pytest.raises(DataError):
        unpack(broken, tmp_path, written.members, keys, encrypted, "it", lambda _: None)


def test_nobody_reads_a_pack_without_its_key(tmp_path: Path, keys: Keys) -> None:
    (tmp_path / "a").write_bytes(b"secret sauce" * 1000)
    written = write_pack(tmp_path / "packs", tmp_path, [Source("workspace/a", tmp_path / "a", 1)], keys, nothing)
    file = tmp_path / "packs" / written.name
    assert file.read_bytes().startswith(b"age-encryption.org/v1\n")
    assert b"workspace" not in file.read_bytes()
    with pytest.raises(UsageError, match="give its key with --identity"):
        unpack(file, tmp_path, written.members, Keys(), True, "it", lambda _: None)
    with pytest.raises(DataError, match="this key does not fit"):
        unpack(file, tmp_path, written.members, Keys((new_identity()[0],)), True, "it", lambda _: None)


def test_a_pack_is_opened_without_this_program(tmp_path: Path) -> None:
    """What `age -d -i backup.key NAME | zstd -d | tar t` does, as the page on disaster recovery says."""
    secret, _ = new_identity()
    (tmp_path / "a").write_bytes(b"content")
    written = write_pack(tmp_path, tmp_path, [Source("workspace/a", tmp_path / "a", 1)], Keys((secret,)), nothing)
    plain = pyrage.decrypt((tmp_path / written.name).read_bytes(), [pyrage.x25519.Identity.from_str(secret)])
    tar = zstandard.ZstdDecompressor().stream_reader(plain).read()
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        assert opened.getnames() == ["workspace/a"]


def test_a_recipient_reads_with_a_key_that_this_machine_never_had(tmp_path: Path) -> None:
    secret, public = new_identity()
    (tmp_path / "a").write_bytes(b"for two")
    keys = Keys((new_identity()[0],), (public,))
    written = write_pack(tmp_path / "packs", tmp_path, [Source("workspace/a", tmp_path / "a", 1)], keys, nothing)
    unpack(tmp_path / "packs" / written.name, tmp_path, written.members, Keys((secret,)), True, "it", lambda _: None)


def test_a_file_that_grows_while_it_is_packed_is_kept_as_it_began(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"line\n" * 100)
    ticks = []

    def grow() -> None:
        ticks.append(1)
        with log.open("ab") as file:
            file.write(b"more\n")

    sources = [Source("workspace/first", log, 1), Source("workspace/second", log, 1)]
    written = write_pack(tmp_path / "packs", tmp_path, sources, Keys(), grow)
    assert [member.size for member in written.members] == [500, 505]
    unpack(tmp_path / "packs" / written.name, tmp_path, written.members, Keys(), False, "it", lambda _: None)
    log.unlink()
    with pytest.raises(Changed):
        write_pack(tmp_path / "packs", tmp_path, sources, Keys(), grow)
