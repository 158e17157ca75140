"""A folder of candle files as an exchange: what it shows as of an instant, and which files it names as unusable."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from huracan.clock import milliseconds
from huracan.errors import DataError, SettingsError
from huracan.market.candles import Candles
from huracan.types import Exchange, Market, MarketKind, Ticker
from huracan_exchanges.files import estimate_spread_bps

HOUR = 3_600_000
DAY = 24 * HOUR
FIRST = datetime(2023, 1, 1, tzinfo=UTC)
NOW = datetime(2023, 1, 21, tzinfo=UTC)
"""480 hourly candles are closed here."""

Frame = Callable[..., pl.DataFrame]
Open = Callable[..., Exchange]


def market(exchange: Exchange, symbol: str = "AAA-USDT") -> Market:
    return {market.symbol: market for market in exchange.markets()}[symbol]


def ticker(exchange: Exchange, symbol: str = "AAA-USDT") -> Ticker:
    return exchange.tickers([symbol])[symbol]


def candles(exchange: Exchange, symbol: str = "AAA-USDT", timeframe: str = "1h") -> Candles:
    return Candles.concatenate(list(exchange.candles(symbol, timeframe, 0, 2**62)))


# --------------------------------------------------------------------------------------------- markets and tickers


def test_a_market_is_described_by_its_file_name_its_candles_and_the_settings(
    folder: Path, frame: Frame, open_folder: Open
) -> None:
    frame(480).write_parquet(folder / "AAA-USDT.parquet")
    found = market(open_folder(NOW, market_type="perpetual", taker_fee_bps=5, maker_fee_bps=2))
    assert (found.symbol, found.base, found.quote) == ("AAA-USDT", "AAA", "USDT")
    assert found.kind is MarketKind.PERPETUAL
    assert found.active
    assert found.listed_at == FIRST
    assert (found.taker_fee_bps, found.maker_fee_bps, found.source) == (5, 2, "default")


def test_a_ticker_measures_the_last_day_and_week_before_the_clock(
    folder: Path, frame: Frame, open_folder: Open
) -> None:
    table = frame(500)
    table.write_parquet(folder / "AAA-USDT.parquet")
    seen = ticker(open_folder(NOW + timedelta(minutes=59)))
    day = table[456:480]
    typical = (day["high"] + day["low"] + day["close"]) / 3
    steps = np.diff(np.log(table["close"].to_numpy()[480 - 169 : 480]))
    assert seen.quote_volume == pytest.approx((typical * day["volume"]).sum())
    assert seen.last == table["close"][479]
    assert seen.active_share == 1.0
    assert seen.daily_volatility == pytest.approx(steps.std() * np.sqrt(24))
    assert seen.last_trade_at == NOW
    assert seen.time == NOW + timedelta(minutes=59)
    assert seen.spread_source == "estimate"
    assert seen.spread_bps == estimate_spread_bps(seen.quote_volume)


def test_hours_without_candle_or_trade_lower_the_active_share(folder: Path, frame: Frame, open_folder: Open) -> None:
    row = pl.arange(0, 480)
    table = frame(480).with_columns(pl.when(row < 400).then(pl.col("volume")).otherwise(0.0).alias("volume"))
    table.filter(~row.is_between(330, 349)).write_parquet(folder / "AAA-USDT.parquet")
    seen = ticker(open_folder(NOW))
    assert seen.active_share == pytest.approx((168 - 80 - 20) / 168)
    assert seen.quote_volume == 0.0
    assert seen.spread_bps == 50.0
    assert seen.last_trade_at == FIRST + timedelta(hours=400)


def test_a_jump_over_a_gap_is_no_volatility(folder: Path, frame: Frame, open_folder: Open) -> None:
    row = pl.arange(0, 480)
    jump = frame(480).with_columns(
        pl.when(row < 400).then(pl.col(c) * 100).otherwise(pl.col(c)).alias(c) for c in ("open", "high", "low", "close")
    )
    jump.filter(~row.is_between(400, 410)).write_parquet(folder / "AAA-USDT.parquet")
    assert (ticker(open_folder(NOW)).daily_volatility or 1) < 0.1


def test_the_estimated_spread_falls_with_turnover_between_fixed_ends() -> None:
    assert [estimate_spread_bps(v) for v in (0.0, 1.0, 2e5, 1.25e8, 5e8, 1e12)] == [50.0, 50.0, 50.0, 2.0, 1.0, 1.0]


@pytest.mark.parametrize(("hours", "active"), [(0, True), (48, True), (48.5, False)])
def test_a_market_whose_last_candle_is_old_is_not_active(
    hours: float, active: bool, folder: Path, frame: Frame, open_folder: Open
) -> None:
    frame(480).write_parquet(folder / "AAA-USDT.parquet")
    assert market(open_folder(NOW + timedelta(hours=hours))).active is active
    assert market(open_folder(NOW + timedelta(hours=hours), stale_hours=1000)).active


def test_a_market_is_listed_when_its_first_candle_opened(folder: Path, frame: Frame, open_folder: Open) -> None:
    table = frame(480)
    pl.concat([table[:50], table[300:]]).write_parquet(folder / "AAA-USDT.parquet")
    frame(10, first=NOW).write_parquet(folder / "BBB-USDT.parquet")
    exchange = open_folder(NOW)
    assert [found.symbol for found in exchange.markets()] == ["AAA-USDT"]
    assert market(exchange).listed_at == FIRST
    assert list(exchange.problems()) == []
    with pytest.raises(DataError, match="BBB-USDT"):
        exchange.tickers(["BBB-USDT"])


def test_daily_candles_give_the_same_facts_as_hourly_ones(folder: Path, frame: Frame, open_folder: Open) -> None:
    frame(480).write_parquet(folder / "AAA-USDT.parquet")
    hourly = open_folder(NOW)
    joined = candles(hourly, timeframe="1d")
    pl.DataFrame(joined.columns()).write_parquet(folder / "BBB-USDT.parquet")
    daily = open_folder(NOW + timedelta(hours=5))
    assert ticker(daily, "BBB-USDT").quote_volume > 0
    assert ticker(daily, "BBB-USDT").active_share == 1.0
    assert market(daily, "BBB-USDT").active


# --------------------------------------------------------------------------------------------------------- candles


def test_candles_come_in_pages_oldest_first_within_the_asked_range(
    folder: Path, frame: Frame, open_folder: Open
) -> None:
    table = frame(12_000)
    table.write_parquet(folder / "AAA-USDT.parquet")
    since, until = milliseconds(FIRST) + 10 * HOUR, milliseconds(FIRST) + 11_000 * HOUR
    pages = list(open_folder(FIRST + timedelta(days=999)).candles("AAA-USDT", "1h", since, until))
    assert [len(page) for page in pages] == [5000, 5000, 990]
    assert Candles.concatenate(pages).timestamp.tolist() == table["timestamp"][10:11_000].to_list()
    assert list(open_folder(NOW).candles("AAA-USDT", "1h", until, until + DAY)) == []


def test_longer_bars_are_joined_from_complete_and_closed_ones_only(
    folder: Path, frame: Frame, open_folder: Open
) -> None:
    table = frame(480)
    table.filter(pl.arange(0, 480) != 5).write_parquet(folder / "AAA-USDT.parquet")
    found = candles(open_folder(FIRST + timedelta(hours=15)), timeframe="4h")
    assert ((found.timestamp - milliseconds(FIRST)) // HOUR).tolist() == [0, 8]
    part = table[8:12]
    assert found.open[1] == part["open"][0]
    assert found.high[1] == part["high"].max()
    assert found.low[1] == part["low"].min()
    assert found.close[1] == part["close"][3]
    assert found.volume[1] == pytest.approx(part["volume"].sum())


@pytest.mark.parametrize("timeframe", ["15m", "3m"])
def test_shorter_bars_are_refused_with_what_to_set(
    timeframe: str, folder: Path, frame: Frame, open_folder: Open
) -> None:
    frame(480).write_parquet(folder / "AAA-USDT.parquet")
    with pytest.raises(DataError, match=r"AAA-USDT.parquet: holds 1h candles, .*set candles.timeframe to 1h"):
        list(open_folder(NOW).candles("AAA-USDT", timeframe, 0, 2**62))


def test_unknown_symbols_and_timeframes_are_refused(folder: Path, frame: Frame, open_folder: Open) -> None:
    frame(480).write_parquet(folder / "AAA-USDT.parquet")
    exchange = open_folder(NOW)
    for symbol in ("ZZZ-USDT", "../AAA-USDT", ""):
        with pytest.raises(DataError):
            list(exchange.candles(symbol, "1h", 0, 2**62))
        with pytest.raises(DataError):
            exchange.tickers([symbol])
    with pytest.raises(DataError, match="'7h'"):
        list(exchange.candles("AAA-USDT", "7h", 0, 2**62))


# ---------------------------------------------------------------------------------------------------------- problems


def test_each_unusable_file_gets_one_line_and_the_rest_goes_on(folder: Path, frame: Frame, open_folder: Open) -> None:
    table = frame(480)
    table.write_parquet(folder / "AAA-USDT.parquet")
    table.write_csv(folder / "BBB-USDT.csv")
    (folder / "CUT-USDT.parquet").write_bytes((folder / "AAA-USDT.parquet").read_bytes()[:2000])
    (folder / "EMPTY-USDT.parquet").touch()
    table.with_columns(pl.lit(float("nan")).alias("close")).write_parquet(folder / "NAN-USDT.parquet")
    pl.concat([table, table.tail(5).with_columns(pl.col("volume") + 1)]).write_parquet(folder / "TWO-USDT.parquet")
    exchange = open_folder(NOW)
    assert [found.symbol for found in exchange.markets()] == ["AAA-USDT", "BBB-USDT"]
    lines = dict(line.split(": ", 1) for line in exchange.problems())
    assert set(lines) == {"CUT-USDT.parquet", "EMPTY-USDT.parquet", "NAN-USDT.parquet", "TWO-USDT.parquet"}
    assert lines["EMPTY-USDT.parquet"] == "is empty: it has no bytes"
    assert lines["NAN-USDT.parquet"].startswith(
        "holds 480 impossible candle(s), the first at 2023-01-01 00:00 UTC (row 1)"
    )
    with pytest.raises(DataError, match=r"TWO-USDT.parquet: holds 5 duplicate\(s\)"):
        list(exchange.candles("TWO-USDT", "1h", 0, 2**62))
    with pytest.raises(DataError, match="is empty"):
        exchange.tickers(["EMPTY-USDT"])


def test_identical_duplicates_are_mentioned_in_the_log(
    folder: Path, frame: Frame, open_folder: Open, caplog: pytest.LogCaptureFixture
) -> None:
    table = frame(480)
    pl.concat([table, table.tail(7)]).write_parquet(folder / "AAA-USDT.parquet")
    exchange = open_folder(NOW)
    assert len(exchange.markets()) == 1
    assert list(exchange.problems()) == []
    assert "AAA-USDT.parquet: dropped 7 row(s)" in caplog.text


def test_no_damage_inside_a_parquet_file_ends_the_process(folder: Path, frame: Frame, open_folder: Open) -> None:
    """Single bytes near the start hold lengths, on which Polars 2.1 aborts; then bytes anywhere."""
    buffer = io.BytesIO()
    frame(480).write_parquet(buffer)
    raw = buffer.getvalue()
    generator = np.random.default_rng(5)
    for number in range(60):
        damaged = np.frombuffer(raw, dtype=np.uint8).copy()
        places = [number + 4] if number < 30 else generator.integers(4, len(raw) - 4, 5)
        damaged[places] = 255
        (folder / f"A{number}-USDT.parquet").write_bytes(damaged.tobytes())
    (folder / "SOUND-USDT.parquet").write_bytes(raw)
    exchange = open_folder(NOW)
    shown = {found.symbol for found in exchange.markets()}
    named = {line.split(".")[0] for line in exchange.problems()}
    assert "SOUND-USDT" in shown
    assert not shown & named
    assert len(shown | named) == 61
    assert all("\n" not in line for line in exchange.problems())
    for symbol in named:
        with pytest.raises(DataError, match=symbol):
            list(exchange.candles(symbol, "1h", 0, 2**62))


@pytest.mark.parametrize(
    "name",
    ["..%2F..%2Fetc%2Fpasswd-USDT.parquet", "btc-usdt.parquet", "BTC USDT.csv", "BTC_USDT.csv", "BTCUSDT.parquet",
     "БТЦ-USDT.parquet", "BTC-USDT.PARQUET", "A-B-C.csv", "-USDT.csv", "BTC-.csv", "BTC-USDT .csv", "X\nY-USDT.csv",
     "BTC-USDT.bak.parquet", "C:\\BTC-USDT.csv", "A" * 30 + "-USDT.csv"],
)  # fmt: skip
def test_a_file_with_an_odd_name_is_refused_in_one_line(
    name: str, folder: Path, frame: Frame, open_folder: Open
) -> None:
    frame(480).write_parquet(folder / "AAA-USDT.parquet")
    shutil.copy(folder / "AAA-USDT.parquet", folder / name)
    exchange = open_folder(NOW)
    assert [found.symbol for found in exchange.markets()] == ["AAA-USDT"]
    (line,) = exchange.problems()
    assert "is not named BASE-QUOTE.parquet or BASE-QUOTE.csv" in line
    assert line.startswith(name if name.isprintable() else ascii(name))
    assert "\n" not in line


def test_hidden_files_sub_folders_and_other_kinds_of_file_are_left_alone(
    folder: Path, frame: Frame, open_folder: Open
) -> None:
    for name in ("AAA-USDT.parquet", ".BBB-USDT.parquet", "etc/passwd-USDT.parquet", "etc/CCC-USDT.parquet"):
        (folder / name).parent.mkdir(exist_ok=True)
        frame(480).write_parquet(folder / name)
    (folder / "README.md").write_text("notes")
    exchange = open_folder(NOW)
    assert [found.symbol for found in exchange.markets()] == ["AAA-USDT"]
    assert list(exchange.problems()) == []


def test_symbolic_links_folders_and_pipes_with_a_candle_name_are_never_opened(
    folder: Path, tmp_path: Path, frame: Frame, open_folder: Open
) -> None:
    frame(480).write_parquet(tmp_path / "OUT-USDT.parquet")
    (folder / "OUT-USDT.parquet").symlink_to(tmp_path / "OUT-USDT.parquet")
    (folder / "GONE-USDT.parquet").symlink_to(tmp_path / "nowhere")
    (folder / "DIR-USDT.parquet").mkdir()
    os.mkfifo(folder / "PIPE-USDT.csv")
    exchange = open_folder(NOW)
    assert list(exchange.markets()) == []
    assert [line.split(";")[0] for line in exchange.problems()] == [
        "DIR-USDT.parquet: is not a plain file",
        "GONE-USDT.parquet: is a symbolic link",
        "OUT-USDT.parquet: is a symbolic link",
        "PIPE-USDT.csv: is not a plain file",
    ]


def test_a_file_that_became_a_link_or_vanished_after_the_listing_is_not_followed(
    folder: Path, tmp_path: Path, frame: Frame, open_folder: Open
) -> None:
    frame(480).write_parquet(folder / "AAA-USDT.parquet")
    frame(480).write_parquet(folder / "BBB-USDT.parquet")
    exchange = open_folder(NOW)
    (folder / "AAA-USDT.parquet").rename(tmp_path / "elsewhere.parquet")
    (folder / "AAA-USDT.parquet").symlink_to(tmp_path / "elsewhere.parquet")
    (folder / "BBB-USDT.parquet").unlink()
    assert list(exchange.markets()) == []
    first, second = exchange.problems()
    assert first.startswith("AAA-USDT.parquet: cannot be read: ")
    assert second == "BBB-USDT.parquet: cannot be read: No such file or directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_must_not_be_read_is_named(folder: Path, frame: Frame, open_folder: Open) -> None:
    frame(480).write_parquet(folder / "AAA-USDT.parquet")
    (folder / "AAA-USDT.parquet").chmod(0)
    assert list(open_folder(NOW).problems()) == ["AAA-USDT.parquet: cannot be read: Permission denied"]


def test_two_files_for_one_pair_are_both_left_out(folder: Path, frame: Frame, open_folder: Open) -> None:
    frame(480).write_parquet(folder / "AAA-USDT.parquet")
    frame(480).write_csv(folder / "AAA-USDT.csv")
    exchange = open_folder(NOW)
    assert list(exchange.markets()) == []
    assert list(exchange.problems()) == ["AAA-USDT.csv: AAA-USDT.parquet is there too; keep one of the two"]


def test_a_folder_that_is_not_there_is_a_mistake_in_the_settings(tmp_path: Path, open_folder: Open) -> None:
    with pytest.raises(SettingsError, match=r"exchange\.path: .*nowhere cannot be read as a folder"):
        open_folder(NOW, tmp_path / "nowhere")


# ---------------------------------------------------------------------------------------------------------- metadata


def write_metadata(path: Path, said_at: datetime | None, *symbols: dict[str, Any]) -> Path:
    content: dict[str, Any] = {"symbols": list(symbols)}
    if said_at is not None:
        content["serverTime"] = milliseconds(said_at)
    raw = json.dumps(content).encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


BROKEN = {"symbol": "AAAUSDT", "status": "BREAK", "baseAsset": "AAA", "quoteAsset": "USDT", "permissions": ["SPOT"]}


@pytest.mark.parametrize(
    ("said_at", "active"),
    [(NOW, False), (NOW + timedelta(seconds=1), True), (NOW - timedelta(hours=3), True), (None, True)],
    ids=["said now", "said later than the clock", "traded since", "said at no time"],
)
def test_the_exchange_is_believed_about_a_halt_unless_it_says_so_later_or_trades_went_on(
    said_at: datetime | None, active: bool, folder: Path, tmp_path: Path, frame: Frame, open_folder: Open
) -> None:
    frame(480).write_parquet(folder / "AAA-USDT.parquet")
    path = write_metadata(tmp_path / "info.json", said_at, BROKEN)
    assert market(open_folder(NOW, metadata=path)).active is active


def test_the_exchange_is_believed_about_an_earlier_listing_than_the_first_candle(
    folder: Path, tmp_path: Path, frame: Frame, open_folder: Open
) -> None:
    frame(480).write_parquet(folder / "AAA-USDT.parquet")
    for days, listed in ((-900, FIRST - timedelta(days=900)), (5, FIRST)):
        said = {**BROKEN, "status": "TRADING", "onboardDate": milliseconds(FIRST + timedelta(days=days))}
        path = write_metadata(tmp_path / "info.json", NOW, said)
        assert market(open_folder(NOW, metadata=path)).listed_at == listed


def test_leveraged_tokens_are_known_by_permission_or_by_a_name_beside_their_coin(
    folder: Path, tmp_path: Path, frame: Frame, open_folder: Open
) -> None:
    for base in ("BTC", "BTCUP", "BTC3L", "JUP", "XYZ"):
        frame(480).write_parquet(folder / f"{base}-USDT.parquet")
    path = write_metadata(
        tmp_path / "info.json.gz", NOW + timedelta(days=999),
        {"baseAsset": "XYZ", "quoteAsset": "USDT", "permissions": [], "permissionSets": [["LEVERAGED"]]},
        {"baseAsset": "JUP", "quoteAsset": "USDT", "permissions": ["SPOT"]},
    )  # fmt: skip
    found = {m.base: m.leveraged_token for m in open_folder(NOW, metadata=path).markets()}
    assert found == {"BTC": False, "BTCUP": True, "BTC3L": True, "JUP": False, "XYZ": True}


@pytest.mark.parametrize(
    ("raw", "words"),
    [(b"", "is not JSON"), (b"[]", "has no list `symbols`"), (b'{"symbols": 3}', "has no list"),
     (b"\x1f\x8bnonsense", "cannot be read|is not JSON"), (b"\xff\xfe\x00", "is not JSON"), (b"[" * 99_999, "JSON")],
)  # fmt: skip
def test_metadata_that_is_no_market_list_is_a_mistake_in_the_settings(
    raw: bytes, words: str, folder: Path, tmp_path: Path, open_folder: Open
) -> None:
    path = tmp_path / "info.json"
    path.write_bytes(raw)
    with pytest.raises(SettingsError, match=rf"exchange\.metadata: .*info.json.*({words})"):
        open_folder(NOW, metadata=path)


def test_entries_that_make_no_sense_are_skipped(folder: Path, tmp_path: Path, frame: Frame, open_folder: Open) -> None:
    frame(480).write_parquet(folder / "AAA-USDT.parquet")
    entries: list[Any] = [7, {}, {"baseAsset": 3, "quoteAsset": []}, {**BROKEN, "contractType": "CURRENT_QUARTER"}]
    path = write_metadata(tmp_path / "info.json", NOW, *entries)
    assert market(open_folder(NOW, metadata=path)).active


# --------------------------------------------------------------------------------------------------------- real data


@pytest.mark.realdata
def test_the_real_list_of_an_exchange_tells_halts_and_leveraged_tokens(
    realdata: Path, folder: Path, frame: Frame, open_folder: Open
) -> None:
    info = realdata / "exchange_meta/binance_spot_exchangeInfo_2020-10-09.json.gz"
    said = datetime.fromtimestamp(1602209092.103, UTC)
    first = datetime(2020, 9, 1, tzinfo=UTC)
    for base in ("BTC", "ETHUP", "VEN"):
        frame(int((said - first) / timedelta(hours=1)), first=first).write_parquet(folder / f"{base}-USDT.parquet")
    found = {m.base: m for m in open_folder(said, metadata=info).markets()}
    assert found["BTC"].active
    assert found["ETHUP"].leveraged_token
    assert not found["VEN"].active


@pytest.mark.realdata
def test_all_real_folders_are_read_without_a_problem(realdata: Path, open_folder: Open) -> None:
    for name, count in {"crypto_1h": 54, "crypto_1d": 271, "crypto_5m": 2}.items():
        exchange = open_folder(datetime(2026, 11, 1, tzinfo=UTC), realdata / name)
        assert len(exchange.markets()) == count, name
        assert list(exchange.problems()) == [], name


@pytest.mark.realdata
def test_real_coins_that_were_delisted_or_relisted_are_seen_as_they_stood(realdata: Path, open_folder: Open) -> None:
    as_of = datetime(2023, 6, 30, tzinfo=UTC)
    exchange = open_folder(as_of, realdata / "crypto_1h")
    assert not market(exchange, "FTT-USDT").active  # delisted 2022-11-15, back on 2023-09-22
    assert market(exchange, "SUI-USDT").listed_at == datetime(2023, 5, 3, 12, tzinfo=UTC)
    assert market(open_folder(datetime(2023, 10, 1, tzinfo=UTC), realdata / "crypto_1h"), "FTT-USDT").active
    assert ticker(exchange, "BTC-USDT").quote_volume > 2e8
    assert ticker(exchange, "BTC-USDT").spread_bps < ticker(exchange, "QUICK-USDT").spread_bps


@pytest.mark.realdata
@pytest.mark.parametrize("as_of", ["2022-05-13T07:30", "2022-11-15T05:00", "2023-06-30T00:00"])
@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_nothing_that_is_shown_depends_on_later_candles(
    as_of: str, suffix: str, realdata: Path, folder: Path, tmp_path: Path, open_folder: Open
) -> None:
    now = datetime.fromisoformat(as_of).replace(tzinfo=UTC)
    cut = tmp_path / "cut"
    cut.mkdir()
    for base in ("BTC", "LUNA", "FTT", "BNX", "SUI", "DOGE"):
        whole = pl.read_parquet(realdata / f"crypto_1h/{base}-USDT.parquet").filter(
            pl.col("timestamp") > milliseconds(now) - 400 * DAY
        )
        spoilt = whole.with_columns(  # what comes later is damaged on top
            pl.when(pl.col("timestamp") >= milliseconds(now)).then(-1.0).otherwise(pl.col("close")).alias("close")
        )
        past = whole.filter(pl.col("timestamp") + HOUR <= milliseconds(now))
        for table, place in ((pl.concat([spoilt, spoilt.tail(9)]), folder), (past, cut)):
            path = place / f"{base}-USDT.{suffix}"
            if table.height:
                table.write_parquet(path) if suffix == "parquet" else table.write_csv(path)
    full, short = open_folder(now, folder), open_folder(now, cut)
    symbols = [found.symbol for found in full.markets()]
    assert len(symbols) >= 5
    assert full.markets() == short.markets()
    assert full.tickers(symbols) == short.tickers(symbols)
    assert full.problems() == short.problems() == []
    for symbol in symbols:
        for timeframe in ("1h", "4h"):
            one, other = candles(full, symbol, timeframe), candles(short, symbol, timeframe)
            assert len(one) > 0
            for column, values in one.columns().items():
                assert values.tobytes() == other.columns()[column].tobytes()
