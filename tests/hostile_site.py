"""Installs the plugins of tests/hostile/plugins into a folder, as far as Python can tell."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

PLUGINS = Path(__file__).parent / "hostile" / "plugins"
ALL = tuple(sorted(file.stem for file in PLUGINS.glob("*.py")))


def name_of(module: str) -> str:
    """Return the name of a module's plugin: ``hostile_raises`` is ``raises``, ``good_neighbour`` is ``neighbour``."""
    return module.partition("_")[2].replace("_", "-")


def install(folder: Path, *modules: str) -> Path:
    """Put modules and the metadata of a distribution of each into ``folder``."""
    for module in modules:
        name = name_of(module)
        metadata = folder / f"{module}-1.0.dist-info"
        metadata.mkdir(parents=True)
        shutil.copy(PLUGINS / f"{module}.py", folder)
        distribution = module.replace("_", "-")
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[huracan]\n{name} = {module}\n")
    return folder


def environment(site: Path, home: Path) -> dict[str, str]:
    """Return the environment in which ``site`` is installed, with a home and temporary files of its own."""
    home.mkdir(exist_ok=True)
    (home / "tmp").mkdir(exist_ok=True)
    path = os.pathsep.join([str(site), *filter(None, sys.path)])
    own = {"HOME": str(home), "TMPDIR": str(home / "tmp"), "XDG_CACHE_HOME": str(home / "cache")}
    return {**os.environ, **own, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
