"""The job ``train``: hands tonight's coins to workers, judges what comes back, and keeps the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from huracan.clock import format_instant
from huracan.context import Context
from huracan.errors import DataError
from huracan.plugin.status import PluginStatus
from huracan.run.status import write_status
from huracan.store import ItemState
from huracan.types import JobResult, Outcome, Severity, Verdict
from huracan_training.artefacts import complete_folder
from huracan_training.champions import standing
from huracan_training.coin import CoinTask
from huracan_training.folders import JOB, folder_for, trusted_metadata
from huracan_training.gates import judge_all
from huracan_training.inputs import Coin, Night, read_night, task_for
from huracan_training.library import put_in_if_missing
from huracan_training.machine import open_pool, settled
from huracan_training.pool import Ended, Started, Stepped
from huracan_training.settings import TrainingSettings
from huracan_training.shared import SharedEncoder, shared_encoder
from huracan_training.strange_features import leave_out_lookers

__all__ = ["by_priority", "run"]


def run(context: Context) -> JobResult:
    """Train every coin of tonight that is not completed yet.

    Raises DataError where the universe or the candles of this run date are missing.
    """
    settings = settled(context)
    night = read_night(context)
    training = _Training(context, night, settings)
    tasks = training.prepare()
    if tasks:
        with context.long_step(settings.minutes_per_step * 60 + 120):
            leave_out_lookers(context, _greeting(context), tasks[0])
            _work(context, settings, training, tasks)
    return training.result()


def _work(context: Context, settings: TrainingSettings, training: _Training, tasks: Sequence[CoinTask]) -> None:
    """Run the tasks in batches: one for each coin, for all, or for as many as ``training.batch`` says.

    What all coins have in common is learned before the first of them is trained.
    """
    sizes = {"sequential": 1, "parallel": len(tasks), "hybrid": settings.batch}
    with open_pool(context, settings, _greeting(context), len(tasks)) as pool:
        if settings.encoder.use != "off":
            tasks = training.encode(tasks, shared_encoder(context, training.everyone(), pool))
        for batch in _batches(tasks, sizes[settings.mode]):
            for happened in pool.run([(task.symbol, task.to_json()) for task in batch]):
                training.note(happened)


def by_priority(tasks: Sequence[CoinTask], champions: Mapping[str, str]) -> list[CoinTask]:
    """Return the tasks in the order in which they are worked off: coins whose champion is oldest first, for these lose
    it soonest, then those without one; among equals as the universe ranks them. The order changes no result."""
    return sorted(tasks, key=lambda task: (task.symbol not in champions, champions.get(task.symbol, "")))


def _batches(tasks: Sequence[CoinTask], size: int) -> Iterator[tuple[CoinTask, ...]]:
    for start in range(0, len(tasks), max(size, 1)):
        yield tuple(tasks[start : start + size])


def _greeting(context: Context) -> dict[str, Any]:
    """Say which plugins a worker asks: exactly those that work here."""
    enabled = [info.name for info in context.plugins.infos() if info.status is PluginStatus.ENABLED]
    without = dict(context.plugins.without_features)
    return {"plugins": enabled, "prefer": dict(context.settings.core.plugins.prefer), "without": without}


class _Training:
    """The coins of one night and how far each has come. The only one who writes the ledger."""

    def __init__(self, context: Context, night: Night, settings: TrainingSettings) -> None:
        self._context = context
        self._night = night
        self._settings = settings
        self._run = context.current_run
        self._gates = context.plugins.gates()
        self._tasks: dict[str, CoinTask] = {}
        self._number = {coin.symbol: i for i, coin in enumerate(night.coins, start=1)}
        self._states: Counter[ItemState] = Counter()
        self._kept = 0
        self._problems: list[str] = []

    def prepare(self) -> list[CoinTask]:
        """Return the work that is left: coins that the ledger calls completed and whose folder is whole stay."""
        known = self._context.store.ledger.items(JOB, self._run.run_date)
        shelved = self._context.store.library.digests(self._run.run_date)
        for coin in self._night.coins:
            row = known.get(coin.symbol)
            if row is not None and row.state is ItemState.COMPLETED:
                folder = self._context.paths.workspace / row.path if row.path else None
                metadata = trusted_metadata(folder) if folder else None
                if folder is not None and metadata is not None:
                    self._shelve(folder, metadata, shelved)
                    self._kept += 1
                    self._states[ItemState.COMPLETED] += 1
                    continue
                self._context.log.warning("%s: its model folder is damaged; training it again", coin.symbol)
            self._prepare_coin(coin, begun=row is not None and row.state is ItemState.RUNNING)
        return by_priority(list(self._tasks.values()), self._champions())

    def _champions(self) -> dict[str, str]:
        """Return since when each champion's measures are known, by symbol."""
        found = ((symbol, standing(self._context, symbol)) for symbol in self._tasks)
        return {symbol: str(each.metadata["as_of"]) for symbol, each in found if each is not None}

    def _prepare_coin(self, coin: Coin, *, begun: bool) -> None:
        if coin.no_candles:
            self._skip(coin.symbol, coin.no_candles, 0.0)
            return
        begun_by = self._run.run_id if begun else None
        folder, metadata = folder_for(self._context.paths, coin.symbol, self._context.clock.now(), begun_by)
        if metadata is None:
            self._tasks[coin.symbol] = task_for(self._context, self._night, coin, folder, self._settings)
        else:
            self._record(coin.symbol, folder, metadata, float(metadata["seconds"]))

    def everyone(self) -> list[CoinTask]:
        """Return a task for each coin that has candles, those that are completed as well: all shape the encoder."""
        coins = [coin for coin in self._night.coins if not coin.no_candles]
        return [task_for(self._context, self._night, coin, Path(), self._settings) for coin in coins]

    def encode(self, tasks: Sequence[CoinTask], shared: SharedEncoder | None) -> list[CoinTask]:
        """Return the tasks with the encoder that they are to use."""
        if shared is None:
            return list(tasks)
        for task in tasks:
            self._tasks[task.symbol] = replace(task, encoder=str(shared.file), cutoffs=shared.cutoffs)
        return [self._tasks[task.symbol] for task in tasks]

    def note(self, happened: Started | Stepped | Ended) -> None:
        """Put what a worker did into ledger, progress and events."""
        if isinstance(happened, Started):
            self._context.store.ledger.begin_item(JOB, self._run.run_date, happened.key)
        elif isinstance(happened, Stepped):
            self._tell(happened.key, happened.text)
        else:
            self._ended(happened)

    def _ended(self, ended: Ended) -> None:
        if ended.details:
            self._context.log.error("%s: %s", ended.key, ended.details, extra={"symbol": ended.key})
        if ended.answer is None:
            self._fail(ended)
        elif "skipped" in ended.answer:
            self._skip(ended.key, ended.answer["skipped"], ended.seconds)
        else:
            self._complete(ended, ended.answer)
        write_status(self._context)

    def _complete(self, ended: Ended, answer: Mapping[str, Any]) -> None:
        task = self._tasks[ended.key]
        verdicts = judge_all(self._context, self._gates, answer["metrics"])
        if answer["learned"]["threshold"] is None:
            verdicts = [
                *verdicts,
                Verdict("threshold", None, None, False, "no score was found from which trading pays"),
            ]
        metadata = self._metadata(task, answer, verdicts, ended.seconds)
        complete_folder(Path(task.folder), metadata)
        self._record(ended.key, Path(task.folder), metadata, ended.seconds)

    def _record(self, symbol: str, folder: Path, metadata: Mapping[str, Any], seconds: float) -> None:
        self._shelve(folder, metadata, {})
        metrics = {**metadata["metrics"], "passed": metadata["passed"]}
        self._states[ItemState.COMPLETED] += 1
        failed = [gate["gate"] for gate in metadata["gates"] if not gate["passed"]]
        verdict = f"failed {', '.join(failed)}" if failed else "passed all gates"
        # Before the ledger says completed: a kill between the two tells of the coin twice rather than never.
        self._context.emit(
            "model.trained", Severity.INFO, f"{symbol} {verdict}", symbol=symbol, seconds=round(seconds, 1),
            **self._counted(), **metrics,
        )  # fmt: skip
        self._context.store.ledger.end_item(
            JOB, self._run.run_date, symbol, ItemState.COMPLETED, seconds,
            path=self._context.paths.relative(folder), metrics=metrics,
        )  # fmt: skip
        self._tell(symbol, verdict)

    def _shelve(self, folder: Path, metadata: Mapping[str, Any], known: Mapping[str, str]) -> None:
        """Put a model into the library. One that does not fit costs no coin: the job ``journal`` tells of it."""
        try:
            put_in_if_missing(self._context, folder, metadata, known)
        except DataError as error:
            self._context.log.error("%s is not in the library: %s", metadata["id"], error)

    def _metadata(
        self, task: CoinTask, answer: Mapping[str, Any], verdicts: Sequence[Verdict], seconds: float
    ) -> dict[str, Any]:
        folder = Path(task.folder)
        metrics = {name: value for name, value in answer["metrics"].items() if name not in ("schema", "folds")}
        return {
            "schema": 1,
            "id": f"{task.symbol}/{folder.name}",
            "symbol": task.symbol,
            "version": folder.name,
            "date": self._run.run_date.isoformat(),
            "as_of": format_instant(self._run.as_of),
            "run_id": self._run.run_id,
            "exchange": self._night.exchange,
            "seconds": round(seconds, 3),
            "timeframe": task.timeframe,
            **answer["learned"],
            "metrics": metrics,
            "encoder": answer["encoder"],
            "versus_champion": answer["versus_champion"],
            "signal": answer["signal"],
            "passed": bool(verdicts) and all(verdict.passed for verdict in verdicts),
            "gates": [
                {"gate": v.gate, "value": v.value, "limit": v.limit, "passed": v.passed, "sentence": v.sentence}
                for v in verdicts
            ],
            "importance": answer["importance"],
        }

    def _skip(self, symbol: str, reason: str, seconds: float) -> None:
        self._context.store.ledger.end_item(JOB, self._run.run_date, symbol, ItemState.SKIPPED, seconds, error=reason)
        self._states[ItemState.SKIPPED] += 1
        self._tell(symbol, f"skipped: {reason}")
        self._context.emit(
            "model.skipped", Severity.WARNING, f"{symbol} is skipped: {reason}", symbol=symbol, **self._counted()
        )

    def _fail(self, ended: Ended) -> None:
        reason = f"attempt {ended.attempt}: {ended.error}"
        self._context.store.ledger.end_item(
            JOB, self._run.run_date, ended.key, ItemState.FAILED, ended.seconds, error=reason
        )
        if not ended.final:
            self._context.log.warning("%s: %s; it is tried again", ended.key, reason, extra={"symbol": ended.key})
            self._tell(ended.key, "is tried again")
            return
        self._states[ItemState.FAILED] += 1
        self._problems.append(f"{ended.key}: {reason}")
        self._tell(ended.key, f"failed: {ended.error}")
        self._context.emit(
            "model.failed", Severity.ERROR, f"{ended.key} failed: {reason}", symbol=ended.key, **self._counted()
        )

    def _counted(self) -> dict[str, int]:
        return {"done": sum(self._states.values()), "total": len(self._night.coins)}

    def _tell(self, symbol: str, text: str) -> None:
        total = len(self._night.coins)
        line = f"train {self._number[symbol]}/{total} {symbol} {text}"
        self._context.progress.step(line, done=sum(self._states.values()), total=total, item=symbol)

    def result(self) -> JobResult:
        """Sum up. Failed coins make it partly failed, or failed where no coin has a model."""
        write_status(self._context)
        completed, failed = self._states[ItemState.COMPLETED], self._states[ItemState.FAILED]
        skipped = self._states[ItemState.SKIPPED]
        summary = f"{completed} trained, {failed} failed, {skipped} skipped"
        if self._kept:
            summary += f"; {self._kept} of them were there already"
        if not self._night.coins:
            return JobResult(Outcome.NOTHING_TO_DO, "the universe holds no coin")
        if not failed:
            return JobResult(Outcome.DONE, summary)
        outcome = Outcome.PARTLY_FAILED if completed else Outcome.FAILED
        return JobResult(outcome, summary, tuple(self._problems))
