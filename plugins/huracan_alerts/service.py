"""The service ``alerts``: takes messages from the outbox to their channels until it is stopped."""

from __future__ import annotations

import time

from filelock import FileLock, Timeout

from huracan.alerts.delivery import LOCK, Deliverer
from huracan.context import Context
from huracan.errors import StoreError

__all__ = ["run"]

LOOK = 2.0
"""Seconds until a new event is noticed."""
LOOK_AGAIN = 5.0


def run(context: Context) -> None:
    """Deliver until stopped; where another process does, wait until it ends."""
    state = context.paths.state
    state.mkdir(parents=True, exist_ok=True)
    lock = FileLock(state / LOCK, timeout=0)
    while True:
        try:
            with lock:
                _deliver(context)
        except Timeout:
            context.progress.step("another process delivers")
            time.sleep(LOOK_AGAIN)


def _deliver(context: Context) -> None:
    deliverer = Deliverer(context, alive=context.progress.step)
    away = False
    while True:
        try:
            more = deliverer.turn()
        except StoreError as error:
            if not away:
                context.log.warning("alerts wait for the database: %s", error)
            away, more = True, False
        else:
            away = False
        context.progress.step("the database is away" if away else deliverer.in_words())
        if not more:
            time.sleep(LOOK if away else max(0.05, deliverer.seconds_to_wait(LOOK)))
