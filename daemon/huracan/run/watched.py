"""Watches over the work of one plugin in a process of its own: what it prints, and where a stranger writes."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from huracan.masking import MaskedStream
from huracan.plugin.guard import Guard, guarding
from huracan.units.declared import written_folders

if TYPE_CHECKING:
    from huracan.context import Context

__all__ = ["Seen", "watched"]

_MOST = 3


@dataclass
class Seen:
    """What a plugin did that it should not have, each a sentence."""

    plugin: str
    misdeeds: dict[str, None] = field(default_factory=dict)

    def note(self, sentence: str) -> None:
        """Keep a sentence, once."""
        self.misdeeds[sentence] = None

    @property
    def sentence(self) -> str:
        """Return the first of them as one text."""
        told = list(self.misdeeds)
        more = f"; and {len(told) - _MOST} more" if len(told) > _MOST else ""
        return "; ".join(told[:_MOST]) + more


@contextmanager
def watched(context: Context, plugin: str) -> Iterator[Seen]:
    """Mask what is printed inside the block, and hold a stranger to what the sandbox of a unit would let it write.

    A stranger may write the workspace but for models, champions and the database, which have owners; what settings
    name as written; temporary files and what libraries keep in a home.
    """
    seen = Seen(plugin)
    before = sys.stdout, sys.stderr
    streams = [MaskedStream(stream) for stream in before]
    sys.stdout, sys.stderr = (cast(TextIO, each) for each in streams)
    try:
        if context.plugins.is_strange(plugin):
            with guarding(_guard(context, seen)):
                yield seen
        else:
            yield seen
    finally:
        for each in streams:
            each.flush()
        sys.stdout, sys.stderr = before
        if any(each.caught for each in streams):
            seen.note("it printed a secret of the settings, which was masked")


def _guard(context: Context, seen: Seen) -> Guard:
    paths = context.paths
    homes = [Path(os.path.expanduser("~"), name) for name in (".cache", ".config")]  # noqa: PTH111 - never raises
    allowed = [paths.workspace, *written_folders(context.settings), Path(tempfile.gettempdir()), *homes]
    database = [paths.workspace / f"huracan.db{end}" for end in ("", "-wal", "-shm")]
    refused = [paths.workspace / "models", paths.champions, *database]
    return Guard(tuple(map(os.path.realpath, allowed)), tuple(map(os.path.realpath, refused)), seen.note)
