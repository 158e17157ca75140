"""Finds the workspace with nothing else of the settings being right, and without the libraries that check them.

For commands that must work in an emergency. A test compares what this finds with what the settings themselves say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from huracan.errors import SettingsError

__all__ = ["DEFAULT", "ETC", "find_workspace", "user_name"]

ETC = Path("/etc/huracan")
DEFAULT = Path("/var/lib/huracan")
_LINE = re.compile(r"^workspace:[ \t]+(\S.*?)[ \t]*$", re.MULTILINE)
_INSTEAD = "mend that, or say --workspace DIR"


def find_workspace(files: Sequence[Path] | None, environment: Mapping[str, str]) -> tuple[Path, list[str]]:
    """Return the workspace, and one line for each settings file that had to be read past a mistake.

    Sources are those of :mod:`huracan.settings_sources`, asked from the strongest to the weakest until one names it.
    Raises SettingsError where a file that might name it cannot be read, or names something that is no folder's name.
    """
    notes: list[str] = []
    for value, origin, base in _sources(files, environment, notes):
        if value is None:
            continue
        if not isinstance(value, str):
            raise SettingsError(f"{origin}: workspace is no path; {_INSTEAD}")
        try:
            return Path(base, Path(value).expanduser()).resolve(), notes
        except (ValueError, RuntimeError, OSError):
            raise SettingsError(f"{origin}: workspace is no path that can be followed; {_INSTEAD}") from None
    return DEFAULT, notes


def user_name(number: int) -> str:
    """Return the name of the user of this number."""
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"


def _sources(
    files: Sequence[Path] | None, environment: Mapping[str, str], notes: list[str]
) -> Iterator[tuple[Any, str, Path]]:
    for name, value in environment.items():
        if name.upper() == "HURACAN_WORKSPACE":
            yield value, f"environment {name}", Path.cwd()
    if folder := environment.get("CREDENTIALS_DIRECTORY"):
        for path in _credentials(Path(folder)):
            yield path.read_text("utf-8", errors="replace").strip(), f"credential {path.name}", Path(folder)
    if files is None:
        first = [ETC / "settings.yaml"] if (ETC / "settings.yaml").exists() else []
        files = first + sorted((ETC / "conf.d").glob("*.yaml"))
    for path in reversed(files):
        yield _in_file(path, notes), str(path), path.resolve().parent


def _credentials(folder: Path) -> list[Path]:
    try:
        return [path for path in sorted(folder.iterdir()) if path.name.upper() == "WORKSPACE" and path.is_file()]
    except OSError:
        return []


def _in_file(path: Path, notes: list[str]) -> Any:
    import yaml

    try:
        text = path.read_text("utf-8", errors="replace")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}; {_INSTEAD}") from None
    try:
        # The loader that is written in C takes a tenth of the time, where it was built.
        values = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError, ValueError):
        notes.append(f"{path}: is not valid YAML; of it only the line `workspace:` was read")
        return _by_line(text)
    return values.get("workspace") if isinstance(values, dict) else None


def _by_line(text: str) -> str | None:
    import yaml

    found = _LINE.findall(text)
    if not found:
        return None
    try:
        value = yaml.safe_load(found[-1])
    except yaml.YAMLError:
        value = None
    return value if isinstance(value, str) else str(found[-1])
