"""The scan for vulnerabilities, by the real pip-audit against a server on loopback."""

from __future__ import annotations

import importlib.util
import json
import ssl
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from huracan.clock import FixedClock
from huracan.context import Context
from huracan.types import Outcome, Severity
from huracan_maintenance import vulnerabilities
from huracan_maintenance.vulnerabilities import findings_of, run
from servers.base import Fault, Reply
from servers.pypi import PackageIndex, Vulnerability

NOW = datetime(2026, 11, 21, 6, 30, tzinfo=UTC)
PLUGGY = version("pluggy")

needs_pip_audit = pytest.mark.skipif(importlib.util.find_spec("pip_audit") is None, reason="pip-audit is not installed")


@pytest.fixture
def index() -> Iterator[PackageIndex]:
    with PackageIndex() as server:
        yield server


@pytest.fixture
def scanned(maintained: Callable[..., Context], index: PackageIndex) -> Callable[..., Context]:
    """Build a context whose scans ask the server on loopback, as an owner with a mirror of OSV has it."""

    def build(**maintenance: Any) -> Context:
        return maintained(vulnerability_service="osv", osv_url=f"{index.url}/v1/query", **maintenance)

    return build


def report(workspace: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((workspace / "reports/vulnerabilities.json").read_text())
    return found


@needs_pip_audit
@pytest.mark.slow
def test_a_vulnerable_package_is_told_once_with_the_version_that_mends_it(
    scanned: Callable[..., Context], index: PackageIndex, workspace: Path
) -> None:
    index.report(Vulnerability("PYSEC-2026-1", "pluggy", fixed=("98.1",), aliases=("CVE-2026-1",)))
    index.report(Vulnerability("PYSEC-2026-2", "pluggy", fixed=("98.3", "99.0")))
    index.report(Vulnerability("PYSEC-2026-3", "pluggy", withdrawn="2026-11-02T00:00:00Z"))
    index.report(Vulnerability("PYSEC-2026-4", "pydantic"))
    context = scanned(ignore_vulnerabilities={"CVE-2026-9": "not used here"})
    line = f"pluggy {PLUGGY}: PYSEC-2026-1, PYSEC-2026-2; fixed in 98.3"
    other = f"pydantic {version('pydantic')}: PYSEC-2026-4; no fixed version yet"
    for _ in range(2):
        result = run(context)
        assert result.outcome is Outcome.DONE
        assert result.summary.splitlines()[1:] == [line, other]
    [event] = context.store.events.recent()
    assert event.severity is Severity.WARNING
    assert event.title == f"2 packages with known vulnerabilities\n{line}\n{other}"
    found = report(workspace)
    assert found["scanned_at"] == "2026-11-21T06:30:00Z"
    assert found["packages"] > 20
    assert [each["package"] for each in found["findings"]] == ["pluggy", "pydantic"]


@needs_pip_audit
@pytest.mark.slow
def test_an_owner_may_ignore_a_finding_by_any_of_its_names_and_the_reason_is_kept(
    scanned: Callable[..., Context], index: PackageIndex, workspace: Path
) -> None:
    index.report(Vulnerability("PYSEC-2026-1", "pluggy", fixed=("99.0",), aliases=("CVE-2026-1",)))
    context = scanned(ignore_vulnerabilities={"CVE-2026-1": "we load no such plugins"})
    assert "0 with known vulnerabilities, 1 ignored" in run(context).summary
    assert context.store.events.recent() == []
    assert report(workspace)["findings"][0]["ignored"] == "we load no such plugins"


@needs_pip_audit
@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(reset_before=True), "cannot be reached"),
        (Fault(reply=Reply(503, b"down")), "pip-audit: "),
        (Fault(reply=Reply(200, b"<html>hotel</html>")), "pip-audit: "),
    ],
)
def test_a_service_that_is_away_is_one_line_and_no_warning(
    fault: Fault, words: str, scanned: Callable[..., Context], index: PackageIndex
) -> None:
    index.faults.append(lambda _: fault)
    context = scanned()
    result = run(context)
    assert result.outcome is Outcome.NOTHING_TO_DO
    assert words in result.summary
    assert "\n" not in result.summary
    assert "Traceback" not in result.summary
    assert context.store.events.recent() == []


def test_a_service_that_stays_away_is_a_warning_after_some_days_and_the_last_scan_is_kept(
    scanned: Callable[..., Context], workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: Any) -> dict[str, Any]:
        raise vulnerabilities.ScanError("the service cannot be reached (offline?)")

    context = scanned(scan_max_age_days=7)
    monkeypatch.setattr(
        vulnerabilities, "scan", lambda *_: {"dependencies": [{"name": "a", "version": "1", "vulns": []}]}
    )
    run(context)
    monkeypatch.setattr(vulnerabilities, "scan", offline)
    for days, outcome in ((1, Outcome.NOTHING_TO_DO), (7, Outcome.NOTHING_TO_DO), (8, Outcome.PARTLY_FAILED)):
        later = replace(context, clock=FixedClock(NOW + timedelta(days=days)))
        assert run(later).outcome is outcome
    [event] = context.store.events.recent()
    assert event.severity is Severity.WARNING
    assert (
        event.title
        == "no scan for vulnerabilities has worked since 2026-11-21: the service cannot be reached (offline?)"
    )
    assert report(workspace)["scanned_at"] == "2026-11-21T06:30:00Z"


def test_a_machine_that_never_was_online_warns_some_days_after_the_first_try(
    scanned: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = {"dependencies": [{"name": "a", "skip_reason": "not found"}]}
    monkeypatch.setattr(vulnerabilities, "scan", lambda *_: unknown)
    context = scanned()
    assert "knows none of the 1 packages" in run(context).summary
    later = replace(context, clock=FixedClock(NOW + timedelta(days=8)))
    assert run(later).outcome is Outcome.PARTLY_FAILED


def test_without_pip_audit_the_command_to_type_is_said(
    maintained: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    result = run(maintained())
    assert result.outcome is Outcome.NOTHING_TO_DO
    assert f"{sys.executable} -m pip install 'huracan-engine[audit]'" in result.summary


def test_a_scan_that_takes_too_long_is_ended(
    maintained: Callable[..., Context], monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    monkeypatch.setattr(vulnerabilities, "_command", lambda *_: sleep)
    assert "took longer than 0.005 minutes" in run(maintained(scan_minutes=0.005)).summary


@needs_pip_audit
@pytest.mark.slow
def test_pypis_own_data_is_asked_through_the_proxy_of_the_environment(
    maintained: Callable[..., Context], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, workspace: Path
) -> None:
    """pip-audit knows one address of PyPI; a proxy leads it to a server that has PyPI's name in its certificate."""
    import trustme

    from servers.tunnel import Tunnel

    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("pypi.org").configure_cert(tls)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with PackageIndex(tls) as index, Tunnel(index.port) as proxy:
        index.report(Vulnerability("PYSEC-2026-1", "pluggy", fixed=("99.0",)))
        for name, value in {"HTTPS_PROXY": proxy.url, "REQUESTS_CA_BUNDLE": str(tmp_path / "ca.pem")}.items():
            monkeypatch.setenv(name, value)
            monkeypatch.setenv(name.lower(), value)
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        result = run(maintained())
        assert proxy.asked == {"pypi.org:443"}
    assert f"pluggy {PLUGGY}: PYSEC-2026-1; fixed in 99.0" in result.summary
    assert report(workspace)["service"] == "pypi"


@given(st.lists(st.lists(st.integers(0, 9).map(lambda number: f"{number}.0")), min_size=1))
def test_the_version_that_is_advised_mends_every_finding_and_no_lower_one_does(fixes: list[list[str]]) -> None:
    vulns = [{"id": f"V-{number}", "fix_versions": each} for number, each in enumerate(fixes)]
    [found] = findings_of([{"name": "a", "version": "3.0", "vulns": vulns}], {})
    advised = found["fixed_in"]
    above = [[Version(text) for text in each if Version(text) > Version("3.0")] for each in fixes]
    if advised is None:
        assert not all(above)
    else:
        assert all(min(each) <= Version(advised) for each in above)
        assert any(min(each) == Version(advised) for each in above)
