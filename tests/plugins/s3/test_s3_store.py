"""The real boto3 against moto's S3 server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from huracan.errors import TryAgainError, UsageError
from huracan.testing.remotes import assert_remote_store
from huracan_s3.settings import S3Settings
from huracan_s3.store import S3Store
from servers.services import s3_server

MB = 1024 * 1024


@pytest.fixture(scope="module")
def bucket() -> Iterator[dict[str, Any]]:
    with s3_server() as settings:
        yield settings


def opened(settings: dict[str, Any], **more: Any) -> S3Store:
    return S3Store(S3Settings(**{**settings, "attempts": 2, **more}))


def test_it_does_what_every_remote_store_does(
    bucket: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "50")  # a listing of three pages; soak has those of a thousand
    # moto answers with 500 now and then where several write the same key at once.
    assert_remote_store(lambda: opened(bucket, attempts=8), tmp_path, entries=130, big=40 * MB)


@pytest.mark.soak
def test_it_does_so_with_ten_thousand_entries_and_300_mb(bucket: dict[str, Any], tmp_path: Path) -> None:
    assert_remote_store(lambda: opened(bucket), tmp_path)


def test_a_prefix_keeps_others_out_of_sight(bucket: dict[str, Any], tmp_path: Path) -> None:
    source = tmp_path / "x"
    source.write_bytes(b"x")
    mine, other = opened(bucket, prefix="mine/"), opened(bucket, prefix="other/")
    mine.put(source, "a/b")
    assert [file.path for file in mine.list()] == ["a/b"]
    assert list(other.list()) == []
    for store in (mine, other):
        store.close()


def test_a_missing_bucket_and_a_server_that_is_away_are_said(bucket: dict[str, Any], tmp_path: Path) -> None:
    source = tmp_path / "x"
    source.write_bytes(b"x")
    missing = opened(bucket, bucket="not-there-at-all")
    for ask in (
        lambda: missing.put(source, "x"),
        lambda: missing.make_folder("2024-01-01"),
        lambda: [*missing.list("x/")],
    ):
        with pytest.raises(UsageError, match="there is no such bucket"):
            ask()
    missing.close()
    away = opened(bucket, endpoint="http://127.0.0.1:9", timeout_seconds=1.0)
    with pytest.raises(TryAgainError, match="is away"):
        away.put(source, "x")
    away.close()


@pytest.mark.parametrize("etag", ["0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef-7", "opaque"])
def test_an_etag_that_is_no_md5_is_checked_by_reading_back(
    etag: str, bucket: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with encryption by keys of the service's own, or parts of another size."""
    store = opened(bucket)
    same, other = tmp_path / "same", tmp_path / "other"
    same.write_bytes(b"abc")
    other.write_bytes(b"abd")
    store.put(same, "encrypted")
    plain = store._describe
    monkeypatch.setattr(store, "_describe", lambda key, entry: plain(key, {**entry, "ETag": f'"{etag}"'}))
    stored = store.put(same, "encrypted")
    assert store.content_hash(same, stored) is None
    assert store.verify(same, "encrypted")
    assert not store.verify(other, "encrypted")
    store.get("encrypted", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"abc"
    store.close()


def test_what_was_stored_is_told_of_before_an_outage_ends_it(
    bucket: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(bucket)
    sources = []
    for number in range(8):
        (tmp_path / f"{number}").write_bytes(b"%d" % number)
        sources.append((tmp_path / f"{number}", f"part/{number}"))
    put = store.put

    def fail_for_one(source: Path, path: str, sent: Any) -> Any:
        if path == "part/3":
            raise TryAgainError("the service is away")
        return put(source, path, sent)

    monkeypatch.setattr(store, "put", fail_for_one)
    told: list[str] = []
    answers = store.put_many(sources)
    with pytest.raises(TryAgainError, match="the service is away"):
        told.extend(each.path for each in answers)
    assert len(told) == 7
    store.close()
