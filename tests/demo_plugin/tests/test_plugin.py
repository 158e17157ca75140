"""The plugin as a whole, as it is installed."""

from __future__ import annotations

from huracan.testing import assert_plugin


def test_the_plugin_keeps_every_rule() -> None:
    # On a busy machine an import may wait for its turn.
    assert_plugin("stranger", import_seconds=20.0, answer_seconds=60.0)
