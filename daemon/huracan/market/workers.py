"""Asks an exchange by several threads where it bears that, and lets go of them at once when something is raised."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from huracan.types import ConcurrentSource

__all__ = ["askers"]


@contextmanager
def askers(exchange: object) -> Iterator[Callable[..., Iterator[Any]]]:
    """Hand out ``map``, which keeps the order: by threads where the exchange says how many are worth it, else plain.

    Threads are not waited for when something was raised: they end as the exchange is closed.
    """
    at_once = exchange.requests_at_once if isinstance(exchange, ConcurrentSource) else 1
    if at_once == 1:
        yield map
        return
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="exchange")
    try:
        yield pool.map
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
