"""Work for which no training waits: one thread of the process does it, and ends soon after there is
none.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from weakref import WeakSet

from fitprint.hooks.manager import hooks
from fitprint.platform.processes import at_fork
from fitprint.platform.threads import UnseenThread
from fitprint.recording.ending import at_end

__all__ = ["defer", "end_before_fork", "finish"]

# seconds that the thread waits for more: to start one for each of many small fits would cost more
# than the work
_LINGER = 0.05
_MOST = 64  # pieces of work that wait, each of which may hold some megabytes
_FORK_SECONDS = 3.0  # most that a fork waits for


class _Deferred:
    """What waits in this process, and who does it."""

    def __init__(self) -> None:
        # re-entrant: a signal handler may record while its thread does
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.hurry = False  # somebody waits for the thread to end
        self.waiting: deque[tuple[str, Callable[[], None]]] = deque()
        # the last one there was: it may have done its work and still be about to end
        self.thread: threading.Thread | None = None
        self.is_working = False  # the thread takes what is deferred
        self.limit = 0.0


_state = _Deferred()


def defer(what: str, work: Callable[[], None], *, limit: float) -> bool:
    """Have work done in the background, in the order given; False if too much waits already, or
    there can be no thread.

    Args:
        what: the work, for the message if it fails.
        work: it may take its time, and must keep nothing of the user's alive for long.
        limit: most seconds that the end of the program waits for it.
    """
    with _state.lock:
        if len(_state.waiting) >= _MOST:
            return False
        piece = what, work
        _state.waiting.append(piece)
        _state.limit = limit
        _state.changed.notify()
        if not _state.is_working:
            # before it starts: a signal handler that defers meanwhile would start a second one, and
            # who waits would wait for one of them
            _state.is_working = True
            thread = threading.Thread(target=_work, name="fitprint-deferred", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter is about to end, or has too many
                _state.is_working = False
                _state.waiting.remove(piece)
                return False
            _state.thread = thread
            at_end(_wait)
    return True


def finish(limit: float) -> None:
    """Wait for what has been deferred so far, at most so many seconds."""
    thread = _hurried()
    if thread is not None:
        thread.join(limit)


def _hurried() -> threading.Thread | None:
    """Return the thread, which ends as soon as nothing waits; None if there is none, or it is this
    one.
    """
    with _state.lock:
        thread = _state.thread
        if thread is None or thread is threading.current_thread():
            return None
        if _state.is_working:
            _state.hurry = True
            _state.changed.notify()
    return thread


def _work() -> None:
    state = _state
    while True:
        with state.lock:
            if not state.waiting and not state.hurry:
                state.changed.wait(_LINGER)
            if not state.waiting:
                state.is_working = state.hurry = False
                return
            what, work = state.waiting.popleft()
        try:
            work()
        except Exception as error:  # noqa: BLE001
            # the background must not end in a traceback on the user's screen
            hooks().problem(f"{what} could not be recorded: {error}", "deferred")
        del work


def _wait() -> None:
    finish(_state.limit)


_slow: WeakSet[threading.Thread | UnseenThread] = WeakSet()


def end_before_fork(thread: threading.Thread | UnseenThread) -> None:
    """Wait, before a fork, for a thread of ours that is about to end; one that did not end in time
    is not waited for again.

    What it is importing could not be imported in the child any more.
    """
    if thread is not threading.current_thread() and thread not in _slow:
        thread.join(_FORK_SECONDS)
        if thread.is_alive():
            _slow.add(thread)


def _before_fork() -> None:
    thread = _hurried()
    if thread is not None:
        end_before_fork(thread)


def _after_fork_in_child() -> None:
    global _state
    _state = _Deferred()


at_fork(before=_before_fork, after_in_child=_after_fork_in_child)
