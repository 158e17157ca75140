"""Trains, judges and ranks one model per coin: jobs ``train`` and ``roster``, three trainers, six gates."""

from collections.abc import Sequence

from huracan import hookimpl
from huracan.types import Command, Export, Gate, Job, SettingsSection, Trainer

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
        ),
        Job(
            name="roster",
            run="huracan_training.roster:run",
            description="choose champions, rank them, sum the night up",
            after=("train",),
            time_limit=600.0,
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
    from huracan_training import exports

    return [
        Export("model_performance", "csv", exports.write_model_performance),
        Export("comprehensive_metrics", "json", exports.write_comprehensive_metrics),
    ]


@hookimpl
def huracan_commands() -> Sequence[Command]:
    return [
        Command("results", "show how the coins of a night did and which models may trade", f"{_HERE}.results"),
        Command("champions", "show champions and their history, put an earlier one back", f"{_HERE}.champions_command"),
        Command("check-leaks", "change the future and say what moves in the past", f"{_HERE}.check_leaks"),
        Command("bench", "measure Huracan itself: how honest it is", f"{_HERE}.bench"),
    ]
