"""Events: recorded, logged, and handed to the channels that plugins bring."""

from huracan.alerts.emit import make_emit

__all__ = ["make_emit"]
