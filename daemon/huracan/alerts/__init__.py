"""Events: recorded, logged, and taken to the channels that plugins bring (:mod:`huracan.alerts.courier`)."""

from huracan.alerts.emit import make_emit

__all__ = ["make_emit"]
