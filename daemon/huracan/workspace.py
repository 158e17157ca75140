"""Finds the workspace with nothing else of the settings being right, and without the libraries that check them.

For commands that must work in an emergency. A test compares what this finds with what the settings themselves say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from huracan.errors import SettingsError

__all__ = ["DEFAULT", "ETC", "find_workspace", "guess_workspace", "user_name"]

ETC = Path("/etc/huracan")
DEFAULT = Path("/var/lib/huracan")
_LINE = re.compile(r"^workspace:[ \t]+(\S.*?)[ \t]*$", re.MULTILINE)
_PLAIN = re.compile(r"^workspace:[ \t]+((?:\.{1,2}|~)?/[\w./-]*)(?:[ \t]+#.*)?$", re.MULTILINE | re.ASCII)
_SAY = "say --workspace DIR"
_INSTEAD = f"mend that, or {_SAY}"


def find_workspace(files: Sequence[Path] | None, environment: Mapping[str, str]) -> tuple[Path, list[str]]:
    """Return the workspace, and one line for each settings file that had to be read past a mistake or passed over.

    Sources are those of :mod:`huracan.settings_sources`, asked from the strongest to the weakest until one names it.
    A file of conf.d that this user may not read (a token, written for the services alone) is passed over.
    Raises SettingsError where another file that might name it cannot be read, or names something that is no folder's
    name.
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


def guess_workspace(files: Sequence[Path] | None, environment: Mapping[str, str]) -> Path | None:
    """Return the workspace where a settings file names it in one plain line, None where that takes more to find out.

    Without the library for YAML, whose import takes as long as all else of a kill. YAML can be written so that this is
    another folder than :func:`find_workspace` finds: whoever acts on a guess looks there as well, afterwards.
    """
    if any(name.upper() in ("HURACAN_WORKSPACE", "CREDENTIALS_DIRECTORY") for name in environment):
        return None
    given, parts = _files(files)
    for path in reversed([*given, *parts]):
        try:
            text = path.read_text("utf-8", errors="replace")
        except OSError:
            return None
        if "workspace" not in text:
            continue
        found = _PLAIN.findall(text)
        if len(found) != 1 or len(re.findall(r"^workspace\b", text, re.MULTILINE)) != 1:
            return None
        try:
            workspace = Path(path.resolve().parent, Path(found[0]).expanduser()).resolve()
            return workspace if workspace.is_dir() else None
        except (ValueError, RuntimeError, OSError):
            return None
    return None


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
    given, parts = _files(files)
    for path in reversed([*given, *parts]):
        yield _in_file(path, notes, optional=path in parts), str(path), path.resolve().parent


def _files(files: Sequence[Path] | None) -> tuple[list[Path], list[Path]]:
    """Return the settings files and the parts of conf.d, which are read where no file is given."""
    if files is not None:
        return list(files), []
    given = [ETC / "settings.yaml"] if (ETC / "settings.yaml").exists() else []
    return given, sorted((ETC / "conf.d").glob("*.yaml"))


def _credentials(folder: Path) -> list[Path]:
    try:
        found = sorted(folder.iterdir(), reverse=True)
        return [path for path in found if _without_prefix(path.name).upper() == "WORKSPACE" and path.is_file()]
    except OSError:
        return []


def _without_prefix(name: str) -> str:
    """Take off what systemd puts before names where it loads a folder: our units call the two `settings`, `sealed`."""
    bare = name.removeprefix("settings_")
    return bare if bare != name else name.removeprefix("sealed_")


def _in_file(path: Path, notes: list[str], *, optional: bool) -> Any:
    import yaml

    try:
        text = path.read_text("utf-8", errors="replace")
    except OSError as error:
        if optional and isinstance(error, PermissionError):
            notes.append(f"{path}: may not be read by this user and is passed over; where it names a workspace, {_SAY}")
            return None
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
