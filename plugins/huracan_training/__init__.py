"""Trains, judges, ranks and remembers models: jobs ``train``, ``roster``, ``journal``, three trainers, six gates."""

from collections.abc import Sequence

from huracan import hookimpl
from huracan.types import ChatCommand, Command, Export, Gate, Job, Resources, SettingsSection, Trainer

_HERE = "huracan_training"


@hookimpl
def huracan_settings() -> Sequence[SettingsSection]:
    from huracan_training.settings import TrainingSettings

    return [SettingsSection("training", TrainingSettings)]


@hookimpl
def huracan_jobs() -> Sequence[Job]:
    return [
        Job(
            name="train",
            run="huracan_training.job:run",
            description="train and judge one model per coin of tonight's universe",
            after=("universe", "candles"),
            time_limit=8 * 3600.0,
            stall_limit=300.0,
            resources=Resources(gpu=True),
        ),
        Job(
            name="roster",
            run="huracan_training.roster:run",
            description="choose champions, rank them, sum the night up",
            after=("train",),
            time_limit=600.0,
            always=True,
        ),
        Job(
            name="journal",
            run="huracan_training.journal:run",
            description="put the night into the library: what won, what lost, what came after, what changed",
            after=("roster",),
            time_limit=1800.0,
            stall_limit=600.0,
            always=True,
        ),
    ]


@hookimpl
def huracan_trainers() -> Sequence[Trainer]:
    from huracan_training.boosting import lightgbm_trainer
    from huracan_training.logistic import logistic_trainer
    from huracan_training.xgboosting import xgboost_trainer

    return [lightgbm_trainer(), xgboost_trainer(), logistic_trainer()]


@hookimpl
def huracan_gates() -> Sequence[Gate]:
    from huracan_training.gates import quality_gates

    return quality_gates()


@hookimpl
def huracan_exports() -> Sequence[Export]:
    from huracan_training.exports import EXPORTS

    return EXPORTS


@hookimpl
def huracan_commands() -> Sequence[Command]:
    return [
        Command("results", "show how the coins of a night did and which models may trade", f"{_HERE}.results"),
        Command("champions", "show champions and their history, put an earlier one back", f"{_HERE}.champions_command"),
        Command("models", "list all models with their measures, tell all about one", f"{_HERE}.models_command"),
        Command("compare", "say whether one of two earned more by more than luck", f"{_HERE}.compare_command"),
        Command("check-leaks", "change the future and say what moves in the past", f"{_HERE}.check_leaks"),
        Command("bench", "measure Huracan itself: how honest it is", f"{_HERE}.bench"),
    ]


@hookimpl
def huracan_chat_commands() -> Sequence[ChatCommand]:
    return [
        ChatCommand("roster", "what may be traded, best first", f"{_HERE}.chat:answer_roster"),
        ChatCommand("coin", "how a coin did: /coin BTC", f"{_HERE}.chat:answer_coin"),
    ]
