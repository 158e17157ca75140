from __future__ import annotations

from huracan.context import Context
from huracan.testing import assert_gate

from huracan_stranger import huracan_gates
from huracan_stranger.gate import judge_costs


def test_the_gate_keeps_every_rule(context: Context) -> None:
    (gate,) = huracan_gates()
    assert_gate(gate, context)


def test_a_model_whose_gain_goes_into_costs_is_refused_with_a_sentence(context: Context) -> None:
    verdict = judge_costs(context, {"cost_share": 0.75})
    assert not verdict.passed
    assert verdict.sentence == "costs take 75% of its gross gain, at most 50% may be"
    assert judge_costs(context, {"cost_share": 0.5}).passed
