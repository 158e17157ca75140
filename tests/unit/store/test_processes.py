"""Several processes on one database, and some that are killed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from huracan.store import ItemState, RunState, Store

StartPython = Callable[..., "subprocess.Popen[str]"]
NOW = datetime(2023, 12, 30, 2, tzinfo=UTC)
DAY = date(2023, 12, 30)

BEGIN = """
import sys
from datetime import UTC, date, datetime
from huracan.store import Store
now = datetime(2023, 12, 30, int(sys.argv[2]), tzinfo=UTC)
with Store.open(sys.argv[1], None) as store:
    print("ready", flush=True)
    input()
    run = store.ledger.begin_run("nightly", date(2023, 12, 30), now, now)
    for number in range(20):
        store.ledger.begin_item("train", date(2023, 12, 30), f"COIN{number}OF{sys.argv[2]}-USDT")
    print(run.run_id, run.as_of.hour)
"""

TRAIN = """
import sys
from datetime import date
from huracan.store import ItemState, Store
with Store.open(sys.argv[1], None) as store:
    for number in range(100_000):
        coin = f"COIN{number}-USDT"
        store.ledger.begin_item("train", date(2023, 12, 30), coin)
        store.ledger.end_item("train", date(2023, 12, 30), coin, ItemState.COMPLETED, metrics={"number": number})
        print(coin, flush=True)
"""


def test_processes_that_begin_the_same_run_at_once_get_one(url: str, start_python: StartPython) -> None:
    Store.open(url, None).close()
    started = [start_python(BEGIN, url, hour) for hour in (3, 4, 5)]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = set()
    for process in started:
        out, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        answers.add(out)
    assert len(answers) == 1
    with Store.open(url, None) as store:
        assert [run.run_id for run in store.ledger.runs()] == ["nightly-20231230-1"]
        assert len(store.ledger.items("train", DAY)) == 60


@pytest.mark.parametrize("completed", [1, 40])
def test_what_was_completed_before_a_kill_is_completed_after_it(
    url: str, lock_folder: Path, start_python: StartPython, completed: int
) -> None:
    with Store.open(url, lock_folder) as store:
        run = store.ledger.begin_run("nightly", DAY, NOW, NOW)
    process = start_python(TRAIN, url)
    assert process.stdout is not None
    told = [process.stdout.readline().strip() for _ in range(completed)]
    process.kill()
    told += process.communicate()[0].split("\n")[:-1]
    with Store.open(url, lock_folder) as store:
        items = store.ledger.items("train", DAY)
        assert store.ledger.begin_run("nightly", DAY, NOW, NOW) == run
    for number, coin in enumerate(told):
        assert items[coin].state is ItemState.COMPLETED
        assert items[coin].metrics == {"number": number}
    # At most the coin at which it was killed, and one whose line was not printed any more.
    assert len(items) - len(told) <= 2
    assert run.state is RunState.RUNNING
