"""Record what changed in trading.json and who ordered it, and send events; started by the switches' commands."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from huracan.cli.common import environment, open_context
from huracan.settings_sources import ETC

if TYPE_CHECKING:
    from huracan.context import Context

__all__ = ["configure", "run"]

SERVICE_SECONDS = 20.0
"""How long the service safety, which looks twice a second, is left to tell it."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add no options."""
    del parser


def run(arguments: argparse.Namespace) -> int:
    """Tell what is not told yet; where there is no store yet, the service safety tells when there is one."""
    from huracan.alerts.trading import tell_changes
    from huracan.audit_spool import take_in_actions
    from huracan.config import RawSettings
    from huracan.store import Store

    core = RawSettings.read(arguments.config, environment(arguments)).core()
    _become_owner(core.workspace)
    existing = Store.open_existing(core.database or f"sqlite:///{core.workspace / 'huracan.db'}")
    if existing is None:
        return 0
    existing.close()
    context = open_context(arguments, require_good_settings=False)
    with context.store:
        if _lacks_secrets(arguments):
            _leave_it_to_the_service(context)
        tell_changes(context)
        take_in_actions(context)
    return 0


def _lacks_secrets(arguments: argparse.Namespace) -> bool:
    """Say whether the installation has secrets that did not come here: a channel whose token is one is not known."""
    here = arguments.config is not None or os.environ.get("CREDENTIALS_DIRECTORY")
    return not here and (ETC / "credentials").is_dir()


def _leave_it_to_the_service(context: Context) -> None:
    """Wait until the service safety has told it, to all channels; where none does, those known here have to do."""
    from huracan.alerts.trading import is_told

    end = time.monotonic() + SERVICE_SECONDS
    while not is_told(context) and time.monotonic() < end:
        time.sleep(0.5)


def _become_owner(workspace: Path) -> None:
    """Go on as the workspace's owner where root killed: what root writes there the owner could not change."""
    if os.geteuid() != 0 or not workspace.exists() or (owner := workspace.stat()).st_uid == 0:
        return
    import pwd

    try:
        os.initgroups(pwd.getpwuid(owner.st_uid).pw_name, owner.st_gid)
    except KeyError:
        os.setgroups([])
    os.setgid(owner.st_gid)
    os.setuid(owner.st_uid)
