"""The shared encoder: exact sums, components of an independent library, nothing from the future."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huracan.errors import DataError
from huracan_training.encoder import (
    LEAST_ROWS,
    cutoffs_of_night,
    dump_encoder,
    fit_encoder,
    load_encoder,
    moments,
)

CUTS = (300, 450, 600)


def rows(seed: int, count: int = 600) -> np.ndarray:
    """Five features that share one factor, in units that differ by a million."""
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(count, 1))
    x = factor * np.array([1.0, -1.0, 0.5, 0.2, 0.0]) + 0.7 * rng.normal(size=(count, 5))
    in_units: np.ndarray = x * np.array([1.0, 1e4, 1e-3, 1.0, 10.0]) + np.array([0.0, 3e4, 0.0, 5.0, 1.0])
    return in_units


def made(*coins: np.ndarray, cuts: tuple[int, ...] = CUTS) -> dict[str, np.ndarray]:
    return {f"C{i}": moments(np.arange(1, len(x) + 1), x, cuts) for i, x in enumerate(coins)}


def test_the_components_are_the_eigenvectors_of_the_mean_correlation() -> None:
    a, b = rows(1), rows(2)
    encoder = fit_encoder(made(a, b), CUTS, 3)
    mean = (np.corrcoef(a[:450].T) + np.corrcoef(b[:450].T)) / 2
    values, vectors = np.linalg.eigh(mean)
    for number in range(3):
        assert abs(vectors[:, -1 - number] @ encoder.components[1, :, number]) == pytest.approx(1.0, abs=1e-6)
        assert encoder.explained[1, number] == pytest.approx(values[-1 - number] / 5)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 500), cut=st.integers(260, 590))
def test_what_comes_after_a_cutoff_changes_nothing_before_it(seed: int, cut: int) -> None:
    x = rows(seed)
    other = x.copy()
    other[cut:] = rows(seed + 1)[cut:] * 7
    before, after = (fit_encoder(made(each, cuts=(250, cut, 600)), (250, cut, 600), 2) for each in (x, other))
    np.testing.assert_allclose(before.components[:2], after.components[:2], atol=1e-9)
    closed = np.arange(1, 601)
    left, right = before.scaling(closed, x, cut), after.scaling(closed, other, cut)
    assert left is not None
    assert right is not None
    np.testing.assert_allclose(left.columns(x[:cut]), right.columns(other[:cut]), atol=1e-6)


def test_the_order_in_which_coins_hand_in_changes_no_byte() -> None:
    by_coin = made(rows(1), rows(2), rows(3))
    turned = dict(reversed(by_coin.items()))
    assert dump_encoder(fit_encoder(by_coin, CUTS, 3)) == dump_encoder(fit_encoder(turned, CUTS, 3))


def test_unknown_and_constant_columns_are_borne() -> None:
    x = rows(1)
    x[:, 3] = 4.0
    x[:200, 2] = np.nan
    encoder = fit_encoder(made(x), CUTS, 3)
    scaling = encoder.scaling(np.arange(1, 601), x, 600)
    assert scaling is not None
    assert np.isfinite(scaling.columns(x)).all()
    assert scaling.scale[3] == 0.0


def test_an_encoder_is_asked_only_after_its_cutoff() -> None:
    x = rows(1)
    encoder = fit_encoder(made(x), CUTS, 2)
    closed = np.arange(1, 601)
    assert encoder.scaling(closed, x, CUTS[0] - 1) is None
    early, late = encoder.scaling(closed, x, 449), encoder.scaling(closed, x, 450)
    assert early is not None
    assert late is not None
    np.testing.assert_array_equal(early.components, encoder.components[0])
    np.testing.assert_array_equal(late.components, encoder.components[1])


def test_a_short_coin_has_no_say() -> None:
    long, short = rows(1), rows(2, LEAST_ROWS - 10)
    assert dump_encoder(fit_encoder(made(long, short), CUTS, 2)) == dump_encoder(fit_encoder(made(long), CUTS, 2))


def test_what_is_written_is_read_and_anything_else_is_refused() -> None:
    encoder = fit_encoder(made(rows(1)), CUTS, 2)
    again = load_encoder(dump_encoder(encoder))
    np.testing.assert_array_equal(again.components, encoder.components)
    for content in (b"", b"\x80\x04pickle", dump_encoder(encoder)[:100]):
        with pytest.raises(DataError):
            load_encoder(content)


def test_the_cutoffs_are_where_search_and_folds_begin() -> None:
    assert cutoffs_of_night(0, 1000, folds=2, test_share=0.6, inner_share=0.25) == (300, 400, 700, 1000)


def test_each_coin_is_read_once_and_let_go() -> None:
    read: list[str] = []

    class Files(dict[str, np.ndarray]):
        def __getitem__(self, symbol: str) -> np.ndarray:
            read.append(symbol)
            return super().__getitem__(symbol)

    by_coin = made(rows(1), rows(2), rows(3))
    assert dump_encoder(fit_encoder(Files(by_coin), CUTS, 2)) == dump_encoder(fit_encoder(by_coin, CUTS, 2))
    assert read == sorted(by_coin)
