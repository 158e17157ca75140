"""The section ``email``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from huracan.config import Section, SettingsPath

__all__ = ["EmailSettings"]


def _must_be_address(address: str) -> str:
    name, _, domain = address.rpartition("@")
    if not name or not domain or any(sign.isspace() or sign in "<>,;\"'" or not sign.isprintable() for sign in address):
        raise ValueError("is no address; write it bare, as owner@example.org")
    return address


class EmailSettings(Section):
    """The channel email: messages by SMTP."""

    to: tuple[str, ...] = Field((), description="Who gets the messages, as [owner@example.org]; empty: nobody.")
    sender: str = Field("", description="The address that they come from; empty: the first of `to`.")
    host: str = Field("", description="The SMTP server; empty: no message is sent.")
    port: int | None = Field(None, ge=1, le=65535, description="Its port; empty: 587, 465 for tls, 25 for none.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection is protected; none sends in the clear and allows no login."
    )
    user: str = Field("", description="Name of the login; empty: none is needed.")
    password: SecretStr = Field(SecretStr(""), description="Password that belongs to user.")
    ca_file: SettingsPath | None = Field(None, description="Certificates to trust in place of the usual ones, PEM.")
    timeout_seconds: float = Field(20.0, gt=0, le=60, description="Longest silence of the server, seconds.")
    attach_megabytes: float = Field(
        5.0, ge=0, le=25, description="Pictures and files up to this size in all go with a message, MB; 0: none."
    )

    @field_validator("to")
    @classmethod
    def _recipients(cls, to: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(_must_be_address, to))

    @field_validator("sender")
    @classmethod
    def _sender(cls, sender: str) -> str:
        return _must_be_address(sender) if sender else sender

    @model_validator(mode="after")
    def _no_login_in_the_clear(self) -> EmailSettings:
        if self.security == "none" and self.user:
            raise ValueError("a login is not sent in the clear: set security to starttls or tls, or leave user empty")
        return self
