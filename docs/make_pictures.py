"""Makes the pictures in docs/images from what the commands really print about a workspace.

Run ``python docs/make_pictures.py demo/settings.yaml`` after a night was played there. With ``--frame NAME TITLE`` it
takes what another program printed from stdin: ``SYSTEMD_COLORS=1 systemctl status ... | python docs/make_pictures.py``.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from huracan.cli import common
from huracan.cli.main import main as huracan

IMAGES = Path(__file__).resolve().parent / "images"
PICTURES = {
    "night": ["results"],
    "status": ["status"],
    "doctor": ["doctor"],
    "plugins": ["plugins"],
    "sync": ["sync", "status"],
    "health": ["health"],
    "units": ["units", "verify"],
}
WIDTH = 122

# Without the web font: the picture must look the same for readers who are offline.
FORMAT = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def take(name: str, words: list[str], settings: Path) -> None:
    """Run one command with a recording console and write what it printed as an SVG."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, highlight=False)

    def recording(arguments: argparse.Namespace, *, stderr: bool = False) -> Console:
        del arguments
        return Console(file=io.StringIO()) if stderr else console

    common.console = recording
    code = huracan(["-c", str(settings), *words])
    IMAGES.mkdir(exist_ok=True)
    svg = console.export_svg(title=f"huracan {' '.join(words)}", code_format=FORMAT, unique_id=name)
    (IMAGES / f"{name}.svg").write_text(re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE), "utf-8")
    print(f"{name}.svg (exit code {code})")


def frame(name: str, title: str, text: str) -> None:
    """Write what another program printed, with its colours, as an SVG."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(Text.from_ansi(text), soft_wrap=False, no_wrap=True, overflow="ellipsis", crop=True)
    svg = console.export_svg(title=title, code_format=FORMAT, unique_id=name)
    (IMAGES / f"{name}.svg").write_text(re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE), "utf-8")


def main() -> int:
    """Take every picture; modules of commands are imported anew so that each meets its own console."""
    if sys.argv[1:2] == ["--frame"]:
        frame(sys.argv[2], sys.argv[3], sys.stdin.read())
        return 0
    settings = Path(sys.argv[1] if len(sys.argv) > 1 else "demo/settings.yaml")
    for name, words in PICTURES.items():
        for module in [module for module in sys.modules if module.startswith("huracan.cli.")]:
            if module not in ("huracan.cli.common", "huracan.cli.main"):
                del sys.modules[module]
        take(name, words, settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
