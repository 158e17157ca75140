"""The file that the trading process reads, and the kill switch: nothing loses it, nothing that is broken lets trade."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

import huracan
from huracan.errors import TryAgainError
from huracan.trading import (
    Breaker,
    KillSwitch,
    Mode,
    Note,
    TradingState,
    acknowledge,
    compose,
    kill,
    lift,
    pause_schedule,
    publish,
    read_kill,
    read_published,
    read_trading,
    resume_schedule,
    schedule_pause,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SOON = NOW + timedelta(minutes=2)
SCHEMA = json.loads((Path(huracan.__file__).parent / "schemas" / "trading.schema.json").read_text("utf-8"))
CALM = Breaker("streak", False, Mode.REDUCED, 0.5, "0 losses in a row", 0.0, 3.0)

moments = st.integers(0, 4_000_000_000_000).map(
    lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)
texts = st.text(st.characters(codec="utf-8"), max_size=30)
breakers = st.builds(
    Breaker, st.sampled_from(["drawdown", "streak", "volatility"]), st.booleans(), st.sampled_from(list(Mode)),
    st.floats(0, 1), texts, st.none() | st.floats(-1e9, 1e9), st.none() | st.floats(0, 1e9), st.none() | moments,
    st.none() | moments,
)  # fmt: skip
several = st.lists(breakers, max_size=3, unique_by=lambda each: each.name)
notes = st.builds(Note, moments, st.sampled_from(["kill", "resume", "acknowledge"]), texts, texts)
switches = st.builds(
    KillSwitch, st.booleans(), texts, texts, st.none() | moments, st.none() | moments,
    st.lists(notes, max_size=3).map(tuple),
)  # fmt: skip


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "work" / "state"
    folder.mkdir(parents=True)
    return folder


def shown(found: TradingState) -> tuple[Mode, float, bool, bool]:
    return found.mode, found.size_factor, found.new_positions, found.cancel_orders


STOPPED = (Mode.STOPPED, 0.0, False, True)


# ------------------------------------------------------------------------------------------------------- what it says


@given(switches, several, moments, moments)
def test_the_document_comes_back_as_it_was_and_fits_its_schema(
    switch: KillSwitch, found: list[Breaker], now: datetime, until: datetime
) -> None:
    document = compose(switch, found, now, until)
    written = json.loads(json.dumps(document.as_json(), allow_nan=False))
    jsonschema.validate(written, SCHEMA)
    back = TradingState.from_json(written)
    assert back.as_json() == document.as_json()
    assert shown(back) == shown(document)
    assert KillSwitch.from_json(json.loads(json.dumps(switch.as_json()))) == switch


@given(several, moments, moments)
def test_a_kill_switch_that_is_on_beats_every_breaker(found: list[Breaker], now: datetime, until: datetime) -> None:
    document = compose(KillSwitch(on=True, reason="enough", since=now), found, now, until)
    assert shown(document) == STOPPED
    assert document.reasons[0].sentence == "enough"


@given(several, breakers)
def test_one_more_breaker_never_loosens(found: list[Breaker], more: Breaker) -> None:
    order = list(Mode)
    before, after = (compose(KillSwitch(), each, NOW, SOON) for each in (found, [*found, more]))
    assert order.index(after.mode) >= order.index(before.mode)
    assert after.size_factor <= before.size_factor
    assert after.new_positions <= before.new_positions
    assert after.cancel_orders >= before.cancel_orders


def test_nothing_tripped_is_normal_and_the_smallest_size_of_what_tripped_counts() -> None:
    assert shown(compose(KillSwitch(), [CALM], NOW, SOON)) == (Mode.NORMAL, 1.0, True, False)
    wild = Breaker("volatility", True, Mode.DEFENSIVE, 0.4, "wild")
    losing = Breaker("streak", True, Mode.REDUCED, 0.5, "3 losses in a row")
    assert shown(compose(KillSwitch(), [wild, losing], NOW, SOON)) == (Mode.DEFENSIVE, 0.4, True, False)


# --------------------------------------------------------------------------------------- what is broken means stopped


def test_a_fresh_file_is_read_as_it_is(state: Path) -> None:
    publish(state, [CALM], NOW, SOON)
    assert shown(read_trading(state, NOW)) == (Mode.NORMAL, 1.0, True, False)


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"schema": 2}', b"\xff", b"[" * 100_000])
def test_a_file_that_is_missing_or_damaged_means_stopped(state: Path, content: bytes | None) -> None:
    if content is not None:
        (state / "trading.json").write_bytes(content)
    assert shown(read_trading(state, NOW)) == STOPPED


def test_a_file_that_is_cut_off_anywhere_means_stopped(state: Path) -> None:
    publish(state, [CALM], NOW, SOON)
    content = (state / "trading.json").read_bytes()
    for length in range(len(content) - 2):
        (state / "trading.json").write_bytes(content[:length])
        assert shown(read_trading(state, NOW)) == STOPPED, length


def test_a_file_that_ran_out_or_is_from_the_future_means_stopped(state: Path) -> None:
    publish(state, [CALM], NOW, SOON)
    assert read_trading(state, SOON - timedelta(seconds=1)).mode is Mode.NORMAL
    assert shown(read_trading(state, SOON)) == STOPPED
    assert shown(read_trading(state, NOW - timedelta(minutes=2))) == STOPPED


@pytest.mark.parametrize("content", [b"", b"null", b'{"on": "no"}', b'{"on": 0}', b"{}", b"\xff"])
def test_a_damaged_kill_switch_is_on(state: Path, content: bytes) -> None:
    (state / "kill.json").write_bytes(content)
    assert shown(publish(state, [CALM], NOW, SOON)) == STOPPED
    assert "kill.json cannot be read" in read_kill(state).reason


# ------------------------------------------------------------------------------------------------------ kill and lift


def test_a_kill_stops_what_was_normal_and_only_lifting_it_lets_trade(state: Path) -> None:
    publish(state, [CALM], NOW, SOON)
    assert shown(kill(state, "exchange\nhacked", "ada", NOW)) == STOPPED
    for _ in range(3):
        assert shown(publish(state, [CALM], NOW, SOON)) == STOPPED
    assert (read_kill(state).reason, read_kill(state).by, read_kill(state).since) == ("exchange hacked", "ada", NOW)
    assert shown(lift(state, "all is well", "bob", NOW)) == (Mode.NORMAL, 1.0, True, False)
    assert [note.action for note in read_kill(state).history] == ["kill", "resume"]


def test_a_second_kill_keeps_since_when_and_adds_its_reason(state: Path) -> None:
    kill(state, "first", "ada", NOW)
    kill(state, "second", "bob", NOW + timedelta(hours=1))
    found = read_kill(state)
    assert (found.reason, found.by, found.since) == ("first", "ada", NOW)
    assert [(note.by, note.reason) for note in found.history] == [("ada", "first"), ("bob", "second")]


def test_a_kill_needs_no_folder_and_lifting_alone_does_not_make_it_normal(tmp_path: Path) -> None:
    state = tmp_path / "new" / "state"
    assert shown(kill(state, "now", "ada", NOW)) == STOPPED
    found = lift(state, "", "ada", NOW)
    assert shown(found) == STOPPED
    assert "no service judges the breakers" in found.reasons[0].sentence


def test_lifting_does_not_prolong_what_the_breakers_said(state: Path) -> None:
    publish(state, [CALM], NOW, SOON)
    kill(state, "now", "ada", NOW)
    assert lift(state, "", "ada", NOW + timedelta(seconds=90)).valid_until == SOON
    assert shown(lift(state, "", "ada", SOON)) == STOPPED


def test_acknowledging_leaves_the_kill_switch_as_it_is(state: Path) -> None:
    kill(state, "now", "ada", NOW)
    assert shown(acknowledge(state, "seen", "ada", SOON)) == STOPPED
    assert read_kill(state).acknowledged == SOON
    assert lift(state, "", "ada", SOON).kill.on is False
    assert read_kill(state).acknowledged == SOON


def test_a_reason_of_any_text_and_length_stops(state: Path) -> None:
    kill(state, "half \ud800 of a pair, nul \0, " + "x" * 10_000, "ada", NOW)
    assert shown(read_trading(state, NOW)) == STOPPED
    for number in range(150):
        kill(state, str(number), "ada", NOW)
    history = read_kill(state).history
    assert (len(history), history[-1].reason) == (100, "149")


def test_a_kill_is_written_under_a_writer_that_hangs_and_says_that_it_is_not_certain(state: Path) -> None:
    with FileLock(state / "trading.lock"):
        begun = time.monotonic()
        with pytest.raises(TryAgainError, match="the kill switch is on, but a process that holds"):
            kill(state, "now", "ada", NOW)
        assert read_kill(state).on
        assert time.monotonic() - begun < 30.0
        assert shown(read_trading(state, NOW)) == STOPPED


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make what another user owns")
def test_what_root_makes_belongs_to_the_owner_of_the_workspace(tmp_path: Path) -> None:
    workspace = tmp_path / "work"
    workspace.mkdir()
    os.chown(workspace, 65534, 65534)
    kill(workspace / "state", "now", "root", NOW)
    assert (workspace / "state").stat().st_uid == 65534


# ------------------------------------------------------------------------------------------- processes, kills, no room

KILL = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from huracan import paths, trading
steps = 0
def count(*ignored, **also):
    global steps
    steps += 1
    if steps == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
def counting(function):
    def call(*arguments, **options):
        count()
        answer = function(*arguments, **options)
        count()
        return answer
    return call
for name in ("fsync", "open", "close"):
    setattr(os, name, counting(getattr(os, name)))
paths.Path.replace = counting(Path.replace)
now = datetime(2026, 11, 20, 12, tzinfo=UTC)
(trading.kill if sys.argv[3] == "kill" else trading.lift)(Path(sys.argv[1]), "reason", "ada", now)
"""


@pytest.mark.parametrize("action", ["kill", "lift"])
def test_killed_between_any_two_steps_it_is_on_or_off_and_whole(state: Path, action: str) -> None:
    survived = 0
    for step in range(1, 60):
        for leftover in state.iterdir():
            leftover.unlink()
        publish(state, [CALM], NOW, SOON)
        if action == "lift":
            kill(state, "before", "ada", NOW)
        done = subprocess.run([sys.executable, "-c", KILL, str(state), str(step), action], check=False)
        published = read_published(state)
        assert published is not None, "the trading process would read half a file"
        # Whatever was published, nothing says go while the switch is on in the eyes of the next writer ...
        assert published.mode in (Mode.NORMAL, Mode.STOPPED)
        switch = read_kill(state)
        assert not (action == "lift" and switch.on and published.mode is Mode.NORMAL)
        # ... and the next look of the service makes both files say the same.
        assert (publish(state, [CALM], NOW, SOON).mode is Mode.STOPPED) == switch.on
        if done.returncode == 0:
            survived = step
            break
        assert done.returncode == -signal.SIGKILL
    assert survived > 15, "every step was tried, up to the end"
    assert read_kill(state).on == (action == "kill")


PUBLISH = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from huracan.trading import Breaker, Mode, publish
now = datetime(2026, 11, 20, 12, tzinfo=UTC)
print("ready", flush=True)
while True:
    publish(Path(sys.argv[1]), [Breaker("streak", False, Mode.REDUCED, 0.5, "")], now, now + timedelta(minutes=2))
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def go(program: str, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield go
    for process in started:
        process.kill()
        process.communicate()


def test_services_that_write_all_the_time_never_lose_a_kill(
    state: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    for _ in range(2):
        start(PUBLISH, state)
    for round_ in range(60):
        kill(state, str(round_), "ada", NOW)
        for _ in range(10):
            assert shown(read_trading(state, NOW)) == STOPPED, round_
        lift(state, "", "ada", NOW)
        assert not read_kill(state).on


STOP_IN_BETWEEN = """
import os, signal, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from huracan import trading
read, now = trading.read_kill, datetime(2026, 11, 20, 12, tzinfo=UTC)
def read_and_hang(state):
    trading.read_kill = read
    found = read(state)
    print("ready", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
    return found
trading.read_kill = read_and_hang
calm = trading.Breaker("streak", False, trading.Mode.REDUCED, 0.5, "")
trading.publish(Path(sys.argv[1]), [calm], now, now + timedelta(minutes=2))
"""


def test_a_service_that_hangs_between_reading_and_writing_loses_no_kill(
    state: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    process = start(STOP_IN_BETWEEN, state)
    time.sleep(0.2)
    with pytest.raises(TryAgainError, match="does not end"):
        kill(state, "now", "ada", NOW)
    assert shown(read_trading(state, NOW)) == STOPPED
    process.send_signal(signal.SIGCONT)
    assert process.wait(20) == 0
    assert shown(read_trading(state, NOW)) == STOPPED


LIFT_SLOWLY = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from huracan import trading
from huracan.errors import LockedError
flush = os.fsync
def flush_slowly(handle):
    os.fsync = flush
    print("ready", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
    flush(handle)
os.fsync = flush_slowly
try:
    trading.lift(Path(sys.argv[1]), "", "bob", datetime(2026, 11, 20, 12, tzinfo=UTC))
except LockedError as error:
    print(error)
    sys.exit(5)
"""


def test_a_resume_that_began_before_a_kill_does_not_undo_it(
    state: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    publish(state, [CALM], NOW, SOON)
    kill(state, "first", "ada", NOW)
    process = start(LIFT_SLOWLY, state)
    time.sleep(0.2)
    with pytest.raises(TryAgainError, match="could undo that"):
        kill(state, "second", "ada", NOW)
    process.send_signal(signal.SIGCONT)
    assert (process.wait(20), process.stdout is not None and "somebody killed meanwhile" in process.stdout.read()) == (
        5, True,
    )  # fmt: skip
    assert shown(publish(state, [CALM], NOW, SOON)) == STOPPED
    assert [note.reason for note in read_kill(state).history] == ["first", "second"]


def test_a_kill_that_ends_with_success_waited_for_a_resume_that_began_before(
    state: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    kill(state, "first", "ada", NOW)
    process = start(LIFT_SLOWLY, state)
    time.sleep(0.2)
    goes_on = threading.Timer(0.5, process.send_signal, [signal.SIGCONT])
    goes_on.start()
    assert shown(kill(state, "second", "ada", NOW)) == STOPPED
    process.wait(20)
    assert shown(publish(state, [CALM], NOW, SOON)) == STOPPED


def test_a_kill_switch_whose_file_is_gone_stays_on_until_it_is_lifted(state: Path) -> None:
    publish(state, [CALM], NOW, SOON)
    kill(state, "hacked", "ada", NOW)
    (state / "kill.json").unlink()
    for _ in range(2):
        assert shown(publish(state, [CALM], NOW, SOON)) == STOPPED
        assert "kill.json is gone" in read_kill(state).reason
    assert shown(lift(state, "", "ada", NOW)) == (Mode.NORMAL, 1.0, True, False)
    assert json.loads((state / "kill.json").read_text())["on"] is False


def test_what_a_clock_that_was_ahead_said_holds_no_longer_after_a_resume(state: Path) -> None:
    ahead = NOW + timedelta(hours=1)
    publish(state, [CALM], ahead, ahead + timedelta(minutes=2))
    kill(state, "", "ada", NOW)
    assert shown(lift(state, "", "ada", NOW)) == STOPPED
    assert shown(read_trading(state, NOW + timedelta(minutes=30))) == STOPPED


def test_a_resume_that_waited_for_the_writer_before_it_keeps_what_that_one_said(state: Path) -> None:
    kill(state, "", "ada", NOW)
    publish(state, [CALM], NOW + timedelta(seconds=3), SOON)
    assert shown(lift(state, "", "ada", NOW)) == (Mode.NORMAL, 1.0, True, False)


KILL_AS_ROOT = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from huracan.trading import kill
os.umask(0o077)
kill(Path(sys.argv[1]), "reason", "root", datetime(2026, 11, 20, 12, tzinfo=UTC))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make what another user owns")
def test_a_lock_that_root_made_under_a_narrow_umask_lets_the_service_in(state: Path) -> None:
    os.chown(state, 65534, 65534)
    subprocess.run([sys.executable, "-c", KILL_AS_ROOT, str(state)], check=True)
    made = (state / "trading.lock").stat()
    assert (made.st_uid, oct(made.st_mode & 0o777)) == (65534, "0o644")


NO_ROOM = """
import resource, sys
from datetime import UTC, datetime
from pathlib import Path
from huracan.errors import TryAgainError
from huracan.trading import kill
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
try:
    kill(Path(sys.argv[1]), "reason", "ada", datetime(2026, 11, 20, 12, tzinfo=UTC))
except TryAgainError as error:
    print(error)
"""


def test_where_no_byte_can_be_written_it_is_stopped_all_the_same(state: Path) -> None:
    publish(state, [CALM], NOW, SOON)
    done = subprocess.run([sys.executable, "-c", NO_ROOM, str(state)], capture_output=True, text=True, check=False)
    assert "trading is stopped all the same, kill.json was emptied, which counts as on" in done.stdout, done.stderr
    assert shown(read_trading(state, NOW)) == STOPPED
    assert shown(publish(state, [CALM], NOW, SOON)) == STOPPED


def test_where_the_folder_cannot_be_made_it_says_so() -> None:
    with pytest.raises(TryAgainError, match=r"/proc/huracan/state: cannot be made"):
        kill(Path("/proc/huracan/state"), "now", "ada", NOW)


# --------------------------------------------------------------------------------------------------------- the schedule


def test_the_schedule_is_paused_until_it_is_resumed(state: Path) -> None:
    assert schedule_pause(state) is None
    pause_schedule(state, "moving house", "ada", NOW)
    again = pause_schedule(state, "another reason", "bob", SOON)
    assert schedule_pause(state) == again
    assert (again.reason, again.by, again.since) == ("moving house", "ada", NOW)
    resume_schedule(state)
    assert schedule_pause(state) is None
    resume_schedule(state)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"paused": 1}', b"\xff"])
def test_a_damaged_pause_is_a_pause_and_a_new_one_mends_it(state: Path, content: bytes) -> None:
    (state / "schedule.json").write_bytes(content)
    found = schedule_pause(state)
    assert found is not None
    assert "cannot be read" in found.reason
    assert pause_schedule(state, "known", "ada", NOW).reason == "known"
