"""The service ``safety``: takes in trades as they arrive, judges the breakers, keeps ``state/trading.json`` fresh."""

from __future__ import annotations

import time
from collections.abc import Iterator

from huracan.context import Context
from huracan.errors import HuracanError, StopRequested
from huracan.masking import printable
from huracan.trading import KILL_FILE, TradingState
from huracan.types import Severity
from huracan_safety.evaluate import evaluate
from huracan_safety.inbox import SETTLE_SECONDS, folder, make_folders, take_in
from huracan_safety.settings import SafetySettings
from huracan_safety.telling import Teller
from huracan_safety.volatility import Market

__all__ = ["run"]

WAKE_MS = 500


def run(context: Context) -> None:
    """Look at the breakers at every interval, and at once where trades arrive or the kill switch moves."""
    make_folders(context)
    context.paths.state.mkdir(parents=True, exist_ok=True)
    market, failed = Market(), ""
    with Teller(context) as teller:
        for _ in _moments(context):
            problem, state = _look(context, market)
            if problem and problem != failed:
                context.emit("safety.blind", Severity.ERROR, problem)
            elif failed and not problem:
                context.emit("safety.sees", Severity.INFO, "the breakers are judged again")
            failed = problem
            if state is not None:
                teller.wake()
            words = [_in_words(state)] if state else []
            context.progress.step("; ".join([*words, *([f"blind: {problem}"] if problem else [])]))


def _look(context: Context, market: Market) -> tuple[str, TradingState | None]:
    """Take in trades and judge, whatever comes of the former; return what is wrong, and what holds if that is known."""
    problem, state = "", None
    try:
        take_in(context)
    except Exception as error:  # noqa: BLE001 - what is stored already must be judged all the same
        problem = f"trades cannot be taken in, the breakers do not see them: {_said(context, error)}"
    try:
        state = evaluate(context, market)
    except Exception as error:  # noqa: BLE001 - a service that ends judges less than one that tries again
        said = _said(context, error)
        problem = f"the breakers cannot be judged, trading stops when trading.json runs out: {said}"
    return problem, state


def _said(context: Context, error: Exception) -> str:
    if isinstance(error, HuracanError):
        return str(error)
    context.log.warning("safety", exc_info=error)
    return printable(f"{type(error).__name__}: {error}")


def _in_words(state: TradingState) -> str:
    size = f", size {state.size_factor:g}" if 0 < state.size_factor < 1 else ""
    why = f": {state.reasons[0].sentence}" if state.reasons else ""
    return f"trading {state.mode}{size}{why}"


def _moments(context: Context) -> Iterator[None]:
    """Yield at every interval, and soon after something arrived that changes what holds."""
    interval = context.settings.section(SafetySettings).interval_seconds
    due = 0.0
    for noticed in _noticed(context):
        now = time.monotonic()
        if noticed:
            due = min(due, now)
        if now >= due:
            due = now + interval
            yield
            if noticed:
                # A file may still have been in the hands of its writer.
                due = min(due, time.monotonic() + SETTLE_SECONDS + 0.1)


def _noticed(context: Context) -> Iterator[bool]:
    """Yield, twice a second, whether trades arrived or the kill switch moved; False where the system does not tell."""
    from watchfiles import watch

    inbox, state = folder(context, "inbox").resolve(), context.paths.state.resolve()
    try:
        # Filtered here and not by the library, which says nothing while all that changes is of no interest.
        for changes in watch(
            inbox, state, watch_filter=None, debounce=WAKE_MS, step=50, rust_timeout=WAKE_MS, yield_on_timeout=True,
            raise_interrupt=True, recursive=False,
        ):  # fmt: skip
            yield any(path.startswith(f"{inbox}/") or path == f"{state}/{KILL_FILE}" for _, path in changes)
    except KeyboardInterrupt:
        # What the library makes of any signal that arrives while it waits, SIGTERM too.
        raise StopRequested from None
    except OSError as error:
        context.log.warning("safety: the system does not tell of changes (%s); they are looked for", error)
    while True:
        time.sleep(WAKE_MS / 1000)
        yield False
