"""How an exchange is: does it answer, and do both clocks agree."""

from __future__ import annotations

from datetime import datetime

from huracan.clock import milliseconds
from huracan.errors import HuracanError
from huracan.types import CheckResult, CheckState
from huracan_exchanges.ccxt_client import CcxtClient

__all__ = ["check_client"]

MOST_SKEW_SECONDS = 5.0


def check_client(client: CcxtClient, now: datetime) -> CheckResult:
    """Ask the exchange once for its time, or for its pairs where it has no clock."""
    try:
        if not client.has("fetchTime"):
            markets = client.call("load_markets", patience=0.0)
            return CheckResult(CheckState.OK, f"{client.name} answers with {len(markets)} markets")
        skew = (client.call("fetch_time", patience=0.0) - milliseconds(now)) / 1000
    except HuracanError as error:
        return CheckResult(CheckState.FAILED, str(error), "look at the network and at the section exchange")
    if abs(skew) > MOST_SKEW_SECONDS:
        words = f"{client.name} answers; its clock is {skew:+.1f} s from this machine's"
        return CheckResult(CheckState.WARNING, words, "let the machine's clock be set by NTP")
    return CheckResult(CheckState.OK, f"{client.name} answers")
