"""Delivery in the background to a store that others look at: never on a thread of the user's, and never longer than allowed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from fitprint.errors import FitprintError

__all__ = ["BackgroundDelivery"]

_EVERY_SECONDS = 1.0
_SLOWEST_SECONDS = 60.0
_REST = 20  # times as long as a delivery took: it takes a twentieth of a core at the most


class BackgroundDelivery:
    """A daemon thread that delivers again and again, more slowly while that fails or takes long.

    Args:
        deliver: delivers what there is; returns False if there is no need for that.
        on_problem: told once when delivery fails, until it works again.
    """

    def __init__(self, deliver: Callable[[], bool], on_problem: Callable[[str], None]) -> None:
        self._deliver = deliver
        self._on_problem = on_problem
        self._ending = threading.Event()
        self._failing = False
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Begin to deliver, unless that goes on already. A forked child begins anew."""
        if self._thread is None or not self._thread.is_alive():
            self._ending = threading.Event()
            self._thread = threading.Thread(target=self._work, args=(self._ending,), name="fitprint-delivery", daemon=True)
            self._thread.start()

    def _work(self, ending: threading.Event) -> None:
        pause = _EVERY_SECONDS
        while True:
            is_last = ending.wait(pause)
            began = time.perf_counter()
            try:
                needed = self._deliver()
            except FitprintError as error:
                self._tell(str(error))
                pause = min(2 * pause, _SLOWEST_SECONDS)
            except Exception as error:  # noqa: BLE001 - a store is anybody's code, and this is the last line of its thread
                self._tell(f"{type(error).__name__}: {error}")
                pause = min(2 * pause, _SLOWEST_SECONDS)
            else:
                self._failing = False
                pause = min(max(_EVERY_SECONDS, _REST * (time.perf_counter() - began)), _SLOWEST_SECONDS)
                if not needed:
                    return
            if is_last:
                return

    def _tell(self, problem: str) -> None:
        if not self._failing:
            self._failing = True
            self._on_problem(
                f"the store cannot be reached ({problem}); records stay in the journal and are delivered when it can, "
                "at the latest by `fitprint sync`"
            )

    def finish(self, limit: float) -> None:
        """Deliver once more, wait at most ``limit`` seconds for it, and end."""
        thread = self._thread
        if thread is None or not thread.is_alive():
            return
        self._ending.set()
        thread.join(limit)
        if thread.is_alive():
            self._on_problem(f"delivery did not end within {limit:g} s; `fitprint sync` delivers the rest")
