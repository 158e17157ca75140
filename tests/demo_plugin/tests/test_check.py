from __future__ import annotations

import pytest
from huracan.context import Context
from huracan.types import CheckState

from huracan_stranger.check import check_last_night


@pytest.mark.usefixtures("nights")
def test_a_night_that_took_too_long_is_a_warning_with_a_hint(context: Context) -> None:
    found = check_last_night(context)
    assert found.state is CheckState.WARNING
    assert found.detail == "the night of 2026-01-06 took 250 minutes (done), longer than 240"
    assert "huracan jobs" in found.hint


def test_before_the_first_night_all_is_well(context: Context) -> None:
    assert check_last_night(context).state is CheckState.OK
