"""``huracan dropbox login``: gets a refresh token by OAuth with PKCE, and writes it into a settings file of its own."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import yaml

from huracan.errors import ExitCode, TryAgainError, UsageError
from huracan.paths import write_atomically
from huracan.settings_sources import ETC

__all__ = ["configure", "run"]

SCOPES = ["account_info.read", "files.metadata.read", "files.content.read", "files.content.write"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-command and its options."""
    commands = parser.add_subparsers(dest="dropbox_command", required=True, metavar="COMMAND")
    login = commands.add_parser("login", help="give Huracan access to your Dropbox, once")
    login.add_argument("--app-key", metavar="KEY", help="the key of your app at dropbox.com/developers/apps")
    login.add_argument(
        "--file", type=Path, metavar="FILE", default=ETC / "conf.d" / "dropbox.yaml",
        help="where to write the settings, readable by its owner alone (default: %(default)s)",
    )  # fmt: skip
    login.add_argument("--ca-file", type=Path, metavar="FILE", help="certificates to trust in place of the usual ones")


def run(arguments: argparse.Namespace) -> int:
    """Lead the owner through it. Raises UsageError for a code that Dropbox does not take."""
    from dropbox import DropboxOAuth2FlowNoRedirect

    from huracan_dropbox.client import trust_only_its_file

    app_key = arguments.app_key or _ask(
        "1. Make an app at https://www.dropbox.com/developers/apps (scoped access, app folder); under Permissions\n"
        "   tick files.metadata.read, files.content.read and files.content.write.\n"
        "   Its app key: "
    )
    flow = DropboxOAuth2FlowNoRedirect(
        app_key, use_pkce=True, token_access_type="offline", scope=SCOPES,
        ca_certs=str(arguments.ca_file) if arguments.ca_file else None,
    )  # fmt: skip
    if arguments.ca_file:
        trust_only_its_file(flow.requests_session)
    print(f"2. Open this page and allow access:\n   {flow.start()}")
    code = _ask("3. The code that it shows: ")
    account, refresh_token = _finish(flow, code)
    settings = {"name": "dropbox", "app_key": app_key, "account": account, "refresh_token": refresh_token}
    _write(arguments.file, {"remote": settings})
    print(f"Done. {arguments.file} holds the access; `huracan doctor` says whether it works.")
    if arguments.file.parent != ETC / "conf.d":
        print(f"It is read where it is named: huracan -c settings.yaml -c {arguments.file} ...")
    return int(ExitCode.DONE)


def _ask(question: str) -> str:
    print(question, end="", flush=True)
    answer = sys.stdin.readline().strip()
    if not answer:
        raise UsageError("dropbox login: no answer; nothing was written")
    return answer


def _finish(flow: Any, code: str) -> tuple[str, str]:
    import requests

    try:
        found = flow.finish(code)
    except requests.exceptions.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if 400 <= status < 500:
            raise UsageError("dropbox login: Dropbox does not take this code; begin again with a new one") from None
        raise TryAgainError(f"dropbox login: Dropbox is away (answered {status})") from None
    except requests.exceptions.RequestException as error:
        raise TryAgainError(f"dropbox login: Dropbox is away ({type(error).__name__})") from None
    return str(found.account_id), str(found.refresh_token)


def _write(file: Path, settings: object) -> None:
    """Write a settings file that nobody but its owner may read, not even for an instant."""

    def fill(temporary: Path) -> None:
        temporary.write_text(yaml.safe_dump(settings, sort_keys=False), "utf-8")

    try:
        write_atomically(file, fill, mode=0o600)
    except PermissionError:
        raise UsageError(f"{file} may not be written by this user (uid {os.getuid()}); see --file") from None
