"""Hand-written training loops: position, throughput and a progress line, from one word around the
iterable.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

from fitprint.arguments import checked_count, checked_text, checked_truth, shown
from fitprint.errors import FitprintError
from fitprint.recording.context import POSITION, Position, current_run
from fitprint.recording.opening import make_current, open_run
from fitprint.recording.run import Run

__all__ = ["Loop"]

Item = TypeVar("Item")

_DRAW_SECONDS = 0.1
_left: ContextVar[Run | None] = ContextVar("fitprint_left_loop", default=None)


class Loop(Generic[Item]):
    """Go over ``iterable`` and record the loop around it.

    Metrics that the body logs without a step get the loop's: the number of the iteration, from 0.
    In a loop inside another one, steps go on counting from one round of the outer loop to the next,
    and the outer loop's iteration is the epoch. Each loop records ``<name>_per_second`` when it
    ends (an inner loop: each time), with the outer loop's step.

    Without a current run the loop opens one, which ends with it. If the body leaves the loop early
    (``break``, an exception), that run ends with the next loop or with the program, and tells how
    that ended.

    Args:
        iterable: anything that can be iterated over, once or often; it is asked for one item at a
            time.
        name: what one iteration is called.
        total: number of iterations, for the progress line; ``len(iterable)`` by default.
        progress: draw a progress line on standard error; by default if that is a terminal.
        run_name: name of the run that the loop opens if there is none.

    Raises:
        FitprintError: an argument is of the wrong type.

    Example:
        >>> for epoch in fitprint.loop(range(10), name="epoch"):
        ...     for x, y in fitprint.loop(batches, name="batch"):
        ...         fitprint.log_metric("loss", train(x, y))
        ...     fitprint.log_metric("val_loss", validate())
    """

    def __init__(
        self,
        iterable: Iterable[Item],
        *,
        name: str = "step",
        total: int | None = None,
        progress: bool | None = None,
        run_name: str | None = None,
    ) -> None:
        if not (
            hasattr(type(iterable), "__iter__") or hasattr(type(iterable), "__getitem__")
        ) or isinstance(iterable, type):
            raise FitprintError(
                "a loop goes over what has items, such as range(10) or a data loader, not over "
                f"{shown(iterable)}"
            )
        self._iterable = iterable
        self._name = checked_text(name, "a loop's name")
        self._total = checked_count(total, "total") if total is not None else _length(iterable)
        if progress is not None:
            checked_truth(progress, "progress")
        if run_name is not None:
            checked_text(run_name, "a run's name", empty=True)
        self._progress = (
            sys.stderr is not None
            and not sys.stderr.closed
            and (sys.stderr.isatty() if progress is None else progress)
        )
        self._run_name = run_name

    def __len__(self) -> int:
        if self._total is None:
            raise TypeError(
                "the length of this loop is not known; give it as fitprint.loop(..., total=...)"
            )
        return self._total

    def __iter__(self) -> Iterator[Item]:
        outer = POSITION.get()
        left = _left.get()
        if left is not None and outer is None:
            left.end()
            _left.set(None)
        run = current_run()
        own = run is None
        if run is None:
            run = open_run(name=self._run_name, kind="loop")
            make_current(run)
            _left.set(run)
        # Inner loops go on counting where they stood in the round before: the counts belong to this
        # loop's rounds.
        counts: dict[str, int] = {}
        first = 0 if outer is None else outer.inner_counts.get(self._name, 0)
        done, started = 0, time.perf_counter()
        drawn = started
        try:
            for item in self._iterable:
                POSITION.set(Position(first + done, done if outer is None else outer.step, counts))
                yield item
                done += 1
                if self._progress and time.perf_counter() - drawn >= _DRAW_SECONDS:
                    drawn = time.perf_counter()
                    self._draw(done, started)
        finally:
            POSITION.set(outer)
            if outer is not None:
                outer.inner_counts[self._name] = first + done
            elapsed = time.perf_counter() - started
            if run.is_open and done:
                run.log_metric(
                    f"{self._name}_per_second",
                    done / max(elapsed, 1e-9),
                    step=None if outer is None else outer.step,
                )
            if self._progress:
                self._draw(done, started)
                sys.stderr.write("\n")
        if own:
            _left.set(None)
            run.end()

    def _draw(self, done: int, started: float) -> None:
        rate = done / max(time.perf_counter() - started, 1e-9)
        total = "" if self._total is None else f"/{self._total}"
        sys.stderr.write(f"\r{self._name} {done}{total}  {rate:.3g}/s ")
        sys.stderr.flush()


def _length(iterable: Any) -> int | None:
    try:
        return len(iterable)
    except TypeError:
        return None
