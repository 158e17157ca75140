"""The page of settings."""

from __future__ import annotations

from huracan.cli.settings_text import SettingText, flow, sections
from huracan.plugin.manager import Plugins
from rendered.parts import NOTE

__all__ = ["settings_page"]

SETTINGS_INTRODUCTION = """\
Where settings come from, later wins: `/etc/huracan/settings.yaml`, `/etc/huracan/conf.d/*.yaml` in the order of their
names (or the files given with `-c` instead of both), files in `$CREDENTIALS_DIRECTORY` (one per secret, its name the
setting with two underscores for the dot, as `remote__token`), the environment (`HURACAN_TRAINING__WORKERS=2`). Relative
paths start at the folder of the file that says them. An unknown name is a mistake (exit code 2).

`huracan settings show` prints what holds and where it comes from, secrets masked. The same text as a file to start from
is [etc/settings.yaml](../../etc/settings.yaml), which `huracan settings sample` prints.
"""


def settings_page(plugins: Plugins) -> str:
    """Return every setting with kind, default and meaning, by section."""
    parts = [f"# Settings\n\n{NOTE}\n{SETTINGS_INTRODUCTION}"]
    for title, owner, items in sections(plugins):
        choice = next((flow(i.default) for i in items if i.required and i.name == "name"), "")
        head = f"## {title}: {choice}" if choice else f"## {title}"
        belongs = "" if owner == "core" else f" Brought by the plugin `{owner}`."
        if items[0].group:
            parts.append(f"{head}\n\n{items[0].description}{belongs}\n")
            items = items[1:]
        else:
            parts.append(f"{head}\n")
        parts.append("| setting | kind | default | meaning |\n| --- | --- | --- | --- |\n" + "".join(map(_row, items)))
    return "\n".join(parts)


def _row(item: SettingText) -> str:
    default = "" if item.group else f"`{flow(item.default)}`"
    cells = [f"`{item.dotted}`", item.kind, default, item.description]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
