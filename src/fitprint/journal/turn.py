"""Taking turns at a folder of journals: who has the turn says so in the lock's file, and nobody
waits without limit.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fitprint.access import make_file
from fitprint.platform.files import OPEN
from fitprint.platform.locks import try_lock, unlock
from fitprint.platform.users import host_name

__all__ = ["turn"]

_NOTE_BYTES = 400
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.002, 0.05


@contextmanager
def turn(root: Path, patience: float) -> Iterator[str]:
    """Wait for our turn to deliver the journals below ``root``, and give it back after the block.

    Yields "" if it is our turn, and otherwise, when ``patience`` seconds are over, a sentence that
    says whose it is. In a folder that cannot be written nobody else delivers either.
    """
    try:
        lock = _open(f"{root}/.delivery.lock")
    except OSError:
        yield ""
        return
    try:
        if not _take(lock, patience):
            yield _holder(lock, root)
            return
        try:
            _sign(lock)
            yield ""
        finally:
            # Closing is not enough: a process forked in the meantime has the file, and with it the
            # lock, too.
            unlock(lock)
    finally:
        os.close(lock)


def _open(path: str) -> int:
    try:
        return os.open(path, OPEN)  # it is there already, nearly always
    except FileNotFoundError:
        make_file(Path(path))
        return os.open(path, OPEN)


def _take(lock: int, patience: float) -> bool:
    deadline, pause = time.monotonic() + patience, _SHORTEST_PAUSE
    while True:
        try:
            if try_lock(lock):
                return True
        except OSError:
            return True  # a file system without locks: stores keep everything once all the same
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _sign(lock: int) -> None:
    """Write down who has the turn, for those who wait."""
    note = {"pid": os.getpid(), "host": host_name(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
    try:
        # of one length: to cut a file may take the disk's time
        os.write(lock, json.dumps(note).encode().ljust(_NOTE_BYTES))
    except OSError:
        pass  # a full disk: those who wait learn less


def _holder(lock: int, root: Path) -> str:
    try:
        note = json.loads(os.read(lock, _NOTE_BYTES))
        who = f"process {note['pid']} on {note['host']} has been delivering since {note['since']}"
    except (OSError, ValueError, TypeError, KeyError):
        who = "another process is delivering"
    return f"{who} (the journals in {root}); if it is stopped, let it go on (`fg`) or end it"
