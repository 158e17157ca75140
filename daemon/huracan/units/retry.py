"""How the daemon and services that keep failing are told of, and still never given up.

systemd gives up who was started too often within a while; that is a failed unit, which OnFailure= tells of. A timer
that always ticks starts again what is failed: unlike one that each failure starts, it cannot miss one.
"""

from __future__ import annotations

from collections.abc import Iterator

from huracan.run.failing import LOOP_STARTS, RETRY_SECONDS, loop_seconds
from huracan.types import Resources
from huracan.units.hardening import SHARED, reach
from huracan.units.names import SYSTEM, seconds

__all__ = ["RETRY_TIMER", "SEEN_BY_RETRY", "limit_of_starts", "loop", "retry"]

RETRY_TIMER = "huracan-retry.timer"
SEEN_BY_RETRY = "# Settings that are wrong seldom mend themselves: told at once, tried again by huracan-retry.\n"

_TIMER = f"""\
[Unit]
Description=Huracan: looks for what was given up
PartOf=huracan.target

[Timer]
OnActiveSec={seconds(RETRY_SECONDS)}
OnUnitInactiveSec={seconds(RETRY_SECONDS)}
AccuracySec=10s
"""

_SERVICE = (
    """\
[Unit]
Description=Huracan: starts again what was given up
PartOf=huracan.target

[Service]
# As root, for the daemon is no unit that huracan may start; it speaks to systemd and to nobody else.
Type=oneshot
# What somebody stopped has not failed, and stays as it is. A reset lets the starts be counted anew.
ExecStart=/bin/sh -euc '\\
  list="systemctl list-units --plain --no-legend --full --state=failed"; \\
  failed=$$($$list huracan.service "huracan-service@*.service" | cut -d " " -f 1); \\
  test -z "$$failed" || { systemctl reset-failed $$failed; systemctl start --no-block $$failed; }'
TimeoutStartSec=60
Slice=huracan.slice
# Its start and end are no news.
LogLevelMax=notice
"""
    + SHARED
    + reach(Resources(), None)
)


def retry() -> Iterator[tuple[str, str]]:
    """Yield the timer and what it starts."""
    yield f"{SYSTEM}/{RETRY_TIMER}", _TIMER
    yield f"{SYSTEM}/huracan-retry.service", _SERVICE


def limit_of_starts(silence: float, pause: float) -> str:
    """Return the lines by which a unit fails that is started again and again."""
    return f"""\
# One that is started so often fails: huracan-failed@ tells of it, and huracan-retry starts it again, for ever.
StartLimitBurst={LOOP_STARTS}
{loop(silence, pause)}"""


def loop(silence: float, pause: float) -> str:
    """Return the line that says how long a loop may take whose every turn is ``silence`` and ``pause``, seconds."""
    return f"StartLimitIntervalSec={seconds(loop_seconds(silence, pause))}\n"
