"""Copies of this process that do one thing and end, and the process groups and pipes of those that
were started.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

__all__ = [
    "CAN_COPY",
    "DEAD",
    "Ended",
    "copy",
    "end",
    "end_group",
    "is_out_of_time",
    "limit_time",
    "read_line",
    "run_copy",
    "status_of",
    "wait_for",
]

CAN_COPY = hasattr(os, "fork")  # whether this system can
# with which a process is ended; for Windows any will do
DEAD = getattr(signal, "SIGKILL", signal.SIGTERM)
_OUT_OF_TIME = {getattr(signal, name, None) for name in ("SIGALRM", "SIGXCPU")} - {None}


class Ended(NamedTuple):
    """How a copy ended.

    Attributes:
        told: what it has written; None if it was ended, since that took too long or nobody waits
            any more.
        signal: the signal that ended it; 0 for none.
        status: its exit status; 0 where a signal ended it.
    """

    told: bytes | None
    signal: int
    status: int


def copy() -> int:
    """Copy this process as ``os.fork`` does: 0 in the copy, else its number.

    Raises:
        OSError: it cannot be copied.
    """
    if sys.platform == "win32":
        raise OSError("processes cannot be copied here")
    else:
        return os.fork()


def run_copy(work: Callable[[], bytes], seconds: float, until: int) -> Ended:
    """Return how a copy of this process ended that did the work and wrote down what that returned.

    Args:
        work: what it does.
        seconds: after which the copy is ended if nothing was written.
        until: a descriptor; when it can be read, whoever asked is gone, and the copy is ended.
    """
    from fitprint.platform.processes import die_with_parent

    reading, writing = os.pipe()
    child = copy()
    if child == 0:
        try:
            os.close(reading)
            die_with_parent()
            os.write(writing, work())
        finally:
            os._exit(0)
    os.close(writing)
    found = _until_end(reading, seconds, until)
    os.close(reading)
    if found is None:
        end(child)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Ended(found, max(-code, 0), max(code, 0))


def _until_end(handle: int, seconds: float, until: int) -> bytes | None:
    found = b""
    while True:
        ready, _, _ = select.select([handle, until], [], [], seconds)
        if handle not in ready:
            return None
        piece = os.read(handle, 1 << 16)
        if not piece:
            return found
        found += piece


def status_of(child: int) -> int | None:
    """Return the exit status of a copy that has ended, minus the signal that ended it; None as long
    as it runs.
    """
    if sys.platform != "win32":
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
    return None


def wait_for(child: int, seconds: float) -> int | None:
    """Return the exit status of a copy, minus the signal that ended it; None if it was ended here
    since it took longer.
    """
    if sys.platform != "win32":
        deadline = time.monotonic() + seconds
        while True:
            status = status_of(child)
            if status is not None:
                return status
            if time.monotonic() > deadline:
                end(child)
                os.waitpid(child, 0)
                break
            time.sleep(0.005)
    return None


def end(pid: int) -> None:
    """End a process at once.

    Raises:
        OSError: there is none, or it is somebody else's.
    """
    os.kill(pid, DEAD)


def end_group(pid: int) -> None:
    """End at once a process that was started in a session of its own, and all that it has started,
    where the system knows those.

    Raises:
        OSError: there is none, or it is somebody else's.
    """
    if sys.platform == "win32":
        end(pid)
    else:
        os.killpg(pid, DEAD)


def limit_time(seconds: int) -> None:
    """End this process after so many seconds on the clock, where the system can do that."""
    if sys.platform != "win32":
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(seconds)


def is_out_of_time(number: int, *, of_cpu: bool = False) -> bool:
    """Tell whether this signal ends who has used up its time (``of_cpu``:
    that of the processor).
    """
    return number == getattr(signal, "SIGXCPU", 0) != 0 if of_cpu else number in _OUT_OF_TIME


def read_line(handle: int, seconds: float) -> bytes | None:
    """Read a line from a pipe; None after that time without a piece of it, and what there is at the
    end of the file.
    """
    found = b""
    while not found.endswith(b"\n"):
        piece = _read_piece(handle, seconds)
        if piece is None:
            return None
        if not piece:
            break
        found += piece
    return found


def _read_piece(handle: int, seconds: float) -> bytes | None:
    if sys.platform != "win32":
        return os.read(handle, 1 << 16) if select.select([handle], [], [], seconds)[0] else None
    else:  # only sockets can be waited for
        pieces: list[bytes] = []
        thread = threading.Thread(
            target=lambda: pieces.append(os.read(handle, 1 << 16)), daemon=True
        )
        thread.start()
        thread.join(seconds)
        return pieces[0] if pieces else None
