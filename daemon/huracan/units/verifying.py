"""Asks systemd what it thinks of units: `systemd-analyze verify` for mistakes, `security` for what they expose."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huracan.errors import UsageError

__all__ = ["MOST_EXPOSED", "Exposure", "verify"]

MOST_EXPOSED = 1.5
"""Highest exposure that a unit may have, of 0 (none) to 10, as `systemd-analyze security` counts."""

_OF_OURS = re.compile(r"huracan[^ ]*\.(service|timer|target|slice)")


@dataclass(frozen=True, slots=True)
class Exposure:
    """How exposed a unit is, and the settings that weigh most in it."""

    unit: str
    level: float
    worst: tuple[str, ...]


def verify(files: Mapping[str, str]) -> tuple[list[str], list[Exposure]]:
    """Return one line per mistake that systemd finds, and the exposure of each service.

    Raises UsageError where systemd-analyze is not installed.
    """
    if shutil.which("systemd-analyze") is None:
        raise UsageError("systemd-analyze is not installed: it comes with systemd")
    with _root(files) as root:
        units = sorted(_units(files))
        folder = root / "etc/systemd/system"
        loaded = [str(folder / name) for name in units]
        done = _analyze("verify", f"--root={root}", "--man=no", "--recursive-errors=no", *loaded)
        mistakes = [_plain(line, root) for line in done.stderr.splitlines() if _OF_OURS.search(line)]
        return mistakes, [_exposure(root, name) for name in units if name.endswith(".service")]


@contextmanager
def _root(files: Mapping[str, str]) -> Iterator[Path]:
    """Lay the files out below a folder that looks like a machine, with the programs that they start."""
    with tempfile.TemporaryDirectory(prefix="huracan-units-") as name:
        root = Path(name)
        for path, text in files.items():
            target = root / "etc" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
            for command in re.findall(r"^Exec\w+=\"?([^ \"\n]+)", text, re.MULTILINE):
                program = root / command.lstrip("/")
                program.parent.mkdir(parents=True, exist_ok=True)
                program.touch(mode=0o755)
        yield root


def _units(files: Mapping[str, str]) -> Iterator[str]:
    """Yield the names of units, instances in place of their templates."""
    for path in files:
        folder, _, name = path.rpartition("/")
        if folder == "systemd/system" and "@." not in name:
            yield name
        elif "@" in folder and name.startswith("50-"):
            yield folder.rpartition("/")[2].removesuffix(".d")
        elif name == "huracan-failed@.service":
            yield name.replace("@", "@example")


def _exposure(root: Path, unit: str) -> Exposure:
    done = _analyze("security", "--offline=true", f"--root={root}", "--no-pager", "--json=short", unit)
    try:
        rows = json.loads(done.stdout)
    except ValueError:
        raise UsageError(f"systemd-analyze security {unit}: {done.stderr.strip() or 'no answer'}") from None
    weights = [(float(row["exposure"]), str(row["name"])) for row in rows if row.get("exposure")]
    total = _analyze("security", "--offline=true", f"--root={root}", "--no-pager", unit).stdout
    found = re.search(r"Overall exposure level[^:]*: *([0-9.]+)", total)
    if found is None:
        raise UsageError(f"systemd-analyze security {unit}: {done.stderr.strip() or 'says no level'}")
    return Exposure(unit, float(found[1]), tuple(name for _, name in sorted(weights, reverse=True)[:3]))


def _analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=120, check=False)


def _plain(line: str, root: Path) -> str:
    return line.replace(f"{root}", "").strip()
