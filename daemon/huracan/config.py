"""Settings: typed, frozen, from YAML files, credentials and the environment, each leaf with its origin.

Order, later wins: defaults, ``settings.yaml``, ``conf.d/*.yaml`` by name, files in ``$CREDENTIALS_DIRECTORY``
(``remote__token``), environment (``HURACAN_TRAINING__WORKERS=2``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from huracan.due import time_of_day
from huracan.errors import SettingsError
from huracan.settings_sources import Layer, Origin, merge, read_layers
from huracan.types.messages import Severity
from huracan.validation import SettingsPath, origin_of, validate_section
from huracan.workspace import DEFAULT

__all__ = [
    "CORE_SECTIONS",
    "AlertSettings",
    "ChannelSettings",
    "CoreSettings",
    "JobOverride",
    "LoggingSettings",
    "PluginSettings",
    "RawSettings",
    "ScheduleSettings",
    "Section",
    "Settings",
    "SettingsPath",
    "leaves",
    "origin_of",
    "validate_section",
]


class Section(BaseModel):
    """Base of every settings model: frozen, unknown keys refused, input never shown in errors (it may be a secret)."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True, allow_inf_nan=False,
        # Most of the models of a process are parts of another or of a choice that was not made: a start is quicker.
        defer_build=True,
    )  # fmt: skip


class PluginSettings(Section):
    """Which plugins are loaded."""

    disable: tuple[str, ...] = Field((), description="Plugins that are not loaded, by name.")
    only: tuple[str, ...] = Field((), description="Load these and no others; empty means all that are installed.")
    strict: tuple[str, ...] = Field(
        (), description="Plugins that must work: if one of them fails to load, nothing starts."
    )
    prefer: dict[str, str] = Field(
        default_factory=dict, description='Which plugin wins an equal name, as "trainer:lightgbm": "my-plugin".'
    )
    trial_seconds: float = Field(
        20.0,
        gt=0,
        le=60,
        description="Seconds that a plugin of another distribution may take to be imported and asked all its hooks.",
    )
    trial_memory_mib: int = Field(1024, ge=64, description="Memory that it may take meanwhile, MiB.")


class LoggingSettings(Section):
    """What is logged, and how much of it is kept."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severity that is logged.")
    file_megabytes: int = Field(20, ge=1, description="Size at which logs/huracan.jsonl is rotated, MB.")
    file_count: int = Field(10, ge=1, description="How many rotated files are kept.")


class ScheduleSettings(Section):
    """When pipelines start, in UTC."""

    pipelines: dict[str, str] = Field(
        default_factory=lambda: {"nightly": "02:00", "maintenance": "06:30"},
        description="Time of day by pipeline, HH:MM in UTC. What is written here replaces the default as a whole.",
    )
    catch_up: bool = Field(
        True,
        description="Start the latest run date at once where it was missed by more than an hour: the daemon was down, "
        "the machine slept, the clock was wrong.",
    )
    scheduler: Literal["daemon", "timers"] = Field(
        "daemon",
        description="Who starts pipelines: `huracan daemon`, or timers of systemd, which need no daemon.",
    )
    spread_seconds: float = Field(
        30.0, ge=0, le=3600, description="Timers: a start is put off by a random time up to this, the same each day."
    )

    @field_validator("pipelines", mode="before")
    @classmethod
    def _times_of_day(cls, pipelines: Any) -> Any:
        """Refuse what is no time of day here, before `status` and the daemon read it."""
        for name, at in pipelines.items() if isinstance(pipelines, Mapping) else ():
            try:
                time_of_day(at if isinstance(at, str) else "")  # YAML reads a bare 12:30 as the number 750
            except ValueError:
                raise ValueError(f"{name} is no time of day; write HH:MM in quotes and UTC, as '02:00'") from None
        return pipelines


class JobOverride(Section):
    """What an owner changes about a declared job; None keeps what the plugin declares."""

    time_limit: float | None = Field(None, gt=0, description="Seconds for the whole job.")
    stall_limit: float | None = Field(None, gt=0, description="Longest silence between two steps, seconds.")
    retries: int | None = Field(None, ge=0, le=20, description="How often a failed job is tried again.")
    retry_delay: float | None = Field(None, ge=0, description="Seconds before the first retry; doubles, with jitter.")
    network: bool | None = Field(None, description="As a unit of systemd: whether it may speak to other machines.")
    memory_mib: int | None = Field(None, ge=16, description="Memory of all its processes, MiB; more gets it killed.")


class ChannelSettings(Section):
    """What goes to one channel, and when."""

    enabled: bool = Field(True, description="Whether anything is sent there.")
    least: Severity | None = Field(None, description="Least severity that is sent; empty: as alerts.least says.")
    kinds: tuple[str, ...] = Field(("*",), description="Kinds of events that are sent, as [run.*, breaker.*].")
    without: tuple[str, ...] = Field((), description="Kinds that are not sent, whatever `kinds` says.")
    quiet: str = Field("", description="Hours of silence, UTC, as 22:00-06:00; what comes then is sent at their end.")
    quiet_least: Severity = Field(Severity.ERROR, description="Least severity that is sent in the quiet hours too.")
    expire_hours: float | None = Field(None, gt=0, le=720, description="Empty: as alerts.expire_hours says.")

    @field_validator("quiet")
    @classmethod
    def _two_times(cls, quiet: str) -> str:
        try:
            if quiet:
                begins, ends = map(time_of_day, quiet.split("-"))
                if begins == ends:
                    raise ValueError(quiet)
        except ValueError:
            raise ValueError("is no span of time; write two times of day in quotes and UTC, as '22:00-06:00'") from None
        return quiet


class AlertSettings(Section):
    """Which events go to which channels, and how they are put together."""

    least: Severity = Field(
        Severity.INFO, description="Least severity of an event that is sent anywhere; pings are sent all the same."
    )
    channels: dict[str, ChannelSettings] = Field(
        default_factory=dict, description="What differs for single channels, by name; see `huracan alerts channels`."
    )
    expire_hours: float = Field(24.0, gt=0, le=720, description="Hours after which a message is given up.")
    repeat_minutes: float = Field(
        60.0, ge=0, le=1440, description="Minutes in which the same event is sent once; then how often it came again."
    )
    each_time: tuple[str, ...] = Field(
        ("run.*", "kill.*", "breaker.*", "health", "alerts.channel-*", "sync.*", "safety.*", "backup.*", "report.*"),
        description="Kinds that are sent each time, also within those minutes: what goes on and off again.",
    )
    digest: tuple[str, ...] = Field(("model.*",), description="Kinds of which those of one run form one message.")
    digest_hours: float = Field(
        6.0, gt=0, le=48, description="Where messages cannot be edited: hours after which such a one is sent anyway."
    )
    flood: int = Field(20, ge=0, le=1000, description="Messages that may wait before they become one; 0: never.")
    dead_minutes: float = Field(
        10.0, gt=0, le=1440, description="Minutes of failure after which the other channels are told of a channel."
    )


class CoreSettings(Section):
    """The sections that belong to the core."""

    workspace: SettingsPath = Field(DEFAULT, description="Folder of all artefacts.")
    database: str = Field(
        "", description="SQLAlchemy URL of the store; empty means sqlite in the workspace (huracan.db).", repr=False
    )
    plugins: PluginSettings = Field(default_factory=PluginSettings, description="Which plugins are loaded.")
    logging: LoggingSettings = Field(default_factory=LoggingSettings, description="What is logged.")
    schedule: ScheduleSettings = Field(default_factory=ScheduleSettings, description="When pipelines start.")
    alerts: AlertSettings = Field(default_factory=AlertSettings, description="Which events go to which channels.")
    jobs: dict[str, JobOverride] = Field(default_factory=dict, description="Limits, retries and resources by job name.")
    control_socket: SettingsPath | None = Field(
        None,
        description="Where the daemon listens for `huracan start` and the like; empty: /run/huracan/control.sock where "
        "the unit of an installation made that folder, else in the workspace's state.",
    )


CORE_SECTIONS = tuple(CoreSettings.model_fields)
CHOICE_SECTIONS = ("exchange", "remote")
"""Sections with a ``name`` that chooses among what plugins offer; the rest of the section belongs to the chosen one."""

_T = TypeVar("_T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class RawSettings:
    """The merged sources before validation: nested values, the origin of each leaf by dotted name, and one line for
    each part of a source that was passed over."""

    values: Mapping[str, Any]
    origins: Mapping[str, Origin]
    notes: tuple[str, ...] = ()

    @classmethod
    def read(cls, files: Sequence[Path] | None, environment: Mapping[str, str]) -> RawSettings:
        """Read all sources. ``files`` None means /etc/huracan. Raises SettingsError naming file, line and mistake."""
        layers: list[Layer] = read_layers(files, environment)
        values, origins = merge(layers)
        return cls(values, origins, tuple(note for layer in layers for note in layer.notes))

    def core(self) -> CoreSettings:
        """Validate the core's own sections."""
        mine = {name: self.values[name] for name in CORE_SECTIONS if name in self.values}
        return validate_section(CoreSettings, mine, self.origins, "")

    def section(self, name: str, model: type[_T]) -> _T:
        """Validate one section against its model."""
        return validate_section(model, self.values.get(name, {}), self.origins, name)


@dataclass(frozen=True, slots=True)
class Settings:
    """The effective settings: the core's, one model per plugin section, the chosen exchange and remote."""

    core: CoreSettings
    sections: Mapping[str, BaseModel] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)
    files: tuple[Path, ...] | None = None
    mistakes: tuple[str, ...] = ()
    """One line per mistake, for commands that show what is wrong in place of refusing to start."""
    notes: tuple[str, ...] = ()
    """One line per part of a source that was passed over, and should not lie there."""

    def section(self, model: type[_T]) -> _T:
        """Return the section of this type. Raises SettingsError where no enabled plugin brought it."""
        for section in self.sections.values():
            if isinstance(section, model):
                return section
        raise SettingsError(f"no section of type {model.__name__} is loaded: enable the plugin that brings it")

    def choice(self, name: str) -> BaseModel:
        """Return the validated ``exchange`` or ``remote`` section. Raises SettingsError where none is chosen."""
        try:
            return self.sections[name]
        except KeyError:
            raise SettingsError(f"{name}.name is not set: choose one in settings.yaml") from None

    def database_url(self) -> str:
        return self.core.database or f"sqlite:///{self.core.workspace / 'huracan.db'}"


def leaves(value: object) -> Iterator[object]:
    """Yield every single value of a section, also those inside its groups, tables and lists."""
    if isinstance(value, BaseModel):
        parts: Iterable[object] = (getattr(value, name) for name in type(value).model_fields)
    elif isinstance(value, Mapping):
        parts = value.values()
    elif isinstance(value, (list, tuple)):
        parts = value
    else:
        yield value
        return
    for part in parts:
        yield from leaves(part)
