"""Opens the exchange that the settings choose."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from huracan.context import Context
from huracan.types import Exchange

__all__ = ["open_exchange"]


@contextmanager
def open_exchange(context: Context) -> Iterator[Exchange]:
    """Open the chosen exchange as of the context's clock; it is closed at the end of the block, whatever happens.

    Raises SettingsError where none is chosen, and what its plugin raises.
    """
    section: Any = context.settings.choice("exchange")
    exchange = context.plugins.exchanges()[section.name].open(context, section)
    try:
        yield exchange
    finally:
        exchange.close()
