"""Logs: JSON lines with run, job, symbol and plugin inside a run, to a stream and a rotating file; secrets masked.

Several processes may write the file: the parent of a run, a daemon, a command by hand. Rotation is done under a lock
by concurrent-log-handler, since the standard handler loses lines then.
"""

from __future__ import annotations

import io
import json
import logging
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TextIO

from huracan.config import LoggingSettings
from huracan.context import RunInfo
from huracan.masking import json_safe, mask, printable, register_secret

__all__ = ["FILE_ONLY", "LOG_FILE", "LogStyle", "configure", "inside", "mask", "register_secret", "relay", "run_logger"]

LOG_FILE = "huracan.jsonl"

LogStyle = Literal["human", "json", "journal"]
"""For a terminal, for a parent process that reads the lines, for the journal of systemd."""

_WHERE: ContextVar[Mapping[str, str]] = ContextVar("huracan_log_where", default={})  # noqa: B039 - never changed in place
FILE_ONLY = "file_only"
"""Extra of a record that a terminal is told in another way: it goes to the log file alone."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", FILE_ONLY}
_LINE_ENDS = {number: f"\\u{number:04x}" for number in (0x85, 0x2028, 0x2029)}
"""What JSON allows inside a text and some readers take for the end of a line."""
_SHOWN_FIRST = ("job", "symbol")


@contextmanager
def inside(**fields: str) -> Iterator[None]:
    """Add fields (run, job, symbol, plugin) to every log line written inside the block, also to those of libraries."""
    token = _WHERE.set({**_WHERE.get(), **fields})
    try:
        yield
    finally:
        _WHERE.reset(token)


class _Adapter(logging.LoggerAdapter[logging.Logger]):
    """Adds the fields of its run and keeps those of the call."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


def run_logger(run: RunInfo | None, **fields: str) -> logging.LoggerAdapter[logging.Logger]:
    """Return a logger whose lines carry the run and its job."""
    known: dict[str, object] = dict(fields)
    if run is not None:
        known |= {"run": run.run_id, **({"job": run.job} if run.job else {})}
    return _Adapter(logging.getLogger("huracan"), known)


def configure(settings: LoggingSettings, folder: Path | None, style: LogStyle, stream: TextIO) -> None:
    """Send all logging of this process to ``stream`` in the given style and, with a folder, to its rotating file.

    Calling it again replaces what was configured before. An unwritable folder costs the file, not the program.
    """
    root = logging.getLogger()
    for handler in list(root.handlers):
        if getattr(handler, "huracan", False):
            root.removeHandler(handler)
            handler.close()
    handlers = [_stream_handler(style, stream)]
    problem = None
    if folder is not None:
        try:
            handlers.append(_file_handler(settings, folder))
        except OSError as error:
            problem = f"{folder / LOG_FILE} cannot be written ({error.strerror}); logging to the terminal alone"
    for handler in handlers:
        handler.huracan = True  # type: ignore[attr-defined]
        root.addHandler(handler)
    root.setLevel(settings.level.upper())
    # These libraries tell at level info what only their own authors need.
    for chatty in ("alembic", "apscheduler", "filelock", "paramiko", "watchfiles"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    if problem:
        logging.getLogger(__name__).warning(problem)


def relay(line: str) -> None:
    """Log a line that a child process wrote to its standard error, as if it had been written here.

    What is no JSON line of ours (a library's own print, a crash report) becomes a warning with the text as it is.
    """
    text = line.rstrip("\n")
    if not text.strip():
        return
    try:
        fields = json.loads(text)
        level = logging.getLevelNamesMapping()[fields.pop("level").upper()]
        name, message = str(fields.pop("logger")), str(fields.pop("message"))
        created = datetime.fromisoformat(fields.pop("time")).timestamp()
    except (ValueError, KeyError, AttributeError, TypeError, OverflowError, RecursionError):
        logging.getLogger("huracan.child").warning("%s", text)
        return
    logger = logging.getLogger(name)
    if logger.isEnabledFor(level):
        record = logger.makeRecord(name, level, "", 0, message, (), None)
        record.created = created
        record.huracan_fields = fields
        logger.handle(record)


def _stream_handler(style: LogStyle, stream: TextIO) -> logging.Handler:
    handler = logging.StreamHandler(stream)
    colours = style == "human" and hasattr(stream, "isatty") and stream.isatty()
    formatters: dict[LogStyle, logging.Formatter] = {
        "human": _HumanFormatter(colours), "json": _JsonFormatter(), "journal": _JournalFormatter(),
    }  # fmt: skip
    handler.setFormatter(formatters[style])
    handler.addFilter(lambda record: not getattr(record, FILE_ONLY, False))
    return handler


def _file_handler(settings: LoggingSettings, folder: Path) -> logging.Handler:
    from concurrent_log_handler import ConcurrentRotatingFileHandler

    folder.mkdir(parents=True, exist_ok=True)
    handler: logging.Handler = ConcurrentRotatingFileHandler(
        str(folder / LOG_FILE),
        maxBytes=settings.file_megabytes * 1_000_000,
        backupCount=settings.file_count,
        encoding="utf-8",
    )
    handler.setFormatter(_JsonFormatter())
    return handler


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return what a line carries besides its text: where it was written, and the extras of the call."""
    relayed = getattr(record, "huracan_fields", None)
    if relayed is not None:
        return dict(relayed)
    # A leading underscore is a library's own (Ray stamps every record of the process).
    extras = {key: value for key, value in vars(record).items() if key not in _STANDARD and not key.startswith("_")}
    fields = {**_WHERE.get(), **extras}
    if record.exc_info:
        buffer = io.StringIO()
        traceback.print_exception(*record.exc_info, file=buffer)
        fields["exception"] = buffer.getvalue().rstrip()
    return fields


def _text(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - a line whose arguments do not fit is still worth reading
        return f"{record.msg} {record.args!r} (cannot be formatted: {error})"


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC)
        line = {
            "time": f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z",
            "level": record.levelname.lower(),
            "message": mask(_text(record)),
            "logger": record.name,
        }
        # An extra that is called like one of the four must not take its place.
        line |= {f"{key}_" if key in line else key: value for key, value in json_safe(_fields(record)).items()}
        text = json.dumps(line, ensure_ascii=False).translate(_LINE_ENDS)
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


class _HumanFormatter(logging.Formatter):
    """``02:00:03 warning train SOL-USDT: text``: what a person at a terminal wants of a line."""

    _COLOURS: Mapping[str, str] = {
        "warning": "\x1b[33m",
        "error": "\x1b[31m",
        "critical": "\x1b[31m",
        "debug": "\x1b[90m",
    }

    def __init__(self, colours: bool) -> None:
        super().__init__()
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC)
        level = record.levelname.lower()
        text = printable(mask(f"{time:%H:%M:%S} {level:<7} {self._line(record)}"))
        return f"{self._COLOURS[level]}{text}\x1b[0m" if self._colours and level in self._COLOURS else text

    @staticmethod
    def _line(record: logging.LogRecord) -> str:
        """Return what a person wants of a record, but for its time and level."""
        fields = _fields(record)
        message = _text(record)
        # What the message itself begins with is not said twice.
        named = [str(fields[name]) for name in _SHOWN_FIRST if fields.get(name)]
        where = " ".join(name for name in named if name != message.partition(" ")[0].rstrip(":"))
        text = f"{where + ': ' if where else ''}{message}"
        return f"{text}\n{fields['exception']}" if fields.get("exception") else text


class _JournalFormatter(_HumanFormatter):
    """The same without time and level, which the journal keeps itself: the level as sd-daemon(3) wants it."""

    _PRIORITIES: Mapping[str, int] = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}

    def __init__(self) -> None:
        super().__init__(colours=False)

    def format(self, record: logging.LogRecord) -> str:
        priority = self._PRIORITIES.get(record.levelname.lower(), 6)
        lines = printable(mask(self._line(record))).splitlines() or [""]
        return "\n".join(f"<{priority}>{line}" for line in lines)
