"""Letters by a real SMTP server on loopback: with TLS of both kinds, and with everything that goes wrong."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from huracan.alerts.delivery import Deliverer
from huracan.context import Context
from huracan.errors import DeliveryError, SettingsError
from huracan.types import CheckState, Event, Message, Severity
from huracan_email import channel
from servers.services import Certificates, make_certificates

MakeContext = Callable[..., Context]
TIME = datetime(2026, 11, 21, 2, 10, tzinfo=UTC)


class Box:
    """Keeps letters; ``say`` is what the server answers in place of taking one, by stage."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.say: dict[str, str] = {}
        self.refused: dict[str, str] = {}

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, sender: str, _: list[str]) -> str:  # noqa: N802
        envelope.mail_from = sender
        return self.say.get("MAIL", "250 OK")

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, to: str, _: list[str]) -> str:  # noqa: N802
        if to in self.refused:
            return self.refused[to]
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.say.get("DATA") == "drop":
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
            return "250 OK"
        if "DATA" in self.say:
            return self.say["DATA"]
        content = envelope.content
        assert isinstance(content, bytes)
        letter = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 OK"


class Server(Controller):
    """Listens at a port that the system chooses."""

    def _trigger_server(self) -> None:
        # Called once it listens, to connect to it: at the port that it was given, which is 0.
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


def only_ann(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: Any) -> AuthResult:
    right = isinstance(login, LoginPassword) and (login.login, login.password) == (b"ann", b"swordfish")
    return AuthResult(success=right, handled=False)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def port(box: Box, certificates: Certificates) -> Iterator[int]:
    """Run a server that wants STARTTLS and a login, and return its port."""
    controller = Server(
        box, hostname="127.0.0.1", port=0, tls_context=certificates.context, require_starttls=True,
        auth_required=True, authenticator=only_ann, server_hostname="mail.test",
    )  # fmt: skip
    controller.start()
    yield controller.port
    controller.stop()


@pytest.fixture
def make(make_context: MakeContext, port: int, certificates: Certificates) -> Callable[..., Context]:
    def context(**settings: Any) -> Context:
        given = {
            "host": "127.0.0.1", "port": port, "to": ["owner@example.org"], "user": "ann", "password": "swordfish",
            "ca_file": str(certificates.ca_file), "timeout_seconds": 5, **settings,
        }  # fmt: skip
        return make_context({"email": given}, plugins=("email",))

    return context


def message(title: str = "train failed: no data", key: str = "key-1", **fields: Any) -> Message:
    return Message(key, (Event("job.failed", Severity.ERROR, title, TIME, fields, "nightly-1", "train"),))


def test_a_letter_has_text_html_and_what_mail_programs_need(make: Callable[..., Context], box: Box) -> None:
    context = make(to=["owner@example.org", "second@example.org"])
    channel.Channel().deliver(context, message("train failed: <b>Größe</b>\nat line 3", hint="see the log"))
    channel.Channel().deliver(context, message("something else", key="key-2"))
    first, second = box.letters
    assert first["Subject"] == "[huracan] ERROR: train failed: <b>Größe</b>"
    assert (first["From"], first["To"]) == ("Huracan <owner@example.org>", "owner@example.org, second@example.org")
    assert (first["Message-ID"], second["Message-ID"]) == ("<key-1@example.org>", "<key-2@example.org>")
    assert first["References"] == second["References"]
    assert first["Date"] == "Sat, 21 Nov 2026 02:10:00 +0000"
    text, html = first.get_body(("plain",)), first.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "at line 3\nWhat to do: see the log\n" in text.get_content().replace("\r\n", "\n")
    assert "train failed: &lt;b&gt;Größe&lt;/b&gt;" in html.get_content()


def test_pictures_and_logs_go_along_up_to_a_size_and_nothing_from_outside(
    make: Callable[..., Context], box: Box, workspace: Path, tmp_path: Path
) -> None:
    workspace.mkdir(parents=True)
    (workspace / "equity.png").write_bytes(b"\x89PNG" + b"0" * 1000)
    (workspace / "log.txt").write_text("the last words")
    (workspace / "large.csv").write_bytes(b"0" * 2_000_000)
    (tmp_path / "secret.txt").write_text("swordfish")
    (workspace / "link.txt").symlink_to(tmp_path / "secret.txt")
    files = ["large.csv", "../secret.txt", str(tmp_path / "secret.txt"), "link.txt", "gone.txt"]
    channel.Channel().deliver(make(attach_megabytes=1), message(picture="equity.png", log="log.txt", files=files))
    [letter] = box.letters
    assert [part.get_filename() for part in letter.iter_attachments()] == ["equity.png", "log.txt"]
    text = letter.get_body(("plain",))
    assert text is not None
    assert "not attached, it is too large: large.csv" in text.get_content()


def test_a_title_cannot_add_headers(make: Callable[..., Context], box: Box) -> None:
    channel.Channel().deliver(make(), message("x\r\nBcc: thief@example.org"))
    assert box.letters[0]["Bcc"] is None
    assert box.letters[0]["Subject"] == "[huracan] ERROR: x"


def test_a_refused_login_is_told_without_the_password_and_tried_again_later(make: Callable[..., Context]) -> None:
    with pytest.raises(DeliveryError, match=r"127.0.0.1 refuses the login of ann: 535") as caught:
        channel.Channel().deliver(make(password="wrong-one"), message())
    assert (caught.value.permanent, caught.value.retry_after) == (False, 300.0)
    assert "wrong-one" not in str(caught.value)
    assert channel.check(make(password="wrong-one")).state is CheckState.FAILED


@pytest.mark.parametrize(
    ("stage", "answer", "permanent"),
    [("DATA", "451 later", False), ("DATA", "554 no", True), ("MAIL", "452 full", False), ("MAIL", "550 who", True)],
)
def test_what_the_server_says_decides_whether_it_is_tried_again(
    make: Callable[..., Context], box: Box, stage: str, answer: str, permanent: bool
) -> None:
    box.say[stage] = answer
    with pytest.raises(DeliveryError, match=answer) as caught:
        channel.Channel().deliver(make(), message())
    assert (caught.value.permanent, caught.value.uncertain) == (permanent, False)


def test_one_refused_recipient_keeps_no_letter_from_the_others(make: Callable[..., Context], box: Box) -> None:
    box.refused["gone@example.org"] = "550 no such user"
    channel.Channel().deliver(make(to=["gone@example.org", "owner@example.org"]), message())
    assert len(box.letters) == 1
    with pytest.raises(DeliveryError, match=r"takes no letter for gone@example.org: 550") as caught:
        channel.Channel().deliver(make(to=["gone@example.org"]), message())
    assert caught.value.permanent


def test_who_is_put_off_gets_the_letter_later_and_the_others_get_it_once(
    make: Callable[..., Context], box: Box
) -> None:
    context, phone = make(to=["grey@example.org", "owner@example.org"]), channel.Channel()
    box.refused["grey@example.org"] = "450 come again"
    for _ in range(2):
        with pytest.raises(DeliveryError, match=r"takes no letter for grey@example.org( yet)?: 450") as caught:
            phone.deliver(context, message())
        assert not caught.value.permanent
    assert box.recipients == [["owner@example.org"]]
    del box.refused["grey@example.org"]
    phone.deliver(context, message())
    assert box.recipients == [["owner@example.org"], ["grey@example.org"]]


def test_a_recipient_that_is_refused_in_the_end_makes_no_failure_of_what_others_got(
    make: Callable[..., Context], box: Box
) -> None:
    context, phone = make(to=["grey@example.org", "owner@example.org"]), channel.Channel()
    box.refused["grey@example.org"] = "450 come again"
    with pytest.raises(DeliveryError):
        phone.deliver(context, message())
    box.refused["grey@example.org"] = "550 no such user"
    phone.deliver(context, message())
    assert box.recipients == [["owner@example.org"]]


def test_who_gets_no_letter_is_told_to_the_others_and_not_for_ever(make: Callable[..., Context], box: Box) -> None:
    box.refused["gone@example.org"] = "550 no such user"
    context = make(to=["gone@example.org", "owner@example.org"])
    context.emit("job.failed", Severity.ERROR, "train failed: no data")
    deliverer = Deliverer(context)
    for _ in range(6):
        deliverer.turn()
    assert [letter["Subject"] for letter in box.letters] == [
        "[huracan] ERROR: train failed: no data",
        "[huracan] ERROR: the channel email reaches all but gone@example.org: 127.0.0.1 says 550 no such user",
    ]
    assert box.recipients == [["owner@example.org"]] * 2


def test_a_connection_that_breaks_after_the_letter_leaves_it_uncertain(make: Callable[..., Context], box: Box) -> None:
    box.say["DATA"] = "drop"
    with pytest.raises(DeliveryError, match="broke off") as caught:
        channel.Channel().deliver(make(), message())
    assert (caught.value.permanent, caught.value.uncertain) == (False, True)


def test_a_certificate_of_somebody_else_is_refused(make: Callable[..., Context], box: Box) -> None:
    with pytest.raises(DeliveryError, match="its certificate is not trusted") as caught:
        channel.Channel().deliver(make(ca_file=None), message())
    assert not caught.value.permanent
    assert box.letters == []


def test_tls_from_the_start_works_as_well(make: Callable[..., Context], box: Box, certificates: Certificates) -> None:
    controller = Server(box, hostname="127.0.0.1", port=0, ssl_context=certificates.context)
    controller.start()
    try:
        port = controller.port
        context = make(port=port, security="tls", user="", password="")
        channel.Channel().deliver(context, message())
        assert channel.check(context).state is CheckState.OK
    finally:
        controller.stop()
    assert len(box.letters) == 1


def test_a_server_without_tls_gets_no_login(make: Callable[..., Context], box: Box) -> None:
    controller = Server(box, hostname="127.0.0.1", port=0)
    controller.start()
    try:
        port = controller.port
        with pytest.raises(DeliveryError, match="STARTTLS"):
            channel.Channel().deliver(make(port=port), message())
    finally:
        controller.stop()
    assert box.letters == []


def test_where_nobody_listens_the_letter_waits(make: Callable[..., Context]) -> None:
    with pytest.raises(DeliveryError, match=r"127.0.0.1 cannot be reached: Connection refused") as caught:
        channel.Channel().deliver(make(port=9), message())
    assert (caught.value.permanent, caught.value.uncertain) == (False, False)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"to": ["owner"]}, "email.to.*: is no address"), ({"to": ["a@b\r\nBcc: c@d"]}, "email.to.*: is no address"),
        ({"security": "none"}, "a login is not sent in the clear"),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(make: Callable[..., Context], settings: Any, line: str) -> None:
    with pytest.raises(SettingsError, match=line):
        make(**settings)
