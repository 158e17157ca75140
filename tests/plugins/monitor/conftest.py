"""A context with the monitor, and an exchange that tests can spoil."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from huracan import hookimpl
from huracan.config import Section
from huracan.context import Context
from huracan.errors import TryAgainError
from huracan.testing import StandInEntryPoint, stand_in
from huracan.types import ExchangeType, Market


class PaperSettings(Section):
    """An exchange made of paper."""

    name: str = "paper"


@dataclass
class PaperExchange:
    """Lists two pairs; ``away`` makes it fail, ``damaged`` are its problems."""

    away: bool = False
    damaged: list[str] = field(default_factory=list)
    closed: int = 0

    def markets(self) -> Sequence[Market]:
        if self.away:
            raise TryAgainError("paper exchange is away for maintenance")
        return [Market("BTC-USDT", "BTC", "USDT"), Market("ETH-USDT", "ETH", "USDT")]

    def problems(self) -> Sequence[str]:
        return self.damaged

    def close(self) -> None:
        self.closed += 1

    def plugin(self) -> StandInEntryPoint:
        open_it: Callable[..., Any] = lambda context, settings: self  # noqa: E731
        offer = ExchangeType("paper", PaperSettings, open_it)
        return stand_in("paper", huracan_exchanges=hookimpl(lambda: [offer]))


@pytest.fixture
def paper() -> PaperExchange:
    return PaperExchange()


@pytest.fixture
def watched(make_context: Callable[..., Context], paper: PaperExchange) -> Callable[..., Context]:
    """Build a context with the monitor's plugin and the paper exchange; keywords are settings of the monitor."""

    def build(extra: Sequence[StandInEntryPoint] = (), **monitor: object) -> Context:
        settings = {"exchange": {"name": "paper"}, "monitor": monitor}
        return make_context(settings, plugins=("monitor",), extra=[paper.plugin(), *extra])

    return build
