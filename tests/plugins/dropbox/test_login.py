"""``huracan dropbox login``, as its owner types it."""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import pytest
import yaml

from huracan.errors import UsageError
from huracan_dropbox import login
from servers.dropbox_api import DropboxServer
from servers.services import Certificates


def typed(monkeypatch: pytest.MonkeyPatch, text: str, *arguments: str) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    parser = argparse.ArgumentParser()
    login.configure(parser)
    return login.run(parser.parse_args(["login", *arguments]))


def test_it_leads_to_a_file_that_holds_the_token_and_shows_it_to_nobody(
    dropbox: DropboxServer,
    certificates: Certificates,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "conf.d" / "dropbox.yaml"
    assert typed(monkeypatch, "app-key\ngood-code\n", "--file", str(file), "--ca-file", str(certificates.ca_file)) == 0
    assert yaml.safe_load(file.read_text())["remote"] == {
        "name": "dropbox", "app_key": "app-key", "account": "dbid:1", "refresh_token": "refresh-token-1",
    }  # fmt: skip
    assert file.stat().st_mode & 0o777 == 0o600
    shown = capsys.readouterr().out
    assert "refresh-token-1" not in shown
    assert "oauth2/authorize" in shown
    assert "code_challenge" in shown, "PKCE: no app secret is needed"


@pytest.mark.parametrize(("text", "words"), [("app-key\nbad-code\n", "does not take this code"), ("\n", "no answer")])
def test_what_goes_wrong_is_said_and_nothing_is_written(
    text: str, words: str, dropbox: DropboxServer, certificates: Certificates, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    file = tmp_path / "dropbox.yaml"
    with pytest.raises(UsageError, match=words):
        typed(monkeypatch, text, "--file", str(file), "--ca-file", str(certificates.ca_file))
    assert not file.exists()
