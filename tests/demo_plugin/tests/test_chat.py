from __future__ import annotations

import pytest
from huracan.context import Context
from huracan.errors import UsageError

from huracan_stranger.chat import answer_nights


@pytest.mark.usefixtures("nights")
def test_the_last_nights_are_a_table(context: Context) -> None:
    reply = answer_nights(context, ())
    assert reply.table == (
        ("night", "minutes", "state"),
        ("2026-01-06", "250", "done"),
        ("2026-01-05", "30", "done"),
    )
    assert len(answer_nights(context, ("1",)).table) == 2


@pytest.mark.parametrize("word", ["0", "-1", "many", "1000"])
def test_what_is_no_number_of_nights_is_one_line(context: Context, word: str) -> None:
    with pytest.raises(UsageError, match="is no number of nights; write 1 to 50"):
        answer_nights(context, (word,))


def test_before_the_first_night_it_says_so(context: Context) -> None:
    assert answer_nights(context, ()).text == "No night has ended yet."
