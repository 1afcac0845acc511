"""The verb that asks the store in SQL."""

from __future__ import annotations

from typing import Any

from fitprint.arguments import checked_count, checked_text, shown
from fitprint.errors import FitprintError
from fitprint.recording.workspace import current
from fitprint.stores.views import QueryResult

__all__ = ["sql"]

_DAY = 86_400.0  # seconds


def sql(statement: str, *, limit: int = 10_000, timeout: float = 10.0) -> QueryResult:
    """Return what a statement of SQL gives over the views ``runs``, ``params``, ``metrics``,
    ``tags`` ...

    It reads, and can do nothing else. The reference has all views and their columns, and
    ``fitprint query`` shows them.

    Args:
        statement: such as ``"SELECT name, duration FROM runs WHERE status = 'FAILED'"``.
        limit: return at most so many rows; ``more`` of the result says whether there are others.
        timeout: seconds after which the statement is stopped.

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
    checked_count(limit, "limit")
    return current().store.query(statement, limit=limit, timeout=_checked_seconds(timeout))


def _checked_seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= _DAY:
        raise FitprintError(
            f"timeout is a number of seconds, more than 0 and up to a day, not {shown(value)}"
        )
    return float(value)
