"""A bucket as a remote store. The only module that speaks to S3.

Keys become visible when their upload is complete, so an interrupted one leaves the old content. The content hash is
the ETag: the MD5 of the bytes, or for an upload in parts the MD5 of the parts' MD5s, by parts of :data:`PART_BYTES`.
An ETag that fits proves the bytes; one that does not may be something else (encryption with keys of the service's own,
parts of another size), so the bytes are read back then. Each object carries their SHA-256 as well.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from huracan.errors import DataError, TryAgainError, UsageError
from huracan.paths import sha256_of, write_atomically
from huracan.remote.base import RemoteFile, Sent, Stored, blocks, checked_path, nobody, put_one
from huracan_s3.settings import S3Settings

__all__ = ["S3Store"]

PART_BYTES = 8 * 1024 * 1024
AT_ONCE = 8
SUM = "huracan-sha256"
"""The name under which an object carries the SHA-256 of its bytes."""

_MD5 = re.compile(r"[0-9a-f]{32}(-[0-9]+)?")
_REFUSED = {
    "AccessDenied": "access is denied: the key needs to list the bucket, read, write and delete in it",
    "InvalidAccessKeyId": "the access key is not known there: see remote.access_key",
    "SignatureDoesNotMatch": "the secret key does not fit the access key: see remote.secret_key",
    "NoSuchBucket": "there is no such bucket: make it, or see remote.bucket",
    "RequestTimeTooSkewed": "this machine's clock is wrong: let it be set by NTP",
    "ExpiredToken": "the token has expired: renew the credentials",
    "InvalidToken": "the token is not valid: renew the credentials",
    "AllAccessDisabled": "the account is switched off",
    "AccountProblem": "the account has a problem: see its provider's console",
}
_FULL = {"QuotaExceeded", "XMinioStorageFull", "InsufficientCapacity", "EntityTooLarge", "StorageLimitExceeded"}


class S3Store:
    """One bucket, below a prefix. Raises UsageError where boto3 is not installed."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = settings
        self._prefix = settings.prefix
        self._client = _client(settings)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="s3")

    @property
    def identity(self) -> str:
        """Name endpoint, bucket and prefix."""
        return f"s3:{self._settings.endpoint or 'amazon'}/{self._settings.bucket}/{self._prefix}"

    def make_folder(self, path: str) -> None:
        """Do nothing but look whether the bucket answers: keys need no folders."""
        checked_path(path)
        with self._reporting(""):
            self._client.head_bucket(Bucket=self._settings.bucket)

    def put(self, source: Path, path: str, sent: Sent = nobody) -> RemoteFile:
        """Store a file, in parts where it is larger than one; parts of an upload that was given up are deleted."""
        key = self._key(path)
        with self._reporting(path):
            words = {"Metadata": {SUM: sha256_of(source)}}
            if source.stat().st_size <= PART_BYTES:
                content = source.read_bytes()
                sent(len(content))
                self._client.put_object(Bucket=self._settings.bucket, Key=key, Body=content, **words)
            else:
                self._put_parts(source, key, sent, words)
            return self._head(path)

    def put_many(self, files: Sequence[tuple[Path, str]], sent: Sent = nobody) -> Iterator[Stored]:
        """Store files, several at the same time. What concerns all of them ends it."""
        for number in range(0, len(files), AT_ONCE * 4):
            part = files[number : number + AT_ONCE * 4]
            begun = [self._pool.submit(put_one, self, source, path, sent) for source, path in part]
            wait(begun)
            # What was stored is told of before what was not ends all this.
            failed = [each.exception() for each in begun]
            yield from (each.result() for each, error in zip(begun, failed, strict=True) if error is None)
            for error in failed:
                if error is not None:
                    raise error

    def get(self, path: str, target: Path) -> None:
        """Fetch a file, atomically, and compare it with its sum. Raises FileNotFoundError where there is none."""
        key = self._key(path)

        def fill(temporary: Path) -> None:
            with temporary.open("wb") as file:
                answer = self._client.get_object(Bucket=self._settings.bucket, Key=key)
                for block in answer["Body"].iter_chunks(PART_BYTES):
                    file.write(block)
            expected = answer.get("Metadata", {}).get(SUM)
            if temporary.stat().st_size != answer["ContentLength"] or expected not in (None, sha256_of(temporary)):
                raise TryAgainError(f"{self.identity}: {path} came back damaged")

        with self._reporting(path):
            write_atomically(target, fill)

    def list(self, prefix: str = "") -> Iterator[RemoteFile]:
        """Yield files by name, a thousand for each request."""
        token: dict[str, str] = {}
        while True:
            with self._reporting(prefix):
                page = self._client.list_objects_v2(
                    Bucket=self._settings.bucket, Prefix=f"{self._prefix}{prefix}", **token
                )
            yield from (self._describe(entry["Key"], entry) for entry in page.get("Contents", ()))
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def stat(self, path: str) -> RemoteFile | None:
        self._key(path)
        try:
            with self._reporting(path):
                return self._head(path)
        except FileNotFoundError:
            return None

    def delete(self, path: str) -> None:
        key = self._key(path)
        with self._reporting(path):
            self._client.delete_object(Bucket=self._settings.bucket, Key=key)

    def content_hash(self, source: Path, stored: RemoteFile) -> str | None:
        """Return the ETag where the bytes of ``source`` have it; else None: it may be no MD5 at all."""
        etag = stored.content_hash or ""
        return etag if _MD5.fullmatch(etag) and _etag(source, etag) == etag else None

    def verify(self, source: Path, path: str) -> bool:
        """Compare ETags; where they do not agree, read the bytes back."""
        stored = self.stat(path)
        if stored is None or stored.size != source.stat().st_size:
            return False
        return self.content_hash(source, stored) is not None or self._read_back(path) == sha256_of(source)

    def close(self) -> None:
        """Close the connections."""
        self._pool.shutdown(cancel_futures=True)
        self._client.close()

    # -------------------------------------------------------------------------------------------------------- inside

    def _put_parts(self, source: Path, key: str, sent: Sent, words: dict[str, Any]) -> None:
        where = {"Bucket": self._settings.bucket, "Key": key}
        upload = {**where, "UploadId": self._client.create_multipart_upload(**where, **words)["UploadId"]}
        try:
            parts = []
            with source.open("rb") as file:
                for number, block in enumerate(blocks(file, sent, PART_BYTES), 1):
                    answer = self._client.upload_part(**upload, PartNumber=number, Body=block)
                    parts.append({"PartNumber": number, "ETag": answer["ETag"]})
            self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        except BaseException:
            with contextlib.suppress(Exception):  # parts that stay are the bucket's own business to sweep
                self._client.abort_multipart_upload(**upload)
            raise

    def _head(self, path: str) -> RemoteFile:
        answer = self._client.head_object(Bucket=self._settings.bucket, Key=self._key(path))
        return self._describe(self._key(path), {"Size": answer["ContentLength"], **answer})

    def _describe(self, key: str, entry: dict[str, Any]) -> RemoteFile:
        etag = entry["ETag"].strip('"')
        path = key[len(self._prefix) :]
        return RemoteFile(path, entry["Size"], entry["LastModified"], etag, entry.get("VersionId") or etag)

    def _read_back(self, path: str) -> str:
        digest = hashlib.sha256()
        with self._reporting(path):
            answer = self._client.get_object(Bucket=self._settings.bucket, Key=self._key(path))
            for block in answer["Body"].iter_chunks(PART_BYTES):
                digest.update(block)
        return digest.hexdigest()

    def _key(self, path: str) -> str:
        return f"{self._prefix}{checked_path(path)}"

    @contextlib.contextmanager
    def _reporting(self, path: str) -> Iterator[None]:
        """Turn what boto3 raises into one line that says whether to try again."""
        from botocore import exceptions

        try:
            yield
        except exceptions.ClientError as error:
            raise self._in_words(error, path) from None
        except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError):
            raise UsageError(f"{self.identity}: no credentials: set remote.access_key and remote.secret_key") from None
        except (exceptions.BotoCoreError, exceptions.HTTPClientError) as error:
            raise TryAgainError(f"{self.identity}: is away ({type(error).__name__})") from None

    def _in_words(self, error: Any, path: str) -> Exception:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _REFUSED:
            return UsageError(f"{self.identity}: {_REFUSED[code]}")
        if status == 403:
            return UsageError(f"{self.identity}: {_REFUSED['AccessDenied']}")
        if code in _FULL:
            return TryAgainError(f"{self.identity}: is full ({code}): make room there, or choose another store")
        if status == 404:
            # A HEAD has no body that could say what is missing.
            return FileNotFoundError(path) if path else UsageError(f"{self.identity}: {_REFUSED['NoSuchBucket']}")
        if status >= 500 or status in (0, 408, 429) or code in ("SlowDown", "RequestTimeout", "Throttling"):
            return TryAgainError(f"{self.identity}: is away ({code or status})")
        return DataError(path or self.identity, f"the store refuses it: {code or status}")


def _etag(source: Path, like: str) -> str:
    """Return the ETag of a file as it is made for uploads like the given one: whole, or in parts."""
    with source.open("rb") as file:
        if "-" not in like:
            return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        digests = [hashlib.md5(block, usedforsecurity=False).digest() for block in blocks(file, nobody, PART_BYTES)]
    return f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"


def _client(settings: S3Settings) -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise UsageError("remote.name s3 needs boto3: pip install 'huracan-engine[s3]'") from None
    keys = {}
    if settings.access_key.get_secret_value():
        keys = {
            "aws_access_key_id": settings.access_key.get_secret_value(),
            "aws_secret_access_key": settings.secret_key.get_secret_value(),
        }
    config = Config(
        connect_timeout=settings.timeout_seconds,
        read_timeout=settings.timeout_seconds,
        retries={"total_max_attempts": settings.attempts, "mode": "standard"},
        max_pool_connections=AT_ONCE + 2,
        # Checksums that not every service knows; the ETag is compared anyway.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path"} if settings.endpoint else {},
    )
    try:
        return boto3.session.Session().client(
            "s3",
            endpoint_url=settings.endpoint or None,
            region_name=settings.region or ("us-east-1" if settings.endpoint else None),
            verify=str(settings.ca_file) if settings.ca_file else None,
            config=config,
            **keys,
        )
    except ValueError as error:
        raise UsageError(f"remote: {error}") from None
