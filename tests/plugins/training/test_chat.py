"""What the chat commands of the training say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from huracan.context import Context
from huracan.errors import UsageError
from huracan_training import job, roster
from huracan_training.chat import answer_coin, answer_roster


@pytest.fixture
def night(coins: Callable[..., Any]) -> Context:
    context: Context = coins("EDGE-USDT", "BTC-USDT", "BAD-USDT", failed=["BAD-USDT"]).context(gates={"samples": 20})
    job.run(context)
    roster.run(context)
    return context


def test_roster_and_coin_say_who_may_trade_and_why_others_may_not(night: Context) -> None:
    reply = answer_roster(night, ())
    assert reply.text == "1 of 2 coins may be traded; 7d in bps after costs"
    assert [row[:2] + row[-1:] for row in reply.table] == [("#", "coin", ""), ("1", "EDGE", "✓"), ("2", "BTC", "✗")]
    assert reply.buttons == (("EDGE", "coin EDGE"), ("BTC", "coin BTC"))
    edge = answer_coin(night, ("edge",))
    assert "✓ all gates passed" in edge.text
    assert "(this model)" in edge.text
    assert edge.table[0] == ("measure", "after costs")
    assert "no champion: it may not be traded" in answer_coin(night, ("BTC-USDT",)).text
    bad = answer_coin(night, ("bad",))
    assert "❌ no usable candles: the file is empty" in bad.text
    assert bad.table == ()
    with pytest.raises(UsageError, match=r"^XRP was not trained on .*: .*EDGE"):
        answer_coin(night, ("XRP",))
    with pytest.raises(UsageError, match="which coin"):
        answer_coin(night, ())
    night.paths.roster.write_text("{", "utf-8")
    with pytest.raises(UsageError, match="cannot be read"):
        answer_roster(night, ())


def test_before_the_first_night_they_say_so(make_context: Callable[..., Context]) -> None:
    context = make_context(plugins=("training",))
    assert answer_roster(context, ()).text == "There is no roster yet."
    with pytest.raises(UsageError, match="nothing was trained yet"):
        answer_coin(context, ("BTC",))
