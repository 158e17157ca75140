"""The quality gates, and asking all gates so that one that breaks says no."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from huracan.context import Context
from huracan.types import Gate, Verdict
from huracan_training.settings import TrainingSettings

__all__ = ["judge_all", "quality_gates"]

Limit = Callable[[TrainingSettings], float]


def quality_gates() -> list[Gate]:
    """Return the gates of this plugin; their limits are settings."""
    return [
        _above("sharpe", "Sharpe ratio after costs", lambda s: s.gates.sharpe, lambda v: f"{v:.2f}"),
        _above("hit_rate", "share of winning trades", lambda s: s.gates.hit_rate, lambda v: f"{v:.1%}"),
        _above("net_pnl", "profit after costs", lambda s: s.gates.net_pnl, lambda v: f"{v:+.1%}"),
        _below("max_drawdown", "largest fall from a peak", lambda s: s.gates.max_drawdown, lambda v: f"{v:.1%}"),
        _above("samples", "trades on unseen rows", lambda s: float(s.gates.samples), lambda v: f"{v:.0f}"),
        Gate("deflated_sharpe", _not_luck),
    ]


def _not_luck(context: Context, metrics: Mapping[str, Any]) -> Verdict:
    """Is the Sharpe ratio more than the best of so many tries would show by chance? Passed where it is switched off."""
    limit = context.settings.section(TrainingSettings).gates.deflated_sharpe
    value, trials = metrics.get("deflated_sharpe"), metrics.get("effective_trials")
    if limit is None:
        return Verdict("deflated_sharpe", value, None, True, "luck is not asked for (training.gates.deflated_sharpe)")
    if value is None or trials is None:
        return Verdict("deflated_sharpe", None, limit, False, "luck cannot be told from skill: too few trades")
    passed = value > limit
    word = "is" if passed else "is not"
    sentence = (
        f"the probability {value:.1%} that its Sharpe ratio is more than the luck of the best of {trials:.0f} "
        f"independent tries {word} above {limit:.0%}"
    )
    return Verdict("deflated_sharpe", float(value), limit, passed, sentence)


def judge_all(context: Context, gates: Mapping[str, Gate], metrics: Mapping[str, Any]) -> list[Verdict]:
    """Ask every gate, by name. A gate that raises, or answers with something else, has not passed the model."""
    return [_guarded(context, gates[name], metrics) for name in sorted(gates)]


def _guarded(context: Context, gate: Gate, metrics: Mapping[str, Any]) -> Verdict:
    try:
        verdict = gate.judge(context, metrics)
    except Exception as error:
        context.log.exception("gate %s raised; the model does not pass it", gate.name)
        return _broken(gate, f"{type(error).__name__}: {error}")
    return verdict if _is_sound(verdict) else _broken(gate, f"it answered with {verdict!r}")


def _is_sound(verdict: Any) -> bool:
    """A plugin's answer may be anything: only a Verdict with a real yes or no and finite numbers is one."""
    if not isinstance(verdict, Verdict) or not isinstance(verdict.passed, bool):
        return False
    return all(number is None or math.isfinite(number) for number in (verdict.value, verdict.limit))


def _broken(gate: Gate, how: str) -> Verdict:
    return Verdict(gate.name, None, None, False, f"the gate {gate.name} broke ({how})")


def _above(name: str, what: str, limit: Limit, shown: Callable[[float], str]) -> Gate:
    return Gate(name, _judge(name, what, limit, shown, "above", lambda value, bound: value > bound))


def _below(name: str, what: str, limit: Limit, shown: Callable[[float], str]) -> Gate:
    return Gate(name, _judge(name, what, limit, shown, "below", lambda value, bound: value < bound))


def _judge(
    name: str,
    what: str,
    limit: Limit,
    shown: Callable[[float], str],
    side: str,
    meets: Callable[[float, float], bool],
) -> Callable[[Context, Mapping[str, Any]], Verdict]:
    def judge(context: Context, metrics: Mapping[str, Any]) -> Verdict:
        bound = limit(context.settings.section(TrainingSettings))
        value = metrics.get(name)
        if value is None:
            return Verdict(name, None, bound, False, f"{what} is undefined: too few trades to measure it")
        passed = meets(value, bound)
        word = "is" if passed else "is not"
        return Verdict(name, float(value), bound, passed, f"{what} {shown(value)} {word} {side} {shown(bound)}")

    return judge
