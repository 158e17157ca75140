"""The job ``update-check``: asks the package index whether there is a newer Huracan. It never fails a night."""

from __future__ import annotations

import http.client
import json
import platform
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from huracan.clock import format_instant
from huracan.context import Context
from huracan.paths import read_json, write_json
from huracan.plugin.installed import HOST_DISTRIBUTION
from huracan.types import JobResult, Outcome, Severity
from huracan_maintenance.files import update_file
from huracan_maintenance.settings import MaintenanceSettings

__all__ = ["newest_release", "run"]

JSON_OF_INDEX = "application/vnd.pypi.simple.v1+json"
"""PEP 691: the simple index as JSON."""

MOST_BYTES = 20_000_000
TIMEOUT = 20.0


def run(context: Context) -> JobResult:
    """Ask the index, write ``reports/update.json``, and send one event for each newer version."""
    from packaging.version import Version

    from huracan import __version__

    index = context.settings.section(MaintenanceSettings).index_url
    if not index:
        return JobResult(Outcome.NOTHING_TO_DO, "no index is asked: maintenance.index_url is empty")
    try:
        newest = newest_release(_ask(index), __version__, platform.python_version())
    except (OSError, ValueError, http.client.HTTPException, RecursionError) as error:
        # Offline, a mirror that does not know us, a page of a hotel's network: none of it is worth a failed night.
        return JobResult(Outcome.NOTHING_TO_DO, f"{index} could not be asked: {_in_words(error)}")
    if newest is None:
        return JobResult(Outcome.NOTHING_TO_DO, f"{index} offers no release that fits this Python")
    before = read_json(update_file(context.paths)) or {}
    is_newer = Version(newest) > Version(__version__)
    if is_newer and before.get("told") != newest:
        title = f"Huracan {newest} is there; this is {__version__}"
        context.emit("update.available", Severity.INFO, title, version=newest, installed=__version__)
    told = newest if is_newer else before.get("told")
    found = {"newest": newest, "installed": __version__, "is_newer": is_newer, "index": index, "told": told}
    write_json(update_file(context.paths), {"schema": 1, "asked_at": _now(context), **found})
    words = f"{newest} is there; this is {__version__}" if is_newer else f"{__version__} is the newest"
    return JobResult(Outcome.DONE, words)


def newest_release(page: Mapping[str, Any], installed: str, python: str) -> str | None:
    """Return the newest release of a PEP 691 page that has a file which is not yanked and fits this Python.

    A pre-release counts only for who has one. Raises ValueError for what is no such page.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import Version

    files = page.get("files")
    if not isinstance(files, list):
        raise ValueError("its answer is no page of a package index (PEP 691)")
    found = []
    for file in files:
        version = _version_of(file)
        if version is None or file.get("yanked"):
            continue
        wanted = file.get("requires-python") or ""
        try:
            fits = isinstance(wanted, str) and SpecifierSet(wanted).contains(python, prereleases=True)
        except InvalidSpecifier:
            continue
        if fits and (not version.is_prerelease or Version(installed).is_prerelease):
            found.append(version)
    return str(max(found)) if found else None


def _version_of(file: Any) -> Any:
    from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

    name = file.get("filename") if isinstance(file, dict) else None
    if not isinstance(name, str):
        return None
    try:
        found, version = parse_wheel_filename(name)[:2] if name.endswith(".whl") else parse_sdist_filename(name)
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None
    return version if found == HOST_DISTRIBUTION else None


def _ask(index: str) -> Mapping[str, Any]:
    address = f"{index.removesuffix('/simple')}/simple/{HOST_DISTRIBUTION}/"
    headers = {"Accept": JSON_OF_INDEX, "User-Agent": HOST_DISTRIBUTION}
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=TIMEOUT) as answer:
        content = answer.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError("its answer is too long")
    try:
        page = json.loads(content)
    except ValueError:
        raise ValueError("its answer is no JSON, so it does not speak PEP 691") from None
    if not isinstance(page, dict):
        raise ValueError("its answer is no page of a package index (PEP 691)")
    return page


def _in_words(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"it does not know {HOST_DISTRIBUTION}" if error.code == 404 else f"it answers {error.code}"
    if isinstance(error, urllib.error.URLError):
        reason = error.reason
        return (isinstance(reason, OSError) and reason.strerror) or str(reason)
    return str(error) or type(error).__name__


def _now(context: Context) -> str:
    return format_instant(context.clock.now())
