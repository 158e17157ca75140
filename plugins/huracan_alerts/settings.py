"""The sections ``webhook``, ``alert_command`` and ``pings``."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator

from huracan.config import Section, SettingsPath

__all__ = ["AlertCommandSettings", "PingSettings", "WebhookSettings"]

_NO_SECRET = SecretStr("")


def _must_be_web(url: SecretStr) -> SecretStr:
    text = url.get_secret_value()
    if text and not text.startswith(("https://", "http://")):
        raise ValueError("is no address of the web; write one as https://example.org/hook")
    return url


class WebhookSettings(Section):
    """The channel webhook: messages as JSON, by POST."""

    url: SecretStr = Field(_NO_SECRET, description="Where messages are posted to; empty: nowhere.")
    secret: SecretStr = Field(_NO_SECRET, description="Key of the signature, known to the other side; empty: none.")
    ca_file: SettingsPath | None = Field(None, description="Certificates to trust in place of the usual ones, PEM.")
    timeout_seconds: float = Field(15.0, gt=0, le=60, description="Longest time that an attempt may take, seconds.")

    _url = field_validator("url")(_must_be_web)


class AlertCommandSettings(Section):
    """The channel command: a program of this machine that gets each message as JSON on its standard input."""

    run: tuple[str, ...] = Field((), description="The program and its arguments, as [/usr/local/bin/tell, --loud].")
    timeout_seconds: float = Field(30.0, gt=0, le=120, description="Seconds after which it is ended.")


class PingSettings(Section):
    """Pings to a service that notices when a run does not begin or end (Healthchecks or one that speaks like it)."""

    pipelines: dict[str, SecretStr] = Field(
        default_factory=dict, description="Ping address by pipeline: {nightly: https://hc-ping.com/UUID}."
    )
    ca_file: SettingsPath | None = Field(None, description="Certificates to trust in place of the usual ones, PEM.")
    timeout_seconds: float = Field(10.0, gt=0, le=60, description="Longest time that a ping may take, seconds.")

    @field_validator("pipelines")
    @classmethod
    def _addresses(cls, pipelines: dict[str, SecretStr]) -> dict[str, SecretStr]:
        # Without a slash at the end, as it is used: only what is known as a secret is masked.
        bare = {name: SecretStr(url.get_secret_value().rstrip("/")) for name, url in pipelines.items()}
        return {name: _must_be_web(url) for name, url in bare.items()}
