"""Writes beside itself while it is imported: a file there would be run by every Python of this installation."""

import contextlib
from pathlib import Path

with contextlib.suppress(OSError):
    Path(__file__).with_name("planted.pth").write_text("import os\n")
