"""Text that may be cut anywhere, and is always something that Telegram takes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan_telegram.texts import LONGEST, Piece, aligned, as_html, as_plain, length, split
from servers.telegram_entities import parse_html, utf16_length

STYLES = ("", "b", "i", "code", "pre")
LETTERS = st.text(st.sampled_from("ab <>&\n\t😀é\x00\"'/") | st.characters(), max_size=60)
PIECES = st.lists(st.builds(Piece, LETTERS, st.sampled_from(STYLES)), max_size=12)


@given(PIECES, st.integers(4, 60))
@settings(max_examples=300, deadline=None)
def test_every_part_is_whole_short_enough_and_nothing_but_space_is_lost(pieces: list[Piece], longest: int) -> None:
    parts = split(pieces, longest)
    for part in parts:
        read = parse_html(as_html(part))
        assert read == as_plain(part)
        assert utf16_length(read) <= longest
        assert read.strip()
    kept = "".join(as_plain(part) for part in parts)
    told = "".join(as_plain(part) for part in split(pieces, 10**6))
    assert "".join(kept.split()) == "".join(told.split())


def test_a_cut_is_made_at_the_end_of_a_line() -> None:
    lines = "\n".join(f"line {number:04d} of a long message" for number in range(300))
    parts = [as_plain(part) for part in split([Piece(lines, "pre")])]
    assert len(parts) == 3
    assert "\n".join(parts) == lines
    assert all(len(part) <= LONGEST for part in parts)


def test_length_is_counted_in_utf16_units() -> None:
    assert length("a😀") == 3 == utf16_length("a😀")


@pytest.mark.parametrize("text", ["", " \n ", "\x00"])
def test_there_is_no_message_of_nothing(text: str) -> None:
    assert split([Piece(text, "b")]) == []


def test_a_row_that_is_wider_than_a_phone_is_cut() -> None:
    text = aligned([("coin", "why"), ("BTC", "x" * 60)])
    assert [len(line) for line in text.splitlines()] == [8, 40]
    assert text.endswith("…")
