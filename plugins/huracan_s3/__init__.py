"""The remote store ``s3``: a bucket of any service that speaks S3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from huracan import hookimpl
from huracan.types import RemoteType

if TYPE_CHECKING:
    from huracan.context import Context
    from huracan.remote.base import RemoteStore
    from huracan_s3.settings import S3Settings


@hookimpl
def huracan_remotes() -> Sequence[RemoteType]:
    from huracan_s3.settings import S3Settings

    return [RemoteType("s3", S3Settings, _open)]


def _open(_: Context, settings: S3Settings) -> RemoteStore:
    from huracan_s3.store import S3Store

    return S3Store(settings)
