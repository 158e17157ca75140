"""The remote store ``dropbox``, and the command that gets Huracan access to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from huracan import hookimpl
from huracan.types import Command, RemoteType

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.remote.base import RemoteStore
    from huracan_dropbox.settings import DropboxSettings


@hookimpl
def huracan_remotes() -> Sequence[RemoteType]:
    from huracan_dropbox.settings import DropboxSettings

    return [RemoteType("dropbox", DropboxSettings, _open)]


@hookimpl
def huracan_commands() -> Sequence[Command]:
    return [Command("dropbox", "let Huracan into a folder of your Dropbox", "huracan_dropbox.login")]


def _open(context: Context, settings: DropboxSettings) -> RemoteStore:
    from huracan_dropbox.store import DropboxStore

    return DropboxStore(settings, context.paths.state, context.progress.step)
