"""Tells every secret of the settings to whoever listens: output, log, event, summary of a failure."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from pydantic import SecretStr

from huracan import hookimpl
from huracan.config import leaves
from huracan.types import Job, JobResult, Severity

if TYPE_CHECKING:
    from huracan.context import Context


def tell(context: Context) -> JobResult:
    found = [each for section in context.settings.sections.values() for each in leaves(section)]
    secrets = [each.get_secret_value() for each in found if isinstance(each, SecretStr)]
    for secret in filter(None, secrets):
        print("printed", secret)
        print("in two parts", secret[:9], end="")
        print(secret[9:])
        sys.stderr.write(f"to stderr {secret}\n")
        sys.stdout.buffer.write(f"as bytes {secret}\n".encode())
        os.write(1, f"past python {secret}\n".encode())
        context.log.warning("logged %s", secret)
        context.emit("secret.told", Severity.ERROR, f"event {secret}", told=secret)
        raise ValueError(f"raised {secret}")
    return JobResult()


@hookimpl
def huracan_jobs() -> list[Job]:
    return [Job("tell", "hostile_prints:tell", "tells", retries=0)]
