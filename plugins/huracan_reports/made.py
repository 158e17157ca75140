"""A report that was written: what a message, a command and the owner's chat are told of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huracan.context import Context
from huracan.errors import HuracanError, StopRequested
from huracan.paths import sha256_of, write_atomically
from huracan.types import Severity

__all__ = ["Made", "announce", "entry", "write_pdf_of"]


_log = logging.getLogger("huracan.reports")


@dataclass(frozen=True, slots=True)
class Made:
    """``title`` and ``lines`` are for a phone. Paths are of this machine; ``files`` are worth sending to a person.
    ``notes`` say what was left out and how to have it."""

    title: str
    lines: Sequence[str]
    folder: Path
    page: Path
    picture: Path | None = None
    files: Sequence[Path] = ()
    notes: Sequence[str] = ()


def announce(context: Context, made: Made) -> None:
    """Tell all channels that a report is there, as the event ``report.ready``."""
    context.emit(
        "report.ready",
        Severity.INFO,
        made.title,
        lines=list(made.lines),
        picture=context.paths.relative(made.picture) if made.picture else None,
        files=[context.paths.relative(path) for path in made.files],
    )


def write_pdf_of(page: str, path: Path, *, wanted: bool) -> str | None:
    """Write a page as PDF and return None, or why there is none; an older one does not stay beside a newer page.

    Whatever goes wrong in the library costs the PDF alone: the page is there, and the owner waits for the message.
    """
    from huracan_reports import pdf

    why = pdf.missing() if wanted else ""
    if why is None:
        try:
            write_atomically(path, lambda temporary: pdf.write_pdf(page, temporary))
            return None
        except (HuracanError, StopRequested):
            raise
        except Exception as error:  # noqa: BLE001 - whatever a library raises about a page is its own affair
            _log.exception("the PDF of the report could not be made")
            path.unlink(missing_ok=True)
            return f"no PDF: WeasyPrint failed with {type(error).__name__}; the log says where"
    path.unlink(missing_ok=True)
    return f"no PDF: {why}; {pdf.HINT}" if why else None


def entry(path: Path, write: Callable[[Path], Any] | None = None) -> dict[str, Any]:
    """Write a file, where ``write`` is given, and return what an index says of it."""
    if write is not None:
        write_atomically(path, write)
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": sha256_of(path)}
