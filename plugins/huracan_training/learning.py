"""Learning snapshots: what differs between each coin's new model and the one before it, and which patterns were found.

Every sentence is made of numbers that stand in the models' own folders; nothing is said of what lies within noise.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

from huracan.clock import format_instant
from huracan.context import Context
from huracan.market.timeframes import bars_per_year
from huracan.paths import read_json, write_json
from huracan_training import patterns
from huracan_training.folders import trusted_metadata

__all__ = ["compare_models", "patterns_of", "rules_of", "write_snapshot"]

CLEAR = 2.0
"""How many of its standard deviations between folds the importance of a feature must move to be told of."""

LEAST_SHARE = 0.02
"""Changes of importance below this share of all gain are not told of."""

MOST_CHANGES = 5
"""Changes of importance that are told of a coin, the largest."""

MOST_RULES = 3
"""Rules that are told of a coin, the surest; all of them are among the patterns."""


def write_snapshot(context: Context, models: Mapping[str, str]) -> Path | None:
    """Write tonight's snapshot for models by symbol (folders below the workspace); None where there is none.

    Its name is the night's instant: writing it again replaces it by the same.
    """
    compared, insights = [], []
    leading: list[Mapping[str, float]] = []
    rules: list[dict[str, Any]] = []
    for _, path in sorted(models.items()):
        folder = context.paths.workspace / path
        metadata = trusted_metadata(folder)
        if metadata is None:
            continue
        leading.append(metadata["importance"])
        before = _model_before(folder, metadata["as_of"])
        if before is not None:
            told = compare_models(before, folder)
            compared.append(told)
            insights += told["insights"]
        found = rules_of(folder, metadata["symbol"], before)
        insights += [each["sentence"] for each in found if each["new"]][:MOST_RULES]
        rules += found
    if not leading:
        return None
    now = context.clock.now()
    file = context.paths.workspace / "learning" / f"learning_snapshot_{now:%Y%m%d_%H%M%SZ}.json"
    improvements = [each["improvement"] for each in compared if each["improvement"]]
    write_json(
        file,
        {
            "schema": 2,
            "as_of": format_instant(now),
            "coins": len(leading),
            "insights": insights,
            "patterns": [*patterns_of(leading), *rules],
            "improvements": improvements,
            "models": [{name: value for name, value in each.items() if name != "insights"} for each in compared],
        },
    )
    return file


def _model_before(folder: Path, as_of: str) -> Path | None:
    """Return the folder of the coin's newest whole model of an earlier instant."""
    found: list[tuple[str, Path]] = []
    for other in folder.parent.iterdir():
        metadata = trusted_metadata(other) if other != folder else None
        if metadata is not None and metadata["as_of"] < as_of:
            found.append((metadata["as_of"], other))
    return max(found)[1] if found else None


def compare_models(before: Path, after: Path) -> dict[str, Any]:
    """Return what differs between two whole model folders of one coin."""
    old, new = (read_json(folder / "metadata.json") or {} for folder in (before, after))
    changes = _importance_changes(before, after, old, new)
    measures = {
        name: {"before": old["metrics"].get(name), "after": new["metrics"].get(name)}
        for name in ("sharpe", "net_pnl", "information_coefficient", "deflated_sharpe", "samples")
    }
    parameters = {
        name: {"before": old["parameters"].get(name), "after": new["parameters"].get(name)}
        for name in sorted({*old["parameters"], *new["parameters"]})
        if old["parameters"].get(name) != new["parameters"].get(name)
    }
    passed = {
        which: sorted(gate["gate"] for gate in each["gates"] if gate["passed"])
        for which, each in (("before", old), ("after", new))
    }
    gained = sorted({*passed["after"]} - {*passed["before"]})
    lost = sorted({*passed["before"]} - {*passed["after"]})
    told = {
        "symbol": new["symbol"], "before": old["id"], "after": new["id"], "measures": measures, "importance": changes,
        "parameters": parameters, "threshold": {"before": old["threshold"], "after": new["threshold"]},
        "encoder": {"before": _encoded(old), "after": _encoded(new)}, "gates_gained": gained, "gates_lost": lost,
    }  # fmt: skip
    verdict = _sharpe_verdict(old, new)
    told["improvement"] = verdict if verdict and "better" in verdict else ""
    told["insights"] = _sentences(told, verdict)
    return told


def _importance_changes(
    before: Path, after: Path, old: Mapping[str, Any], new: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the features whose share of all gain moved by more than it varies between the folds of either model."""
    spread = _fold_spread(before), _fold_spread(after)
    changes = []
    for name in sorted({*old["importance"], *new["importance"]}):
        was, is_now = old["importance"].get(name, 0.0), new["importance"].get(name, 0.0)
        noise = max(each.get(name, 0.0) for each in spread)
        if abs(is_now - was) >= LEAST_SHARE and abs(is_now - was) > CLEAR * noise:
            changes.append({"feature": name, "before": was, "after": is_now, "between_folds": round(noise, 6)})
    changes.sort(key=lambda each: (-abs(each["after"] - each["before"]), each["feature"]))
    return changes[:MOST_CHANGES]


def _fold_spread(folder: Path) -> dict[str, float]:
    log = read_json(folder / "training_log.json") or {}
    folds: Sequence[Mapping[str, float]] = [each["importance"] for each in log.get("folds", ())]
    names = {name for fold in folds for name in fold}
    return {name: pstdev([fold.get(name, 0.0) for fold in folds]) for name in names}


def _encoded(metadata: Mapping[str, Any]) -> bool:
    return bool((metadata.get("encoder") or {}).get("used"))


def _sharpe_verdict(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Say how the Sharpe ratio changed, with the standard error of the difference: 1 / years of each (Lo 2002)."""
    was, is_now = old["metrics"].get("sharpe"), new["metrics"].get("sharpe")
    if was is None or is_now is None:
        return ""
    years = [each["metrics"]["test_rows"] / bars_per_year(each["timeframe"]) for each in (old, new)]
    error = math.sqrt(sum(1.0 / max(each, 1e-9) for each in years))
    change = is_now - was
    if abs(change) <= error:
        return f"{new['symbol']}: its Sharpe ratio went from {was:.2f} to {is_now:.2f}, within the noise of {error:.2f}"
    word = "better" if change > 0 else "worse"
    return f"{new['symbol']}: its Sharpe ratio is {word}, {is_now:.2f} after {was:.2f} (noise {error:.2f})"


def _sentences(told: Mapping[str, Any], verdict: str) -> list[str]:
    symbol = told["symbol"]
    sentences = [verdict] if verdict else []
    for each in told["importance"]:
        word = "gained" if each["after"] > each["before"] else "lost"
        sentences.append(
            f"{symbol}: {each['feature']} {word} importance, {each['after']:.1%} of all gain after "
            f"{each['before']:.1%} (between folds it varies by {each['between_folds']:.1%})"
        )
    if told["gates_gained"]:
        sentences.append(f"{symbol}: passes {', '.join(told['gates_gained'])} now")
    if told["gates_lost"]:
        sentences.append(f"{symbol}: does not pass {', '.join(told['gates_lost'])} any more")
    if told["encoder"]["before"] != told["encoder"]["after"]:
        word = "uses" if told["encoder"]["after"] else "does without"
        sentences.append(f"{symbol}: {word} the shared encoder now")
    return sentences


def patterns_of(leading: Sequence[Mapping[str, float]]) -> list[dict[str, Any]]:
    """Return the features that are among the three most important ones of at least a third of the coins."""
    top = Counter(name for each in leading for name in sorted(each, key=lambda n: (-each[n], n))[:3])
    common = [(name, count) for name, count in top.items() if count >= max(2, len(leading) / 3)]
    common.sort(key=lambda pair: (-pair[1], pair[0]))
    return [
        {
            "kind": "feature",
            "feature": name,
            "coins": count,
            "of": len(leading),
            "mean_importance": round(fmean(each.get(name, 0.0) for each in leading), 6),
            "sentence": f"{name} is among the three most important features of {count} of {len(leading)} coins",
        }
        for name, count in common
    ]


def rules_of(folder: Path, symbol: str, before: Path | None) -> list[dict[str, Any]]:
    """Return the rules of a model's folder that held on rows they had not seen, the surest first.

    A rule that was found before several folds stands there once, as it did best, with the folds on which it held. It is
    ``new`` where the coin's model before had none that asks the same of the same features.
    """
    known = {_shape(each) for each in _significant(before)} if before is not None else set()
    found: dict[Any, dict[str, Any]] = {}
    for each in sorted(_significant(folder), key=lambda rule: (rule["tested"]["p_adjusted"], rule["fold"])):
        told = found.setdefault(_shape(each), {"kind": "rule", "symbol": symbol, **_told(each), "folds": []})
        told["folds"].append(each["fold"])
    for shape, told in found.items():
        told["folds"].sort()
        told["new"] = shape not in known
        told["sentence"] = _rule_sentence(told)
    return list(found.values())


def _significant(folder: Path) -> list[Mapping[str, Any]]:
    rules = (read_json(folder / patterns.FILE) or {}).get("rules", ())
    return [each for each in rules if each["tested"]["significant"]]


def _shape(rule: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    """Return what a rule asks, without the numbers, which differ from fold to fold."""
    return frozenset((each["feature"], each["side"]) for each in rule["conditions"])


def _told(rule: Mapping[str, Any]) -> dict[str, Any]:
    measured = ("rows", "hit_rate", "base_hit_rate", "mean_net_bps", "base_net_bps")
    tested = {name: rule["tested"][name] for name in (*measured, "p_value", "p_adjusted")}
    return {"rule": rule["rule"], "conditions": rule["conditions"], "found": rule["found"], "tested": tested}


def _rule_sentence(told: Mapping[str, Any]) -> str:
    tested, folds = told["tested"], told["folds"]
    where = f"fold {folds[0]}" if len(folds) == 1 else f"folds {', '.join(map(str, folds))}"
    made = f"{tested['mean_net_bps']:+.1f} bps after costs"
    return (
        f"{told['symbol']}: where {told['rule']}, a trade would have made {made} "
        f"against {tested['base_net_bps']:+.1f} of all rows, on {tested['rows']} rows that the rule had not seen "
        f"({where}, p {tested['p_adjusted']:.3f})"
    )
