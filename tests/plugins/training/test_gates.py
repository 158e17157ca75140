from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from huracan.context import Context
from huracan.types import Gate, Verdict
from huracan_training.gates import judge_all, quality_gates

GOOD: Mapping[str, Any] = {
    "sharpe": 0.9, "hit_rate": 0.52, "net_pnl": 0.08, "max_drawdown": 0.11, "samples": 140,
    "deflated_sharpe": 0.97, "effective_trials": 41.0,
}  # fmt: skip


@pytest.fixture
def judge(make_context: Callable[..., Context]) -> Callable[..., dict[str, Verdict]]:
    context = make_context(plugins=("training",))

    def ask(metrics: Mapping[str, Any], **gates: Gate) -> dict[str, Verdict]:
        every = {gate.name: gate for gate in quality_gates()} | gates
        return {verdict.gate: verdict for verdict in judge_all(context, every, metrics)}

    return ask


def test_a_good_model_passes_all_six(judge: Callable[..., dict[str, Verdict]]) -> None:
    verdicts = judge(GOOD)
    assert set(verdicts) == {"sharpe", "hit_rate", "net_pnl", "max_drawdown", "samples", "deflated_sharpe"}
    assert all(verdict.passed for verdict in verdicts.values())
    assert verdicts["sharpe"] == Verdict("sharpe", 0.9, 0.5, True, "Sharpe ratio after costs 0.90 is above 0.50")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sharpe", 0.5),
        ("hit_rate", 0.45),
        ("net_pnl", 0.0),
        ("max_drawdown", 0.20),
        ("samples", 100),
        ("deflated_sharpe", 0.95),
    ],
)
def test_a_value_on_the_limit_does_not_pass(judge: Callable[..., dict[str, Verdict]], name: str, value: float) -> None:
    verdicts = judge({**GOOD, name: value})
    assert [verdict.gate for verdict in verdicts.values() if not verdict.passed] == [name]


@pytest.mark.parametrize("name", [name for name in GOOD if name not in ("effective_trials", "deflated_sharpe")])
def test_a_measure_that_does_not_exist_fails(judge: Callable[..., dict[str, Verdict]], name: str) -> None:
    assert not judge({**GOOD, name: None})[name].passed
    verdict = judge({key: value for key, value in GOOD.items() if key != name})[name]
    assert not verdict.passed
    assert "undefined" in verdict.sentence


def broken(context: Context, metrics: Mapping[str, Any]) -> Verdict:
    raise ZeroDivisionError("no rows")


@pytest.mark.parametrize(
    "answer",
    [broken, lambda c, m: None, lambda c, m: True, lambda c, m: Verdict("own", 1.0, 0.0, 1, "yes"),  # type: ignore[arg-type]
     lambda c, m: Verdict("own", float("nan"), 0.0, True, "yes")],
)  # fmt: skip
def test_a_gate_that_breaks_fails_closed_and_says_so(judge: Callable[..., dict[str, Verdict]], answer: Any) -> None:
    verdict = judge(GOOD, own=Gate("own", answer))["own"]
    assert verdict.passed is False
    assert "the gate own broke" in verdict.sentence


def test_luck_is_told_in_a_sentence_with_its_number_of_tries(judge: Callable[..., dict[str, Verdict]]) -> None:
    verdict = judge({**GOOD, "deflated_sharpe": 0.61})["deflated_sharpe"]
    assert verdict.sentence == (
        "the probability 61.0% that its Sharpe ratio is more than the luck of the best of 41 independent tries is not "
        "above 95%"
    )
    assert not judge({**GOOD, "deflated_sharpe": None})["deflated_sharpe"].passed


def test_the_gate_against_luck_can_be_switched_off(make_context: Callable[..., Context]) -> None:
    context = make_context({"training": {"gates": {"deflated_sharpe": None}}}, plugins=("training",))
    every = {gate.name: gate for gate in quality_gates()}
    assert all(verdict.passed for verdict in judge_all(context, every, {**GOOD, "deflated_sharpe": 0.1}))
