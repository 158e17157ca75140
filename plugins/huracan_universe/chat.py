"""The chat command ``/universe``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from huracan.context import Context
from huracan.types import ChatReply

__all__ = ["answer_universe"]


def answer_universe(context: Context, arguments: Sequence[str]) -> ChatReply:
    """Show the pairs of the last selection, best first, and how many each rule dropped; or why one coin is out."""
    from huracan_universe.show import turnover

    selection = context.store.universe.latest()
    if selection is None:
        return ChatReply("No pairs were selected yet.", buttons=(("Run universe", "run universe"),))
    if arguments:
        return _one(selection.decisions, arguments[0])
    selected = [each for each in selection.decisions if each.selected]
    dropped = [each for each in selection.decisions if not each.selected]
    rows = [
        (str(each.rank), each.symbol.partition("-")[0], turnover(each.facts.get("quote_volume_24h")),
         f"{each.score or 0:.2f}")
        for each in selected
    ]  # fmt: skip
    counts = Counter(rule for each in dropped for rule, _ in each.reasons)
    when = f"{selection.as_of:%-d %b %H:%M} UTC"
    text = f"{len(selected)} of {len(selection.decisions)} pairs of {selection.exchange}, {when}"
    if counts:
        text += f"\ndropped: {', '.join(f'{rule} {count}' for rule, count in counts.most_common(6))}"
    return ChatReply(text, (("#", "coin", "turnover", "score"), *rows))


def _one(decisions: Sequence[object], wanted: str) -> ChatReply:
    from huracan.errors import UsageError
    from huracan.store import UniverseDecision

    name = wanted.upper()
    for each in decisions:
        assert isinstance(each, UniverseDecision)
        if name in (each.symbol, each.symbol.partition("-")[0]):
            if each.selected:
                return ChatReply(f"{each.symbol} is selected, rank {each.rank}")
            return ChatReply(
                "\n".join([f"{each.symbol} is out:", *(f"- {why} ({rule})" for rule, why in each.reasons)])
            )
    raise UsageError(f"{wanted} was not among the pairs of the exchange that were looked at")
