"""The loopback server of the kit, under the name by which the servers here know it."""

from huracan.testing.servers import Fault, FaultPlan, LoopbackServer, Reply, Request, chaos, once, reply_json

__all__ = ["Fault", "FaultPlan", "LoopbackServer", "Reply", "Request", "chaos", "once", "reply_json"]
