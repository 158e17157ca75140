"""The health check ``exchange``: does it answer, and do both clocks agree."""

from __future__ import annotations

from typing import Any

from huracan.clock import milliseconds
from huracan.context import Context
from huracan.errors import HuracanError
from huracan.run.heartbeat import SilentProgress
from huracan.types import CheckResult, CheckState
from huracan_exchanges.settings import CcxtSettings

__all__ = ["check_exchange"]

MOST_SKEW_SECONDS = 5.0
ANSWER_WITHIN = 10.0


def check_exchange(context: Context | None) -> CheckResult:
    """Ask the exchange for its time, or its pairs where it has no clock; other kinds of exchange need no network."""
    section: Any = context.settings.sections.get("exchange") if context else None
    if context is None or not isinstance(section, CcxtSettings):
        return CheckResult(CheckState.OK, "no exchange that needs a network is set")
    hurried = section.model_copy(
        update={"patience_seconds": 0.0, "timeout_seconds": min(section.timeout_seconds, ANSWER_WITHIN)}
    )
    try:
        return _ask(context, hurried)
    except HuracanError as error:
        return CheckResult(CheckState.FAILED, str(error), "look at the network and at the section exchange")


def _ask(context: Context, settings: CcxtSettings) -> CheckResult:
    from huracan_exchanges.ccxt_client import CcxtClient

    client = CcxtClient(settings, SilentProgress().step)
    try:
        if not client.has("fetchTime"):
            return CheckResult(CheckState.OK, f"{settings.id} answers with {len(client.call('load_markets'))} markets")
        skew = (client.call("fetch_time") - milliseconds(context.clock.now())) / 1000
    finally:
        client.close()
    if abs(skew) > MOST_SKEW_SECONDS:
        return CheckResult(
            CheckState.WARNING, f"{settings.id} answers; its clock is {skew:+.1f} s from this machine's", "start NTP"
        )
    return CheckResult(CheckState.OK, f"{settings.id} answers")
