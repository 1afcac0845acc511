"""Delivery in the background to a store that others look at: never on a thread of the user's, and
never longer than allowed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from fitprint.errors import FitprintError, StoreBusyError
from fitprint.platform.processes import at_fork

__all__ = ["BackgroundDelivery"]

_EVERY_SECONDS = 1.0
_SLOWEST_SECONDS = 60.0
_FORK_SECONDS = 3.0  # that a fork waits for a delivery which has begun
_REST = 20  # times as long as a delivery took: it takes a twentieth of a core at the most


class BackgroundDelivery:
    """A daemon thread that delivers again and again, more slowly while that fails or takes long.

    Args:
        deliver: delivers what there is; returns False if there is no need for that. A fork waits
            for it.
        on_problem: told once when delivery fails, until it works again.
        forward: brings on what was delivered. No fork waits for it: it holds no lock while it waits
            for others, and imports nothing.
        release: gives back what delivering has opened. Called by a thread whose end took too long,
            when it comes: nobody else waits for it any more.
    """

    def __init__(
        self,
        deliver: Callable[[], bool],
        on_problem: Callable[[str], None],
        forward: Callable[[], None] = lambda: None,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        self._deliver = deliver
        self._forward = forward
        self._on_problem = on_problem
        self._release = release
        self._left_behind = threading.Event()
        self._ending = threading.Event()
        self._failing = False
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Begin to deliver, unless that goes on already. A forked child begins anew.

        Where no thread can start, since the interpreter is about to end or has too many, what is
        recorded waits for whoever looks.
        """
        if self._thread is None or not self._thread.is_alive() or self._ending.is_set():
            ending, left_behind = threading.Event(), threading.Event()
            thread = threading.Thread(
                target=self._work, args=(ending, left_behind), name="fitprint-delivery", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:
                return
            self._ending, self._left_behind, self._thread = ending, left_behind, thread

    def _work(self, ending: threading.Event, left_behind: threading.Event) -> None:
        try:
            self._go_on(ending)
        finally:
            if left_behind.is_set():
                self._release()

    def _go_on(self, ending: threading.Event) -> None:
        pause = _EVERY_SECONDS
        while True:
            is_last = ending.wait(pause)
            began = time.perf_counter()
            try:
                with _forks.delivering:
                    needed = self._deliver()
                    _forks.is_slow = False
                took, began = time.perf_counter() - began, time.thread_time()
                self._forward()
                took += time.thread_time() - began
            except StoreBusyError as error:  # others write just now: the next time is soon enough
                if is_last:
                    self._on_problem(f"{error}; `fitprint sync` delivers what is left")
                pause = min(2 * pause, _SLOWEST_SECONDS)
            except FitprintError as error:
                self._tell(str(error))
                pause = min(2 * pause, _SLOWEST_SECONDS)
            except Exception as error:  # noqa: BLE001
                # a store is anybody's code, and this is the last line of its thread
                self._tell(f"{type(error).__name__}: {error}")
                pause = min(2 * pause, _SLOWEST_SECONDS)
            else:
                self._failing = False
                pause = min(max(_EVERY_SECONDS, _REST * took), _SLOWEST_SECONDS)
                if not needed:
                    return
            if is_last:
                return

    def _tell(self, problem: str) -> None:
        if not self._failing:
            self._failing = True
            self._on_problem(
                f"the store cannot be reached ({problem}); records stay in the journal and are "
                "delivered when it can, at the latest by `fitprint sync`"
            )

    def finish(self, limit: float) -> None:
        """Deliver once more, wait at most ``limit`` seconds for it, and end."""
        thread = self._thread
        if thread is None or not thread.is_alive():
            return
        self._ending.set()
        thread.join(limit)
        if not thread.is_alive():
            return
        self._left_behind.set()
        if not thread.is_alive():  # it ended just now, and may not have seen that
            self._release()
        if not self._failing:  # else it was told already
            self._on_problem(
                f"delivery did not end within {limit:g} s; `fitprint sync` delivers the rest"
            )


class _Forks:
    """What a delivery holds, and a fork waits for: a child could neither use nor import anew what
    was being imported just then.
    """

    def __init__(self) -> None:
        self.delivering = threading.Lock()
        self.holder = 0  # the thread that forks, where it got the lock; several may fork at once
        self.is_slow = False  # a fork has waited for this delivery: no other one does


_forks = _Forks()


def _before_fork() -> None:
    has_it = _forks.delivering.acquire(timeout=0 if _forks.is_slow else _FORK_SECONDS)
    _forks.is_slow = not has_it
    if has_it:
        _forks.holder = threading.get_ident()


def _after_fork_in_parent() -> None:
    if _forks.holder == threading.get_ident():
        _forks.holder = 0
        _forks.delivering.release()


def _after_fork_in_child() -> None:
    global _forks
    _forks = _Forks()


at_fork(
    before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
)
