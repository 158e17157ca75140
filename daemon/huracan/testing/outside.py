"""Asks an exchange, in a process of its own, whether it works without anything outside of this machine: ``python -m``,
by the kit. That process ends as soon as it looks up a name or connects anywhere, whatever the exchange would do then.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from huracan.testing.rules import NotAskedError

__all__ = ["NOW", "find_symbol", "main"]

NOW = datetime(2024, 3, 10, 2, 0, 30, tzinfo=UTC)
"""The instant as of which an exchange is checked: one that has a history of its own should know this day."""

_BARS, _MARKETS = 200, 12
_SPOKE, _LIMIT = 7, 60.0
_OUTSIDE = frozenset({"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"})


def find_symbol(plugins: Sequence[str], exchange: str) -> str:
    """Return a symbol of an exchange with default settings that has bars enough to be checked.

    Raises NotAskedError, with what is missing, for an exchange that needs settings or speaks to another machine.
    """
    command = [sys.executable, "-P", "-m", __name__, exchange, *plugins]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT, check=False, env=variables)
    except subprocess.TimeoutExpired:
        raise NotAskedError(f"needs more than {_LIMIT:g} s to list its markets") from None
    if done.returncode == _SPOKE:
        raise NotAskedError("needs an outside service")
    try:
        told: Mapping[str, str] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        raise NotAskedError(f"needs more than its defaults: it ended with {done.returncode}") from None
    if "needs" in told:
        raise NotAskedError(f"needs {told['needs']}")
    return told["symbol"]


def main(words: Sequence[str]) -> int:
    """Look for the symbol and print what came of it as one line of JSON."""
    sys.addaudithook(_end_at_once)
    with tempfile.TemporaryDirectory(prefix="huracan-kit-") as folder:
        print(json.dumps(_ask(words[0], words[1:], Path(folder))))
    return 0


def _end_at_once(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _OUTSIDE and not (event == "socket.connect" and isinstance(arguments[1], str | bytes)):
        os._exit(_SPOKE)  # an exception would be caught, and tried again for minutes


def _ask(exchange: str, plugins: Sequence[str], folder: Path) -> dict[str, str]:
    from pydantic import ValidationError

    from huracan.clock import FixedClock, milliseconds
    from huracan.errors import HuracanError
    from huracan.testing.contexts import make_context

    context = make_context(folder / "work", plugins=plugins)
    offered = context.plugins.exchanges()[exchange]
    try:
        opened = offered.open(replace(context, clock=FixedClock(NOW)), offered.settings(name=exchange))
        until = milliseconds(NOW)
        for market in opened.markets()[:_MARKETS]:
            pages = opened.candles(market.symbol, "1h", until - 2 * _BARS * 3_600_000, until)
            if sum(len(page) for page in pages) >= _BARS:
                return {"symbol": market.symbol}
    except ValidationError as error:
        return {"needs": f"the setting {error.errors(include_input=False)[0]['loc'][0]}"}
    except HuracanError as error:
        return {"needs": f"more than its defaults: {str(error).splitlines()[0]}"}
    return {"needs": f"a market with {_BARS} bars before {NOW:%Y-%m-%d}; it lists none"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
