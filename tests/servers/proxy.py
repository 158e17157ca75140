"""A proxy on loopback that stands before another server, and loses, delays and refuses what passes through it."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping

from servers.base import Fault, LoopbackServer, Reply, Request, chaos, reply_json

__all__ = ["ChaosProxy"]

NOT_PASSED_ON = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "date", "server"}


class ChaosProxy(LoopbackServer):
    """Passes requests on to ``upstream``. By dice of ``seed``, a share of ``drops`` is lost on the way there or back,
    of ``refuses`` answered 429 or 500, and a fifth delayed."""

    def __init__(
        self,
        upstream: LoopbackServer,
        seed: int,
        *,
        drops: float = 0.2,
        refuses: float = 0.1,
        tls: ssl.SSLContext | None = None,
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(tls)
        self._upstream, self._trusted = upstream, trusted
        slow_down = reply_json({"code": -1003, "msg": "slow down"}, 429, {"Retry-After": "1"})
        if tls is not None:
            slow_down = Reply(429, b"slow down", {"Retry-After": "1", "Content-Type": "text/plain"})
        self.faults.append(
            chaos(
                seed,
                [
                    (drops / 2, Fault(reset_before=True)),
                    (drops / 2, Fault(reset_after=True)),
                    (refuses / 2, Fault(reply=slow_down)),
                    (refuses / 2, Fault(reply=Reply(500, b"<html>Internal Server Error</html>"))),
                    (0.2, Fault(delay=0.05)),
                ],
            )
        )

    def answer(self, request: Request) -> Reply:
        connection = self._connect()
        try:
            connection.request(request.method, request.target, request.body or None, _passed_on(request.headers))
            answer = connection.getresponse()
            return Reply(answer.status, answer.read(), _passed_on(dict(answer.getheaders())))
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        if self._trusted is None:
            return http.client.HTTPConnection("127.0.0.1", self._upstream.port, timeout=60)
        return http.client.HTTPSConnection("127.0.0.1", self._upstream.port, timeout=60, context=self._trusted)


def _passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in NOT_PASSED_ON}
