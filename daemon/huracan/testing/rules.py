"""Asks numbered rules one by one: what the checks of this kit have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

__all__ = ["BrokenRuleError", "NotAskedError", "Rule", "RuleResult", "ask_rules", "assert_rules"]

Rule = tuple[str, str, Callable[[], str | None]]
"""Number, title, and a question that answers None where the rule holds, else why not."""


class BrokenRuleError(Exception):
    """Why a rule does not hold, from a place that cannot answer so itself."""


class NotAskedError(Exception):
    """What a question raises that cannot be asked; its text is the reason."""


@dataclass(frozen=True, slots=True)
class RuleResult:
    """How a rule of the table went: ``failed`` says why not, empty where it holds or was ``skipped`` with a reason."""

    rule: str
    title: str
    failed: str = ""
    skipped: str = ""


def ask_rules(rules: Iterable[Rule], skip: Mapping[str, str] | None) -> list[RuleResult]:
    """Ask every rule but those of ``skip``, each with a reason. Raises ValueError for a name that is no rule."""
    reasons = dict(skip or {})
    results = []
    for rule, title, ask in rules:
        if rule in reasons:
            results.append(RuleResult(rule, title, skipped=reasons.pop(rule)))
            continue
        try:
            failed = ask() or ""
        except NotAskedError as error:
            results.append(RuleResult(rule, title, skipped=str(error)))
            continue
        except BrokenRuleError as error:
            failed = str(error)
        except Exception as error:  # noqa: BLE001 - what is checked may raise anything: that is the finding
            failed = f"raised {type(error).__name__}: {error}"
        results.append(RuleResult(rule, title, failed))
    if reasons:
        raise ValueError(f"no such rule: {', '.join(sorted(reasons))}")
    return results


def assert_rules(subject: str, results: Iterable[RuleResult]) -> None:
    """Fail with every broken rule in one message."""
    broken = [each for each in results if each.failed]
    lines = "\n".join(f"  {each.rule} {each.title}: {each.failed}" for each in broken)
    assert not broken, f"{subject} breaks {len(broken)} rules:\n{lines}"
