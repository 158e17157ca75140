"""``check_remote_store``: what every remote store must do, as numbered rules. For tests of plugins that bring one.

====  ==============================================================================================================
rule  what must hold
====  ==============================================================================================================
R1    what is put is got back, byte for byte, and described with its path and size
R2    an empty file is a file
R3    names with spaces, accents, other scripts and 200 characters come back as they were
R4    a second put replaces the first, also by shorter content
R5    a missing file: ``stat`` is None, ``get`` raises FileNotFoundError and leaves no file, ``delete`` is fine
R6    a folder is made, with those above it, as often as one likes
R7    ``list`` finds all files below a prefix, and no others
R8    ``verify`` tells the same bytes from others of the same size; ``content_hash`` agrees with it
R9    an upload that ends early leaves the old content, and none where there was none
R10   many files at once: each is stored and told of; a file that is gone by then is told of alone
R11   what was sent is told of, block by block, before it is sent
R12   writers at the same time leave one of their contents whole
R13   a big file comes back as it was
R14   a listing of thousands of entries is complete
R15   paths that leave the store are refused with DataError
R16   ``close`` can be called twice
====  ==============================================================================================================
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from huracan.errors import DataError, HuracanError
from huracan.paths import sha256_of
from huracan.remote.base import RemoteStore
from huracan.testing.rules import Rule, RuleResult, ask_rules, assert_rules

__all__ = ["assert_remote_store", "check_remote_store"]

_ODD_NAMES = (
    "with space.txt",
    "ünïcödé – 研究 – данные.json",
    "l" * 200 + ".bin",
    "a+b=c&d%20#1.txt",
    "'quoted' [1].txt",
)


def check_remote_store(
    open_store: Callable[[], RemoteStore],
    folder: Path,
    *,
    skip: Mapping[str, str] | None = None,
    entries: int = 10_000,
    big: int = 300 * 1024 * 1024,
) -> list[RuleResult]:
    """Hold a store against every rule, with files made in ``folder``.

    ``open_store`` opens the same place again and again, from several threads. ``skip`` names rules that are not asked,
    each with a reason; ``entries`` is the size of R14's listing and ``big`` that of R13's file, in bytes.
    """
    return ask_rules(_rules(open_store, folder, entries, big), skip)


def assert_remote_store(
    open_store: Callable[[], RemoteStore],
    folder: Path,
    *,
    skip: Mapping[str, str] | None = None,
    entries: int = 10_000,
    big: int = 300 * 1024 * 1024,
) -> None:
    """Fail with every broken rule in one message."""
    results = check_remote_store(open_store, folder, skip=skip, entries=entries, big=big)
    assert_rules("the remote store", results)


def _rules(open_store: Callable[[], RemoteStore], folder: Path, entries: int, big: int) -> Iterator[Rule]:
    check = _Check(open_store, folder, entries, big)
    try:
        yield "R1", "round trip", check.round_trip
        yield "R2", "empty file", check.empty
        yield "R3", "odd names", check.names
        yield "R4", "overwrite", check.overwrite
        yield "R5", "missing file", check.missing
        yield "R6", "folders", check.folders
        yield "R7", "listing by prefix", check.listing
        yield "R8", "verify", check.verify
        yield "R9", "interrupted upload", check.interrupted
        yield "R10", "many files at once", check.many
        yield "R11", "what is sent is told of", check.told
        yield "R12", "concurrent writers", check.concurrent
        yield "R13", "big file", check.big_file
        yield "R14", "thousands of entries", check.thousands
        yield "R15", "paths that leave", check.leaving
        yield "R16", "close", check.close
    finally:
        check.store.close()


class _GivenUpError(Exception):
    """What the kit raises in the middle of an upload."""


class _Check:
    """The questions, in the order of the table."""

    def __init__(self, open_store: Callable[[], RemoteStore], folder: Path, entries: int, big: int) -> None:
        self.open_store, self.folder, self.entries, self.big = open_store, folder, entries, big
        self.store = open_store()

    def file(self, name: str, content: bytes) -> Path:
        path = self.folder / "sources" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def back(self, path: str) -> bytes:
        target = self.folder / "fetched"
        self.store.get(path, target)
        content = target.read_bytes()
        target.unlink()
        return content

    def round_trip(self) -> str | None:
        content = bytes(range(256)) * 50
        stored = self.store.put(self.file("one.bin", content), "trip/one.bin")
        if (stored.path, stored.size) != ("trip/one.bin", len(content)):
            return f"put describes it as {stored}"
        found = self.store.stat("trip/one.bin")
        if found is None or (found.path, found.size) != ("trip/one.bin", len(content)):
            return f"stat describes it as {found}"
        return None if self.back("trip/one.bin") == content else "other bytes came back"

    def empty(self) -> str | None:
        self.store.put(self.file("empty", b""), "trip/empty")
        found = self.store.stat("trip/empty")
        if found is None or found.size != 0:
            return f"stat describes it as {found}"
        return None if self.back("trip/empty") == b"" else "other bytes came back"

    def names(self) -> str | None:
        for number, name in enumerate(_ODD_NAMES):
            self.store.put(self.file(f"odd-{number}", name.encode()), f"odd/{name}")
        listed = {file.path for file in self.store.list("odd/")}
        lost = [name for name in _ODD_NAMES if f"odd/{name}" not in listed]
        lost += [name for name in _ODD_NAMES if self.back(f"odd/{name}") != name.encode()]
        return f"lost or changed: {lost}" if lost else None

    def overwrite(self) -> str | None:
        self.store.put(self.file("long", b"x" * 5000), "trip/again")
        self.store.put(self.file("short", b"y"), "trip/again")
        return None if self.back("trip/again") == b"y" else "the first content came back"

    def missing(self) -> str | None:
        if self.store.stat("nowhere/nothing") is not None:
            return "stat describes it"
        self.store.delete("nowhere/nothing")
        try:
            self.store.get("nowhere/nothing", self.folder / "nothing")
        except FileNotFoundError:
            return "get left a file" if (self.folder / "nothing").exists() else None
        return "get raised nothing"

    def folders(self) -> str | None:
        for _ in range(2):
            self.store.make_folder("made/inside/deep")
        self.store.put(self.file("deep", b"1"), "made/inside/deep/file")
        self.store.delete("made/inside/deep/file")
        return None if self.store.stat("made/inside/deep/file") is None else "delete left it"

    def listing(self) -> str | None:
        wanted = {"list/a/1", "list/a/2", "list/ab/3"}
        for path in [*wanted, "list-other/4"]:
            self.store.put(self.file("listed", path.encode()), path)
        for prefix in ("list/", "list/a", "list/a/", "list/a/1", "list/zzz"):
            found = sorted(file.path for file in self.store.list(prefix))
            if found != sorted(path for path in wanted if path.startswith(prefix)):
                return f"list({prefix!r}) gives {found}"
        sizes = {file.path: file.size for file in self.store.list("list/")}
        return None if sizes == {path: len(path) for path in wanted} else f"sizes are {sizes}"

    def verify(self) -> str | None:
        same, other = self.file("same", b"abc" * 999), self.file("other", b"abd" * 999)
        stored = self.store.put(same, "trip/verified")
        for source, truth in ((same, True), (other, False)):
            if self.store.verify(source, "trip/verified") is not truth:
                return f"verify says {not truth} for {source.name} bytes"
            expected = self.store.content_hash(source, stored)
            if expected is not None and (expected == stored.content_hash) is not truth:
                return f"content_hash is {expected} for {source.name} bytes, the store says {stored.content_hash}"
        return "verify says True for a missing file" if self.store.verify(same, "nowhere/nothing") else None

    def interrupted(self) -> str | None:
        size = 20 * 1024 * 1024
        self.store.put(self.file("old", b"old"), "trip/interrupted")
        for path in ("trip/interrupted", "trip/never"):
            told: list[int] = []

            def give_up(count: int, told: list[int] = told) -> None:
                told.append(count)
                if sum(told) > size / 2:
                    raise _GivenUpError

            try:
                self.store.put(self.file("new", b"n" * size), path, give_up)
            except _GivenUpError:
                continue
            return "the upload went on after it was given up"
        if self.store.stat("trip/never") is not None:
            return "half a file can be seen"
        return None if self.back("trip/interrupted") == b"old" else "the old content is gone"

    def many(self) -> str | None:
        files = [(self.file(f"many-{i}", b"%d" % i * i), f"many/{i // 20}/{i}") for i in range(60)]
        gone = self.file("gone", b"")
        gone.unlink()
        answers = {each.path: each for each in self.store.put_many([*files, (gone, "many/gone")])}
        if set(answers) != {path for _, path in files} | {"many/gone"}:
            return f"told of {len(answers)} files, {len(files) + 1} were given"
        if not isinstance(answers["many/gone"].error, HuracanError):
            return f"of the missing file it says {answers['many/gone']}"
        bad = [path for source, path in files if answers[path].file is None or not self.store.verify(source, path)]
        return f"not stored: {bad}" if bad else None

    def told(self) -> str | None:
        told: list[int] = []
        size = 3 * 1024 * 1024 + 1
        self.store.put(self.file("told", b"t" * size), "trip/told", told.append)
        return None if sum(told) == size else f"told of {sum(told)} bytes of {size}"

    def concurrent(self) -> str | None:
        sources = [self.file(f"writer-{i}", bytes([65 + i]) * 200_000) for i in range(4)]
        failed: list[BaseException] = []

        def write(source: Path) -> None:
            store = self.open_store()
            try:
                for _ in range(3):
                    store.put(source, "trip/contested")
            except BaseException as error:  # noqa: BLE001 - it is reported
                failed.append(error)
            finally:
                store.close()

        threads = [threading.Thread(target=write, args=(source,)) for source in sources]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            return f"a writer failed: {failed[0]!r}"
        content = self.back("trip/contested")
        return None if content in [source.read_bytes() for source in sources] else "contents are mixed"

    def big_file(self) -> str | None:
        source = self.folder / "sources" / "big"
        block = hashlib.sha256(b"big").digest() * 32768
        with source.open("wb") as file:
            for number in range(max(1, self.big // len(block))):
                file.write(number.to_bytes(8, "big") + block[8:])
        self.store.put(source, "trip/big")
        fetched = self.folder / "fetched"
        self.store.get("trip/big", fetched)
        same = sha256_of(fetched) == sha256_of(source)
        fetched.unlink()
        verified = self.store.verify(source, "trip/big")
        source.unlink()
        self.store.delete("trip/big")
        return None if same and verified else f"it came back {'whole' if same else 'changed'}, verify says {verified}"

    def thousands(self) -> str | None:
        source = self.file("small", b"s")
        paths = {f"thousands/{i % 7}/{i}" for i in range(self.entries)}
        failed = [each for each in self.store.put_many([(source, path) for path in sorted(paths)]) if each.error]
        if failed:
            return f"{len(failed)} were not stored: {failed[0].error}"
        found = [file.path for file in self.store.list("thousands/")]
        if len(found) != len(set(found)):
            return "some are listed twice"
        return None if set(found) == paths else f"{len(paths - set(found))} of {len(paths)} are not listed"

    def leaving(self) -> str | None:
        source = self.file("leaving", b"l")
        for path in ("../outside", "/absolute", "a/../../b", "", "a//b", "nul\0"):
            for method in (lambda path: self.store.put(source, path), self.store.stat, self.store.delete):
                try:
                    method(path)
                except DataError:
                    continue
                return f"{path!r} was taken"
        return None

    def close(self) -> None:
        store = self.open_store()
        store.stat("nowhere")
        store.close()
        store.close()
