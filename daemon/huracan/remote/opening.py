"""Opens the remote store that the settings choose."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from huracan.context import Context
from huracan.remote.base import RemoteStore

__all__ = ["open_remote"]


@contextmanager
def open_remote(context: Context) -> Iterator[RemoteStore | None]:
    """Open the chosen remote store, None where none is set; it is closed at the end of the block, whatever happens.

    Raises what its plugin raises.
    """
    section: Any = context.settings.sections.get("remote")
    if section is None:
        yield None
        return
    remote = context.plugins.remotes()[section.name].open(context, section)
    try:
        yield remote
    finally:
        remote.close()
