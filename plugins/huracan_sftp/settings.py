"""What can be set in ``remote: {name: sftp}``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from huracan.config import Section, SettingsPath

__all__ = ["SftpSettings"]

_NO_SECRET = SecretStr("")


class SftpSettings(Section):
    """A folder of a machine that can be reached by SSH."""

    name: Literal["sftp"] = Field("sftp", description="A folder of any machine that can be reached by SSH.")
    host: str = Field("", description="The machine's name or address.")
    port: int = Field(22, ge=1, le=65535, description="The port of its SSH server.")
    user: str = Field("huracan", description="Who logs in there.")
    folder: str = Field("huracan", description="The folder; relative to the home of the user, it must exist.")
    key_file: SettingsPath | None = Field(None, description="The private key; empty: password, or the SSH agent.")
    key_passphrase: SecretStr = Field(_NO_SECRET, description="What opens key_file, where it is locked.")
    password: SecretStr = Field(_NO_SECRET, description="The password, where no key is used.")
    known_hosts: SettingsPath | None = Field(
        None, description="File of host keys to trust, as ssh writes it; empty: ~/.ssh/known_hosts."
    )
    timeout_seconds: float = Field(30.0, gt=0, le=600, description="Longest silence of one request, seconds.")
