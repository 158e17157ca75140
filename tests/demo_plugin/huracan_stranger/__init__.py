"""A plugin by somebody else: one value for every hook, each as small as it can be."""

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


@hookimpl
def huracan_settings() -> list[SettingsSection]:
    from huracan_stranger.parts import StrangerSettings

    return [SettingsSection("stranger", StrangerSettings)]


@hookimpl
def huracan_jobs() -> list[Job]:
    return [Job("stranger-greet", "huracan_stranger.parts:greet", "says hello", pipeline="stranger")]


@hookimpl
def huracan_services() -> list[Service]:
    return [Service("stranger-watch", "huracan_stranger.parts:watch", "watches nothing")]


@hookimpl
def huracan_checks() -> list[Check]:
    from huracan_stranger.parts import check_mood

    return [Check("stranger-mood", check_mood)]


@hookimpl
def huracan_exchanges() -> list[ExchangeType]:
    from huracan_stranger.parts import EmptyExchange, StrangerExchangeSettings

    return [ExchangeType("stranger", StrangerExchangeSettings, EmptyExchange)]


@hookimpl
def huracan_universe_rules() -> list[UniverseRule]:
    from huracan_stranger.parts import veto_short_names

    return [UniverseRule("stranger-short-name", veto_short_names)]


@hookimpl
def huracan_features() -> list[FeatureSet]:
    from huracan_stranger.parts import bar_range

    return [FeatureSet("stranger", version=1, columns=("stranger_range",), warmup=0, compute=bar_range)]


@hookimpl
def huracan_trainers() -> list[Trainer]:
    from huracan_stranger.parts import fit_share, load_share

    return [Trainer("stranger-share", defaults={}, space={}, fit=fit_share, load=load_share)]


@hookimpl
def huracan_gates() -> list[Gate]:
    from huracan_stranger.parts import judge_samples

    return [Gate("stranger-samples", judge_samples)]


@hookimpl
def huracan_exports() -> list[Export]:
    from huracan_stranger.parts import GREETED, list_greetings, write_greeting

    return [
        FileExport("stranger_greeting", "what the stranger says", "txt", write_greeting),
        TableExport("stranger_greetings", "what it says to whom", GREETED, list_greetings),
    ]


@hookimpl
def huracan_notifiers() -> list[Notifier]:
    from huracan_stranger.parts import append_line

    return [Notifier("stranger-file", append_line, immediate=True)]


@hookimpl
def huracan_chat_commands() -> list[ChatCommand]:
    return [ChatCommand("stranger", "say hello", "huracan_stranger.parts:answer_hello")]


@hookimpl
def huracan_remotes() -> list[RemoteType]:
    from huracan_stranger.parts import StrangerRemoteSettings, open_remote

    return [RemoteType("stranger", StrangerRemoteSettings, open_remote)]


@hookimpl
def huracan_backup_sources() -> list[BackupSource]:
    from huracan_stranger.parts import collect_diary, restore_diary

    return [BackupSource("stranger-diary", collect_diary, restore_diary)]


@hookimpl
def huracan_report_sections() -> list[ReportSection]:
    from huracan_stranger.parts import write_mood

    return [ReportSection("stranger-mood", write_mood)]


@hookimpl
def huracan_commands() -> list[Command]:
    return [Command("stranger", "say hello", "huracan_stranger.command")]
