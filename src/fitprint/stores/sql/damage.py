"""What a damaged database gives in place of what was written, and how that is told."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import nan
from typing import Any

from fitprint import clock
from fitprint.entities import STATUSES
from fitprint.errors import CorruptStoreError

__all__ = [
    "goal",
    "number",
    "number_or_none",
    "real",
    "status",
    "text",
    "text_or_none",
    "time",
    "time_or_none",
    "told",
]

_ODD = (
    TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError, RecursionError,
    MemoryError, struct.error, zlib.error,
)  # fmt: skip
"""What code that expects what was written may raise at what it finds."""

_ADVICE = (
    "`fitprint doctor` looks closer; copy the database away before anything else, then go "
    "on with a new one or with what can be saved"
)


@contextmanager
def told(store: str) -> Iterator[None]:
    """Turn what odd content causes into one clear error.

    Raises:
        CorruptStoreError: the content of ``store`` is none that fitprint writes.
    """
    try:
        yield
    except _ODD as error:
        reason = str(error) or type(error).__name__
        raise CorruptStoreError(
            f"{store} is damaged: it holds what fitprint does not write ({reason}). {_ADVICE}"
        ) from error


def text(value: Any) -> str:
    """Return the value, which must be a text."""
    if type(value) is not str:
        raise TypeError(f"{_shown(value)} in place of a text")
    return value


def text_or_none(value: Any) -> str | None:
    """Return the value, which must be a text or null."""
    return None if value is None else text(value)


def number(value: Any) -> int:
    """Return the value, which must be a whole number."""
    if type(value) is not int:
        raise TypeError(f"{_shown(value)} in place of a number")
    return value


def number_or_none(value: Any) -> int | None:
    """Return the value, which must be a whole number or null."""
    return None if value is None else number(value)


def real(value: Any) -> float:
    """Return the value, which must be a float; null stands for NaN."""
    if value is not None and type(value) is not float:
        raise TypeError(f"{_shown(value)} in place of a value")
    return nan if value is None else value


def goal(value: Any) -> Any:
    """Return the value, which must be a goal."""
    if value not in ("min", "max"):
        raise ValueError(f"the goal {_shown(value)}")
    return value


def status(value: Any) -> Any:
    """Return the value, which must be the status of a run."""
    if value not in STATUSES:
        raise ValueError(f"the status {_shown(value)}")
    return value


def time(value: Any) -> int:
    """Return the value, which must be a time; one that no calendar has becomes the nearest that one
    has.
    """
    return min(max(number(value), clock.EARLIEST), clock.LATEST)


def time_or_none(value: Any) -> int | None:
    """Return the value, which must be a time or null."""
    return None if value is None else time(value)


def _shown(value: Any) -> str:
    return repr(value)[:60]
