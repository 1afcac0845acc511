"""Open files: how they are opened, made safe on the disk, and kept out of the way."""

from __future__ import annotations

import os
import sys

if sys.platform != "win32":
    import fcntl

__all__ = [
    "NEW",
    "OPEN",
    "READ",
    "UNFOLLOWED",
    "lifted",
    "make_safe",
    "place",
    "read_at",
    "set_mode",
]

# Bytes as they are, and not for the programs that this one starts.
OPEN = (
    os.O_RDWR
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOINHERIT", 0)
    | getattr(os, "O_BINARY", 0)
)
NEW = OPEN | os.O_CREAT | os.O_EXCL
# no wait
READ = (
    os.O_RDONLY
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)
UNFOLLOWED = READ | getattr(os, "O_NOFOLLOW", 0)  # and no link
_LOWEST = 500


def make_safe(number: int) -> None:
    """Return when what was written to the file would outlive a loss of power.

    Raises:
        OSError: the disk does not take it.
    """
    if sys.platform == "darwin":  # its fsync leaves bytes in the drive's own memory
        try:
            fcntl.fcntl(number, fcntl.F_FULLFSYNC)
        except OSError:  # a file system that does not know it
            os.fsync(number)
    else:
        getattr(os, "fdatasync", os.fsync)(number)


def lifted(number: int) -> int:
    """Return the descriptor under a number above those that are usual, which
    ``os.closerange(3, 100)`` and its like do not reach.

    Programs close ranges of descriptors without asking whose they are, and the numbers go to the
    files that are opened next.
    """
    if sys.platform == "win32":
        return number
    else:
        limit = os.sysconf("SC_OPEN_MAX")
        try:
            high = fcntl.fcntl(
                number, fcntl.F_DUPFD_CLOEXEC, min(_LOWEST, limit // 2) if limit > 0 else _LOWEST
            )
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


def read_at(number: int, size: int, offset: int) -> bytes:
    """Return at most so many bytes of an open file from a place, b"" behind its end; what is
    appended next goes to its end as ever.

    Raises:
        OSError: it cannot be read.
    """
    if sys.platform != "win32":
        return os.pread(number, size, offset)
    else:
        os.lseek(number, offset, os.SEEK_SET)
        return os.read(number, size)


def set_mode(number: int, mode: int) -> None:
    """Give an open file its mode, where files have modes.

    Raises:
        OSError: it is not ours.
    """
    if sys.platform != "win32":
        os.fchmod(number, mode)
