"""What a backup holds: files of the workspace in groups that change together, and what is made for the backup alone."""

from __future__ import annotations

import json
import os
import re
import stat
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, SecretStr

from huracan.cli.settings_text import MASK, effective, stated
from huracan.config import Settings
from huracan.context import Context
from huracan.errors import StopRequested
from huracan.masking import json_safe
from huracan.paths import write_bytes, write_json
from huracan.settings_sources import ETC
from huracan.store import SnapshotInfo
from huracan_backup.packs import Source
from huracan_backup.settings import BackupSettings

__all__ = ["Made", "champion_models", "groups_of_workspace", "make_parts", "missing_models", "sources_of"]

ALWAYS = ("champions", "runs", "summary", "learning", "meta", "config", "reports")
_OF_NO_FILE = ("environment", "credential")
"""How the origin of a setting begins that stands in none of the settings files."""
_NOT_SAID = ("default", "command line")
"""The origins of what is no setting of this installation."""
_KEY, _NO_KEY = re.compile(rb"AGE-SECRET-KEY-1[0-9A-Z]+", re.IGNORECASE), b"in-no-backup"
"""A secret key of age, and what a settings file in the backup says in its place: no key, so that it is asked for."""
_DEPTH: dict[str, int | None] = {
    "models": 3, "runs": 2, "summary": 2, "reports": 3, "meta": 3, "learning": None, "logs": None, "data": None,
}  # fmt: skip
"""How many parts of a path name its group: a model's folder, a night's; None: each file is one.

What a night adds is a group of its own, or every backup would store all that earlier nights left once more.
"""


@dataclass
class Made:
    """What was made for this backup alone: its folder, the store's snapshot, what was left out, what went wrong."""

    folder: Path
    store: SnapshotInfo | None = None
    left_out: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


# ---------------------------------------------------------------------------------------------------------- workspace


def groups_of_workspace(
    context: Context, settings: BackupSettings, troubles: list[str] | None = None
) -> dict[str, list[Source]]:  # fmt: skip
    """Return the files of the workspace by group; champions first, so that later groups hold the models they name.

    What cannot be looked into is added to ``troubles``, a line each.
    """
    workspace = context.paths.workspace
    folders = [*ALWAYS, *(["logs"] if settings.logs else []), *(["models"] if settings.models == "all" else [])]
    if settings.candles:
        folders += ["data/candles", "data/funding"]
    if settings.models == "champions":
        folders += champion_models(workspace)
    groups: dict[str, list[Source]] = defaultdict(list)
    for folder in folders:
        for source in sources_of(workspace / folder, f"workspace/{folder}", troubles):
            groups[_group(source.path)].append(source)
    return dict(groups)


def _group(path: str) -> str:
    parts = path.split("/")[1:]
    depth = _DEPTH.get(parts[0], 1)
    return "/".join(parts if depth is None else parts[: max(1, min(depth, len(parts) - 1))])


def champion_models(workspace: Path) -> list[str]:
    """Return the model folders that champions, their history and the roster name, where they are there."""
    found = {path for file in sorted((workspace / "champions").glob("*.json")) for path in _named(_read(file))}
    return sorted(path for path in found if _is_model(path) and (workspace / path).is_dir())


def missing_models(groups: Mapping[str, list[Source]], workspace: Path) -> list[str]:
    """Return a line for every champion that points at a model which the backup would not hold."""
    lines = []
    for file in sorted((workspace / "champions").glob("*.json")):
        pointer = _read(file)
        path = pointer.get("model_path") if isinstance(pointer, dict) else None
        if isinstance(path, str) and path and f"{path.rstrip('/')}" not in groups:
            lines.append(f"champions/{file.name}: names {path}, which is not there: `huracan champions rollback`")
    return lines


def _is_model(path: str) -> bool:
    parts = path.split("/")
    return len(parts) == 3 and parts[0] == "models" and not {"", ".", ".."} & set(parts)


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _named(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(path := value.get("model_path"), str):
            yield path.rstrip("/")
        for part in value.values():
            yield from _named(part)
    elif isinstance(value, list):
        for part in value:
            yield from _named(part)


def sources_of(folder: Path, path: str, troubles: list[str] | None = None) -> Iterator[Source]:
    """Yield the regular files below a folder, sorted; hidden ones, links and half-written ones are left out.

    What cannot be looked into is added to ``troubles``: one folder of another user must not cost the backup.
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        if troubles is not None:
            troubles.append(f"{path.removeprefix('workspace/')}: {error.strerror}: it is not in this backup")
        return
    for entry in entries:
        if entry.name.startswith(".") or not _is_text(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from sources_of(Path(entry.path), f"{path}/{entry.name}", troubles)
        elif entry.is_file(follow_symlinks=False):
            try:
                about = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            yield Source(f"{path}/{entry.name}", Path(entry.path), about.st_size, stat.S_IMODE(about.st_mode))


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return "\\" not in name


# --------------------------------------------------------------------------------------------------------- made parts


def make_parts(context: Context, folder: Path, *, encrypted: bool, tick: Callable[[], None]) -> Made:
    """Lay the store's snapshot, the settings and what plugins declare below ``folder``.

    Raises what :meth:`huracan.store.Store.snapshot` raises: a backup without the store is none.
    """
    made = Made(folder)
    (folder / "database").mkdir(parents=True)
    with context.long_step(3600.0):
        made.store = context.store.snapshot(folder / "database" / "store", tick)
    write_json(folder / "database" / "about.json", {
        "kind": made.store.kind, "schema": made.store.schema, "server": made.store.server,
    })  # fmt: skip
    _write_settings(context, folder / "settings", made, encrypted)
    for name, source in context.plugins.backup_sources().items():
        target = folder / "sources" / name
        target.mkdir(parents=True)
        try:
            source.collect(context, target)
        except (KeyboardInterrupt, StopRequested):
            raise
        except (Exception, SystemExit) as error:
            context.log.exception("the backup source %s failed", name)
            made.problems.append(f"source {name}: {type(error).__name__}: {json_safe(' '.join(str(error).split()))}")
        tick()
    return made


def _write_settings(context: Context, folder: Path, made: Made, encrypted: bool) -> None:
    """Write the settings files, what stands in none of them, and secrets; without encryption the effective settings
    that hold no secret, alone."""
    settings = context.settings
    secrets = dict(_secrets(settings.sections))
    secrets.pop("backup.identity", None)
    if encrypted:
        files = settings.files
        if files is None:
            files = (ETC / "settings.yaml", *sorted((ETC / "conf.d").glob("*.yaml")))
        there = [file for file in files if file.is_file()]
        for number, file in enumerate(there):
            content, keys = _KEY.subn(_NO_KEY, file.read_bytes())
            if keys:
                made.left_out.append(f"the key that stands in {file}: it opens the backup and would lie in it")
            write_bytes(folder / f"{number:02d}-{file.name}", content, 0o600)
        variables, credentials = _in_no_file(settings)
        if variables:
            text = yaml.safe_dump(_nested(variables), sort_keys=True, allow_unicode=True)
            write_bytes(folder / f"{len(there):02d}-environment.yaml", text.encode(), 0o600)
        for dotted, secret in {**credentials, **secrets}.items():
            write_bytes(folder / "credentials" / dotted.replace(".", "__"), secret.encode(), 0o600)
        return
    changed = [(name, json_safe(value)) for name, value, origin in effective(settings) if origin not in _NOT_SAID]
    plain = {name: value for name, value in changed if MASK not in json.dumps(value) and name != "database"}
    write_bytes(folder / "00-settings.yaml", yaml.safe_dump(_nested(plain), sort_keys=True).encode())
    hidden = sorted({*secrets, *(name for name, _ in changed if name not in plain)})
    if hidden:
        made.left_out.append(f"secrets, since the backup is not encrypted: {', '.join(hidden)}")


def _in_no_file(settings: Settings) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what the environment said, and as text what credentials said; secrets of sections are not among it."""
    variables: dict[str, Any] = {}
    credentials: dict[str, str] = {}
    for name, value, origin in stated(settings):
        if not origin.startswith(_OF_NO_FILE) or MASK in json.dumps(value):
            continue
        # The URL may hold a password, whoever said it.
        if name == "database" or origin.startswith("credential"):
            credentials[name] = value if isinstance(value, str) else json.dumps(value)
        else:
            variables[name] = value
    return variables, credentials


def _secrets(sections: Mapping[str, BaseModel]) -> Iterator[tuple[str, str]]:
    for name, section in sections.items():
        yield from _secrets_of(section, name)


def _secrets_of(value: object, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, SecretStr):
        if value.get_secret_value():
            yield name, value.get_secret_value()
    elif isinstance(value, BaseModel):
        for key in type(value).model_fields:
            yield from _secrets_of(getattr(value, key), f"{name}.{key}")
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _secrets_of(part, f"{name}.{key}")


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for dotted, value in flat.items():
        *groups, last = dotted.split(".")
        target = nested
        for group in groups:
            target = target.setdefault(group, {})
        target[last] = value
    return nested
