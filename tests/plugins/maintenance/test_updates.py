"""The update check: what counts as newer, that it is told once, and that no night fails for it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from huracan import __version__
from huracan.context import Context
from huracan.errors import SettingsError
from huracan.types import Outcome, Severity
from huracan_maintenance.updates import newest_release, run
from servers.base import Fault, Reply
from servers.pypi import PackageIndex


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with PackageIndex() as server:
        yield server


@pytest.fixture
def asking(maintained: Callable[..., Context], index: PackageIndex) -> Context:
    return maintained(index_url=index.url)


def test_a_newer_release_is_told_once_and_a_still_newer_one_again(asking: Context, index: PackageIndex) -> None:
    index.release("huracan-engine", f"huracan_engine-{__version__}-py3-none-any.whl")
    assert run(asking).summary == f"{__version__} is the newest"
    index.release("huracan-engine", "huracan_engine-98.0-py3-none-any.whl")
    for _ in range(3):
        assert run(asking).summary == f"98.0 is there; this is {__version__}"
    index.release("huracan-engine", "huracan_engine-99.0.tar.gz")
    run(asking)
    told = [(event.severity, event.title) for event in reversed(asking.store.events.recent())]
    assert told == [
        (Severity.INFO, f"Huracan 98.0 is there; this is {__version__}"),
        (Severity.INFO, f"Huracan 99.0 is there; this is {__version__}"),
    ]


def test_what_is_yanked_a_pre_release_for_another_python_or_of_another_package_is_not_offered(
    asking: Context, index: PackageIndex
) -> None:
    index.release("huracan-engine", "huracan_engine-50.0-py3-none-any.whl")
    index.release("huracan-engine", "huracan_engine-51.0-py3-none-any.whl", yanked="broke every night")
    index.release("huracan-engine", "huracan_engine-52.0rc1-py3-none-any.whl")
    index.release("huracan-engine", "huracan_engine-53.0-py3-none-any.whl", python="<3.0")
    index.release("huracan-engine", "huracan_engine-54.0-py3-none-any.whl", python="nonsense")
    index.release("huracan-engine", "huracan_engine_evil-99.0-py3-none-any.whl")
    index.release("huracan-engine", "readme.html")
    assert run(asking).summary.startswith("50.0 is there")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(404), "does not know huracan-engine"),
        (Reply(503), "answers 503"),
        (Reply(200, b"<html>Please log in to the hotel's network</html>"), "does not speak PEP 691"),
        (Reply(200, b"[1]"), "no page of a package index"),
        (Reply(200, b'{"files": 7}'), "no page of a package index"),
        (Reply(200, b"[" * 100_000), "could not be asked"),
        (
            Reply(200, b'{"files": [{"filename": "huracan_engine-9.0.tar.gz", "requires-python": 7}]}'),
            "offers no release that fits",
        ),
    ],
)
def test_an_index_that_does_not_answer_as_one_is_no_failure(
    reply: Reply, words: str, asking: Context, index: PackageIndex
) -> None:
    index.faults.append(lambda _: Fault(reply=reply))
    result = run(asking)
    assert result.outcome is Outcome.NOTHING_TO_DO
    assert words in result.summary
    assert "\n" not in result.summary
    assert asking.store.events.recent() == []


@pytest.mark.parametrize("fault", [Fault(reset_before=True), Fault(reset_after=True)])
def test_a_connection_that_breaks_is_no_failure(fault: Fault, asking: Context, index: PackageIndex) -> None:
    index.faults.append(lambda _: fault)
    assert run(asking).outcome is Outcome.NOTHING_TO_DO


def test_what_answers_in_another_tongue_than_http_is_no_failure(maintained: Callable[..., Context]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")

        threading.Thread(target=answer, daemon=True).start()
        result = run(maintained(index_url=f"http://127.0.0.1:{listener.getsockname()[1]}"))
    assert result.outcome is Outcome.NOTHING_TO_DO


def test_offline_is_no_failure(maintained: Callable[..., Context]) -> None:
    assert run(maintained(index_url="http://127.0.0.1:1")).outcome is Outcome.NOTHING_TO_DO


def test_an_empty_address_asks_nobody(maintained: Callable[..., Context]) -> None:
    assert "no index is asked" in run(maintained(index_url="")).summary


@pytest.mark.parametrize("address", ["pypi.org", "ftp://pypi.org", "https://me:secret@pypi.org", "https://"])
def test_an_address_that_is_none_or_holds_a_secret_is_refused_without_showing_it(
    address: str, maintained: Callable[..., Context]
) -> None:
    with pytest.raises(SettingsError, match=r"maintenance\.index_url") as raised:
        maintained(index_url=address)
    assert "secret" not in str(raised.value)


versions = st.from_regex(r"[0-9]{1,2}\.[0-9]{1,2}(\.[0-9])?(rc1|\.post1|\.dev1)?", fullmatch=True)


@given(st.lists(st.tuples(versions, st.booleans(), st.booleans())), versions)
def test_the_newest_of_what_may_be_installed_is_found(files: list[Any], installed: str) -> None:
    page = {
        "files": [
            {"filename": f"huracan_engine-{version}{'-py3-none-any.whl' if wheel else '.tar.gz'}", "yanked": yanked}
            for version, yanked, wheel in files
        ]
    }
    allowed = [Version(version) for version, yanked, _ in files if not yanked]
    if not Version(installed).is_prerelease:
        allowed = [version for version in allowed if not version.is_prerelease]
    found = newest_release(page, installed, "3.11.9")
    assert (None if found is None else Version(found)) == max(allowed, default=None)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_a_page_of_anything_is_refused_in_words_or_has_no_release(files: Any) -> None:
    if isinstance(files, list):
        assert newest_release({"files": files}, "1.0", "3.11") is None
    else:
        with pytest.raises(ValueError, match="PEP 691"):
            newest_release({"files": files}, "1.0", "3.11")
