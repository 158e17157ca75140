"""Every rule of check_export, check_gate and check_universe_rule is seen to fail, and to hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from huracan.context import Context
from huracan.testing import (
    assert_export,
    assert_gate,
    assert_universe_rule,
    check_export,
    check_gate,
    check_universe_rule,
    make_context,
)
from huracan.types import (
    Candidate,
    Column,
    ColumnKind,
    Export,
    ExportScope,
    FileExport,
    Gate,
    TableExport,
    UniverseRule,
    Verdict,
)

DAY = date(2024, 2, 29)
SCOPE = ExportScope(DAY, DAY)
COLUMNS = (Column("day", ColumnKind.DATE, "the day"), Column("size", ColumnKind.INTEGER, "how much", "quote"))
COUNT = iter(range(1000))


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    made = make_context(tmp_path_factory.mktemp("exports") / "work", plugins=())
    yield made
    made.store.close()


def rows(_: Context, scope: ExportScope) -> Iterator[list[tuple[date, int]]]:
    if scope.first.year >= 2000:
        yield [(scope.first, 1), (scope.last, 2)]


def note(_: Context, path: Path, scope: ExportScope) -> int:
    path.write_text(f"{scope.first}\n", "utf-8")
    return 1


TABLE = TableExport("sizes", "sizes by day", COLUMNS, rows)
FILE = FileExport("note", "a note", "txt", note)


def failing(results: Any) -> dict[str, str]:
    return {each.rule: each.failed for each in results if each.failed}


def unlike(_: Context, scope: ExportScope) -> Iterator[list[tuple[date, int]]]:
    yield [(scope.first, next(COUNT))]


def of_data_alone(context: Context, scope: ExportScope) -> Iterator[list[tuple[date, int]]]:
    if scope.first.year < 2000:
        raise FileNotFoundError("no such day")
    yield from rows(context, scope)


def in_words(_: Context, path: Path, scope: ExportScope) -> Any:
    path.write_text("x", "utf-8")
    return "one"


def as_number(passed: bool) -> Any:
    return int(passed)


def noting_down(context: Context, path: Path, scope: ExportScope) -> int:
    (context.paths.workspace / "seen.txt").write_text("seen", "utf-8")
    return note(context, path, scope)


EXPORTS: dict[str, tuple[Export, set[str], str]] = {
    "a name with a slash": (replace(TABLE, name="a/b"), {"E1"}, "'a/b' cannot be the name of a file"),
    "a star without parts": (replace(TABLE, name="sizes_*"), {"E1"}, "belong together"),
    "version 0": (replace(TABLE, version=0), {"E1"}, "its version is 0"),
    "an odd suffix": (replace(FILE, suffix="t/t"), {"E1"}, "its suffix is 't/t'"),
    "a column twice": (
        replace(TABLE, columns=(COLUMNS[1], COLUMNS[1]), batches=lambda c, s: []),
        {"E1"},
        "size is there",
    ),
    "a part twice": (replace(TABLE, name="sizes_*", parts=lambda c, s: ["a", "a"]), {"E2"}, "a part comes twice"),
    "a row too wide": (replace(TABLE, batches=lambda c, s: [[(DAY, 1, 2)]]), {"E3", "E4", "E6"}, "raised PluginError"),
    "words in place of rows": (replace(FILE, write=in_words), {"E3"}, "'one' rows"),
    "nothing written": (
        replace(FILE, write=lambda c, p, s: p.write_bytes(b"") or 4),
        {"E3"},
        "it wrote 4 rows, and the file is empty",
    ),
    "other bytes": (replace(TABLE, batches=unlike), {"E4"}, "written twice it has other bytes"),
    "all at once": (replace(TABLE, batches=lambda c, s: [[(DAY, 1)] * 50_001]), {"E5"}, "a portion holds 50001 rows"),
    "wants data": (replace(TABLE, batches=of_data_alone), {"E6"}, "raised FileNotFoundError"),
    "notes it down": (replace(FILE, write=noting_down), {"E7"}, "it changes seen.txt"),
}


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_that_breaks_a_rule_is_told_which(name: str, context: Context) -> None:
    export, rules, words = EXPORTS[name]
    found = failing(check_export(export, context, SCOPE))
    assert set(found) == rules, found
    assert words in found[min(rules)]


def test_good_exports_keep_every_rule_and_all_of_them_are_asked(context: Context) -> None:
    results = check_export(TABLE, context, SCOPE)
    assert [each.rule for each in results] == [f"E{number}" for number in range(1, 8)]
    for export in (TABLE, FILE, replace(TABLE, name="sizes_*", parts=lambda c, s: ["a", "b"])):
        assert_export(export, context, SCOPE)
    with pytest.raises(AssertionError, match="export note breaks 1 rules:\n  E1"):
        assert_export(replace(FILE, suffix="."), context, SCOPE)


# ------------------------------------------------------------------------------------------------------------ judges


def judge(context: Context, metrics: Mapping[str, Any]) -> Verdict:
    value = metrics.get("hit_rate")
    passed = value is not None and value > 0.5
    return Verdict("hits", value, 0.5, passed, f"{value} of its trades win, more than half wanted")


def verdict(change: Callable[[Verdict], Any]) -> Gate:
    return Gate("hits", lambda context, metrics: change(judge(context, metrics)))


def lenient(_: Context, metrics: Mapping[str, Any]) -> Verdict:
    value = metrics.get("hit_rate")
    return Verdict("hits", None, 0.5, value is None or not value <= 0.5, "it is not known to lose")


def popping(context: Context, metrics: Mapping[str, Any]) -> Verdict:
    found = judge(context, metrics)
    if isinstance(metrics, dict):
        metrics.pop("trades", None)
    return found


GATES: dict[str, tuple[Gate, set[str], str]] = {
    "no verdict": (verdict(lambda found: found.passed), {"G1"}, "answers with bool, not Verdict"),
    "another name": (verdict(lambda found: replace(found, gate="other")), {"G1"}, "under the name 'other'"),
    "a yes that is 1": (verdict(lambda found: replace(found, passed=as_number(found.passed))), {"G1"}, "passed is 1"),
    "no sentence": (verdict(lambda found: replace(found, sentence="")), {"G1"}, "its sentence is ''"),
    "wavers": (verdict(lambda found: replace(found, limit=float(next(COUNT)))), {"G2"}, "it says something else"),
    "lenient": (Gate("hits", lenient), {"G3", "G4"}, "it lets a model pass of which nothing is known"),
    "raises at nothing": (
        Gate("hits", lambda context, metrics: judge(context, {"hit_rate": metrics["hit_rate"]})),
        {"G3"},
        "KeyError",
    ),
    "passes what is no number": (
        verdict(
            lambda found: replace(found, value=0.6, passed=True) if found.value and math.isnan(found.value) else found
        ),
        {"G4"},
        "whose measures are nan",
    ),
    "writes": (Gate("hits", popping), {"G5"}, "it changes the metrics"),
    "passes all": (
        verdict(lambda found: replace(found, passed=found.value is not None and not math.isnan(found.value))),
        {"G6"},
        "lost",
    ),
}


@pytest.mark.parametrize("name", GATES)
def test_a_gate_that_breaks_a_rule_is_told_which(name: str, context: Context) -> None:
    gate, rules, words = GATES[name]
    found = failing(check_gate(gate, context))
    assert set(found) == rules, found
    assert words in found[min(rules)]


def test_a_good_gate_keeps_every_rule(context: Context) -> None:
    results = check_gate(Gate("hits", judge), context)
    assert [each.rule for each in results] == [f"G{number}" for number in range(1, 7)]
    assert_gate(Gate("hits", judge), context)
    with pytest.raises(AssertionError, match="gate hits breaks"):
        assert_gate(Gate("hits", lenient), context)


def veto(_: Context, candidate: Candidate) -> str | None:
    share = candidate.ticker.active_share
    if share is None or share >= 0.5:
        return None
    return f"traded in {share:.0%} of the week, less than 50 %"


RULES: dict[str, tuple[Callable[..., Any], set[str], str]] = {
    "a yes": (lambda context, candidate: True, {"V1", "V3", "V4"}, "it says True"),
    "an empty reason": (
        lambda context, candidate: "" if candidate.market.base == "A" else None,
        {"V1", "V4"},
        "says ''",
    ),
    "one word": (lambda context, candidate: "bad" if not candidate.market.active else None, {"V1", "V4"}, "says 'bad'"),
    "wavers": (lambda context, candidate: f"is coin {next(COUNT)}", {"V2"}, "says something else"),
    "too early": (
        lambda context, candidate: "has no depth" if candidate.ticker.depth is None else None,
        {"V3"},
        "before the pair was",
    ),
    "does not know None": (
        lambda context, candidate: None if candidate.ticker.active_share > 0.5 else "hardly trades",
        {"V3"},
        "TypeError",
    ),
    "divides by a price": (
        lambda context, candidate: None if 1 / candidate.ticker.last else "is free",
        {"V1", "V2", "V4"},
        "ZeroDivision",
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_of_the_universe_that_breaks_one_is_told_which(name: str, context: Context) -> None:
    function, rules, words = RULES[name]
    found = failing(check_universe_rule(UniverseRule("mine", function), context))
    assert set(found) == rules, found
    assert words in found[min(rules)]


def test_a_good_rule_of_the_universe_keeps_every_rule(context: Context) -> None:
    results = check_universe_rule(UniverseRule("mine", veto), context)
    assert [each.rule for each in results] == [f"V{number}" for number in range(1, 5)]
    assert_universe_rule(UniverseRule("mine", veto), context)
