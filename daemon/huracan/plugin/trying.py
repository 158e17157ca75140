"""``python -m huracan.plugin.trying``: imports one plugin and asks its hooks, and says how far it came.

The order comes as JSON on standard input; each step is a JSON line on the file descriptor that the order names. What
the plugin raises is no matter here: who loads it finds that too, and can catch it.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from huracan.plugin.guard import Guard, guarding
from huracan.run.parent import die_with_parent

__all__ = ["main"]

Say = Callable[[Mapping[str, Any]], None]


def main() -> None:
    """Try what is ordered, and end at once: threads and handlers of the plugin have no say in it."""
    order = json.loads(sys.stdin.buffer.read())
    die_with_parent(order["parent"])
    # Twice as much: addresses that a library sets aside are no memory yet. What it really took is told below.
    limit = order["memory_mib"] << 21
    for kind, most in ((resource.RLIMIT_DATA, limit), (resource.RLIMIT_CORE, 0)):
        with suppress(OSError, ValueError):  # a sandbox may not let it: what it took is seen at the end
            resource.setrlimit(kind, (most, most))

    def say(fact: Mapping[str, Any]) -> None:
        os.write(order["answer"], json.dumps(fact).encode() + b"\n")

    allowed = tuple(os.path.realpath(folder) for folder in order["folders"])
    with guarding(Guard(allowed, tell=lambda what: say({"did": what}))):
        _try(EntryPoint(order["name"], order["value"], "huracan"), say)
    say({"peak_mib": _peak_mib()})
    say({"step": "end"})
    os._exit(0)


def _peak_mib() -> float:
    """Return the most that this process has held; what getrusage(2) says begins with the parent's."""
    for line in Path("/proc/self/status").read_text("utf-8", "replace").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _try(entry_point: EntryPoint, say: Say) -> None:
    say({"step": "import"})
    try:
        module = entry_point.load()
    except MemoryError:
        say({"memory": True})
        return
    except BaseException:  # noqa: BLE001 - SystemExit too: it can be caught by who loads it
        return
    for name in sorted(vars(module)):
        function = vars(module)[name]
        if name.startswith("huracan_") and callable(function) and hasattr(function, "huracan_impl"):
            say({"step": name})
            _ask(function, say)


def _ask(function: Callable[[], Any], say: Say) -> None:
    try:
        for value in list(function() or ()):
            if getattr(value, "requirement", False):  # a check that is asked wherever the plugin is loaded
                value.run(None)
    except MemoryError:
        say({"memory": True})
    except BaseException:  # noqa: BLE001, S110 - as above
        pass


if __name__ == "__main__":
    main()
