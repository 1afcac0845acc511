"""The one source of time, in microseconds since the Unix epoch (UTC), replaceable in tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["EARLIEST", "LATEST", "is_time", "now", "replaced"]

EARLIEST, LATEST = -(1 << 55), (1 << 57) - 1
"""The times that a record may have: from the year 828 to the year 6537, which every calendar in use
can show.
"""


def is_time(value: object) -> bool:
    """Tell whether this is a time that a record may have."""
    return isinstance(value, int) and not isinstance(value, bool) and EARLIEST <= value <= LATEST


def _system() -> int:
    return time.time_ns() // 1000


_source: Callable[[], int] = _system


def now() -> int:
    """Return the current time in microseconds since the epoch (UTC)."""
    return _source()


@contextmanager
def replaced(source: Callable[[], int]) -> Iterator[None]:
    """Use ``source`` (a callable returning microseconds) as the clock inside the block."""
    global _source
    previous, _source = _source, source
    try:
        yield
    finally:
        _source = previous
