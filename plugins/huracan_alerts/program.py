"""The channel ``command``: a program that gets each message as JSON on its standard input, never through a shell.

It exits with 0 where it took the message, 75 (EX_TEMPFAIL) to be asked again later, and anything else to refuse it.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress

from huracan.context import Context
from huracan.errors import DeliveryError, ExitCode
from huracan.masking import mask
from huracan.types import CheckResult, CheckState, Message
from huracan_alerts.document import as_bytes
from huracan_alerts.settings import AlertCommandSettings

__all__ = ["check", "deliver", "is_set"]

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where a program without a folder is looked for; of our own environment, which may hold secrets, it gets nothing."""

NOT_THERE = 300.0
"""Seconds until a program that cannot be run is tried again."""
MOST_SAID = 64 * 1024
"""Bytes of what it says that are kept; one that never ends talking must not fill the memory."""
LOOK = 0.05


def is_set(context: Context) -> bool:
    """Say whether the settings name a program."""
    return bool(context.settings.section(AlertCommandSettings).run)


def check(context: Context) -> CheckResult:
    """Is the program there?"""
    name = context.settings.section(AlertCommandSettings).run[0]
    if shutil.which(name, path=PATH):
        return CheckResult(CheckState.OK, f"{name} can be run")
    return CheckResult(CheckState.FAILED, f"{name} is no program that can be run", "mend alert_command.run")


def deliver(context: Context, message: Message) -> None:
    """Run the program with a message. Raises DeliveryError."""
    settings = context.settings.section(AlertCommandSettings)
    name = settings.run[0]
    try:
        process = _start(settings.run, as_bytes(context, message))
    except OSError as error:
        # Its owner can mend it, or there is memory again: the message is as good as before.
        raise DeliveryError(f"{name} cannot be run: {error.strerror}", retry_after=NOT_THERE) from None
    with process:
        try:
            said = _wait(process, settings.timeout_seconds)
        finally:
            # What it started in turn goes with it, also where we are told to end.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
    if said is None:
        raise DeliveryError(f"{name} took longer than {settings.timeout_seconds:g} s and was ended", uncertain=True)
    _judge(name, process.returncode, said)


def _start(words: Sequence[str], content: bytes) -> subprocess.Popen[bytes]:
    """Start a program on a file in memory: nobody has to wait until it reads, or wonder that it does not."""
    with os.fdopen(os.memfd_create("huracan-message"), "w+b", buffering=0) as file:
        file.write(content)
        file.seek(0)
        return subprocess.Popen(
            words, stdin=file, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/",
            env={"PATH": PATH, "LANG": "C.UTF-8"}, start_new_session=True,
        )  # fmt: skip


def _wait(process: subprocess.Popen[bytes], seconds: float) -> bytes | None:
    """Wait for the program itself and return the end of what it said, None where that took too long.

    Not until its stderr ends: one that it leaves in the background holds that open, and the message did arrive.
    """
    assert process.stderr is not None
    said, open_still, deadline = b"", True, time.monotonic() + seconds
    os.set_blocking(process.stderr.fileno(), False)
    while True:
        has_ended = process.poll() is not None
        while open_still and time.monotonic() < deadline and (part := process.stderr.read(MOST_SAID)) is not None:
            said, open_still = (said + part)[-MOST_SAID:], bool(part)
        if has_ended:
            return said
        if time.monotonic() >= deadline:
            return None
        select.select([process.stderr] if open_still else [], [], [], LOOK)


def _judge(name: str, code: int, said: bytes) -> None:
    if code == 0:
        return
    words = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    about = f": {mask(words[-1])[:200]}" if words else ""
    if code < 0:
        raise DeliveryError(f"{name} was ended by signal {-code}{about}", uncertain=True)
    raise DeliveryError(f"{name} exits with {code}{about}", permanent=code != ExitCode.TRY_AGAIN)
