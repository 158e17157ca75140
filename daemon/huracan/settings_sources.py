"""Where settings come from: YAML files, credential files, the environment. Values stay unvalidated here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from huracan.errors import SettingsError
from huracan.workspace import ETC

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

__all__ = ["ETC", "PREFIX", "Layer", "Origin", "as_options", "merge", "read_layers", "sources"]

PREFIX = "HURACAN_"

BY_OPTION = "HURACAN_BY_OPTION"
"""Names, by commas, those variables that an option of the command line set: they hold for one call and its children."""

NOT_SETTINGS = frozenset({"HURACAN_PLUGINS_ONLY", "HURACAN_DATA", "HURACAN_SETTINGS", "HURACAN_TRACE", BY_OPTION})
"""Environment variables with our prefix that are no settings."""

_LOADED = re.compile(r"^(settings|sealed)_")
_CREDENTIAL = re.compile(r"[A-Za-z][A-Za-z0-9_]*|[A-Za-z][A-Za-z0-9_:-]*__[A-Za-z0-9_:-]*")
"""What a credential's file must be called to be meant as a setting: SECTION__KEY, or the name of a section."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Which source gave a value: ``text`` for people, ``base`` the folder that its relative paths start from."""

    text: str
    base: Path


@dataclass(frozen=True, slots=True)
class Layer:
    """One source: nested values, where they come from (by leaf where each has a place of its own), and a line for each
    part of it that was passed over."""

    values: Mapping[str, Any]
    origin: Origin
    places: Mapping[str, str]
    notes: tuple[str, ...] = ()


def read_layers(files: Sequence[Path] | None, environment: Mapping[str, str]) -> list[Layer]:
    """Return all sources, weakest first. Raises SettingsError for a file that is missing, unreadable or no YAML."""
    return [read() for _, read in sources(files, environment)]


def sources(
    files: Sequence[Path] | None, environment: Mapping[str, str]
) -> Iterator[tuple[Path | None, Callable[[], Layer]]]:
    """Yield what reads each source, weakest first, with the path of a settings file. Reading may raise as above."""
    for path in _files(files):
        yield path, partial(_read_yaml, path)
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    if credentials:
        yield None, partial(_read_credentials, Path(credentials))
    yield None, partial(_read_environment, environment)


def merge(layers: Sequence[Layer]) -> tuple[dict[str, Any], dict[str, Origin]]:
    """Lay later layers over earlier ones, leaf by leaf, and remember which one each leaf came from."""
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}

    def lay(target: dict[str, Any], source: Mapping[str, Any], layer: Layer, prefix: str) -> None:
        for key, value in source.items():
            dotted = f"{prefix}{key}"
            if isinstance(value, Mapping):
                if not isinstance(target.get(key), dict):
                    target[key] = {}
                    origins.pop(dotted, None)
                lay(target[key], value, layer, f"{dotted}.")
            elif value is not None or key not in target:
                if isinstance(target.get(key), dict):
                    for below in [name for name in origins if name.startswith(f"{dotted}.")]:
                        del origins[below]
                target[key] = value
                place = layer.places.get(dotted, layer.origin.text)
                origins[dotted] = Origin(place, layer.origin.base)

    for layer in layers:
        lay(values, layer.values, layer, "")
    return values, origins


def _files(files: Sequence[Path] | None) -> list[Path]:
    if files is not None:
        return list(files)
    first = [ETC / "settings.yaml"] if (ETC / "settings.yaml").exists() else []
    return first + sorted((ETC / "conf.d").glob("*.yaml"))


def _read_yaml(path: Path) -> Layer:
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: is not UTF-8 text (byte {error.start})") from None
    try:
        values = yaml.safe_load(text)
        places = _places(yaml.compose(text, yaml.SafeLoader), str(path), "")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise SettingsError(f"{where}: is not valid YAML: {error.problem or 'cannot be parsed'}") from None
    except RecursionError:
        raise SettingsError(f"{path}: is nested too deeply; settings need four levels at most") from None
    except yaml.YAMLError:
        raise SettingsError(f"{path}: is not valid YAML: holds characters that YAML does not allow") from None
    except ValueError as error:
        raise SettingsError(f"{path}: holds a date or number that is none: {error}; write text in quotes") from None
    if values is None:
        values = {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise SettingsError(f"{path}: must hold named settings, as in `workspace: ./work`")
    return Layer(values, Origin(str(path), path.resolve().parent), places)


def _places(node: yaml.Node | None, file: str, prefix: str) -> dict[str, str]:
    """Return file:line by dotted key. Raises SettingsError for a key that is written twice."""
    places: dict[str, str] = {}
    if not isinstance(node, yaml.MappingNode):
        return places
    for key, value in node.value:
        dotted = f"{prefix}{key.value}"
        place = f"{file}:{key.start_mark.line + 1}"
        if dotted in places:
            raise SettingsError(f"{place}: {dotted} is written twice; keep one of them")
        places[dotted] = place
        places |= _places(value, file, f"{dotted}.")
    return places


def _read_credentials(folder: Path) -> Layer:
    """Each file is one setting, its name the dotted key with two underscores for the dot.

    systemd puts the name of a credential before that of a file where it loads a whole folder: our units call those
    `settings` and `sealed`. What an editor left there (`remote__token~`) is passed over; what looks like a setting and
    is none is a mistake, for a secret that is missed silently is worse than a daemon that says why it does not start.
    Where there are no credentials at all, systemd 255 names a folder that it does not make.
    """
    variables: dict[str, str] = {}
    notes = []
    try:
        for path in sorted(path for path in folder.iterdir() if path.is_file()) if folder.exists() else ():
            name = _LOADED.sub("", path.name)
            if _CREDENTIAL.fullmatch(name):
                variables[f"{PREFIX}{name}"] = path.read_text("utf-8").strip()
            else:
                notes.append(f"credential {path.name!r} is called like no setting (as remote__token is): passed over")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"$CREDENTIALS_DIRECTORY ({folder}): cannot be read: {type(error).__name__}") from None
    values, places = _explode(variables)
    named = {key: f"credential {name.removeprefix(PREFIX)}" for key, name in places.items()}
    return Layer(values, Origin("credentials", folder), named, tuple(notes))


def as_options(environment: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with what options of the command line say about settings, by the names of variables."""
    if not values:
        return dict(environment)
    return {**environment, **values, BY_OPTION: ",".join(sorted({*_by_option(environment), *values}))}


def _by_option(environment: Mapping[str, str]) -> list[str]:
    return [name for name in environment.get(BY_OPTION, "").split(",") if name]


def _read_environment(environment: Mapping[str, str]) -> Layer:
    variables = {
        name: value
        for name, value in environment.items()
        if name.upper().startswith(PREFIX) and name not in NOT_SETTINGS
    }
    values, places = _explode(variables)
    options = _by_option(environment)
    named = {key: "command line" if name in options else f"environment {name}" for key, name in places.items()}
    return Layer(values, Origin("environment", Path.cwd()), named)


def _explode(variables: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Turn ``HURACAN_A__B=c`` into ``{"a": {"b": "c"}}`` as pydantic-settings does; JSON becomes lists and groups."""
    if not variables:
        return {}, {}
    # Costs the daemon 4 MiB where nobody sets a variable: it is loaded only where somebody does.
    from pydantic import create_model
    from pydantic_settings import BaseSettings, EnvSettingsSource

    names = {name: name.upper().removeprefix(PREFIX).lower() for name in variables}
    for name, dotted in names.items():
        if not all(dotted.split("__")):
            raise SettingsError(f"environment {name}: names no setting; write {PREFIX}SECTION__KEY")
    fields: dict[str, Any] = {
        dotted.split("__")[0]: (dict[str, Any] if "__" in dotted else Any, None) for dotted in names.values()
    }
    model = create_model("Environment", __base__=BaseSettings, **fields)

    class Source(EnvSettingsSource):
        def _load_env_vars(self) -> Mapping[str, str | None]:
            return {name.lower(): value for name, value in variables.items()}

        def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:  # noqa: ARG002
            return value  # a token that looks like a number must stay the text it is; see _decode

    values = Source(model, env_prefix=PREFIX, env_nested_delimiter="__")()
    places = {dotted.replace("__", "."): name for name, dotted in names.items()}
    return _decode(values, places, ""), places


def _decode(values: Mapping[str, Any], places: Mapping[str, str], prefix: str) -> dict[str, Any]:
    """Read texts that start like a JSON list or group as one; all else is left to the settings model."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        dotted = f"{prefix}{key}"
        if isinstance(value, Mapping):
            result[key] = _decode(value, places, f"{dotted}.")
        elif isinstance(value, str) and value.lstrip().startswith(("[", "{")):
            try:
                result[key] = json.loads(value)
            except ValueError:
                raise SettingsError(f"environment {places.get(dotted, dotted)}: starts like JSON but is none") from None
        else:
            result[key] = value
    return result


def nearest(name: str, known: Sequence[str]) -> str:
    """Return ``; did you mean "x"?`` for the nearest known name, else the list of known ones."""
    import difflib  # for mistakes alone

    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else f"; known here: {', '.join(sorted(known))}"
