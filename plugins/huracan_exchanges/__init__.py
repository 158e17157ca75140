"""Exchanges: all that ccxt knows, a folder of candle files, and a simulated market for the demo and for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from huracan import hookimpl
from huracan.types import ExchangeType

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.types import Exchange
    from huracan_exchanges.settings import CcxtSettings, FilesSettings, SimulatedSettings


@hookimpl
def huracan_exchanges() -> Sequence[ExchangeType]:
    from huracan_exchanges.settings import CcxtSettings, FilesSettings, SimulatedSettings

    return [
        ExchangeType("ccxt", CcxtSettings, _open_ccxt),
        ExchangeType("files", FilesSettings, _open_files),
        ExchangeType("simulated", SimulatedSettings, _open_simulated),
    ]


def _open_ccxt(context: Context, settings: CcxtSettings) -> Exchange:
    from huracan_exchanges.ccxt_exchange import CcxtExchange

    return CcxtExchange(settings, context.clock.now(), context.log, context.progress)


def _open_files(context: Context, settings: FilesSettings) -> Exchange:
    from huracan_exchanges.files import FilesExchange

    return FilesExchange(settings, context.clock.now(), context.log)


def _open_simulated(context: Context, settings: SimulatedSettings) -> Exchange:
    from huracan_exchanges.simulated import SimulatedExchange

    return SimulatedExchange(settings, context.clock.now())
