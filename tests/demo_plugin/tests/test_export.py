from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from huracan.context import Context
from huracan.testing import assert_export
from huracan.types import ExportScope

from huracan_stranger import huracan_exports
from huracan_stranger.export import night_rows, write_sentences

JANUARY = ExportScope(date(2026, 1, 1), date(2026, 1, 31))


@pytest.mark.usefixtures("nights")
def test_the_exports_keep_every_rule(context: Context) -> None:
    for export in huracan_exports():
        assert_export(export, context, JANUARY)


@pytest.mark.usefixtures("nights")
def test_only_the_nights_that_are_asked_for_are_in_the_table(context: Context) -> None:
    day = date(2026, 1, 6)
    assert list(night_rows(context, ExportScope(day, day))) == [[(day, "done", 250.0)]]


@pytest.mark.usefixtures("nights")
def test_the_file_has_a_sentence_for_each_night(context: Context, tmp_path: Path) -> None:
    assert write_sentences(context, tmp_path / "nights.txt", JANUARY) == 2
    first, _ = (tmp_path / "nights.txt").read_text("utf-8").splitlines()
    assert first == "the night of 2026-01-05 took 30 minutes (done)"
