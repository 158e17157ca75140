"""A package index on loopback: the simple API as JSON (PEP 691, 700), PyPI's JSON of a release, and OSV's query.

Sources: peps.python.org/pep-0691, docs.pypi.org/api/json, google.github.io/osv.dev/post-v1-query.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from servers.base import LoopbackServer, Reply, Request, reply_json

__all__ = ["PackageIndex", "Vulnerability"]

SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"


@dataclass(frozen=True)
class Vulnerability:
    """What is known of one package: ``fixed`` are the releases that mend it, one per branch."""

    id: str
    package: str
    fixed: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    withdrawn: str | None = None
    summary: str = "Something bad can be done with it."


@dataclass
class _Release:
    filename: str
    yanked: bool | str = False
    python: str | None = None


@dataclass
class _Content:
    files: dict[str, list[_Release]] = field(default_factory=dict)
    vulnerabilities: dict[str, list[Vulnerability]] = field(default_factory=dict)


class PackageIndex(LoopbackServer):
    """Answers for every package with no vulnerabilities until it is told of some; unknown files are 404."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._content = _Content()

    def release(self, package: str, filename: str, yanked: bool | str = False, python: str | None = None) -> None:
        """Add a file of a release to a package's page."""
        self._content.files.setdefault(package, []).append(_Release(filename, yanked, python))

    def report(self, vulnerability: Vulnerability) -> None:
        """Let all releases of a package have a vulnerability."""
        self._content.vulnerabilities.setdefault(vulnerability.package, []).append(vulnerability)

    def answer(self, request: Request) -> Reply:
        if request.method == "POST" and request.path == "/v1/query":
            return self._osv(request.json())
        if found := re.fullmatch(r"/simple/([^/]+)/", request.path):
            return self._page(found[1], request.headers)
        if found := re.fullmatch(r"/pypi/([^/]+)/([^/]+)/json", request.path):
            return self._release_json(found[1], found[2])
        return Reply(404, b"404 Not Found", {"Content-Type": "text/plain"})

    def _page(self, package: str, headers: Mapping[str, str]) -> Reply:
        files = self._content.files.get(package)
        if files is None:
            return Reply(404, b"404 Not Found")
        if SIMPLE_JSON not in headers.get("Accept", ""):
            return Reply(200, b"<!DOCTYPE html><html></html>", {"Content-Type": "text/html"})
        listed = [
            {
                "filename": each.filename,
                "url": f"{self.url}/files/{each.filename}",
                "hashes": {"sha256": "0" * 64},
                "yanked": each.yanked,
                "requires-python": each.python,
                "size": 1,
            }
            for each in files
        ]
        page = {"meta": {"api-version": "1.1"}, "name": package, "files": listed, "versions": []}
        return reply_json(page, headers={"Content-Type": SIMPLE_JSON})

    def _release_json(self, package: str, version: str) -> Reply:
        known = [
            {
                "id": each.id, "aliases": list(each.aliases), "fixed_in": list(each.fixed), "summary": each.summary,
                "details": each.summary, "link": f"https://osv.dev/vulnerability/{each.id}", "source": "osv",
                "withdrawn": each.withdrawn,
            }
            for each in self._content.vulnerabilities.get(package, [])
        ]  # fmt: skip
        return reply_json({"info": {"name": package, "version": version}, "urls": [], "vulnerabilities": known})

    def _osv(self, query: Any) -> Reply:
        package = query["package"]["name"]
        known = self._content.vulnerabilities.get(package, [])
        if not known:
            return reply_json({})
        return reply_json({"vulns": [_as_osv(each) for each in known]})


def _as_osv(vulnerability: Vulnerability) -> dict[str, Any]:
    events = [{"introduced": "0"}, *({"fixed": version} for version in vulnerability.fixed)]
    return {
        "id": vulnerability.id,
        "schema_version": "1.6.0",
        "summary": vulnerability.summary,
        "aliases": list(vulnerability.aliases),
        "modified": "2026-11-01T00:00:00Z",
        "published": "2026-10-01T00:00:00Z",
        **({"withdrawn": vulnerability.withdrawn} if vulnerability.withdrawn else {}),
        "affected": [
            {
                "package": {"name": vulnerability.package, "ecosystem": "PyPI"},
                "ranges": [{"type": "ECOSYSTEM", "events": events}],
            }
        ],
    }
