"""Threads of ours that no program finds among its own."""

from __future__ import annotations

import _thread
import sys
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["UnseenThread"]

_MOMENT = 0.0002  # seconds between two looks at whether the system has let a thread go


class UnseenThread:
    """A daemon thread that ``threading.enumerate()`` leaves out: a program that joins all threads
    there are does not wait for it.

    The work must not lead to ``threading.current_thread()``, as ``logging`` does: ``threading``
    knows the thread from there on.

    Raises:
        RuntimeError: the interpreter is about to end, or has too many.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self._number = 0  # the system's
        self._working = _thread.allocate_lock()
        self._working.acquire()
        _thread.start_new_thread(self._run, (work,))

    def _run(self, work: Callable[[], None]) -> None:
        try:
            self._number = _thread.get_native_id()
            work()
        finally:
            self._working.release()

    def is_alive(self) -> bool:
        """Tell whether the work goes on, or the system still has the thread, which Python counts
        when it forks.
        """
        return self._working.locked() or (
            sys.platform == "linux" and Path(f"/proc/self/task/{self._number}").exists()
        )

    def join(self, limit: float) -> None:
        """Wait for the end, at most so many seconds."""
        deadline = time.monotonic() + limit
        if self._working.acquire(timeout=limit):
            self._working.release()
            while self.is_alive() and time.monotonic() < deadline:
                time.sleep(_MOMENT)
