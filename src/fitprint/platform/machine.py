"""What the machine has: processors that this process may use, memory, and the C library."""

from __future__ import annotations

import os
import sys

__all__ = ["c_library", "memory", "usable_processors"]


def usable_processors() -> int | None:
    """Return how many processors this process may use; None where the system does not say."""
    if sys.platform == "linux":
        try:
            return len(os.sched_getaffinity(0))
        except OSError:
            pass
    return None


def memory() -> int | None:
    """Return the machine's memory in bytes; None where the system does not say."""
    if sys.platform != "win32":
        try:
            return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        except (OSError, ValueError):
            pass
    return None


def c_library() -> str | None:
    """Return name and version of the C library; None where the system does not say."""
    if sys.platform != "win32":
        try:
            return os.confstr("CS_GNU_LIBC_VERSION")
        except (OSError, ValueError):
            pass
    return None
