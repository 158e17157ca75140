"""The contract of plugins is what its changelog says, and what goes is said before it goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from huracan import API_VERSION, OLDEST_API, __version__
from huracan.plugin.changes import Release, breaking, mistakes, not_told, read_changes, recorded
from huracan.plugin.contract import contract, forms
from huracan.plugin.deprecations import DEPRECATIONS

FIRST_HELD = "0.5.0"
"""Releases before this one changed the contract without a new number, and nobody's plugin was there to notice."""


@pytest.fixture(scope="module")
def releases(repository: Path) -> list[Release]:
    return read_changes((repository / "docs" / "reference" / "hook-changes.yaml").read_text("utf-8"))


def test_every_change_of_the_contract_is_told_in_its_changelog(releases: list[Release]) -> None:
    missing = not_told(releases, contract())
    assert not missing, "docs/reference/hook-changes.yaml, newest release, lacks:\n" + "\n".join(missing)


def test_the_changelog_contradicts_itself_nowhere(releases: list[Release]) -> None:
    assert list(mistakes(releases)) == []
    assert len({each.release for each in releases}) == len(releases)
    assert [each.api for each in releases] == sorted(each.api for each in releases)


def test_the_newest_release_is_this_one_with_its_api(releases: list[Release]) -> None:
    assert (releases[-1].release, releases[-1].api) == (__version__, API_VERSION)
    assert 1 <= OLDEST_API <= API_VERSION


def test_what_breaks_plugins_has_an_api_of_its_own(releases: list[Release]) -> None:
    held = [each.release for each in releases].index(FIRST_HELD) + 1
    for number in range(held, len(releases)):
        if releases[number].api == releases[number - 1].api:
            assert list(breaking(releases[:number], releases[number])) == [], releases[number].release


def test_what_is_deprecated_exists_and_goes_later(releases: list[Release]) -> None:
    parts = recorded(releases)
    names = [each.release for each in releases]
    for entry in DEPRECATIONS:
        assert entry.name in parts, entry.name
        assert entry.removal > API_VERSION, f"{entry.name} should be gone with API {entry.removal}"
        assert entry.since in names, entry.name
        assert entry.instead.strip(), entry.name


# ------------------------------------------------------------------------------------- that it would be noticed at all

SOURCE = """
@hookspec
def huracan_jobs() -> Sequence[Job]:
    pass

class Job:
    name: str
    retries: int = 2

class Mood(StrEnum):
    GOOD = "good"

class Store(Protocol):
    def get(self, path: str) -> bytes: ...

    @property
    def identity(self) -> str: ...
"""
NAMES = ("Job", "Mood", "Store")
FIRST = Release("1.0", 2, "the first", came=forms(SOURCE, NAMES))


def test_forms_name_hooks_fields_members_and_methods() -> None:
    assert forms(SOURCE, NAMES) == {
        "huracan_jobs": "() -> Sequence[Job]",
        "Job": "value: name, retries",
        "Job.name": "str",
        "Job.retries": "int = 2",
        "Mood": "names",
        "Mood.GOOD": "'good'",
        "Store": "protocol",
        "Store.get": "(path: str) -> bytes",
        "Store.identity": "property -> str",
    }


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("-> Sequence[Job]", "-> Iterable[Job]", ['changed:  huracan_jobs: "() -> Iterable[Job]"']),
        ("retries: int = 2", "retries: int = 3", ['changed:  Job.retries: "int = 3"']),
        ("    name: str\n", "", ['changed:  Job: "value: retries"', "went:     - Job.name"]),
        ("path: str)", "path: str, n: int = 0)", ['changed:  Store.get: "(path: str, n: int=0) -> bytes"']),
        ('GOOD = "good"', 'GOOD = "fine"', ["changed:  Mood.GOOD: \"'fine'\""]),
        (
            "    retries: int = 2\n",
            "    retries: int = 2\n    late: bool = False\n",
            ['came:     Job.late: "bool = False"', 'changed:  Job: "value: name, retries, late"'],
        ),
    ],
)
def test_a_change_that_nobody_told_is_named_with_the_line_to_write(old: str, new: str, lines: list[str]) -> None:
    assert old in SOURCE
    assert not_told([FIRST], forms(SOURCE, NAMES)) == []
    told = not_told([FIRST], forms(SOURCE.replace(old, new), NAMES))
    assert len(told) == len(lines)
    for line, wanted in zip(told, lines, strict=True):
        assert line.startswith(wanted)


def test_two_fields_that_change_places_are_a_change() -> None:
    swapped = SOURCE.replace("    name: str\n    retries: int = 2\n", "    retries: int = 2\n    name: str\n")
    assert not_told([FIRST], forms(swapped, NAMES))[0].startswith('changed:  Job: "value: retries, name"')


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"went": ["Job.retries"]}, ["Job.retries went"]),
        ({"changed": {"Job.retries": "int = 3"}}, ["Job.retries changed"]),
        ({"came": {"Job.team": "str"}}, ["Job.team is asked for"]),
        ({"came": {"Store.put": "(path: str) -> None"}}, ["Store.put is asked for"]),
        ({"came": {"Job.late": "bool = False"}, "changed": {"Job": "value: name, retries, late"}}, []),
        ({"changed": {"Job": "value: late, name, retries"}}, ["Job changed"]),
        ({"came": {"huracan_news": "() -> Sequence[News]", "News": "value: name", "News.name": "str"}}, []),
        ({"went": ["Job.retries"], "compatible": {"Job.retries": "nobody could set it"}}, []),
    ],
)
def test_what_can_break_a_plugin_is_told_from_what_cannot(changes: dict[str, object], found: list[str]) -> None:
    assert list(breaking([FIRST], Release("1.1", 2, "the next", **changes))) == found  # type: ignore[arg-type]


def test_a_changelog_that_cannot_be_is_found_out() -> None:
    odd = Release("1.1", 2, "odd", came={"Job": "value: name"}, changed={"Jbo.name": "str"}, went=["Nobody"])
    assert len(list(mistakes([FIRST, odd]))) == 3
