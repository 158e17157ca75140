"""Reads an exchange's own list of markets: the ``exchangeInfo`` reply of Binance spot or futures, also gzipped.

Format: developers.binance.com, "Exchange information". A list is a snapshot: what may change (status) counts only from
its ``serverTime`` on, so that a list saved later tells a past night nothing.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from huracan.errors import SettingsError
from huracan_exchanges.bars import instant

__all__ = ["MarketFacts", "Metadata", "read_metadata"]

SANE_MS = range(946_684_800_000, 4_102_444_800_000)


@dataclass(frozen=True, slots=True)
class MarketFacts:
    """What the exchange says about one pair."""

    trading: bool
    leveraged_token: bool
    listed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Metadata:
    """Facts by (base, quote), and when the exchange said them."""

    said_at: datetime | None
    markets: Mapping[tuple[str, str], MarketFacts]


def read_metadata(path: Path) -> Metadata:
    """Read the list. Raises SettingsError naming the setting and the file."""
    try:
        raw = path.read_bytes()
        content = json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
    except OSError as error:
        reason = error.strerror or "is damaged"
        raise SettingsError(f"exchange.metadata: {path} cannot be read: {reason}") from None
    except (ValueError, EOFError, zlib.error, RecursionError):
        raise SettingsError(f"exchange.metadata: {path} is not JSON") from None
    entries = content.get("symbols") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise SettingsError(f"exchange.metadata: {path} has no list `symbols`; save the exchange's exchangeInfo reply")
    markets: dict[tuple[str, str], MarketFacts] = {}
    for entry in entries:
        if not isinstance(entry, dict) or entry.get("contractType", "PERPETUAL") != "PERPETUAL":
            continue
        base, quote = entry.get("baseAsset"), entry.get("quoteAsset")
        if isinstance(base, str) and isinstance(quote, str):
            markets[base, quote] = _facts(entry)
    return Metadata(_instant(content.get("serverTime")), markets)


def _facts(entry: Mapping[str, Any]) -> MarketFacts:
    said = json.dumps([entry.get("permissions"), entry.get("permissionSets")])
    return MarketFacts(
        trading=entry.get("status", "TRADING") == "TRADING",
        leveraged_token='"LEVERAGED"' in said,
        listed_at=_instant(entry.get("onboardDate")),
    )


def _instant(value: Any) -> datetime | None:
    return instant(value) if isinstance(value, int) and value in SANE_MS else None
