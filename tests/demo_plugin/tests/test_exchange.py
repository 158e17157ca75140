from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from huracan.clock import FixedClock
from huracan.context import Context
from huracan.errors import TryAgainError
from huracan.testing import ExchangeCase, assert_exchange
from huracan.testing.made_up import FIRST_OPEN, walk
from huracan.testing.servers import Fault, Reply, Request, ScriptedServer, reply_json
from huracan.types import Exchange

from huracan_stranger import huracan_exchanges

HOUR, BARS, PAGE = 3_600_000, 900, 150
NOW = datetime.fromtimestamp((FIRST_OPEN + BARS * HOUR) / 1000 + 30, UTC)
MARKETS = [
    {"base": "ABLE", "quote": "USDT", "listed": FIRST_OPEN, "taker_bps": 7.5},
    {"base": "LATER", "quote": "USDT", "listed": FIRST_OPEN + 2 * BARS * HOUR},
    {"base": "BROKEN"},
]

Open = Callable[[datetime], Exchange]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Plays the API with one pair of which it knows 20 bars more than the clock does."""
    columns = walk(BARS + 20, 1).columns()
    rows = list(zip(*(array.tolist() for array in columns.values()), strict=True))

    def candles(request: Request) -> Reply:
        since, until = int(request.query["since"]), int(request.query["until"])
        return reply_json([row for row in rows if since <= row[0] < until][:PAGE])

    with ScriptedServer({"/markets": reply_json(MARKETS), "/candles": candles}) as playing:
        yield playing


@pytest.fixture
def open_exchange(server: ScriptedServer, context: Context) -> Open:
    """Open the exchange as of an instant."""
    (offered,) = huracan_exchanges()
    settings = offered.settings(url=server.url)
    return lambda now: offered.open(replace(context, clock=FixedClock(now)), settings)


def test_the_exchange_keeps_every_rule(open_exchange: Open) -> None:
    assert_exchange(ExchangeCase(open_exchange, NOW, "ABLE-USDT", broken=["BROKEN"]))


def test_a_pair_that_is_listed_later_is_not_shown(open_exchange: Open) -> None:
    exchange = open_exchange(NOW)
    assert [market.symbol for market in exchange.markets()] == ["ABLE-USDT"]
    exchange.close()


@pytest.mark.parametrize("fault", [Fault(reset_before=True), Fault(reply=Reply(503)), Fault(reply=Reply(429))])
def test_a_server_that_is_away_may_be_asked_again(open_exchange: Open, server: ScriptedServer, fault: Fault) -> None:
    exchange = open_exchange(NOW)
    server.misbehave(fault)
    with pytest.raises(TryAgainError, match="the exchange"):
        exchange.markets()
    server.behave()
    assert exchange.markets()
    exchange.close()
