"""What the SQL store needs of a database, so that one store, one schema and one compiler serve
several of them.

SQL is written once, with ``?`` for arguments and ``INSERT ... ON CONFLICT``; what databases spell
differently is asked here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from fitprint.stores.protocol import Health

if TYPE_CHECKING:
    from fitprint.stores.views import QueryResult

__all__ = ["Driver", "Transaction", "Written"]


class Transaction(Protocol):
    """An open transaction. NaN is written and read as null; numbers are exact."""

    def rows(self, sql: str, arguments: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Execute a statement and return its rows."""

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute a statement once for each sequence of arguments."""


class Driver(Protocol):
    """A database of one kind, used by one thread at a time.

    Its own errors leave it as :class:`fitprint.errors.StoreError`.

    A transaction is one with the database that the URI leads to when it begins, whatever was there
    before.

    Attributes:
        uri: what the store was opened with.
        opened: how often a database was opened so far: what was remembered of the one before need
            not be true of the next.
        patience: seconds to wait for others before a :class:`fitprint.errors.StoreBusyError`.
        types: the words of :mod:`fitprint.stores.sql.schema` in braces.
    """

    uri: str
    opened: int
    patience: float
    types: Mapping[str, Any]

    def reading(self) -> AbstractContextManager[Transaction]:
        """Begin to read: all statements see the same state."""

    def writing(self) -> AbstractContextManager[Transaction]:
        """Begin to write, alone; commits if the block ends, and leaves no trace if it raises."""

    def now(self) -> int:
        """Return the time by the clock that counts for the database, in microseconds since the
        epoch; asked inside a transaction.
        """

    def place(self, transaction: Transaction) -> str:
        """Return where the data lie; see :attr:`fitprint.stores.protocol.Store.place`."""

    def like(self, column: str, pattern: str, *, ignore_case: bool) -> tuple[str, str]:
        """Return a condition with one ``?``, and its argument, for a pattern of ``%`` and ``_``
        without escapes.
        """

    def of_a_run(self, condition: str) -> str:
        """Return a condition on a param, metric or tag, which may come out null, as the planner
        takes it best.
        """

    def query(self, sql: str, *, limit: int, timeout: float) -> QueryResult:
        """Let somebody's own statement read the views; see
        :meth:`fitprint.stores.protocol.Store.query`.
        """

    def check(self) -> Health:
        """Let the database look at itself; see :meth:`fitprint.stores.protocol.Store.check`."""

    def close(self) -> None:
        """Release everything; closing twice is fine."""


class Written:
    """A word of the schema that is written with a column or a row, such as ``{time[COLUMN]}``.

    Args:
        text: what is written, with ``{0}`` for the column.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def __getitem__(self, column: str) -> str:
        return self._text.format(column)
