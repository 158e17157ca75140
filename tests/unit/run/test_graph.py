"""The order of jobs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan.config import JobOverride
from huracan.errors import PluginError, UsageError
from huracan.run.graph import jobs_of, ordered, overridden
from huracan.types import Job


def job(name: str, *after: str, pipeline: str = "nightly") -> Job:
    return Job(name, "m:f", "", pipeline=pipeline, after=after)


def names(jobs: list[Job]) -> list[str]:
    return [job.name for job in jobs]


def test_jobs_follow_those_they_name() -> None:
    jobs = [job("export", "roster"), job("roster", "train"), job("train", "candles"), job("candles")]
    assert names(ordered(jobs)) == ["candles", "train", "roster", "export"]


def test_a_job_nobody_declares_counts_as_done() -> None:
    assert names(ordered([job("train", "candles"), job("candles", "backup")])) == ["candles", "train"]


def test_a_circle_is_named_in_one_line() -> None:
    with pytest.raises(PluginError) as caught:
        ordered([job("a", "c"), job("b", "a"), job("c", "b"), job("d")])
    text = str(caught.value)
    assert "\n" not in text
    assert "wait for each other" in text
    assert text.count("->") == 3
    assert all(name in text for name in ("a", "b", "c"))


@given(st.permutations(["a", "b", "c", "d", "e"]), st.data())
def test_the_order_holds_and_does_not_depend_on_who_was_asked_first(order: list[str], data: st.DataObject) -> None:
    after = {
        name: tuple(data.draw(st.lists(st.sampled_from("abcde"[:i]), unique=True))) if i else ()
        for i, name in enumerate("abcde")
    }
    given_order = ordered([job(name, *after[name]) for name in order])
    assert given_order == ordered([job(name, *after[name]) for name in "abcde"])
    position = {name: i for i, name in enumerate(names(given_order))}
    assert all(position[before] < position[name] for name in after for before in after[name])


def test_an_owner_overrides_what_a_plugin_declares_and_nothing_else() -> None:
    declared = job("train", "candles")
    changed = overridden(declared, {"train": JobOverride(time_limit=10, retries=0), "x": JobOverride(retries=9)})
    assert (changed.time_limit, changed.retries) == (10, 0)
    assert (changed.stall_limit, changed.after) == (declared.stall_limit, declared.after)


def test_a_name_is_a_pipeline_or_one_job_of_it() -> None:
    jobs = {j.name: j for j in [job("a"), job("b", "a"), job("tidy", pipeline="weekly")]}
    assert names(jobs_of("nightly", jobs, {})) == ["a", "b"]
    [alone] = jobs_of("b", jobs, {})
    assert alone.after == ()
    with pytest.raises(UsageError, match="did you mean"):
        jobs_of("nightyl", jobs, {})
    with pytest.raises(UsageError, match="no enabled plugin"):
        jobs_of("nightly", {}, {})
