"""Files that the trading process leaves: each is taken in once, whole, whatever is killed when."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from huracan.context import Context
from huracan.errors import StoreAwayError, StoreError
from huracan.store import Trade
from huracan_safety import inbox
from huracan_safety.inbox import take_in
from plugins.safety.samples import as_row, lines, trades_of


@pytest.fixture
def context(safe: Callable[..., Context]) -> Context:
    made = safe()
    inbox.make_folders(made)
    return made


def leave(context: Context, name: str, content: bytes, *, age: float = 10.0) -> Path:
    path = context.paths.workspace / "trading" / "inbox" / name
    path.write_bytes(content)
    status = path.stat()
    os.utime(path, (status.st_atime, status.st_mtime - age))
    return path


def names(context: Context, folder: str) -> list[str]:
    """Return the files of a folder without the time in front."""
    found = (context.paths.workspace / "trading" / folder).iterdir()
    return sorted(path.name.partition("-")[2] or path.name for path in found)


GOOD = lines(*map(as_row, trades_of([-1.0, 2.0])))


def test_a_file_is_taken_in_once(context: Context) -> None:
    leave(context, "a.jsonl", GOOD)
    assert (take_in(context), take_in(context)) == (2, 0)
    assert names(context, "inbox") == names(context, "working") == names(context, "refused") == []
    leave(context, "a.jsonl", GOOD)
    assert take_in(context) == 0
    assert names(context, "done") == ["a.jsonl", "a.jsonl"]
    assert len(context.store.trades.newest(10)) == 2


def test_a_bad_file_goes_aside_with_a_text_that_says_why_and_the_others_go_on(context: Context) -> None:
    leave(context, "a.jsonl", b'{"id": "x"}\n')
    leave(context, "b.jsonl", GOOD)
    other = {**as_row(trades_of([-1.0, 2.0])[0]), "fees": 5.0}
    assert take_in(context) == 2
    leave(context, "c.jsonl", lines(other))
    assert take_in(context) == 0
    assert names(context, "refused") == ["a.jsonl", "a.jsonl.txt", "c.jsonl", "c.jsonl.txt"]
    texts = [path.read_text() for path in sorted((context.paths.workspace / "trading" / "refused").glob("*.txt"))]
    assert texts[0].startswith("a.jsonl:1: has no symbol, side")
    assert texts[1].startswith("stored already with other values: t0000")
    assert [event.kind for event in context.store.events.recent()] == ["trades.refused"] * 2


@pytest.mark.parametrize("change", [{"opened_at": "0001-01-01T00:00:00+01:00"}, {"id": "a\0b"}, {"id": "\ud800"}])
def test_a_row_that_no_store_can_hold_is_refused_and_the_next_file_goes_on(
    context: Context, change: dict[str, str]
) -> None:
    row = {**as_row(trades_of([-1.0])[0]), **change}
    for number in range(2):
        leave(context, f"a{number}.jsonl", lines(row))
    leave(context, "b.jsonl", GOOD)
    assert take_in(context) == 2
    assert names(context, "refused") == ["a0.jsonl", "a0.jsonl.txt", "a1.jsonl", "a1.jsonl.txt"]
    texts = [path.read_text() for path in (context.paths.workspace / "trading" / "refused").glob("*.txt")]
    assert all(f":1: {next(iter(change))}: " in text for text in texts), texts


@pytest.mark.parametrize(
    "name", ["x" * 242 + ".jsonl", "x" * 221 + ".jsonl", os.fsdecode(b"caf\xe9.jsonl"), "a\nb.jsonl"]
)
def test_a_file_of_any_name_is_taken_in_or_refused(context: Context, name: str) -> None:
    leave(context, name, GOOD)
    assert take_in(context) == 2
    leave(context, name, b"nonsense\n")
    leave(context, "z.jsonl", lines(as_row(trades_of([-1.0] * 3)[2])))
    assert take_in(context) == 1
    assert names(context, "inbox") == names(context, "working") == []
    bad, text = names(context, "refused")
    assert text == f"{bad}.txt"


def test_what_can_neither_be_taken_in_nor_refused_costs_no_other_file(context: Context) -> None:
    shutil.rmtree(context.paths.workspace / "trading" / "refused")
    (context.paths.workspace / "trading" / "refused").symlink_to("/proc")
    leave(context, "a.jsonl", b"nonsense\n")
    leave(context, "b.jsonl", GOOD)
    assert take_in(context) == 2
    assert names(context, "working") == ["a.jsonl"]


def test_what_the_database_does_not_take_waits_and_costs_no_other_file_unless_it_is_away(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = type(context.store.trades).record

    def fail_at_first(self: object, trades: list[Trade], now: datetime) -> int:
        if trades[0].id == "poison":
            raise failure
        return record(self, trades, now)  # type: ignore[arg-type]

    monkeypatch.setattr(type(context.store.trades), "record", fail_at_first)
    leave(context, "a.jsonl", lines({**as_row(trades_of([-1.0])[0]), "id": "poison"}))
    leave(context, "b.jsonl", GOOD)
    failure: Exception = StoreAwayError("the database is away")
    with pytest.raises(StoreAwayError):
        take_in(context)
    assert names(context, "working") == ["a.jsonl", "b.jsonl"]
    failure = StoreError("the database does not take this")
    assert take_in(context) == 2
    assert (names(context, "working"), names(context, "refused")) == (["a.jsonl"], [])


def test_what_is_still_written_hidden_or_no_report_is_left_alone(context: Context) -> None:
    leave(context, "young.jsonl", GOOD, age=0.0)
    leave(context, ".hidden.jsonl", GOOD)
    leave(context, "notes.txt", GOOD)
    assert take_in(context) == 0
    assert names(context, "inbox") == [".hidden.jsonl", "notes.txt", "young.jsonl"]


def test_a_link_is_refused_and_not_followed(context: Context, tmp_path: Path) -> None:
    secret = tmp_path / "secret.jsonl"
    secret.write_bytes(GOOD)
    os.utime(secret, (1, 1))
    (context.paths.workspace / "trading" / "inbox" / "link.jsonl").symlink_to(secret)
    assert take_in(context) == 0
    assert names(context, "refused") == ["link.jsonl", "link.jsonl.txt"]
    assert secret.exists()


TAKE = """
import os, signal, sys
from pathlib import Path
from huracan.testing import make_context
from huracan_safety import inbox

def take_in(last):
    steps = 0
    def note():
        nonlocal steps
        steps += 1
        if steps == last:
            os.kill(os.getpid(), signal.SIGKILL)
    def step(function):
        def call(*arguments, **options):
            note()
            answer = function(*arguments, **options)
            note()
            return answer
        return call
    context = make_context(Path(sys.argv[1]), plugins=("safety",))
    Path.rename, Path.replace = step(Path.rename), step(Path.replace)
    context.store.trades.record = step(context.store.trades.record)
    inbox.take_in(context)

for last in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            take_in(int(last))
            os._exit(0)
        finally:
            os._exit(1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Takes in what is there once for each line that it reads, each time in a process that dies at that step."""


def test_killed_between_any_two_steps_nothing_is_lost_and_nothing_counted_twice(context: Context) -> None:
    survived = 0
    program = [sys.executable, "-c", TAKE, str(context.paths.workspace)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(1, 40):
            trades = [as_row(each) | {"id": f"{number}-{each.id}"} for each in trades_of([-1.0, 2.0])]
            leave(context, f"good{number}.jsonl", lines(*trades))
            leave(context, f"bad{number}.jsonl", b"nonsense\n")
            process.stdin.write(f"{number}\n")
            process.stdin.flush()
            code = int(process.stdout.readline())
            take_in(context)
            assert names(context, "inbox") == names(context, "working") == []
            assert len(context.store.trades.newest(1000)) == 2 * number
            assert names(context, "done").count(f"good{number}.jsonl") == 1
            assert {f"bad{number}.jsonl", f"bad{number}.jsonl.txt"} <= set(names(context, "refused"))
            if code == 0:
                survived = number
                break
            assert code == -signal.SIGKILL
        process.stdin.close()
    assert survived > 8, "every step was tried, up to the end"


def test_the_reports_of_an_hour_are_taken_in_whole(context: Context) -> None:
    many = trades_of([float(number % 7 - 3) for number in range(3000)])
    leave(context, "many.jsonl", "".join(json.dumps(as_row(each)) + "\n" for each in many).encode())
    assert take_in(context) == 3000
