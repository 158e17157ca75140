"""Feature sets of strangers are proved before a night trains, once for each version, and left out where they fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from huracan.plugin.troubles import read_troubles
from huracan.testing.outboxes import CapturedOutbox
from huracan.types import FeatureInput, FeatureSet
from huracan_training import proof, strange_features
from huracan_training.inputs import read_night
from huracan_training.job import _greeting, _Training
from huracan_training.leaks import feature_leaks, made_up_history
from huracan_training.machine import settled
from huracan_training.pool import Ended
from huracan_training.strange_features import leave_out_lookers

ROWS = 1500


def wrong(compute: Callable[[FeatureInput], Any]) -> str:
    each = FeatureSet("set", 1, ("column",), 0, lambda given: {"column": compute(given)})
    return proof._sentence(feature_leaks(made_up_history(ROWS, 3), each, [600, 900, 1300], 3))


def raises(given: FeatureInput) -> np.ndarray:
    raise ValueError("of itself")


@pytest.mark.parametrize(
    ("compute", "sentence"),
    [
        (lambda given: given.candles.close / given.candles.open, ""),
        (lambda given: np.append(given.candles.close[1:], np.nan), "values of the past change when only later candles"),
        (lambda given: given.candles.close - given.candles.close.mean(), "so it looks ahead"),
        (lambda given: np.random.default_rng().normal(size=len(given.candles)), "computed twice from the same candles"),
        (raises, "it cannot be computed: ValueError: of itself"),
    ],
)
def test_what_is_wrong_with_a_set_is_said(compute: Callable[[FeatureInput], Any], sentence: str) -> None:
    found = wrong(compute)
    assert sentence in found
    assert bool(sentence) == bool(found)


@pytest.mark.parametrize(
    ("ended", "outcome"),
    [
        (Ended("x", 1, 3.0, {"wrong": ""}, "", True), ""),
        (Ended("x", 1, 3.0, {"wrong": None}, "", True), None),
        (Ended("x", 1, 3.0, {"skipped": "too few candles"}, "", True), None),
        (Ended("x", 1, 3.0, {"wrong": "it looks ahead"}, "", True), "it looks ahead"),
        (
            Ended("x", 1, 3.0, None, "the worker process ended with 5", True),
            "it cannot be computed: the worker process",
        ),
        (Ended("x", 1, 120.1, None, "stopped", True), "it hangs: it was still computing after 120 s"),
    ],
)
def test_an_end_without_an_answer_is_an_answer(ended: Ended, outcome: str | None) -> None:
    found = strange_features._outcome(ended)
    assert found is outcome or (found is not None and outcome is not None and found.startswith(outcome))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sets that are proved from here on; those whose name is in ``WRONG`` fail."""
    names: list[str] = []

    def proved(greeting: Any, task: Any, sets: Any) -> Iterator[tuple[str, str | None]]:
        for name in sets:
            names.append(name)
            yield name, WRONG.get(name, "")

    monkeypatch.setattr(strange_features, "_proved", proved)
    return names


WRONG: dict[str, str] = {}


def prove(context: Any) -> None:
    tasks = _Training(context, read_night(context), settled(context)).prepare()
    leave_out_lookers(context, _greeting(context), tasks[0])


def test_a_set_is_proved_in_a_worker_on_candles_of_the_night(coins: Callable[..., Any]) -> None:
    context = coins("EDGE-USDT").context()
    prove(context)
    assert context.plugins.without_features == {}
    assert (context.paths.state / "plugins" / "proofs.json").is_file()


def test_a_proof_holds_until_the_plugin_changes(coins: Callable[..., Any], kit: Path, asked: list[str]) -> None:
    context = coins("EDGE-USDT").context()
    prove(context)
    first = list(asked)
    assert first != []
    assert not any(context.plugins.features().owners[name] == "features" for name in first)
    prove(context)
    assert asked == first
    module = kit / "training_test_kit.py"
    content = module.read_text()
    try:
        module.write_text(content + "\n")
        prove(context)
    finally:
        module.write_text(content)
    assert asked == first * 2


def test_one_that_fails_is_left_out_told_once_and_asked_again_the_next_night(
    coins: Callable[..., Any], asked: list[str], monkeypatch: pytest.MonkeyPatch, captured_outbox: CapturedOutbox
) -> None:
    made = coins("EDGE-USDT")
    context = made.context()
    (name,) = [each for each, owner in context.plugins.features().owners.items() if owner == "training-test-kit"]
    monkeypatch.setitem(WRONG, name, "hint: it looks ahead")
    prove(context)
    assert name not in context.plugins.features()
    assert _greeting(context)["without"] == {name: "hint: it looks ahead"}
    (event,) = captured_outbox.of("plugin.failed")
    assert event.title == (
        f"plugin training-test-kit (training-test-kit 1.0), features {name}: "
        "left out of tonight's models: hint: it looks ahead"
    )
    prove(made.context())
    assert asked == [name, name]
    assert len(captured_outbox.of("plugin.failed")) == 1

    monkeypatch.delitem(WRONG, name)
    prove(made.context())
    assert read_troubles(context.paths.state) == []
