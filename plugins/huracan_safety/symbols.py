"""The type of a symbol where people or programs write one."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from huracan.errors import DataError
from huracan.paths import safe_symbol

__all__ = ["Symbol"]


def _checked(symbol: str) -> str:
    try:
        return safe_symbol(symbol)
    except DataError:
        raise ValueError("is not a symbol of the form BASE-QUOTE, as BTC-USDT") from None


Symbol = Annotated[str, AfterValidator(_checked)]
"""BASE-QUOTE, fit for a file's name."""
