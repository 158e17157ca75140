"""Renders what is written down from what the code says: etc/settings.yaml, docs/reference, decisions' index, units/.

Run ``python docs/render.py`` after a change of settings, hooks, exit codes, commands or decisions; a test compares.
"""

from __future__ import annotations

import sys

from huracan.cli.settings_text import sample
from rendered.artefacts import analysis_page, exports_page, schemas_page
from rendered.commands import commands_page, exit_codes_page, units
from rendered.contract import changes_page, hooks_page
from rendered.events import events_page
from rendered.parts import NOTE, ROOT, bundled
from rendered.settings import settings_page


def documents() -> dict[str, str]:
    """Return the text of each rendered file by its path from the root of the repository."""
    plugins = bundled()
    return {
        "etc/settings.yaml": sample(plugins),
        "docs/reference/settings.md": settings_page(plugins),
        "docs/reference/hooks.md": hooks_page(plugins),
        "docs/reference/hook-changes.md": changes_page(),
        "docs/reference/exit-codes.md": exit_codes_page(plugins),
        "docs/reference/cli.md": commands_page(plugins),
        "docs/reference/exports.md": exports_page(plugins),
        "docs/reference/performance-analysis.md": analysis_page(),
        "docs/reference/events.md": events_page(plugins),
        "docs/reference/schemas.md": schemas_page(),
        "docs/decisions/README.md": decisions_page(),
        **units(plugins),
    }


def decisions_page() -> str:
    """Return the index of docs/decisions by the first line of each."""
    rows = []
    for path in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")):
        number, _, title = path.read_text("utf-8").splitlines()[0].removeprefix("# ").partition(". ")
        rows.append(f"| {number} | [{title}]({path.name}) |\n")
    return (
        f"# Decisions\n\n{NOTE}\nChoices that a later reader would question, each with what was chosen, why, and what\n"
        f"it costs.\n\n| number | decision |\n| --- | --- |\n{''.join(rows)}"
    )


def main() -> int:
    """Write all rendered files; units that nobody declares any more go."""
    for file in (ROOT / "units").rglob("*.*"):
        if file.is_file() and file.name != "README.md":
            file.unlink()
    for name, text in documents().items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        print(f"rendered {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
