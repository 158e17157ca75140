"""A small HTTP server on loopback that speaks a service's protocol to the real client library, and misbehaves on order.

A server's tables say what it answers; a fault is put in front of them: the connection is reset before or after the work
is done, the answer is slow, cut short, or another one. ``requests`` keeps what arrived, in order.
"""

from __future__ import annotations

import json
import random
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

__all__ = [
    "Fault", "FaultPlan", "LoopbackServer", "Reply", "Request", "ScriptedServer", "chaos", "once", "reply_json",
]  # fmt: skip


@dataclass(frozen=True)
class Request:
    """What arrived: ``query`` holds the last value of each name."""

    method: str
    target: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body or b"null")


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request: seconds of silence first, then a reset before or after the work, an answer in
    place of the real one, or only the first bytes of the real one."""

    delay: float = 0.0
    reset_before: bool = False
    reset_after: bool = False
    reply: Reply | None = None
    cut_after: int | None = None


FaultPlan = Callable[[Request], Fault | None]
Answer = Reply | Callable[[Request], Reply]


def reply_json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})


def once(fault: Fault, path: str = "", times: int = 1) -> FaultPlan:
    """Return a plan that hurts the first ``times`` requests whose path contains ``path``."""
    left = [times]

    def plan(request: Request) -> Fault | None:
        if path not in request.path or left[0] <= 0:
            return None
        left[0] -= 1
        return fault

    return plan


def chaos(seed: int, faults: Iterable[tuple[float, Fault]]) -> FaultPlan:
    """Return a plan that picks among ``faults`` at random with the given shares; the rest of the requests is well."""
    dice, lock = random.Random(seed), threading.Lock()
    table = list(faults)

    def plan(_: Request) -> Fault | None:
        with lock:
            number = dice.random()
        for share, fault in table:
            if number < share:
                return fault
            number -= share
        return None

    return plan


class LoopbackServer:
    """Answers on 127.0.0.1 in threads of its own, from ``with`` to the end of its block."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.faults: list[FaultPlan] = []
        self.lock = threading.RLock()
        server = self

        class Handler(_Handler):
            owner = server

        self._http = _Quiet(("127.0.0.1", 0), Handler)
        self._tls = tls
        if tls is not None:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def answer(self, request: Request) -> Reply:
        """Say what the service says."""
        raise NotImplementedError

    def asked(self, path: str) -> list[Request]:
        """Return the requests whose path contains ``path``."""
        with self.lock:
            return [request for request in self.requests if path in request.path]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class ScriptedServer(LoopbackServer):
    """Answers by path: what stands in ``answers``, a reply or a function of the request; 404 for anything else.

    ``misbehave(fault)`` hurts what comes from then on, ``behave()`` ends that.
    """

    def __init__(self, answers: Mapping[str, Answer] | None = None, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self.answers: dict[str, Answer] = dict(answers or {})

    def answer(self, request: Request) -> Reply:
        found = self.answers.get(request.path, Reply(404, b"nothing here"))
        return found if isinstance(found, Reply) else found(request)

    def misbehave(self, fault: Fault) -> None:
        """Put ``fault`` before every answer."""
        self.faults[:] = [lambda _: fault]

    def behave(self) -> None:
        """Answer as it should."""
        self.faults.clear()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that go away are what these servers are for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 120
    owner: LoopbackServer

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        request = self._read()
        with self.owner.lock:
            self.owner.requests.append(request)
        found = (plan(request) for plan in self.owner.faults)
        fault = next((each for each in found if each is not None), Fault())
        if fault.delay:
            time.sleep(fault.delay)
        if fault.reset_before:
            self._reset()
            return
        reply = fault.reply or self.owner.answer(request)
        if fault.reset_after:
            self._reset()
            return
        self._send(reply, fault.cut_after)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve  # noqa: N815

    def _read(self) -> Request:
        parts = urlsplit(self.path)
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b"".join(iter(self._chunk, b""))
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return Request(
            self.command, self.path, parts.path, dict(parse_qsl(parts.query)), dict(self.headers.items()), body
        )

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline().split(b";")[0], 16)
        content = self.rfile.read(size)
        self.rfile.readline()
        return content

    def _send(self, reply: Reply, cut_after: int | None) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in reply.headers:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body if cut_after is None else reply.body[:cut_after])
        self.wfile.flush()
        if cut_after is not None:
            self._reset()

    def _reset(self) -> None:
        """End the connection with RST in place of FIN, as a host that went away."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
