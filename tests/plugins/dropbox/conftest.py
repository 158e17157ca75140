"""A Dropbox on loopback, and stores that open it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from huracan_dropbox.settings import DropboxSettings
from huracan_dropbox.store import DropboxStore
from servers.dropbox_api import DropboxServer
from servers.services import Certificates, make_certificates

OpenStore = Callable[..., DropboxStore]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def dropbox(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> Iterator[DropboxServer]:
    """Run the server, and lead the SDK to it."""
    import dropbox.dropbox_client
    import dropbox.oauth

    with DropboxServer(certificates.context) as server:
        place = f"127.0.0.1:{server.port}"
        for name in ("API_HOST", "API_CONTENT_HOST"):
            monkeypatch.setattr(dropbox.dropbox_client, name, place)
        monkeypatch.setattr(dropbox.oauth, "API_HOST", place)
        refresh = dropbox.Dropbox.refresh_access_token
        monkeypatch.setattr(refresh, "__defaults__", (place, *(refresh.__defaults__ or ())[1:]))
        for build in (dropbox.oauth.DropboxOAuth2FlowBase.build_url,):
            monkeypatch.setattr(build, "__defaults__", (*(build.__defaults__ or ())[:1], place))
        yield server


@pytest.fixture
def open_store(dropbox: DropboxServer, certificates: Certificates, tmp_path: Path) -> Iterator[OpenStore]:
    opened: list[DropboxStore] = []
    told: list[str] = []

    def make(**settings: Any) -> DropboxStore:
        given = {
            "app_key": "app-key", "refresh_token": "refresh-token-1", "ca_file": certificates.ca_file,
            "patience_seconds": 20.0, "chunk_megabytes": 4, "timeout_seconds": 20.0,
        }  # fmt: skip
        store = DropboxStore(DropboxSettings(**{**given, **settings}), tmp_path / "state", told.append)
        opened.append(store)
        return store

    yield make
    for store in opened:
        store.close()
