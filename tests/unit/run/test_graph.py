"""The order of jobs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huracan import hookimpl
from huracan.config import JobOverride
from huracan.errors import PluginError, UsageError
from huracan.plugin.installed import installed
from huracan.plugin.manager import Plugins
from huracan.run.absent import absent_jobs
from huracan.run.graph import jobs_of, ordered, overridden, unknown_before
from huracan.testing import stand_in
from huracan.types import Job


def job(name: str, *after: str, pipeline: str = "nightly", always: bool = False) -> Job:
    return Job(name, "m:f", "", pipeline=pipeline, after=after, always=always)


def by_name(*jobs: Job) -> dict[str, Job]:
    return {job.name: job for job in jobs}


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


# ------------------------------------------------------------------------------------------------------------ absent


def test_what_is_switched_off_hands_its_place_on_also_to_strangers_jobs() -> None:
    absent = by_name(job("roster", "train", always=True), job("train", "candles"), job("report", "roster", always=True))
    jobs = by_name(job("candles"), job("publish", "report"), job("archive", "report", always=True), job("zero"))
    found = jobs_of("nightly", jobs, {}, absent)
    assert names(found) == ["candles", "zero", "archive", "publish"]
    # An absent job that is run always would have run although candles failed: who comes after it is not left out then.
    assert {job.name: job.after for job in found if job.after} == {"archive": ("candles",)}
    # Without knowing of them, publish would be first of all.
    assert names(jobs_of("nightly", jobs, {})) == ["archive", "candles", "publish", "zero"]


def test_through_an_absent_job_that_needs_what_is_before_it_a_failure_leaves_out_what_comes_after() -> None:
    absent = by_name(job("train", "universe", "candles"))
    found = jobs_of("nightly", by_name(job("universe"), job("candles"), job("mine", "train", "gone")), {}, absent)
    assert found[-1].after == ("universe", "candles", "gone")


def test_an_enabled_job_of_the_same_name_takes_the_place_of_an_absent_one() -> None:
    jobs = by_name(job("candles"), job("report"), job("publish", "report"))
    found = jobs_of("nightly", jobs, {}, by_name(job("report", "candles", "never"), job("never", "publish")))
    assert names(found) == ["candles", "report", "publish"]
    assert found[-1].after == ("report",)


def test_a_circle_that_only_an_absent_job_closes_stops_nobody() -> None:
    jobs = by_name(job("mine", "train"), job("candles", "mine"))
    found = jobs_of("nightly", jobs, {}, by_name(job("train", "candles")))
    assert [(job.name, job.after) for job in found] == [("mine", ("train",)), ("candles", ("mine",))]


def test_the_jobs_of_our_own_plugins_are_known_though_they_are_off_and_a_strangers_are_not() -> None:
    assert set(absent_jobs(Plugins(disable=["reports"]))) == {"report", "period-reports"}
    assert absent_jobs(Plugins()) == {}
    stranger = Plugins([*installed(), stand_in("mine", huracan_jobs=hookimpl(lambda: [job("own")]))], disable=["mine"])
    assert "own" not in absent_jobs(stranger)


def test_names_that_a_pipeline_knows_nothing_of_are_found() -> None:
    jobs = by_name(job("a"), job("b", "a", "tydi", "tidy"), job("tidy", pipeline="weekly"))
    assert unknown_before(jobs["b"], jobs) == ["tydi", "tidy"]
    assert unknown_before(jobs["a"], jobs) == []
