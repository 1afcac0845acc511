"""Which run is current.

The rule, in this order:

1. the innermost open run that was opened in this context (:mod:`contextvars`: an asyncio task has the runs of the task
   that created it, and what it opens itself is its own; a forked child has the runs of its parent);
2. in a thread other than the main one that has opened none: the innermost run that the main thread has open, if all
   runs that it has open are nested in one another;
3. in a process of :mod:`multiprocessing`, the run that was current where it was started;
4. in a process started with the variable ``FITPRINT_RUN`` (see ``Run.environ``): the run that it names.
"""

from __future__ import annotations

import functools
import inspect
import os
import threading
from collections.abc import Callable
from contextlib import ContextDecorator
from contextvars import ContextVar
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from fitprint.recording import heritage
from fitprint.recording.workspace import existing

if TYPE_CHECKING:
    from fitprint.recording.run import Run

__all__ = [
    "POSITION",
    "Position",
    "attach_with",
    "current_run",
    "enter_run",
    "enter_worker",
    "inherit_run",
    "is_off",
    "leave_run",
    "off",
    "push",
    "restore",
    "snapshot",
]


class Position(NamedTuple):
    """Where a context stands in ``fitprint.loop``: metrics logged without a step or epoch get these.

    ``inner_counts``: how many iterations the loops inside this one have done so far, by name.
    """

    step: int
    epoch: int
    inner_counts: dict[str, int]


POSITION: ContextVar[Position | None] = ContextVar("fitprint_position", default=None)

_runs: ContextVar[tuple[Run, ...]] = ContextVar("fitprint_runs", default=())
_off_depth: ContextVar[int] = ContextVar("fitprint_off", default=0)
_main_thread_runs: list[Run] = []
_inherited: Run | None = None
_attach: Callable[[str], Run] | None = None


def current_run() -> Run | None:
    """Return the run that a logging verb called here logs to, or None."""
    runs = _runs.get()
    if runs and runs[-1].is_open:
        return runs[-1]
    for run in reversed(runs):
        if run.is_open:
            return run
    if threading.current_thread() is not threading.main_thread():
        shared = [run for run in _main_thread_runs if run.is_open]
        if shared and all(inner.parent_id == outer.id for outer, inner in pairwise(shared)):
            return shared[-1]
    if _inherited is None and _attach is not None:
        run_id = heritage.inherited_run() or os.environ.get("FITPRINT_RUN")
        if run_id:
            inherit_run(_attach(run_id))
    return _inherited


def attach_with(opener: Callable[[str], Run]) -> None:
    """Say how a run is opened that another process has open."""
    global _attach
    _attach = opener


def enter_run(run: Run) -> None:
    """Make the run current in this context."""
    _runs.set((*(other for other in _runs.get() if other.is_open), run))
    if threading.current_thread() is threading.main_thread():
        _main_thread_runs.append(run)


def leave_run(run: Run) -> None:
    """Make the run no longer current."""
    _runs.set(tuple(other for other in _runs.get() if other is not run))
    if run in _main_thread_runs:
        _main_thread_runs.remove(run)


def inherit_run(run: Run | None) -> None:
    """Make the run current wherever this process has no other."""
    global _inherited
    _inherited = run


def _told_run() -> str | None:
    """Return what children of this process get to know of the current run: its id, if they will write where it is written."""
    here = existing()
    if here is None:  # nothing was recorded here: what this process was told goes on, and nothing is made for that
        return heritage.inherited_run()
    run = current_run()
    return run.id if run is not None and run.workspace.home == here.home else None


heritage.tell("run", _told_run)


def snapshot() -> tuple[tuple[Run, ...], int]:
    """Return what this context knows, for :func:`restore` in another thread."""
    return _runs.get(), _off_depth.get()


def push(run: Run) -> tuple[tuple[Run, ...], int]:
    """Make the run current in this context alone, and return what :func:`restore` takes to undo it."""
    before = snapshot()
    _runs.set((*before[0], run))
    return before


def restore(state: tuple[tuple[Run, ...], int]) -> tuple[tuple[Run, ...], int]:
    """Make this context know what another did, and return what it knew."""
    before = snapshot()
    _runs.set(state[0])
    _off_depth.set(state[1])
    return before


def enter_worker(run: Run | None, *, is_off: bool) -> tuple[tuple[Run, ...], int]:
    """Make a worker's context know what the one that sent it a task did; :func:`restore` takes what this returns."""
    return restore(((run,) if run is not None else (), int(is_off)))


def is_off() -> bool:
    """Tell whether autologging is switched off in this context."""
    return _off_depth.get() > 0


class off(ContextDecorator):  # noqa: N801 - reads as a verb
    """Switch autologging off for a block or a function, in this thread or task only.

    Blocks may be nested, and one object may be used again. What is logged by hand is recorded all the same.

    Example:
        >>> with fitprint.off():
        ...     model.fit(X, y)
    """

    def __call__(self, function: Any) -> Any:
        if not inspect.iscoroutinefunction(function):
            return super().__call__(function)

        @functools.wraps(function)
        async def quiet(*args: Any, **kwargs: Any) -> Any:
            with self:
                return await function(*args, **kwargs)

        return quiet

    def __enter__(self) -> off:
        _off_depth.set(_off_depth.get() + 1)
        return self

    def __exit__(self, *exception: object) -> None:
        _off_depth.set(_off_depth.get() - 1)
