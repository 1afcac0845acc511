"""What a damaged database gives in place of what was written, and how that is told."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fitprint import clock
from fitprint.errors import CorruptStoreError

__all__ = ["number", "text", "text_or_none", "time", "time_or_none", "told"]

_ODD = (
    TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError, RecursionError, MemoryError, struct.error, zlib.error,
)  # fmt: skip
"""What code that expects what was written may raise at what it finds."""

_ADVICE = "`fitprint doctor` looks closer; copy the database away before anything else, then go on with a new one or with what can be saved"


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
        raise CorruptStoreError(f"{store} is damaged: it holds what fitprint does not write ({reason}). {_ADVICE}") from error


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


def time(value: Any) -> int:
    """Return the value, which must be a time; one that no calendar has becomes the nearest that one has."""
    return min(max(number(value), clock.EARLIEST), clock.LATEST)


def time_or_none(value: Any) -> int | None:
    """Return the value, which must be a time or null."""
    return None if value is None else time(value)


def _shown(value: Any) -> str:
    return repr(value)[:60]
