"""What the chat command of the universe says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from huracan.context import Context
from huracan.errors import UsageError
from huracan.store import UniverseDecision
from huracan_universe.chat import answer_universe

NOW = datetime(2024, 1, 2, 3, 0, tzinfo=UTC)


def test_the_selection_is_told_best_first_with_what_was_dropped(make_context: Callable[..., Context]) -> None:
    context = make_context(plugins=("universe",), as_of=NOW)
    assert answer_universe(context, ()).text == "No pairs were selected yet."
    decisions = (
        UniverseDecision("BTC-USDT", True, 1, 0.9, facts={"quote_volume_24h": 2.5e9}),
        UniverseDecision("DOGE-USDT", False, reasons=(("memes", "is a meme"),), facts={"quote_volume_24h": 1e6}),
    )
    context.store.universe.save(context.current_run.run_id, NOW.date(), NOW, "paper", {}, decisions)
    reply = answer_universe(context, ())
    assert reply.text == "1 of 2 pairs of paper, 2 Jan 03:00 UTC\ndropped: memes 1"
    assert reply.table == (("#", "coin", "turnover", "score"), ("1", "BTC", "2.5 bn", "0.90"))
    assert answer_universe(context, ("btc",)).text == "BTC-USDT is selected, rank 1"
    assert answer_universe(context, ("DOGE",)).text == "DOGE-USDT is out:\n- is a meme (memes)"
    with pytest.raises(UsageError, match="XYZ was not among"):
        answer_universe(context, ("XYZ",))
