from __future__ import annotations

from collections.abc import Callable

import pytest
from huracan.context import Context
from huracan.errors import SettingsError

from huracan_stranger.settings import Settings


def test_without_a_word_in_the_settings_the_defaults_hold(context: Context) -> None:
    assert context.settings.section(Settings).longest_minutes == 240.0


def test_what_makes_no_sense_is_named(make_context: Callable[..., Context]) -> None:
    given = {"stranger": {"longest_minutes": 0}}
    with pytest.raises(SettingsError, match=r"longest_minutes: input should be greater than 0"):
        make_context(given, plugins=["stranger"])
