"""Record what changed in trading.json and who ordered it, and send events; started by the switches' commands."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from huracan.cli.common import environment, open_context

__all__ = ["configure", "run"]


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
        tell_changes(context)
        take_in_actions(context)
    return 0


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
