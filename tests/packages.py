"""Packages of plugins that tests see as installed ones: their metadata is made of their pyproject.toml, without pip."""

from __future__ import annotations

import tomllib
from pathlib import Path

__all__ = ["DEMO", "lay_metadata"]

DEMO = Path(__file__).with_name("demo_plugin")
"""What `huracan plugin new stranger --with all` makes; a test compares."""


def lay_metadata(package: Path, folder: Path) -> tuple[Path, Path]:
    """Write the metadata of a package into ``folder``; both paths that are returned are for ``sys.path``."""
    project = tomllib.loads((package / "pyproject.toml").read_text("utf-8"))["project"]
    name, version = project["name"], project["version"]
    metadata = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n", "utf-8")
    lines = [f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in entries.items())
             for group, entries in project["entry-points"].items()]  # fmt: skip
    (metadata / "entry_points.txt").write_text("\n".join(lines), "utf-8")
    return package / "src", folder
