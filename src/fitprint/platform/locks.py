"""Locks on files that end with the process which has them."""

from __future__ import annotations

import sys

__all__ = ["try_lock", "unlock"]

if sys.platform != "win32":
    import fcntl

    def try_lock(number: int) -> bool:
        """Take the lock on the open file for this process alone, without waiting; False if another
        has it.

        Raises:
            OSError: the file system knows no locks.
        """
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock(number: int) -> None:
        """Give the lock back, also for processes forked meanwhile, which have the file too."""
        fcntl.flock(number, fcntl.LOCK_UN)

else:
    import errno
    import msvcrt
    import os

    # A lock of Windows keeps others from reading the bytes that it is on: it lies where no file has
    # any.
    _BEYOND = 1 << 40

    def try_lock(number: int) -> bool:
        """Take the lock on the open file for this process alone, without waiting; False if another
        has it.

        Raises:
            OSError: the file system knows no locks.
        """
        try:
            _at_lock(number, msvcrt.LK_NBLCK)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EDEADLK):
                return False
            raise
        return True

    def unlock(number: int) -> None:
        """Give the lock back."""
        _at_lock(number, msvcrt.LK_UNLCK)

    def _at_lock(number: int, mode: int) -> None:
        place = os.lseek(number, 0, os.SEEK_CUR)
        os.lseek(number, _BEYOND, os.SEEK_SET)
        try:
            msvcrt.locking(number, mode, 1)
        finally:
            os.lseek(number, place, os.SEEK_SET)
