"""What this machine decides: which trainer and device ``auto`` means, how many workers, and where they run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from huracan.context import Context
from huracan.errors import UsageError
from huracan_training.cores import usable_cores, worker_count
from huracan_training.devices import has_gpu, usable_device
from huracan_training.memory import GIB, LITE_BELOW, MIB, MemoryGuard, available_memory, resident
from huracan_training.pool import Limits, Pool, WorkerPool
from huracan_training.settings import TrainingSettings

__all__ = ["open_pool", "settled"]


def settled(context: Context) -> TrainingSettings:
    """Return the settings with trainer and device decided. Raises UsageError where no plugin offers the trainer."""
    settings = context.settings.section(TrainingSettings)
    trainer = settings.trainer
    if trainer == "auto":
        free = available_memory()
        trainer = "logistic" if free < LITE_BELOW else "lightgbm"
        if trainer == "logistic":
            context.log.warning("%.1f GiB of memory are free: the small trainer logistic is used", free / GIB)
    if trainer not in (offered := context.plugins.trainers()):
        known = ", ".join(sorted(offered)) or "none"
        raise UsageError(f"training.trainer: no enabled plugin offers {trainer!r}; offered are: {known}")
    device = usable_device(settings.device, trainer, gpu=has_gpu())
    return settings.model_copy(update={"trainer": trainer, "device": device})


def open_pool(context: Context, settings: TrainingSettings, greeting: Mapping[str, Any], tasks: int) -> Pool:
    """Return the workers of the night, not started yet."""
    workers = worker_count(
        settings.workers, settings.max_workers, tasks, usable_cores(), one=settings.mode == "sequential"
    )
    limits = Limits(
        settings.minutes_per_coin * 60, settings.minutes_per_step * 60, settings.retries, settings.retry_delay
    )
    if settings.executor == "ray":
        import sys

        from huracan_training.ray_pool import RayPool

        return RayPool({**greeting, "path": list(sys.path)}, workers, limits, settings.address)
    return WorkerPool("huracan_training.worker", greeting, workers, limits, _guard(context, settings))


def _guard(context: Context, settings: TrainingSettings) -> Callable[[Sequence[int]], bool]:
    """Return what says whether another worker fits into memory; the first time that it does not is logged."""
    guard = MemoryGuard(settings.memory_per_worker_mib * MIB, settings.memory_reserve_mib * MIB)
    told: list[int] = []

    def allows(pids: Sequence[int]) -> bool:
        sizes, free = [resident(pid) for pid in pids], available_memory()
        guard.saw(sizes)
        allowed = guard.allows(free, sizes)
        if not allowed and not told:
            told.append(free)
            context.log.warning(
                "%d MiB of memory are free and a worker needs %d: no more than %d run (training.memory_reserve_mib)",
                free // MIB, guard.needed // MIB, len(pids),
            )  # fmt: skip
        return allowed

    return allows
