"""The pace that all processes keep together."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from huracan.errors import DeliveryError
from huracan_telegram.pace import Pace


class Hands:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 11, 21, 2, tzinfo=UTC)
        self.slept = 0.0

    def now(self) -> datetime:
        return self.instant

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.instant += timedelta(seconds=seconds)


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    one = Hands()
    monkeypatch.setattr("huracan_telegram.pace.time.sleep", one.sleep)
    return one


@pytest.fixture
def make(tmp_path: Path, hands: Hands) -> Callable[[], Pace]:
    """Make what another process has."""
    return lambda: Pace(tmp_path, logging.LoggerAdapter(logging.getLogger("test"), {}), hands)


def test_a_minute_of_a_group_holds_what_the_settings_say_whoever_writes(make: Callable[[], Pace], hands: Hands) -> None:
    services = make(), make()
    for number in range(36):
        services[number % 2].wait(-1, 60 / 18, 0.0)
    assert hands.slept == pytest.approx(35 * 60 / 18)


def test_the_turn_of_one_chat_keeps_no_other_waiting(make: Callable[[], Pace], hands: Hands) -> None:
    one = make()
    for _ in range(5):
        one._take_turn("-1", 3.0)  # others wait for this group
    one.wait(77, 1.0, 0.04)
    assert hands.slept == 0.0


def test_what_telegram_asks_one_process_to_wait_holds_for_the_other(make: Callable[[], Pace], hands: Hands) -> None:
    make().rest(77, 100.0)
    hands.instant += timedelta(seconds=40)
    with pytest.raises(DeliveryError) as caught:
        make().wait(77, 1.0, 0.0)
    assert caught.value.retry_after == pytest.approx(60.0)
    assert not caught.value.permanent
    hands.instant += timedelta(seconds=50)
    make().wait(77, 1.0, 0.0)
    assert hands.slept == pytest.approx(10.0)


def test_a_clock_that_was_set_back_makes_nobody_wait_for_longer(make: Callable[[], Pace], hands: Hands) -> None:
    make().rest(77, 20.0)
    hands.instant -= timedelta(days=300)
    make().wait(77, 1.0, 0.0)
    assert hands.slept == pytest.approx(20.0)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"at": "x", "left": {}}', '{"at": 1, "left": 7}'])
def test_a_file_that_was_damaged_is_begun_anew(
    make: Callable[[], Pace], hands: Hands, tmp_path: Path, content: str
) -> None:
    (tmp_path / "pace.json").write_text(content)
    one = make()
    one.wait(77, 1.0, 0.0)
    make().wait(77, 1.0, 0.0)
    assert hands.slept == pytest.approx(1.0)


def test_where_no_file_can_be_had_each_process_keeps_the_pace_for_itself(
    make: Callable[[], Pace], hands: Hands, tmp_path: Path
) -> None:
    (tmp_path / "pace.json").mkdir()
    one = make()
    for _ in range(3):
        one.wait(77, 1.0, 0.0)
    assert hands.slept == pytest.approx(2.0)
