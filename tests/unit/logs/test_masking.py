"""Secrets: not shown in any form in which they can appear."""

from __future__ import annotations

import io
import json
import math
from urllib.parse import quote, quote_plus, urlencode

from hypothesis import given, settings
from hypothesis import strategies as st

from huracan import masking
from huracan.masking import MaskedStream, json_safe, mask, printable, register_secret

SECRET = 'p"ä\\ss wörd/&1'
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(), inner, max_size=3),
)


def test_a_secret_is_masked_in_every_form() -> None:
    register_secret(SECRET)
    inside_json = json.dumps({"token": SECRET}, ensure_ascii=False)
    forms = [
        SECRET, repr(SECRET), repr([SECRET]), json.dumps(SECRET), json.dumps(SECRET, ensure_ascii=False),
        json.dumps(inside_json), json.dumps(json.dumps([SECRET])), json.dumps(repr(SECRET)), quote(SECRET),
        quote(SECRET, safe=""), quote_plus(SECRET), urlencode({"q": SECRET}),
    ]  # fmt: skip
    for form in forms:
        shown = mask(f"before {form} after")
        assert "***" in shown
        assert "wörd" not in shown
        assert "ss" not in shown


def test_a_secret_inside_another_leaves_nothing_behind() -> None:
    register_secret("sword")
    register_secret("swordfish")
    assert mask("swordfish and sword") == "*** and ***"


def test_a_text_too_short_to_be_a_secret_is_left_alone() -> None:
    register_secret("abc")
    assert mask("abc") == "abc"


def test_numbers_and_keys_and_unknown_values_are_masked() -> None:
    register_secret("123456")
    assert json_safe({"pin": 123456, "123456": [b"x123456"], "float": 123456.5, "other": 5}) == {
        "pin": "***", "***": ["b'x***'"], "float": "***", "other": 5,
    }  # fmt: skip


@given(secret=st.text(min_size=4, max_size=12), value=anything)
@settings(deadline=None)
def test_anything_becomes_strict_json(secret: str, value: object) -> None:
    masking._secrets = masking._Secrets()  # one secret an example; the fixture gives the first ones back
    register_secret(secret)
    safe = json_safe(value)
    assert json.loads(json.dumps(safe, allow_nan=False)) == safe


@given(value=st.lists(st.lists(st.none() | st.booleans() | st.integers() | st.text())))
def test_json_without_secrets_stays_as_it_is(value: object) -> None:
    assert json_safe(value) == value


def test_what_json_does_not_have_becomes_text() -> None:
    assert json_safe([math.nan, math.inf, -math.inf]) == ["nan", "inf", "-inf"]


@given(text=st.text())
def test_a_printable_text_commands_no_terminal_and_can_be_encoded(text: str) -> None:
    shown = printable(text)
    shown.encode()
    assert not [letter for letter in shown if (letter < " " or "\x7f" <= letter <= "\x9f") and letter not in "\t\n"]


def test_a_stream_hands_on_no_secret_in_whatever_parts_it_is_printed() -> None:
    register_secret("correct-horse")
    under = io.StringIO()
    stream = MaskedStream(under)
    print("a line", file=stream)
    caught = [stream.caught]
    print("correct", end="", file=stream)
    print("-horse, and", end=" ", file=stream)
    stream.buffer.write(b"correct-horse again\n")
    print("without an end: correct-horse", end="", file=stream)
    assert under.getvalue() == "a line\n***, and *** again\n"
    stream.flush()
    assert under.getvalue().endswith("\nwithout an end: ***")
    assert [*caught, stream.caught] == [False, True]
    stream.close()
    assert not under.closed


def test_a_stream_without_line_ends_is_handed_on_before_it_fills_the_memory() -> None:
    under = io.StringIO()
    stream = MaskedStream(under)
    for _ in range(20):
        stream.write("x" * 10_000)
    assert len(under.getvalue()) > 100_000
