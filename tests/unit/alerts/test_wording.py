"""What a person reads of a message."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan.alerts.wording import LONGEST_LINE, MOST_LINES, Worded, word
from huracan.types import Event, Message, Severity

NOW = datetime(2026, 11, 21, 2, 10, tzinfo=UTC)


def event(title: str, kind: str = "test", severity: Severity = Severity.INFO, minute: int = 0, **more: Any) -> Event:
    symbol, run_id = more.pop("symbol", None), more.pop("run_id", "nightly-1")
    return Event(kind, severity, title, NOW + timedelta(minutes=minute), more, run_id, "train", symbol)


@pytest.fixture
def worded(tmp_path: Path) -> Callable[..., Worded]:
    def call(*events: Event, repeated: bool = False) -> Worded:
        return word(tmp_path, Message("key", events, repeated=repeated))

    return call


def test_one_event_is_its_title_its_lines_and_what_to_do(worded: Callable[..., Worded]) -> None:
    found = worded(event("train failed: no data\nat line 3", lines=["a", "b"], hint="look", other={"x": 1}))
    assert found.text == "train failed: no data\nat line 3\na\nb\nWhat to do: look"
    assert (found.run_id, found.severity) == ("nightly-1", Severity.INFO)


def test_what_came_again_says_how_often_and_when(worded: Callable[..., Worded]) -> None:
    found = worded(*[event("service sync ended", "service.ended", minute=each) for each in range(14)])
    assert found.title == "service sync ended (again, 14 times)"
    assert found.lines == ("between 21 Nov 02:10Z and 02:23Z",)


def test_the_coins_of_a_run_are_counted_and_the_failed_ones_come_first(worded: Callable[..., Worded]) -> None:
    metrics: dict[str, Any] = {"sharpe": 1.234, "hit_rate": 0.543, "net_pnl": 0.032}
    found = worded(
        event("SOL-USDT passed all gates", "model.trained", symbol="SOL-USDT", passed=True, **metrics),
        event("BTC-USDT failed: no memory", "model.failed", Severity.ERROR, symbol="BTC-USDT", done=2, total=20),
    )
    assert found.title == "2 of 20 coins: 1 trained (1 passed), 1 failed"
    assert found.lines == (
        "BTC-USDT failed: no memory", "SOL-USDT passed all gates: Sharpe 1.23, wins 54 %, net +3.2 %",
    )  # fmt: skip
    assert found.severity is Severity.ERROR


def test_many_events_are_a_line_each_the_bad_ones_first_and_never_cut_off(worded: Callable[..., Worded]) -> None:
    events = [event(f"event {number}", minute=number % 60) for number in range(100)]
    found = worded(*events, event("it burns", severity=Severity.ERROR, minute=5))
    assert found.title == "101 events (1 error): it burns"
    assert found.lines[0] == "02:15Z error: it burns"
    assert len(found.lines) == MOST_LINES + 1
    assert found.lines[-1] == "... and 61 more"


def test_a_double_says_that_it_is_one(worded: Callable[..., Worded]) -> None:
    assert worded(event("x"), repeated=True).lines == ("(sent again: an earlier attempt may have arrived)",)


def test_only_files_of_the_workspace_go_along(tmp_path: Path, worded: Callable[..., Worded]) -> None:
    (tmp_path / "a.png").write_text("")
    (tmp_path / "log.txt").write_text("")
    found = worded(event("x", picture="a.png", log="log.txt", files=["../x", "/etc/passwd", "gone", 3, "\0", "."]))
    assert (found.picture, found.files) == (tmp_path / "a.png", (tmp_path / "log.txt",))


_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text(), max_size=3)


@given(
    st.lists(
        st.builds(
            Event, kind=st.sampled_from(["model.trained", "test", "run.ended"]), severity=st.sampled_from(Severity),
            title=st.text(), time=st.just(NOW), run_id=st.none() | st.just("r"), symbol=st.none() | st.text(),
            fields=st.dictionaries(
                st.sampled_from(["lines", "hint", "log", "files", "picture", "total", "done", "sharpe"]), _values
            ),
        ),
        min_size=1, max_size=5,
    )
)  # fmt: skip
def test_whatever_happens_is_put_into_a_title_of_one_bounded_line(events: list[Event]) -> None:
    found = word(Path("/nowhere"), Message("key", tuple(events)))
    for line in (found.title, *found.lines):
        assert "\n" not in line
        assert len(line) <= LONGEST_LINE
