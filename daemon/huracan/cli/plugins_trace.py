"""``huracan plugins trace``: how long plugins take, call by call. Alone it asks every hook once; with a command it runs
that and gathers what every process of it noted."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huracan.cli.common import console, environment, positive, show_json
from huracan.plugin.selection import TRACE

if TYPE_CHECKING:
    from rich.console import Console

    from huracan.plugin.trace import Call

__all__ = ["configure", "run"]

_BAR = 16


@dataclass(frozen=True, slots=True)
class _Traced:
    """What was traced (no command: every hook, once), what came of it, and how long it took on the wall."""

    command: Sequence[str]
    exit_code: int
    seconds: float
    calls: Sequence[Call]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this sub-command."""
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON with every call")
    parser.add_argument("--top", type=positive, default=15, metavar="N", help="show the N slowest calls (default: 15)")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="keep the trace itself, as JSON lines")
    parser.add_argument(
        "words", nargs=argparse.REMAINDER, metavar="COMMAND",
        help="a command of huracan with its options, as `run nightly`; its exit code is this one's",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Trace what was asked for, print it, and return the exit code of the command that was run."""
    words = arguments.words[1:] if arguments.words[:1] == ["--"] else arguments.words
    with _trace_file(arguments.keep) as file:
        traced = _trace(arguments, words, file)
    if arguments.json:
        show_json(_as_json(traced))
    else:
        _print(console(arguments), traced, arguments.top)
    return traced.exit_code


@contextmanager
def _trace_file(keep: Path | None) -> Iterator[Path]:
    """Yield an empty file for the trace, which goes at the end unless it is to be kept."""
    if keep is not None:
        from huracan.errors import UsageError

        try:
            keep.write_bytes(b"")
        except OSError as error:
            raise UsageError(f"--keep {keep}: it cannot be written: {error.strerror}; name another file") from None
        yield keep.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="huracan-trace-") as folder:
        yield Path(folder) / "trace.jsonl"


def _trace(arguments: argparse.Namespace, words: Sequence[str], file: Path) -> _Traced:
    from huracan.plugin.trace import read_trace

    variables = {**environment(arguments), TRACE: str(file)}
    began = time.perf_counter()
    code = _run_command(arguments, words, variables) if words else _ask_all(arguments, variables)
    seconds = time.perf_counter() - began
    return _Traced(words, code, seconds, read_trace(file) if file.exists() else ())


def _ask_all(arguments: argparse.Namespace, variables: dict[str, str]) -> int:
    import logging

    from huracan.app import load_settings

    logging.getLogger("huracan").addHandler(logging.NullHandler())
    _, plugins = load_settings(arguments.config, variables, require_good_settings=False)
    plugins.ask_everything()
    return 0


def _run_command(arguments: argparse.Namespace, words: Sequence[str], variables: dict[str, str]) -> int:
    """Run a command in a process of its own. With --json what it prints goes to stderr: stdout is for one JSON."""
    general = [word for file in arguments.config or () for word in ("-c", str(file))]
    general += ["--no-color"] if arguments.no_color else []
    command = [sys.executable, "-P", "-m", "huracan", *general, *words]
    with subprocess.Popen(command, env=variables, stdout=2 if arguments.json else None) as child, _passing_on(child):
        code = child.wait()
    return code if code >= 0 else 128 - code


@contextmanager
def _passing_on(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Hand SIGTERM on to the child and wait for its end; Ctrl-C reaches it anyhow, as all of the terminal's group."""
    handlers = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda number, _: child.send_signal(number)),
        signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None),
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


# ------------------------------------------------------------------------------------------------------------- showing


def _as_json(traced: _Traced) -> dict[str, Any]:
    from huracan.plugin.trace import shares

    return {
        "command": list(traced.command) or None,
        "exit_code": traced.exit_code,
        "seconds": round(traced.seconds, 3),
        "plugins": [asdict(each) for each in shares(traced.calls)],
        "calls": [asdict(each) | {"at": _instant(each.at)} for each in traced.calls],
    }


def _instant(seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _print(screen: Console, traced: _Traced, top: int) -> None:
    from rich.text import Text

    if not traced.calls:
        screen.print("No plugin was called: the command ended before, or the daemon did the work (`huracan start`).")
        return
    if traced.command:
        screen.print()  # between what the command said and what is said of it
    _print_shares(screen, traced)
    screen.print()
    _print_slowest(screen, traced.calls, top)
    what = f"`huracan {' '.join(traced.command)}`" if traced.command else "every hook, asked once"
    processes = len({each.process for each in traced.calls})
    spent = sum(each.own for each in traced.calls)
    counted = f"{len(traced.calls)} calls in {processes} {'process' if processes == 1 else 'processes'}"
    line = f"{what}: {counted}, {_took(spent)} in plugins, {_took(traced.seconds)} on the wall"
    if traced.command:
        line += f", exit code {traced.exit_code}"
    screen.print()
    screen.print(Text(line, style="bold"), soft_wrap=True)


def _print_shares(screen: Console, traced: _Traced) -> None:
    from rich.text import Text

    from huracan.cli.tables import make_table
    from huracan.plugin.trace import shares

    numbers = ("share", "hooks", "work", "calls")
    table = make_table(("plugin", *numbers, "", "slowest"), right=numbers, wide="slowest")
    for each in shares(traced.calls):
        slowest = max((call for call in traced.calls if call.plugin == each.plugin), key=lambda call: call.own)
        notes = Text(f"{_called(slowest)} {_took(slowest.own)}")
        if each.failed:
            notes.append(f"; {each.failed} raised", style="red")
        if each.unended:
            notes.append(f"; {each.unended} never ended", style="red")
        bar = Text("━" * round(each.share * _BAR), style="cyan")
        table.add_row(
            each.plugin, f"{each.share:.0%}", _took(each.hooks), _took(each.work), str(each.calls), bar, notes
        )
    screen.print(table)


def _print_slowest(screen: Console, calls: Sequence[Call], top: int) -> None:
    from rich.text import Text

    from huracan.cli.tables import make_table

    jobs = {each.process: each.name for each in calls if each.kind in ("job", "service")}
    first = min(each.at for each in calls)
    columns = ("began", "took", "own", "plugin", "call", "gave", "in")
    table = make_table(columns, right=("began", "took", "own"), wide="call")
    slowest = sorted(calls, key=lambda each: (each.seconds is not None, -each.own))[:top]
    for each in sorted(slowest, key=lambda each: each.at):
        took = Text("never ended", style="red") if each.seconds is None else Text(_took(each.seconds))
        gave = Text(each.error, style="red") if each.error else Text(_values(each.values))
        where = jobs.get(each.process, f"pid {each.process}")
        table.add_row(
            f"+{each.at - first:.2f} s", took, _took(each.own), each.plugin, _called(each), gave, where
        )  # fmt: skip
    screen.print(table)


def _called(call: Call) -> str:
    return call.name if call.kind == "hook" else f"{call.kind} {call.name}"


def _values(count: int | None) -> str:
    return "" if count is None else f"{count} value{'' if count == 1 else 's'}"


def _took(seconds: float) -> str:
    from huracan.cli.tables import duration

    return f"{seconds * 1000:.1f} ms" if seconds < 0.9995 else duration(seconds)
