"""Candle files: parquet with six columns and a few words about themselves; and how any file of the cache is kept.

Beside each file lies ``NAME.sha256``. A file is compared with it before it is parsed: a single flipped byte can make a
parquet reader ask for terabytes and abort the process, which no ``except`` catches.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from huracan.errors import DataError
from huracan.market.candles import COLUMNS, Candles
from huracan.paths import sha256_of, write_atomically, write_bytes

__all__ = ["digest_file", "parse_candles", "read_candles", "verified_bytes", "write_candles", "write_verified"]

_SCHEMA = pl.Schema({"timestamp": pl.Int64, **dict.fromkeys(COLUMNS[1:], pl.Float64)})


def read_candles(path: Path) -> tuple[Candles, dict[str, str]]:
    """Return the candles and the words (``huracan.timeframe`` ...) of a file that :func:`write_candles` wrote.

    Raises DataError where it is missing, damaged, or has other columns.
    """
    return parse_candles(verified_bytes(path), str(path))


def parse_candles(content: bytes, name: str) -> tuple[Candles, dict[str, str]]:
    """Return the candles and words of a file's content, which :func:`verified_bytes` of file ``name`` has returned.

    Raises DataError where it is no such parquet, or has other columns.
    """
    try:
        frame = pl.read_parquet(io.BytesIO(content), use_pyarrow=False)
        words = pl.read_parquet_metadata(io.BytesIO(content))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, MemoryError, ValueError) as error:
        raise DataError(name, f"is no readable parquet file ({type(error).__name__})") from None
    if frame.schema != _SCHEMA:
        raise DataError(name, f"has columns {_describe(frame.schema)} in place of {_describe(_SCHEMA)}")
    if any(frame[column].null_count() for column in COLUMNS):
        raise DataError(name, "has empty cells")
    columns: dict[str, np.ndarray] = {column: frame[column].to_numpy() for column in COLUMNS}
    return Candles.from_columns(columns), {key: value for key, value in words.items() if key.startswith("huracan.")}


def write_candles(path: Path, candles: Candles, words: Mapping[str, str]) -> None:
    """Write candles atomically as zstd parquet; the names of ``words`` begin with ``huracan.``."""
    # Through memory: of a full disk the parquet writer says so much less than the file system.
    content = io.BytesIO()
    pl.DataFrame(candles.columns(), schema=_SCHEMA).write_parquet(content, compression="zstd", metadata=dict(words))
    write_verified(path, content.getbuffer())


def write_verified(path: Path, content: bytes | memoryview) -> None:
    """Write a file and its digest atomically: :func:`verified_bytes` returns the old or the new one, never half."""

    def fill(temporary: Path) -> None:
        temporary.write_bytes(content)
        # Both digests stand while the new file takes the old one's place: a kill in between leaves a pair that fits.
        digests = [hashlib.sha256(content).hexdigest(), *_current(path)]
        write_bytes(digest_file(path), "".join(f"{digest}  {path.name}\n" for digest in digests).encode())

    write_atomically(path, fill)


def digest_file(path: Path) -> Path:
    """Return where the digests of a file of the cache are: the current one first, then the one before it."""
    return path.with_name(f"{path.name}.sha256")


def _digests(path: Path) -> list[str]:
    try:
        lines = digest_file(path).read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    return [line.partition("  ")[0] for line in lines]


def _current(path: Path) -> list[str]:
    """Return the digest of the file as it is, where it is one that was written here."""
    digest = sha256_of(path) if path.is_file() else None
    return [digest] if digest is not None and digest in _digests(path) else []


def verified_bytes(path: Path) -> bytes:
    """Return what is in a file of the cache, which is what was written.

    Raises DataError where it is missing or damaged.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(str(path), "is not there") from None
    except OSError as error:
        raise DataError(str(path), f"cannot be read: {error.strerror}") from None
    if hashlib.sha256(content).hexdigest() not in _digests(path):
        raise DataError(str(path), f"does not fit {digest_file(path).name}: it was changed or damaged")
    return content


def _describe(schema: pl.Schema) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in schema.items())
