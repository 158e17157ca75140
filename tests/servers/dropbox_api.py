"""Dropbox's HTTP API v2 as far as files need it, over TLS: refresh tokens, upload sessions, batch commits, listings.

Sources: dropbox.com/developers/documentation/http (files, errors), the OAuth and the performance guide: commits to one
namespace that meet are answered 429 too_many_write_operations; access tokens expire; hashes are of 4 MiB blocks.
"""

from __future__ import annotations

import hashlib
import json
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from servers.base import LoopbackServer, Reply, Request, reply_json

__all__ = ["DropboxServer", "content_hash"]

BLOCK = 4 * 1024 * 1024
LIST_PAGE = 500


def content_hash(content: bytes) -> str:
    """Return the hash as dropbox.com/developers/reference/content-hash describes it."""
    sums = [hashlib.sha256(content[at : at + BLOCK]).digest() for at in range(0, len(content), BLOCK)]
    return hashlib.sha256(b"".join(sums)).hexdigest()


@dataclass
class Stored:
    content: bytes
    modified: str
    rev: str

    def metadata(self, path: str) -> dict[str, Any]:
        return {
            ".tag": "file", "name": path.rpartition("/")[2], "id": f"id:{abs(hash(path)):022d}",
            "path_lower": path.lower(), "path_display": path, "client_modified": self.modified,
            "server_modified": self.modified, "rev": self.rev, "size": len(self.content), "is_downloadable": True,
            "content_hash": content_hash(self.content),
        }  # fmt: skip


@dataclass
class Upload:
    content: bytearray = field(default_factory=bytearray)
    closed: bool = False


class DropboxServer(LoopbackServer):
    """One account. ``quota`` bytes; ``revoked`` access; ``token_uses`` requests until an access token expires."""

    def __init__(self, tls: ssl.SSLContext, app_key: str = "app-key", refresh_token: str = "refresh-token-1") -> None:
        super().__init__(tls)
        self.app_key, self.refresh_token = app_key, refresh_token
        self.files: dict[str, Stored] = {}
        self.folders: set[str] = {""}
        self.uploads: dict[str, Upload] = {}
        self.quota = 10**12
        self.revoked = False
        self.token_uses: int | None = None
        self.commit_seconds = 0.0
        self.missing_scope = ""
        self._commits = 0
        self._tokens: dict[str, int | None] = {}
        self._count = 0
        self._cursors: dict[str, list[dict[str, Any]]] = {}

    def answer(self, request: Request) -> Reply:
        if request.path == "/oauth2/token":
            return self._token(request)
        refused = self._refuse(request)
        if refused is not None:
            return refused
        name = request.path.removeprefix("/2/")
        routes: dict[str, Callable[[Request], Reply]] = {
            "files/upload_session/start": self._start,
            "files/upload_session/append_v2": self._append,
            "files/upload_session/finish_batch_v2": self._finish_batch,
            "files/get_metadata": self._get_metadata,
            "files/download": self._download,
            "files/list_folder": self._list,
            "files/list_folder/continue": self._list_more,
            "files/create_folder_v2": self._create_folder,
            "files/delete_v2": self._delete,
        }
        if name not in routes:
            return Reply(404, b"unknown route")
        return routes[name](request)

    # -------------------------------------------------------------------------------------------------------- access

    def _token(self, request: Request) -> Reply:
        given = dict(pair.split("=", 1) for pair in request.body.decode().split("&"))
        if given.get("client_id") != self.app_key and "Authorization" not in request.headers:
            return reply_json({"error": "invalid_client: Invalid client_id or client_secret"}, 400)
        if given["grant_type"] == "authorization_code":
            if given["code"] != "good-code":
                return reply_json({"error": "invalid_grant", "error_description": "code doesn't exist"}, 400)
        elif self.revoked or given.get("refresh_token") != self.refresh_token:
            return reply_json({"error": "invalid_grant", "error_description": "refresh token is invalid"}, 400)
        with self.lock:
            self._count += 1
            token = f"access-{self._count}"
            self._tokens[token] = self.token_uses
        answer = {"access_token": token, "token_type": "bearer", "expires_in": 14400, "scope": "", "uid": "1"}
        if given["grant_type"] == "authorization_code":
            answer |= {"refresh_token": self.refresh_token, "account_id": "dbid:1"}
        return reply_json(answer)

    def _refuse(self, request: Request) -> Reply | None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.revoked or token not in self._tokens:
            return _error("invalid_access_token", 401)
        with self.lock:
            left = self._tokens[token]
            if left is not None:
                if left <= 0:
                    return _error("expired_access_token", 401)
                self._tokens[token] = left - 1
        if self.missing_scope:
            inner = {".tag": "missing_scope", "required_scope": self.missing_scope}
            return reply_json({"error_summary": "missing_scope/", "error": inner}, 401)
        return None

    # ------------------------------------------------------------------------------------------------------- uploads

    def _start(self, request: Request) -> Reply:
        given = json.loads(request.headers["Dropbox-API-Arg"])
        with self.lock:
            self._count += 1
            name = f"session-{self._count}"
            self.uploads[name] = Upload(bytearray(request.body), bool(given.get("close")))
        return reply_json({"session_id": name})

    def _append(self, request: Request) -> Reply:
        given = json.loads(request.headers["Dropbox-API-Arg"])
        upload = self.uploads.get(given["cursor"]["session_id"])
        if upload is None:
            return _error("not_found", 409)
        with self.lock:
            if given["cursor"]["offset"] != len(upload.content):
                inner = {".tag": "incorrect_offset", "correct_offset": len(upload.content)}
                return reply_json({"error_summary": "incorrect_offset/", "error": inner}, 409)
            if upload.closed:
                return _error("closed", 409)
            upload.content += request.body
            upload.closed = bool(given.get("close"))
        return Reply(200, b"null", {"Content-Type": "application/json"})

    def _finish_batch(self, request: Request) -> Reply:
        with self.lock:
            self._commits += 1
            alone = self._commits == 1
        try:
            if not alone:
                inner = {"reason": {".tag": "too_many_write_operations"}, "retry_after": 1}
                return reply_json({"error_summary": "too_many_write_operations/", "error": inner}, 429)
            time.sleep(self.commit_seconds)
            return reply_json({"entries": [self._finish(entry) for entry in request.json()["entries"]]})
        finally:
            with self.lock:
                self._commits -= 1

    def _finish(self, entry: dict[str, Any]) -> dict[str, Any]:
        cursor, commit = entry["cursor"], entry["commit"]
        upload = self.uploads.get(cursor["session_id"])
        if upload is None:
            return _failure({".tag": "lookup_failed", "lookup_failed": {".tag": "not_found"}})
        if not upload.closed:
            return _failure({".tag": "lookup_failed", "lookup_failed": {".tag": "not_closed"}})
        if cursor["offset"] != len(upload.content):
            inner = {".tag": "incorrect_offset", "correct_offset": len(upload.content)}
            return _failure({".tag": "lookup_failed", "lookup_failed": inner})
        path, content = commit["path"], bytes(upload.content)
        if any(len(part.encode()) > 255 for part in path.split("/")):
            return _failure({".tag": "path", "path": {".tag": "malformed_path"}})
        with self.lock:
            old = self.files.get(path)
            used = sum(len(file.content) for file in self.files.values()) - (len(old.content) if old else 0)
            if used + len(content) > self.quota:
                return _failure({".tag": "path", "path": {".tag": "insufficient_space"}})
            self._count += 1
            modified = commit.get("client_modified") or f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
            self.files[path] = Stored(content, modified, f"{self._count:016x}")
            self._add_folders(path.rpartition("/")[0])
            del self.uploads[cursor["session_id"]]
        return {**self.files[path].metadata(path), ".tag": "success"}

    # --------------------------------------------------------------------------------------------------------- files

    def _add_folders(self, path: str) -> None:
        while path:
            self.folders.add(path)
            path = path.rpartition("/")[0]

    def _get_metadata(self, request: Request) -> Reply:
        path = request.json()["path"]
        if path in self.files:
            return reply_json(self.files[path].metadata(path))
        if path in self.folders:
            return reply_json(_folder(path))
        return _path_error("not_found")

    def _download(self, request: Request) -> Reply:
        path = json.loads(request.headers["Dropbox-API-Arg"])["path"]
        if path not in self.files:
            return _path_error("not_file" if path in self.folders else "not_found")
        file = self.files[path]
        about = {"Dropbox-API-Result": json.dumps(file.metadata(path)), "Content-Type": "application/octet-stream"}
        return Reply(200, file.content, about)

    def _list(self, request: Request) -> Reply:
        given = request.json()
        path = given["path"]
        if path and path not in self.folders:
            return _path_error("not_folder" if path in self.files else "not_found")
        with self.lock:
            entries = [_folder(each) for each in sorted(self.folders) if each.startswith(f"{path}/")]
            entries += [f.metadata(each) for each, f in sorted(self.files.items()) if each.startswith(f"{path}/")]
            return self._page(entries)

    def _list_more(self, request: Request) -> Reply:
        with self.lock:
            return self._page(self._cursors.pop(request.json()["cursor"]))

    def _page(self, entries: list[dict[str, Any]]) -> Reply:
        self._count += 1
        cursor = f"cursor-{self._count}"
        self._cursors[cursor] = entries[LIST_PAGE:]
        return reply_json({"entries": entries[:LIST_PAGE], "cursor": cursor, "has_more": len(entries) > LIST_PAGE})

    def _create_folder(self, request: Request) -> Reply:
        path = request.json()["path"]
        with self.lock:
            if path in self.folders or path in self.files:
                kind = "folder" if path in self.folders else "file"
                inner = {".tag": "path", "path": {".tag": "conflict", "conflict": {".tag": kind}}}
                return reply_json({"error_summary": f"path/conflict/{kind}/", "error": inner}, 409)
            self._add_folders(path)
        return reply_json({"metadata": {key: value for key, value in _folder(path).items() if key != ".tag"}})

    def _delete(self, request: Request) -> Reply:
        path = request.json()["path"]
        with self.lock:
            if path not in self.files:
                inner = {".tag": "path_lookup", "path_lookup": {".tag": "not_found"}}
                return reply_json({"error_summary": "path_lookup/not_found/", "error": inner}, 409)
            return reply_json({"metadata": self.files.pop(path).metadata(path)})


def _folder(path: str) -> dict[str, Any]:
    name = path.rpartition("/")[2]
    return {".tag": "folder", "name": name, "id": f"id:{abs(hash(path)):022d}", "path_lower": path.lower(),
            "path_display": path}  # fmt: skip


def _error(tag: str, status: int) -> Reply:
    return reply_json({"error_summary": f"{tag}/", "error": {".tag": tag}}, status)


def _path_error(tag: str) -> Reply:
    inner = {".tag": "path", "path": {".tag": tag}}
    return reply_json({"error_summary": f"path/{tag}/", "error": inner}, 409)


def _failure(error: dict[str, Any]) -> dict[str, Any]:
    return {".tag": "failure", "failure": error}
