from __future__ import annotations

from datetime import date

import pytest
from huracan.context import Context

from huracan_stranger.report import tell_of_night


@pytest.mark.usefixtures("nights")
def test_the_section_tells_of_its_own_day(context: Context) -> None:
    assert tell_of_night(context, date(2026, 1, 5)) == {
        "headline": "30 minutes",
        "summary": "The night of 2026-01-05 took 30 minutes (done).",
        "minutes": 30.0,
    }
    assert tell_of_night(context, date(2026, 1, 7)) is None
