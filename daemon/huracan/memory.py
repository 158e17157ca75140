"""Gives memory back to the system that a long-lived process needed for a while."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

__all__ = ["give_back_memory"]


def give_back_memory() -> None:
    """Free what nobody refers to and let the C library return it; not every C library can (malloc_trim(3))."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
