"""Gives letters to an SMTP server. The only file that speaks SMTP."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.message import EmailMessage

from huracan.context import Context
from huracan.errors import DeliveryError
from huracan.masking import mask
from huracan.types import CheckResult, CheckState, Message, Severity
from huracan_email.letter import make_letter
from huracan_email.settings import EmailSettings

__all__ = ["Channel", "check"]

NOT_LET_IN = 300.0
"""Seconds until a login that was refused is tried again: servers lock out who tries too often."""
REFUSED = 400
"""From this code of SMTP on an answer is none that was hoped for."""
FOR_GOOD = 500
"""From this code of SMTP on a refusal is no matter of time."""
MOST_BEGUN = 100
"""Letters of which is known who has them."""
_PORTS = {"starttls": 587, "tls": 465, "none": 25}


def check(context: Context) -> CheckResult:
    """Does the server let us in? No letter is sent."""
    settings = context.settings.section(EmailSettings)
    try:
        with _connected(settings) as server:
            code, said = server.noop()
            if code >= REFUSED:
                raise smtplib.SMTPResponseException(code, said)
    except DeliveryError as error:
        return CheckResult(CheckState.FAILED, str(error), "mend the section email of the settings")
    return CheckResult(CheckState.OK, f"{settings.host} takes letters for {', '.join(settings.to)}")


class Channel:
    """Sends letters, and knows until all recipients have one who has it already: one that is greylisted has to wait,
    and the others must not get the letter with each attempt."""

    def __init__(self) -> None:
        self._done: dict[str, set[str]] = {}

    def deliver(self, context: Context, message: Message) -> None:
        """Send a message as a letter to all recipients. Raises DeliveryError."""
        settings = context.settings.section(EmailSettings)
        letter = make_letter(context, settings, message)
        self._done = dict(list(self._done.items())[-MOST_BEGUN:])
        done = self._done.setdefault(message.key, set())
        try:
            refused = _send(settings, letter, [each for each in settings.to if each not in done])
        except DeliveryError as error:
            if not (error.permanent and done):
                raise
            # The others have it: for them the message is no failure.
            self._tell(context, ", ".join(each for each in settings.to if each not in done), str(error))
            refused = {}
        for name, (code, text) in refused.items():
            said = f"{settings.host} says {_answer(code, text)}"
            if code < FOR_GOOD:
                context.log.warning("email: no letter yet for %s: %s", name, said)
            else:
                self._tell(context, name, said)
        later = [(name, said) for name, said in refused.items() if said[0] < FOR_GOOD]
        if later:
            done |= set(settings.to) - {name for name, _ in later}
            name, (code, text) = later[0]
            raise DeliveryError(f"{settings.host} takes no letter for {name} yet: {_answer(code, text)}")
        del self._done[message.key]

    def _tell(self, context: Context, name: str, said: str) -> None:
        """Tell that one of several recipients is lost: nobody else would."""
        title = f"the channel email reaches all but {name}: {said}"
        context.emit(
            "alerts.refused", Severity.ERROR, title, channel="email", recipient=name,
            hint="mend the address, or take it out of email.to",
        )  # fmt: skip


def _send(settings: EmailSettings, letter: EmailMessage, recipients: Sequence[str]) -> dict[str, tuple[int, bytes]]:
    """Give a letter to the server; return whom it refused, where it took it for anybody. Raises DeliveryError."""
    with _connected(settings) as server:
        try:
            return server.send_message(letter, settings.sender or settings.to[0], recipients)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            name, (code, text) = next(iter(error.recipients.items()))
            raise DeliveryError(
                f"{settings.host} takes no letter for {name}: {_answer(code, text)}",
                permanent=all(code >= FOR_GOOD for code in codes),
            ) from None
        except (smtplib.SMTPServerDisconnected, TimeoutError, ConnectionError) as error:
            # It may have taken the letter before the connection broke.
            raise DeliveryError(f"{settings.host} broke off: {error}", uncertain=True) from None


@contextmanager
def _connected(settings: EmailSettings) -> Iterator[smtplib.SMTP]:
    """Connect, protect the connection and log in; whatever the server says becomes a DeliveryError."""
    host = settings.host
    try:
        server = _open(settings)
        try:
            if settings.user:
                server.login(settings.user, settings.password.get_secret_value())
            yield server
        finally:
            _leave(server)
    except smtplib.SMTPAuthenticationError as error:
        said = _answer(error.smtp_code, error.smtp_error)
        raise DeliveryError(f"{host} refuses the login of {settings.user}: {said}", retry_after=NOT_LET_IN) from None
    except smtplib.SMTPNotSupportedError as error:
        raise DeliveryError(f"{host}: {error}", retry_after=NOT_LET_IN) from None
    except smtplib.SMTPResponseException as error:
        said = _answer(error.smtp_code, error.smtp_error)
        raise DeliveryError(f"{host} says {said}", permanent=error.smtp_code >= 500) from None
    except smtplib.SMTPException as error:
        raise DeliveryError(f"{host}: {mask(str(error))}") from None
    except ssl.SSLCertVerificationError as error:
        raise DeliveryError(f"{host}: its certificate is not trusted: {error.verify_message}") from None
    except OSError as error:
        raise DeliveryError(f"{host} cannot be reached: {error.strerror or error}") from None


def _open(settings: EmailSettings) -> smtplib.SMTP:
    port = settings.port or _PORTS[settings.security]
    trusted = ssl.create_default_context(cafile=None if settings.ca_file is None else str(settings.ca_file))
    if settings.security == "tls":
        return smtplib.SMTP_SSL(settings.host, port, timeout=settings.timeout_seconds, context=trusted)
    server = smtplib.SMTP(settings.host, port, timeout=settings.timeout_seconds)
    if settings.security == "starttls":
        try:
            server.starttls(context=trusted)
        except BaseException:
            server.close()
            raise
    return server


def _leave(server: smtplib.SMTP) -> None:
    """Say goodbye. The letter is sent or not by now: an answer that does not come changes nothing."""
    try:
        server.quit()
    except (smtplib.SMTPException, OSError):
        server.close()


def _answer(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return mask(f"{code} {' '.join(words.split())}")[:300]
