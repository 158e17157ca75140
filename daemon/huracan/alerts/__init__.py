"""Events: recorded, logged, and taken to the channels that plugins bring (:mod:`huracan.alerts.courier`)."""

from huracan.alerts.emit import make_emit
from huracan.alerts.plugins import tell_of_misdeed, tell_of_plugins

__all__ = ["make_emit", "tell_of_misdeed", "tell_of_plugins"]
