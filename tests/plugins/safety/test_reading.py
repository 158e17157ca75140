"""Reading reported trades: every good file is read, every bad row is named by its line, and nothing else raises."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan.store import Trade
from huracan_safety.reading import BadRowsError, read_trades
from plugins.safety.samples import HOUR, NOW, ROW, as_csv, as_row, lines, trades_of

instants = st.integers(0, 560_000_000).map(lambda seconds: NOW - timedelta(seconds=seconds))
positive = st.floats(1e-9, 1e12)
amounts = st.floats(-1e12, 1e12)
reported = st.builds(
    lambda name, symbol, side, moments, numbers, money, source: Trade(
        name,
        symbol,
        side,
        min(moments),
        max(moments),
        numbers[0],
        numbers[1],
        numbers[2],
        money[0],
        money[1],
        money[2],
        source,
    ),
    st.text("abc-0123_ü,\"'", min_size=1, max_size=12),
    st.sampled_from(["BTC-USDT", "1INCH-EUR", "ETH-USDT:USDT"]),
    st.sampled_from(["long", "short"]),
    st.tuples(instants, instants),
    st.tuples(positive, positive, positive),
    st.tuples(amounts, amounts, amounts),
    st.sampled_from(["live", "paper", "simulated"]),
)


def problems(content: bytes) -> list[str]:
    with pytest.raises(BadRowsError) as caught:
        read_trades(content, "FILE", NOW)
    return caught.value.lines


@given(st.lists(reported, max_size=5, unique_by=lambda each: each.id.strip()))
def test_json_lines_and_csv_come_back_as_they_were_reported(trades: list[Trade]) -> None:
    assert read_trades(lines(*map(as_row, trades)), "x", NOW) == trades
    assert read_trades(as_csv(trades), "x", NOW) == trades


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_whatever_is_in_a_file_it_is_read_or_refused_by_line(content: bytes) -> None:
    named: list[str] = []
    try:
        read_trades(content, "FILE", NOW)
    except BadRowsError as error:
        named = error.lines
    assert all(line.startswith("FILE:") for line in named)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"symbol": "btc/usdt"}, "symbol: is not a symbol of the form BASE-QUOTE"),
        ({"side": "buy"}, "side: input should be 'long' or 'short'"),
        ({"quantity": 0}, "quantity: input should be greater than 0"),
        ({"net_pnl": float("nan")}, "net_pnl: input should be a finite number"),
        ({"net_pnl": "a lot"}, "net_pnl: input should be a valid number"),
        ({"closed_at": "2026-11-20T09:00:00Z"}, "closed_at is before opened_at"),
        ({"closed_at": "yesterday"}, "closed_at: input should be a valid datetime"),
        ({"closed_at": "2026-11-20T12:06:00Z"}, "closed_at: 2026-11-20 12:06:00Z is to come"),
        ({"source": "demo"}, "source: input should be 'live', 'paper' or 'simulated'"),
        ({"id": ""}, "id: string should have at least 1 character"),
    ],
)
def test_what_is_wrong_with_a_row_is_one_line(change: dict[str, object], words: str) -> None:
    [line] = problems(lines({**ROW, "id": "good"}, {**ROW, **change}))
    assert line.startswith("FILE:2: ")
    assert words in line
    assert "\n" not in line


def test_what_is_missing_is_named_together() -> None:
    assert problems(lines({key: value for key, value in ROW.items() if key not in ("id", "fees")})) == [
        "FILE:1: has no id, fees"
    ]
    assert problems(b"id,symbol\n1,BTC-USDT\n")[0].startswith("FILE:1: has no column side, opened_at")


def test_every_bad_line_is_named_and_the_text_stays_short() -> None:
    content = b"{}\n\n[1]\nnonsense\n" + lines(ROW)
    assert [line.partition(" ")[0] for line in problems(content)] == ["FILE:1:", "FILE:3:", "FILE:4:"]
    with pytest.raises(BadRowsError) as caught:
        read_trades(b"{}\n" * 100, "FILE", NOW)
    text = str(caught.value).splitlines()
    assert (len(text), text[-2:]) == (22, ["and 80 more rows", "nothing of this file was stored"])


def test_a_trade_that_stands_twice_counts_once_and_not_at_all_with_other_values() -> None:
    assert len(read_trades(lines(ROW, ROW), "x", NOW)) == 1
    assert "stands above with other values" in problems(lines(ROW, {**ROW, "fees": 1}))[0]


def test_a_time_without_an_offset_is_utc_and_more_keys_do_no_harm() -> None:
    [trade] = read_trades(lines({**ROW, "closed_at": "2026-11-20 11:00:00", "comment": "x", "id": 7}), "x", NOW)
    assert (trade.closed_at, trade.id) == (NOW - HOUR, "7")


def test_a_clock_that_is_a_little_ahead_is_believed() -> None:
    ahead = trades_of([1.0], last=NOW + timedelta(minutes=4))
    assert read_trades(lines(*map(as_row, ahead)), "x", NOW) == ahead
