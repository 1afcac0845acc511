"""The one source of time, in microseconds since the Unix epoch (UTC), replaceable in tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["now", "replaced"]


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
