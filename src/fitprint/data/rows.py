"""Rows of data: how many there are, the first of them, and which to look at."""

from __future__ import annotations

from typing import Any

__all__ = ["PEEK", "first_rows", "row_count", "spread"]

_EXAMPLE = 5
# values of an object column, or items of a list, that are looked at: spread, the first among them
PEEK = 100


def row_count(data: Any) -> int | None:
    """Return the number of rows; None where that cannot be told without reading the data."""
    shape = getattr(data, "shape", None)
    try:
        if shape is not None:
            return int(shape[0]) if len(shape) else None
        return len(data)
    except (TypeError, ValueError):
        return None


def first_rows(data: Any) -> Any:
    """Return a copy of the first five rows, which keeps nothing of the data alive; None of data
    that cannot be cut.
    """
    if isinstance(data, (str, bytes)):
        return None
    try:
        rows = data.iloc[:_EXAMPLE] if hasattr(data, "iloc") else data[:_EXAMPLE]
        return rows.copy() if hasattr(rows, "copy") else rows
    except Exception:  # noqa: BLE001 - any container, in any way
        return None


def spread(length: int, count: int = PEEK) -> list[int]:
    """Return the positions of at most so many of ``length`` items, the first among them: spread,
    but not evenly.

    Data often repeats itself in even steps: records of several kinds in turn, or columns.
    """
    if length <= count:
        return list(range(length))
    step = length // count
    return [number * length // count + number * 40_499 % step for number in range(count)]
