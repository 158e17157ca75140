"""The plugin stranger of Huracan: its hooks. What they hand out is in the modules beside this one."""

from __future__ import annotations

from huracan import hookimpl
from huracan.types import (
    BackupSource,
    ChatCommand,
    Check,
    Command,
    ExchangeType,
    Export,
    FeatureSet,
    FileExport,
    Gate,
    Job,
    Notifier,
    RemoteType,
    ReportSection,
    Service,
    SettingsSection,
    TableExport,
    Trainer,
    UniverseRule,
)

HURACAN_API = 2
"""The contract of plugins that this one is made for."""


@hookimpl
def huracan_settings() -> list[SettingsSection]:
    from huracan_stranger.settings import Settings

    return [SettingsSection("stranger", Settings)]


@hookimpl
def huracan_jobs() -> list[Job]:
    return [
        Job(
            "stranger-diary",
            "huracan_stranger.job:keep_diary",
            "writes the last nights down for other programs",
            after=("roster",),
        ),
    ]


@hookimpl
def huracan_services() -> list[Service]:
    return [
        Service(
            "stranger-watch",
            "huracan_stranger.service:watch",
            "tells of a night that takes too long",
        ),
    ]


@hookimpl
def huracan_checks() -> list[Check]:
    from huracan_stranger.check import check_last_night

    return [Check("stranger-last-night", check_last_night)]


@hookimpl
def huracan_exchanges() -> list[ExchangeType]:
    from huracan_stranger.exchange import ExchangeSettings, open_exchange

    return [ExchangeType("stranger", ExchangeSettings, open_exchange)]


@hookimpl
def huracan_universe_rules() -> list[UniverseRule]:
    from huracan_stranger.universe import veto_memes

    return [UniverseRule("stranger-memes", veto_memes)]


@hookimpl
def huracan_features() -> list[FeatureSet]:
    from huracan_stranger.features import COLUMNS, WARMUP, compute

    return [FeatureSet("stranger", version=1, columns=COLUMNS, warmup=WARMUP, compute=compute)]


@hookimpl
def huracan_trainers() -> list[Trainer]:
    from huracan_stranger.trainer import DEFAULTS, SPACE, fit, load

    return [Trainer("stranger-bayes", DEFAULTS, SPACE, fit, load)]


@hookimpl
def huracan_gates() -> list[Gate]:
    from huracan_stranger.gate import NAME, judge_costs

    return [Gate(NAME, judge_costs)]


@hookimpl
def huracan_exports() -> list[Export]:
    from huracan_stranger.export import COLUMNS, night_rows, write_sentences

    return [
        TableExport("stranger_nights", "how long each night took", COLUMNS, night_rows),
        FileExport("stranger_sentences", "the nights in words", "txt", write_sentences),
    ]


@hookimpl
def huracan_notifiers() -> list[Notifier]:
    from huracan_stranger.notify import deliver, is_set

    return [Notifier("stranger", deliver, is_set=is_set)]


@hookimpl
def huracan_chat_commands() -> list[ChatCommand]:
    return [
        ChatCommand(
            "stranger",
            "how long the last nights took",
            "huracan_stranger.chat:answer_nights",
        ),
    ]


@hookimpl
def huracan_remotes() -> list[RemoteType]:
    from huracan_stranger.remote import RemoteSettings, open_mirror

    return [RemoteType("stranger", RemoteSettings, open_mirror)]


@hookimpl
def huracan_backup_sources() -> list[BackupSource]:
    from huracan_stranger.backup import collect, restore

    return [BackupSource("stranger", collect, restore)]


@hookimpl
def huracan_report_sections() -> list[ReportSection]:
    from huracan_stranger.report import tell_of_night

    return [ReportSection("stranger", tell_of_night)]


@hookimpl
def huracan_commands() -> list[Command]:
    return [
        Command(
            "stranger",
            "show how long the last nights took",
            "huracan_stranger.command",
        ),
    ]
