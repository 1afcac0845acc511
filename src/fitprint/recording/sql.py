"""The verb that asks the store in SQL."""

from __future__ import annotations

from fitprint.arguments import checked_count, checked_seconds, checked_text
from fitprint.recording.workspace import current
from fitprint.stores.views import QueryResult

__all__ = ["sql"]

_MOST = 10_000  # rows
_TIMEOUT = 10.0  # seconds
_DAY = 86_400.0  # seconds


def sql(statement: str, *, limit: int | None = None, timeout: float | None = None) -> QueryResult:
    """Return what a statement of SQL gives over the views ``runs``, ``params``, ``metrics``,
    ``tags`` ...

    It reads, and can do nothing else. The reference has all views and their columns, and
    ``fitprint query`` shows them.

    Args:
        statement: such as ``"SELECT name, duration FROM runs WHERE status = 'FAILED'"``.
        limit: return at most so many rows, 10 000 by default; ``more`` of the result says whether
            there are others.
        timeout: seconds after which the statement is stopped, 10 by default.

    Raises:
        QueryError: the statement cannot be understood, would do something else than read the views,
            or takes too long.
        StoreError: the store has no SQL.
        FitprintError: an argument is of the wrong type.

    Example:
        >>> for run_id, value in fitprint.sql("SELECT run_id, value FROM params WHERE key = 'C'"):
        ...     print(run_id, value)
    """
    checked_text(statement, "a statement of SQL")
    most = _MOST if limit is None else checked_count(limit, "limit")
    seconds = _TIMEOUT if timeout is None else checked_seconds(timeout, "timeout", _DAY, "a day")
    return current().store.query(statement, limit=most, timeout=seconds)
