"""What lies in a remote store: one row for each file that was copied there and verified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import BigInteger, delete, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from huracan.store.access import Access
from huracan.store.rows import RemoteCopy
from huracan.store.tables import Base

__all__ = ["RemoteCopies"]

_AT_ONCE = 500
"""Paths in one statement: databases bound the number of parameters."""


class RemoteCopyTable(Base):
    __tablename__ = "remote_copies"

    remote: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    remote_path: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    modified_ns: Mapped[int] = mapped_column(BigInteger)
    content_hash: Mapped[str | None]
    revision: Mapped[str | None]
    copied_at: Mapped[datetime]


class RemoteCopies:
    """Copies by the identity of the remote store and the path in the workspace. Every method is one transaction."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def known(self, remote: str, paths: Sequence[str] | None = None) -> Mapping[str, RemoteCopy]:
        """Return the copies in one remote store, by path; those of some paths alone where they are given."""
        table = RemoteCopyTable
        query = select(
            table.path, table.remote_path, table.size, table.modified_ns, table.content_hash, table.revision,
            table.copied_at,
        ).where(table.remote == remote)  # fmt: skip
        queries = [query]
        if paths is not None:
            parts = [paths[start : start + _AT_ONCE] for start in range(0, len(paths), _AT_ONCE)]
            queries = [query.where(table.path.in_(part)) for part in parts]
        with self._access.reading() as session:
            return {row.path: RemoteCopy(*row) for each in queries for row in session.execute(each)}

    def record(self, remote: str, copies: Sequence[RemoteCopy]) -> None:
        """Store copies in place of what was known about their paths."""
        rows = [
            {
                "remote": remote, "path": each.path, "remote_path": each.remote_path, "size": each.size,
                "modified_ns": each.modified_ns, "content_hash": each.content_hash, "revision": each.revision,
                "copied_at": each.copied_at,
            }
            for each in copies
        ]  # fmt: skip
        with self._access.writing() as session:
            for start in range(0, len(rows), _AT_ONCE):
                part = rows[start : start + _AT_ONCE]
                self._delete(session, remote, [str(row["path"]) for row in part])
                session.execute(insert(RemoteCopyTable), part)

    def forget(self, remote: str, paths: Sequence[str]) -> None:
        """Delete what is known about paths."""
        with self._access.writing() as session:
            for start in range(0, len(paths), _AT_ONCE):
                self._delete(session, remote, paths[start : start + _AT_ONCE])

    @staticmethod
    def _delete(session: Session, remote: str, paths: Sequence[str]) -> None:
        table = RemoteCopyTable
        session.execute(delete(table).where(table.remote == remote, table.path.in_(paths)))
