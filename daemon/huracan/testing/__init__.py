"""The kit for tests of plugins, ours and those of strangers.

``check_...`` hold a plugin, or one thing that it brings, against numbered rules and say which one is broken and why;
``assert_...`` fail with all of them in one message. The fixtures are in :mod:`huracan.testing.fixtures`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from huracan.testing.contexts import MovedClock, RecordingProgress, StandInEntryPoint, make_context, stand_in
    from huracan.testing.exchanges import ExchangeCase, assert_exchange, check_exchange
    from huracan.testing.exports import assert_export, check_export
    from huracan.testing.features import assert_features, check_features
    from huracan.testing.judges import assert_gate, assert_universe_rule, check_gate, check_universe_rule
    from huracan.testing.matrix import Checked, check_all
    from huracan.testing.nights import Night, play_night
    from huracan.testing.notifiers import OtherSide, assert_notifier, check_notifier
    from huracan.testing.plugins import assert_plugin, check_plugin
    from huracan.testing.remotes import assert_remote_store, check_remote_store
    from huracan.testing.rules import RuleResult
    from huracan.testing.trainers import assert_trainer, check_trainer

__all__ = [
    "Checked", "ExchangeCase", "MovedClock", "Night", "OtherSide", "RecordingProgress", "RuleResult",
    "StandInEntryPoint", "assert_exchange", "assert_export", "assert_features", "assert_gate", "assert_notifier",
    "assert_plugin", "assert_remote_store", "assert_trainer", "assert_universe_rule", "check_all", "check_exchange",
    "check_export", "check_features", "check_gate", "check_notifier", "check_plugin", "check_remote_store",
    "check_trainer", "check_universe_rule", "make_context", "play_night", "stand_in",
]  # fmt: skip

_HOMES = {
    "contexts": ("MovedClock", "RecordingProgress", "StandInEntryPoint", "make_context", "stand_in"),
    "exchanges": ("ExchangeCase", "assert_exchange", "check_exchange"),
    "exports": ("assert_export", "check_export"),
    "features": ("assert_features", "check_features"),
    "judges": ("assert_gate", "assert_universe_rule", "check_gate", "check_universe_rule"),
    "matrix": ("Checked", "check_all"),
    "nights": ("Night", "play_night"),
    "notifiers": ("OtherSide", "assert_notifier", "check_notifier"),
    "plugins": ("assert_plugin", "check_plugin"),
    "remotes": ("assert_remote_store", "check_remote_store"),
    "rules": ("RuleResult",),
    "trainers": ("assert_trainer", "check_trainer"),
}


def __getattr__(name: str) -> Any:
    """Load what is asked for: pytest imports this package before it knows which tests are wanted."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
