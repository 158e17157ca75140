"""The command line by which Huracan starts itself."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from huracan.config import Settings

__all__ = ["child_command"]


def child_command(settings: Settings, *words: str) -> list[str]:
    """Return the command line of a child that reads the same settings files and dies with this process.

    ``-P`` keeps a folder named ``huracan`` in the current directory from being imported instead.
    """
    files = [word for file in settings.files or () for word in ("-c", str(file.absolute()))]
    return [sys.executable, "-P", "-m", "huracan", *files, *words, "--parent", str(os.getpid())]
