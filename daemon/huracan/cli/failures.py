"""What happens when a command raises: one line and an exit code for mistakes, a traceback for bugs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from huracan.errors import ExitCode, HuracanError, StopRequested

__all__ = ["INTERRUPTED", "guarded"]

INTERRUPTED = 130
"""Exit code after Ctrl-C or SIGTERM, as shells expect it."""


def guarded(work: Callable[[], int], *, as_json: bool) -> int:
    """Call ``work`` and turn whatever it raises into the exit code, telling the person on stderr."""
    try:
        code = work()
        sys.stdout.flush()
    except HuracanError as error:
        return _explain(error, as_json)
    except BrokenPipeError:
        # The reader went away (`huracan history | head`): nothing more to say, not even when Python flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return ExitCode.DONE
    except (KeyboardInterrupt, StopRequested):
        print("huracan: stopped; what was finished is kept", file=sys.stderr)
        return INTERRUPTED
    except Exception:  # noqa: BLE001 - the last line of defence: a bug is shown whole, without secrets
        return _bug(as_json)
    return code


def _explain(error: HuracanError, as_json: bool) -> int:
    code = int(error.exit_code)
    for line in _masked(str(error)).splitlines() or [type(error).__name__]:
        print(f"huracan: {line}", file=sys.stderr)
    if as_json:
        _print_json(type(error).__name__, _masked(str(error)), code)
    return code


def _bug(as_json: bool) -> int:
    import traceback

    text = _masked(traceback.format_exc())
    print(text, end="", file=sys.stderr)
    print("huracan: this is a bug in huracan or one of its plugins; the traceback above says where", file=sys.stderr)
    if as_json:
        _print_json("Bug", text.strip().splitlines()[-1], ExitCode.BUG)
    return ExitCode.BUG


def _print_json(kind: str, message: str, code: int) -> None:
    import json

    print(json.dumps({"error": {"kind": kind, "message": message, "exit_code": code}}, ensure_ascii=False))


def _masked(text: str) -> str:
    """Hide registered secrets. Without the module of logs nothing has been registered."""
    if "huracan.logs" not in sys.modules:
        return text
    from huracan.logs import mask

    return mask(text)
