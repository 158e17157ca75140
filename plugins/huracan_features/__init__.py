"""The features every model starts from: prices, trend, volatility, momentum, volume, market, regime, calendar."""

from __future__ import annotations

from collections.abc import Sequence

from huracan import hookimpl
from huracan.types import Check, FeatureSet


@hookimpl
def huracan_features() -> Sequence[FeatureSet]:
    from huracan_features.classic import CLASSIC

    return [CLASSIC]


@hookimpl
def huracan_checks() -> Sequence[Check]:
    from huracan_features.requirement import check_talib

    return [Check("talib", check_talib, requirement=True)]
