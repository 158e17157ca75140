"""A dead-man's switch that speaks as Healthchecks does: /UUID/start, /UUID/EXIT-STATUS, /UUID/fail, with rid=."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from servers.base import LoopbackServer, Reply, Request

__all__ = ["Ping", "PingServer"]


@dataclass(frozen=True)
class Ping:
    kind: str
    run: str | None
    body: str


class PingServer(LoopbackServer):
    """Knows one check; ``pings`` are those that it took, in order, and ``state`` what it makes of them."""

    def __init__(self) -> None:
        super().__init__()
        self.check = str(uuid.uuid4())
        self.pings: list[Ping] = []

    @property
    def address(self) -> str:
        return f"{self.url}/{self.check}"

    @property
    def state(self) -> str:
        """Return new, started, up or down, as the real one shows it."""
        if not self.pings:
            return "new"
        kind = self.pings[-1].kind
        return "started" if kind == "start" else "up" if kind in ("success", "0") else "down"

    def answer(self, request: Request) -> Reply:
        found = re.fullmatch(r"/([0-9a-f-]{36})(?:/(start|fail|log|\d{1,3}))?", request.path)
        if found is None or found[1] != self.check:
            return Reply(404, b"not found")
        run = request.query.get("rid")
        if run is not None:
            try:
                uuid.UUID(run)
            except ValueError:
                return Reply(400, b"invalid uuid format")
        if found[2] and found[2].isdigit() and int(found[2]) > 255:
            return Reply(400, b"invalid url format")
        with self.lock:
            self.pings.append(Ping(found[2] or "success", run, request.body.decode()))
        return Reply(200, b"OK")
