"""Descriptors that keep out of the way, and whether they still lead to our files.

Programs close ranges of descriptors without asking whose they are, and the numbers go to the files that are opened next.
"""

from __future__ import annotations

import fcntl
import os

__all__ = ["lifted", "place"]

_LOWEST = 500


def lifted(number: int) -> int:
    """Return the descriptor under a number above those that are usual, which ``os.closerange(3, 100)`` and its like do not reach."""
    limit = os.sysconf("SC_OPEN_MAX")
    try:
        high = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, min(_LOWEST, limit // 2) if limit > 0 else _LOWEST)
    except OSError:  # all of those are taken
        return number
    os.close(number)
    return high


def place(number: int) -> tuple[int, int] | None:
    """Return device and inode of the file behind a descriptor; None if it is closed."""
    try:
        status = os.fstat(number)
    except OSError:
        return None
    return status.st_dev, status.st_ino
