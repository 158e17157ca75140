"""Makes a letter of a message: text and HTML, what is attached, and headers by which mail programs form threads."""

from __future__ import annotations

import hashlib
import html
import mimetypes
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from huracan.alerts.wording import Worded, word
from huracan.context import Context
from huracan.types import Message, Severity
from huracan_email.settings import EmailSettings

__all__ = ["make_letter"]

_MARKS = {Severity.ERROR: "ERROR: ", Severity.WARNING: "Warning: "}
_COLOURS = {Severity.ERROR: "#b3261e", Severity.WARNING: "#9a6700"}
_LONGEST_SUBJECT = 150


def make_letter(context: Context, settings: EmailSettings, message: Message) -> EmailMessage:
    """Return the letter, the same for every attempt: its Message-ID comes from the message's key."""
    worded = word(context.paths.workspace, message)
    sender = settings.sender or settings.to[0]
    domain = sender.rpartition("@")[2]
    letter = EmailMessage()
    letter["Subject"] = f"[huracan] {_MARKS.get(worded.severity, '')}{worded.title}"[:_LONGEST_SUBJECT]
    letter["From"] = f"Huracan <{sender}>"
    letter["To"] = ", ".join(settings.to)
    letter["Date"] = format_datetime(message.events[-1].time)
    letter["Message-ID"] = f"<{message.key}@{domain}>"
    if worded.run_id is not None:
        # Nobody got a letter of this id: it is what the letters of a run have in common.
        letter["References"] = f"<run-{hashlib.sha256(worded.run_id.encode()).hexdigest()[:32]}@{domain}>"
    letter["Auto-Submitted"] = "auto-generated"
    files, left_out = _choose(worded, settings.attach_megabytes * 1e6)
    lines = [*worded.lines, *(f"not attached, it is too large: {path.name}" for path in left_out)]
    letter.set_content("\n".join([worded.title, "", *lines, "", _signed(message)]) + "\n")
    letter.add_alternative(_as_html(worded, lines, message), subtype="html")
    for path, content in files:
        _attach(letter, path, content)
    return letter


def _choose(worded: Worded, most: float) -> tuple[list[tuple[Path, bytes]], list[Path]]:
    """Read what is to be attached, the picture first; of a log that is too long the end is what matters."""
    taken: list[tuple[Path, bytes]] = []
    left_out: list[Path] = []
    for path in _paths(worded):
        room = int(most - sum(len(content) for _, content in taken))
        try:
            content = path.read_bytes() if path.stat().st_size <= room else b""
        except OSError:
            continue  # gone since it was named
        if content:
            taken.append((path, content))
        elif path.stat().st_size > room:
            left_out.append(path)
    return taken, left_out


def _paths(worded: Worded) -> Iterator[Path]:
    if worded.picture is not None:
        yield worded.picture
    yield from worded.files


def _attach(letter: EmailMessage, path: Path, content: bytes) -> None:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    main, _, sub = kind.partition("/")
    letter.add_attachment(content, maintype=main, subtype=sub, filename=path.name)


def _as_html(worded: Worded, lines: list[str], message: Message) -> str:
    colour = _COLOURS.get(worded.severity, "#1a1a1a")
    items = "".join(f'<div style="padding:2px 0">{html.escape(line)}</div>' for line in lines)
    return (
        '<!doctype html><html><body style="font:15px/1.45 system-ui,sans-serif;color:#1a1a1a;max-width:42em">'
        f'<h1 style="font-size:17px;color:{colour}">{html.escape(worded.title)}</h1>{items}'
        f'<p style="color:#6b6b6b;font-size:13px">{html.escape(_signed(message))}</p></body></html>\n'
    )


def _signed(message: Message) -> str:
    last = message.events[-1]
    run = f", run {last.run_id}" if last.run_id else ""
    return f"Huracan, {last.time:%Y-%m-%d %H:%M}Z{run}"
