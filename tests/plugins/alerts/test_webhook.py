"""The webhook: what is posted, that its signature holds, and what each answer means."""

from __future__ import annotations

import hashlib
import hmac
import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from huracan.context import Context
from huracan.errors import DeliveryError, SettingsError
from huracan.types import Message
from huracan_alerts import webhook
from plugins.alerts.conftest import HookServer, MakeMessage
from servers.base import Fault, Reply, once
from servers.services import make_certificates

MakeContext = Callable[..., Context]


@pytest.fixture
def deliver(make_context: MakeContext, hook: HookServer) -> Callable[..., None]:
    def call(message: Message, **settings: Any) -> None:
        given = {"url": f"{hook.url}/in?token=swordfish", "secret": "shared-secret", "timeout_seconds": 20, **settings}
        webhook.deliver(make_context({"webhook": given}, plugins=("alerts",)), message)

    return call


def test_a_message_is_posted_as_json_with_its_key_and_a_signature_that_holds(
    deliver: Callable[..., None], hook: HookServer, make_message: MakeMessage, workspace: Path
) -> None:
    (workspace / "runs").mkdir(parents=True)
    (workspace / "runs" / "log.txt").write_text("Größe")
    deliver(make_message(log="runs/log.txt", picture="../secret"))
    [request] = hook.requests
    value = request.json()
    assert (value["title"], value["severity"], value["repeated"]) == ("train failed: no data", "error", False)
    assert value["files"] == ["runs/log.txt"]
    assert [event["kind"] for event in value["events"]] == ["job.failed"]
    assert (request.method, request.headers["Idempotency-Key"], value["key"]) == ("POST", "key-1", "key-1")
    found = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", request.headers["X-Huracan-Signature"])
    assert found is not None
    signed = f"{found[1]}.".encode() + request.body
    assert hmac.new(b"shared-secret", signed, hashlib.sha256).hexdigest() == found[2]


@pytest.mark.parametrize(
    ("reply", "permanent", "retry_after"),
    [
        (Reply(400), True, None), (Reply(404), True, None), (Reply(401), False, 300.0), (Reply(301), True, None),
        (Reply(429, headers={"Retry-After": "17"}), False, 17.0), (Reply(500), False, None),
        (Reply(503, headers={"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}), False, 0.0),
        (Reply(503, headers={"Retry-After": "soon"}), False, None),
    ],
)  # fmt: skip
def test_an_answer_says_whether_it_is_tried_again(
    deliver: Callable[..., None], hook: HookServer, make_message: MakeMessage, reply: Reply, permanent: bool,
    retry_after: float | None,
) -> None:  # fmt: skip
    hook.faults.append(once(Fault(reply=reply)))
    with pytest.raises(DeliveryError) as caught:
        deliver(make_message())
    assert (caught.value.permanent, caught.value.retry_after) == (permanent, retry_after)
    assert f"answers {reply.status}" in str(caught.value)
    assert "swordfish" not in str(caught.value)


@pytest.mark.parametrize("fault", [Fault(reset_after=True), Fault(delay=2.5)])
def test_where_the_answer_is_lost_the_message_may_have_arrived(
    deliver: Callable[..., None], hook: HookServer, make_message: MakeMessage, fault: Fault
) -> None:
    hook.faults.append(once(fault))
    with pytest.raises(DeliveryError, match="did not answer") as caught:
        deliver(make_message(), timeout_seconds=1)
    assert (caught.value.permanent, caught.value.uncertain) == (False, True)


def test_a_server_that_drips_headers_is_left_in_time(deliver: Callable[..., None], make_message: MakeMessage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                for _ in range(100):
                    time.sleep(0.3)
                    connection.sendall(b"x")

        thread = threading.Thread(target=drip)
        thread.start()
        before = time.monotonic()
        with pytest.raises(DeliveryError, match="did not answer") as caught:
            deliver(make_message(), url=f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout_seconds=1)
        took = time.monotonic() - before
        thread.join()
    assert took < 15
    assert caught.value.uncertain


def test_where_nobody_listens_the_message_did_not_arrive(
    deliver: Callable[..., None], make_message: MakeMessage
) -> None:
    with pytest.raises(DeliveryError, match="cannot be reached") as caught:
        deliver(make_message(), url="http://127.0.0.1:9/")
    assert (caught.value.permanent, caught.value.uncertain) == (False, False)


def test_a_certificate_is_checked(make_message: MakeMessage, make_context: MakeContext, tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path)
    with HookServer(certificates.context) as server:
        plain = make_context({"webhook": {"url": server.url}}, plugins=("alerts",))
        with pytest.raises(DeliveryError, match=r"cannot be reached: .*CERTIFICATE_VERIFY_FAILED"):
            webhook.deliver(plain, make_message())
        trusting = {"url": server.url, "ca_file": str(certificates.ca_file)}
        webhook.deliver(make_context({"webhook": trusting}, plugins=("alerts",)), make_message())
        assert len(server.requests) == 1


def test_an_address_that_is_none_is_refused_in_a_line_that_does_not_show_it(make_context: MakeContext) -> None:
    with pytest.raises(SettingsError) as caught:
        make_context({"webhook": {"url": "ftp://swordfish"}}, plugins=("alerts",))
    assert str(caught.value).count("\n") == 0
    assert "webhook.url: is no address of the web" in str(caught.value)
    assert "swordfish" not in str(caught.value)
