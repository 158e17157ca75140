"""What ``kill``, ``pause`` and ``resume`` share. They need the workspace's folder and nothing else that can break."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from huracan.errors import HuracanError, TryAgainError
from huracan.trading_files import NotWrittenError
from huracan.workspace import find_workspace, guess_workspace, user_name

__all__ = [
    "guessed_folder", "here_or_there", "person", "reason_argument", "start_telling", "state_folder", "workspace_option",
    "write_down",
]  # fmt: skip

Found = TypeVar("Found")
DAEMON_PATIENCE = 3.0
"""Seconds for the daemon to answer: it may have to wait for another writer, as :func:`huracan.trading.kill` does."""


def reason_argument(parser: argparse.ArgumentParser) -> None:
    """Let the command understand a reason of any number of words, and a workspace that no settings have to name."""
    parser.add_argument("reason", nargs="*", metavar="REASON", help="why, for those who read it later")

    def whatever_was_typed(words: Sequence[str]) -> argparse.Namespace:
        """Take what looks like an unknown option ("-5% in an hour") for a part of the reason: nobody is refused."""
        arguments, unknown = parser.parse_known_args(words)
        arguments.reason += unknown
        return arguments

    parser.parse_args = whatever_was_typed  # type: ignore[method-assign, assignment]
    workspace_option(parser)


def workspace_option(parser: argparse.ArgumentParser) -> None:
    """Let the command understand ``--workspace``."""
    parser.add_argument("--workspace", type=Path, metavar="DIR", help="use this workspace, whatever the settings say")


def state_folder(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Path:
    """Return the folder of the switches; what may be wrong about it is said on stderr, and stops nobody.

    Raises SettingsError where no source that can be read names the workspace.
    """
    notes: list[str] = []
    if arguments.workspace is not None:
        workspace: Path = arguments.workspace.expanduser().resolve()
    else:
        workspace, notes = find_workspace(arguments.config, environment)
    if not _may_be_there(workspace):
        notes.append(f"{workspace} is not there yet and will be made: is it the right workspace?")
    for note in notes:
        print(f"huracan: {note}", file=sys.stderr)
    return workspace / "state"


def guessed_folder(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Path | None:
    """Return the folder of the switches where that shows at a glance; :func:`state_folder` is to be asked as well."""
    if arguments.workspace is not None:
        return None
    workspace = guess_workspace(arguments.config, environment)
    return None if workspace is None else workspace / "state"


def _may_be_there(workspace: Path) -> bool:
    try:
        return workspace.is_dir()
    except OSError:
        return True  # this user may not look; the daemon may


def here_or_there(
    here: Callable[[], Found],
    there: Callable[[Mapping[str, Any]], Found],
    arguments: argparse.Namespace,
    state: Path,
    request: Mapping[str, Any],
) -> Found:
    """Do it here, or, where this user cannot write the files, have the daemon do it; its answer goes to ``there``.

    Raises NotWrittenError, with both reasons, where neither works, and whatever else ``here`` raises.
    """
    try:
        return here()
    except NotWrittenError as error:
        request = {"by": person(), **request}
        if _is_named(arguments):
            request["workspace"] = str(state.parent)
        try:
            return there(_ask_one_of(_sockets(arguments, state), request))
        except (HuracanError, ValueError, KeyError, TypeError, AttributeError) as another:
            raise NotWrittenError(f"{error}; nor can the daemon: {another}") from None


def _is_named(arguments: argparse.Namespace) -> bool:
    """Say whether this call names a workspace; where it does not, the daemon of the installation is meant."""
    by_variable = any(name.upper() == "HURACAN_WORKSPACE" for name in os.environ)
    return by_variable or arguments.workspace is not None or arguments.config is not None


def _ask_one_of(paths: Sequence[Path], request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first answer. Raises TryAgainError with what each of them said where none does it."""
    from huracan.control import ask

    said = []
    for path in paths:
        try:
            return ask(path, request, DAEMON_PATIENCE)
        except HuracanError as error:
            said.append(str(error))
    raise TryAgainError("; ".join(said))


def _sockets(arguments: argparse.Namespace, state: Path) -> list[Path]:
    """Return where the daemon may listen: as the settings say, or, where this user cannot read them, all known places.

    A daemon of another workspace answers at none of them, for it is told which one is meant.
    """
    from huracan.config import RawSettings
    from huracan.control import RUN_SOCKET, socket_path

    try:
        core = RawSettings.read(arguments.config, os.environ).core()
        if arguments.workspace is None or core.workspace.resolve() == state.parent:
            return [socket_path(core)]
    except (HuracanError, OSError):
        pass  # broken settings stop nobody
    return [state / "control.sock", RUN_SOCKET]


def person() -> str:
    """Return the name of the user who asks."""
    return user_name(os.getuid())


def write_down(state: Path, action: str, **arguments: str) -> None:
    """Note who did what, for the audit table. Where this user may write no file the daemon acted, and notes it."""
    from huracan.audit_spool import lay_down_action  # after the switch is thrown

    lay_down_action(state, datetime.now(UTC), person(), "command line", action, arguments)


def moment(instant: datetime | None) -> str:
    """Return an instant to the second, UTC."""
    return f"{instant:%Y-%m-%d %H:%M:%S}Z" if instant else "unknown"


def start_telling(arguments: argparse.Namespace, workspace: Path) -> None:
    """Let a process of its own put what changed into the store and send the event: nobody waits for a database."""
    files = [word for path in arguments.config or () for word in ("-c", str(path))]
    command = [sys.executable, "-P", "-m", "huracan", *files, "tell-trading"]
    nowhere = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0o600)]
    with suppress(OSError, NotImplementedError):
        os.posix_spawn(
            sys.executable,
            command,
            {**os.environ, "HURACAN_WORKSPACE": str(workspace)},
            file_actions=[*nowhere, (os.POSIX_SPAWN_DUP2, 0, 1), (os.POSIX_SPAWN_DUP2, 0, 2)],
            setsid=True,
        )
