"""The store in a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Sequence

from fitprint.events import Batch
from fitprint.stores.sql.store import SqlStore
from fitprint_postgres.driver import ConflictError, PostgresDriver

__all__ = ["PostgresStore"]

_ATTEMPTS = 5  # at a transaction that others' transactions undo


class PostgresStore(SqlStore):
    """A store at ``postgresql://user@host/database``; a schema of the database by
    ``?options=-csearch_path%3DNAME``.

    Nothing is asked of the server before the store is used.

    Raises:
        StoreError: the URI cannot be read.
    """

    def __init__(self, uri: str) -> None:
        self._postgres = PostgresDriver(uri)
        super().__init__(self._postgres)

    def is_made(self) -> bool:
        return self._postgres.has_tables()

    def append_all(self, batches: Sequence[Batch]) -> None:
        for _ in range(_ATTEMPTS - 1):
            try:
                return super().append_all(batches)
            except ConflictError:
                pass  # all of it was undone
        return super().append_all(batches)
