"""Shows a run while it goes on: bars on a terminal, few lines elsewhere, nothing where a program reads."""

from __future__ import annotations

import contextlib
import io
import time
from typing import TYPE_CHECKING, Protocol, TextIO, cast

from huracan.logs import relay
from huracan.run.heartbeat import ProgressEvent

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

__all__ = ["BarDisplay", "Display", "PlainDisplay", "RunDisplay", "SilentDisplay", "choose_display"]

_SECONDS_BETWEEN_LINES = 5.0


class Display(Protocol):
    """Shows a run to whoever watches."""

    def job_started(self, job: str, attempt: int) -> None: ...

    def progressed(self, event: ProgressEvent) -> None: ...

    def line(self, text: str) -> None:
        """Take one line of a job's output: a log line as JSON, or whatever a library printed."""
        ...

    def job_ended(self, job: str, state: str, seconds: float, summary: str) -> None: ...


class RunDisplay(Display, Protocol):
    """One on a stream, where log lines go meanwhile."""

    @property
    def stream(self) -> TextIO: ...

    def close(self) -> None: ...


class SilentDisplay:
    """Log lines alone."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def job_started(self, job: str, attempt: int) -> None: ...

    def progressed(self, event: ProgressEvent) -> None: ...

    def line(self, text: str) -> None:
        """Log what the job's process wrote."""
        relay(text)

    def job_ended(self, job: str, state: str, seconds: float, summary: str) -> None: ...

    def close(self) -> None: ...


class PlainDisplay(SilentDisplay):
    """A line as a job starts and ends, and one every few seconds between."""

    def __init__(self, stream: TextIO, every: float = _SECONDS_BETWEEN_LINES) -> None:
        super().__init__(stream)
        self._every, self._quiet_until = every, 0.0

    def job_started(self, job: str, attempt: int) -> None:
        self._say(f"{job}: started" + (f" (attempt {attempt})" if attempt > 1 else ""))
        self._quiet_until = time.monotonic() + self._every

    def progressed(self, event: ProgressEvent) -> None:
        if time.monotonic() >= self._quiet_until:
            count = f"{event.done}/{event.total} " if event.done is not None and event.total else ""
            self._say(f"{event.job}: {'' if f'/{event.total} ' in event.text else count}{_step(event)}")
            self._quiet_until = time.monotonic() + self._every

    def job_ended(self, job: str, state: str, seconds: float, summary: str) -> None:
        self._say(f"{job}: {state} after {seconds:.1f} s" + (f": {summary}" if summary else ""))

    def _say(self, text: str) -> None:
        with contextlib.suppress(OSError):  # who watched has gone; the night goes on
            self.stream.write(f"{text}\n")
            self.stream.flush()


def _step(event: ProgressEvent) -> str:
    """Return the step without the job's name, which stands before it."""
    return event.text.removeprefix(f"{event.job} ")


class BarDisplay:
    """One bar for the running job with its latest step; log lines and ended jobs stand above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = _make_bars(console)
        self._task: object | None = None
        self.stream = cast(TextIO, _Above(console))
        self._bars.start()

    def job_started(self, job: str, attempt: int) -> None:
        self._remove()
        step = "starting" if attempt == 1 else f"starting, attempt {attempt}"
        self._task = self._bars.add_task(job, total=None, step=step, count="")

    def progressed(self, event: ProgressEvent) -> None:
        if self._task is None:
            return
        known = event.done is not None and bool(event.total)
        count = f"{event.done}/{event.total}" if known else ""
        changes = {"total": event.total, "completed": event.done} if known else {}
        self._bars.update(self._task, step=_step(event), count=count, **changes)  # type: ignore[arg-type]

    def line(self, text: str) -> None:
        """Log what the job's process wrote."""
        relay(text)

    def job_ended(self, job: str, state: str, seconds: float, summary: str) -> None:
        from rich.text import Text

        self._remove()
        colour = {"done": "green", "nothing-to-do": "green", "failed": "red"}.get(state, "yellow")
        line = Text.assemble((f"{job:<10}", "bold"), (f"{state:<14}", colour), f"{seconds:7.1f} s  ", (summary, "dim"))
        self._console.print(line, soft_wrap=True)

    def close(self) -> None:
        self._remove()
        self._bars.stop()

    def _remove(self) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)  # type: ignore[arg-type]
            self._task = None


def choose_display(console: Console, *, silent: bool) -> RunDisplay:
    """Return the display that suits where ``console`` (of stderr) ends."""
    if silent:
        return SilentDisplay(console.file)  # type: ignore[arg-type]
    if console.is_terminal and not console.is_dumb_terminal:
        return BarDisplay(console)
    return PlainDisplay(console.file)  # type: ignore[arg-type]


class _Above(io.TextIOBase):
    """A stream whose lines appear above the bars."""

    def __init__(self, console: Console) -> None:
        self._console, self._rest = console, ""

    def isatty(self) -> bool:
        return self._console.color_system is not None

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        from rich.text import Text

        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._console.print(Text.from_ansi(line), soft_wrap=True)
        return len(text)


def _make_bars(console: Console) -> Progress:
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    return Progress(
        SpinnerColumn(),
        TextColumn("[bold]{task.description}", markup=True),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[count]}", markup=False),
        TimeElapsedColumn(),
        TextColumn("{task.fields[step]}", markup=False),
        console=console,
        redirect_stdout=False,
        redirect_stderr=False,
        refresh_per_second=5,
    )
