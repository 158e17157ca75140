"""The remote store ``sftp``: a folder of any machine that can be reached by SSH."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from huracan import hookimpl
from huracan.types import RemoteType

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.remote.base import RemoteStore
    from huracan_sftp.settings import SftpSettings


@hookimpl
def huracan_remotes() -> Sequence[RemoteType]:
    from huracan_sftp.settings import SftpSettings

    return [RemoteType("sftp", SftpSettings, _open)]


def _open(_: Context, settings: SftpSettings) -> RemoteStore:
    from huracan_sftp.store import SftpStore

    return SftpStore(settings)
