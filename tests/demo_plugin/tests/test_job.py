from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from huracan.context import Context
from huracan.testing import MovedClock, RecordingProgress

from huracan_stranger.job import diary_file, keep_diary


@pytest.mark.usefixtures("nights")
def test_the_nights_are_written_down_the_newest_first(context: Context) -> None:
    result = keep_diary(context)
    assert result.summary == "2 nights written down"
    assert json.loads(diary_file(context).read_text("utf-8"))["nights"] == [
        {"run_date": "2026-01-06", "state": "done", "minutes": 250.0},
        {"run_date": "2026-01-05", "state": "done", "minutes": 30.0},
    ]


def test_before_the_first_night_there_is_a_diary_too(
    make_context: Callable[..., Context], frozen_clock: MovedClock
) -> None:
    progress = RecordingProgress()
    context = make_context(plugins=["stranger"], progress=progress)
    keep_diary(context)
    told = json.loads(diary_file(context).read_text("utf-8"))
    assert told == {"as_of": f"{frozen_clock.instant:%Y-%m-%dT%H:%M:%SZ}", "nights": []}
    assert progress.steps == ["0 nights read"]
