"""Tells that a unit failed: once, and not where somebody who knows more tells of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from huracan.run.failing import DAEMON, RETRY_SECONDS, service_key, tell_once
from huracan.run.lock import is_led
from huracan.run.plan import GIVEN_UP_CODE
from huracan.run.service_state import read_service
from huracan.types import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from huracan.context import Context

__all__ = ["Failure", "tell"]

_SERVICE = re.compile(r"huracan-service@(.+)\.service")


class Failure:
    """What systemd says about a unit that failed, in the variables that it sets for OnFailure= (systemd.exec(5)).

    ``wrong`` is what is the matter with settings or database, as far as who tells can see: perhaps the reason.
    """

    def __init__(self, unit: str, environment: Mapping[str, str], wrong: str = "") -> None:
        self.unit, self.wrong = unit, wrong
        self.result = environment.get("MONITOR_SERVICE_RESULT", "")
        self.status = environment.get("MONITOR_EXIT_STATUS", "")
        found = _SERVICE.fullmatch(unit)
        self.service = found[1] if found else None

    @property
    def title(self) -> str:
        """Say it to a person."""
        result = f": {self.result}" if self.result else ""
        return f"unit {self.unit} failed{result}" + (f" ({self.wrong})" if self.wrong else "")

    @property
    def key(self) -> str | None:
        """Return under which name it is noted that it keeps failing, None for one that is not started again."""
        if self.service is not None:
            return service_key(self.service)
        return DAEMON if self.unit == "huracan.service" else None


def tell(context: Context, failure: Failure) -> None:
    """Send the event, unless the run of a job tells of it or the owner knows that the unit keeps failing."""
    by_its_run = failure.status == str(GIVEN_UP_CODE) or is_led(context.paths.state)
    if failure.unit.startswith("huracan-job@") and by_its_run:
        context.log.info("%s; its run tells of it", failure.title)
    elif failure.key is None:
        _emit(context, failure, failure.title)
    elif not tell_once(context, failure.key, lambda: _emit(context, failure, _with_words(context, failure))):
        context.log.warning("%s, as was told before", failure.title)


def _with_words(context: Context, failure: Failure) -> str:
    """Add what it last said of itself, and what becomes of it."""
    said = None if failure.service is None else read_service(context.paths.state, failure.service)
    words = f" ({said.status})" if said is not None and said.failed and not failure.wrong else ""
    return f"{failure.title}{words}; it is started again every {RETRY_SECONDS / 60:.0f} min until it stays up"


def _emit(context: Context, failure: Failure, title: str) -> None:
    context.emit(
        "unit.failed", Severity.ERROR, title, unit=failure.unit, result=failure.result, status=failure.status
    )  # fmt: skip
