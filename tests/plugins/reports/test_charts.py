"""Charts and the numbers behind them: nothing leaves its frame, and nothing is said that the trades do not say."""

from __future__ import annotations

import re
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan.market.measures import equity_curve, max_drawdown
from huracan_reports.charts import WIDTH, Bin, Line, line_chart, percent_mark, reliability_chart, sparkline, thinned
from huracan_reports.charts import ticks as marks_of
from huracan_reports.page import FORMATS, PAPER, for_paper
from huracan_reports.trades import LEAST_IN_BIN, drawdowns, equity, score_bins, wilson

VALUES = st.lists(st.floats(-1, 1e6, allow_nan=False), min_size=1, max_size=400)
RETURNS = st.lists(st.floats(-0.9, 2.0, allow_nan=False), min_size=1, max_size=60)
FIRST = date(2023, 1, 1)


def line(values: list[float], **options: object) -> Line:
    return Line("BTC", [FIRST + timedelta(days=i) for i in range(len(values))], values, **options)  # type: ignore[arg-type]


@given(low=st.floats(-1e6, 1e6), span=st.floats(1e-4, 1e9))
def test_marks_of_an_axis_are_few_evenly_spaced_and_cover_it(low: float, span: float) -> None:
    marks = marks_of(low, low + span)
    assert 2 <= len(marks) <= 8
    assert marks[0] <= low + 1e-6 * span
    assert marks[-1] >= low + span - 1e-6 * span
    steps = [after - before for before, after in pairwise(marks)]
    assert max(steps) == pytest.approx(min(steps), rel=1e-3)


@given(step=st.sampled_from([0.0001, 0.0025, 0.005, 0.01, 0.02, 0.025, 0.1, 0.25, 1.0, 50.0]), i=st.integers(-20, 20))
def test_two_marks_of_an_axis_never_read_the_same(step: float, i: int) -> None:
    assert percent_mark(i * step, step) != percent_mark((i + 1) * step, step)
    shown = percent_mark(i * step, step).replace("\N{MINUS SIGN}", "-").replace(",", "").rstrip("%")
    assert float(shown) / 100 == pytest.approx(i * step, abs=step * 1e-6)


@settings(max_examples=40)
@given(values=VALUES, fill=st.booleans())
def test_every_point_of_a_chart_lies_in_its_frame(values: list[float], fill: bool) -> None:
    text = str(line_chart([line(values, fill=fill)], "Equity"))
    assert "nan" not in text
    assert "inf" not in text
    for path in re.findall(r'd="M([^"]*)"', text):
        numbers = [float(each) for each in re.findall(r"-?\d+(?:\.\d+)?", path.partition("H")[0])]
        assert all(0 <= x <= WIDTH for x in numbers[::2])
        assert all(0 <= y <= 150 for y in numbers[1::2])


@given(values=st.lists(st.floats(-1, 1e6, allow_nan=False), min_size=51, max_size=200))
def test_a_thinned_line_keeps_both_ends_the_highest_and_the_lowest(values: list[float]) -> None:
    whole = line(values)
    kept = thinned(whole, 50)
    assert len(kept.values) <= min(len(values), 54)
    assert (kept.values[0], kept.values[-1]) == (values[0], values[-1])
    assert (min(kept.values), max(kept.values)) == (min(values), max(values))
    assert set(zip(kept.days, kept.values, strict=True)) <= set(zip(whole.days, whole.values, strict=True))


def test_a_chart_of_nothing_says_so_and_one_point_is_drawn() -> None:
    assert "Equity: nothing to draw" in line_chart([line([])], "Equity")
    assert "nothing to draw" in reliability_chart([], "Calibration")
    assert "2023-01-01" in line_chart([line([0.0])], "Equity")
    assert sparkline([1.0]) == ""


def test_the_label_of_a_chart_is_text_and_never_markup() -> None:
    assert '"><script>' not in line_chart([line([0.1])], '"><script>')
    assert '"><script>' not in reliability_chart([Bin(0.6, 0.5, 0.4, 0.7, 30)], '"><script>')


@given(returns=RETURNS)
def test_equity_and_drawdown_are_those_of_the_measures(returns: list[float]) -> None:
    values = np.array(returns)
    assert equity(values) == pytest.approx((equity_curve(values)[1:] - 1.0).tolist(), rel=1e-9, abs=1e-9)
    assert -min(drawdowns(values)) == pytest.approx(max_drawdown(values), abs=1e-9)
    assert max(drawdowns(values)) <= 0.0


@given(count=st.integers(0, 500), seed=st.integers(0, 9))
def test_groups_of_scores_hold_every_trade_once_and_none_is_too_small(count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    scores, won = random.uniform(0.5, 0.9, count).tolist(), (random.uniform(size=count) < 0.6).tolist()
    bins = score_bins(scores, won)
    assert sum(each.count for each in bins) == (count if count >= LEAST_IN_BIN else 0)
    assert all(each.count >= LEAST_IN_BIN for each in bins)
    assert [each.predicted for each in bins] == sorted(each.predicted for each in bins)
    if bins:
        assert sum(each.won * each.count for each in bins) == pytest.approx(sum(won))


@pytest.mark.parametrize(("wins", "count"), [(0, 20), (7, 20), (20, 20), (130, 200)])
def test_the_interval_of_a_share_is_that_of_scipy(wins: int, count: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    known = stats.binomtest(wins, count).proportion_ci(0.95, method="wilson")
    assert wilson(wins, count) == pytest.approx((known.low, known.high), abs=1e-12)


def test_paper_knows_every_colour_that_a_chart_names() -> None:
    chart = line_chart([line([0.1, -0.2], colour="bad", fill=True)], "x") + reliability_chart(
        [Bin(0.6, 0.5, 0.4, 0.7, 30)], "y"
    )
    assert "var(" in chart
    assert "var(" not in for_paper(chart)
    assert PAPER["bad"] in for_paper(chart)


def test_numbers_read_as_people_write_them_and_what_does_not_exist_is_a_dash() -> None:
    assert all(FORMATS[name](None) == "–" for name in FORMATS)
    assert FORMATS["gain"](-0.0451) == "−4.5%"
    assert FORMATS["gain"](1.792) == "+179.2%"
    assert FORMATS["gain"](250.0) == "×251"
    assert FORMATS["took"](125.0) == "2 min 05 s"
    assert FORMATS["count"](1234) == "1,234"
