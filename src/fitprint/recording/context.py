"""Which run is current.

The rule, in this order:

1. the innermost open run that was opened in this context (:mod:`contextvars`: an asyncio task has
   the runs of the task that created it, and what it opens itself is its own; a forked child has the
   runs of its parent);
2. in a thread other than the main one that has opened none: the innermost run that the main thread
   has open, if all runs that it has open are nested in one another;
3. the run that this process was handed by the one that started it (see
   :mod:`fitprint.recording.token`).
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import ContextDecorator, contextmanager
from contextvars import ContextVar
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from fitprint.recording.token import (
    Role,
    RunToken,
    forget_inherited,
    inherit_token,
    inherited_token,
)
from fitprint.recording.workspace import existing, given

if TYPE_CHECKING:
    from fitprint.recording.run import Run

__all__ = [
    "POSITION",
    "Position",
    "apart",
    "attach_with",
    "current_run",
    "current_token",
    "enter_run",
    "enter_worker",
    "inherit",
    "inherit_run",
    "is_off",
    "leave_run",
    "off",
    "push",
    "restore",
    "snapshot",
    "tell_role",
]


class Position(NamedTuple):
    """Where a context stands in ``fitprint.loop``: metrics logged without a step or epoch get
    these.

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
_is_known = False  # whether it was looked for
_attach: Callable[[RunToken], Run] | None = None
_tell_role: Callable[[], tuple[Role, str]] | None = None


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
    if not _is_known:
        _look()
    return _inherited


def _look() -> None:
    """Look for a run that this process was handed."""
    global _is_known, _inherited
    _is_known = True
    token = inherited_token()
    if token is not None and token.run and _attach is not None:
        _inherited = _attach(token)


def attach_with(opener: Callable[[RunToken], Run]) -> None:
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
    """Make the run current wherever this process has no other; None: forget what it was handed, and
    look for that anew.
    """
    global _inherited, _is_known
    _inherited, _is_known = run, run is not None
    if run is None:
        forget_inherited()


@contextmanager
def apart() -> Iterator[None]:
    """Know no run in this block: neither those that are open here, nor one that this process was
    handed. Afterwards all is as before.
    """
    global _inherited, _is_known
    before, open_runs, inherited = snapshot(), list(_main_thread_runs), (_inherited, _is_known)
    restore(((), 0))
    _main_thread_runs.clear()
    inherit_run(None)
    try:
        yield
    finally:
        inherit_run(None)
        restore(before)
        _main_thread_runs[:] = open_runs
        _inherited, _is_known = inherited


def inherit(token: RunToken) -> None:
    """Make the token's run current wherever this process has no other, in the place of what it was
    handed before.
    """
    global _inherited, _is_known
    inherit_token(token)
    _inherited, _is_known = None, False


def current_token() -> RunToken:
    """Return what another process needs to go on as this one does here and now."""
    here = existing()
    # nothing was recorded here: what this process was handed goes on, and nothing is made for that
    if here is None:
        token = inherited_token() or RunToken()
    else:
        run = current_run()
        token = here.token() if run is None or run.workspace.home != here.home else run.token()
        shown = here.shown_settings()
        token = replace(
            token, settings={name: shown[name] for name in given() if name not in ("home", "store")}
        )
    if _tell_role is None:
        return replace(token, role="", call="")
    role, call = _tell_role()
    return replace(token, role=role, call=call)


def tell_role(teller: Callable[[], tuple[Role, str]]) -> None:
    """Say what tells the role of workers that are sent work here and now, and the call under way
    (see :class:`RunToken`).
    """
    global _tell_role
    _tell_role = teller


def snapshot() -> tuple[tuple[Run, ...], int]:
    """Return what this context knows, for :func:`restore` in another thread."""
    return _runs.get(), _off_depth.get()


def push(run: Run) -> tuple[tuple[Run, ...], int]:
    """Make the run current in this context alone, and return what :func:`restore`
    takes to undo it.
    """
    before = snapshot()
    _runs.set((*before[0], run))
    return before


def restore(state: tuple[tuple[Run, ...], int]) -> tuple[tuple[Run, ...], int]:
    """Make this context know what another did, and return what it knew."""
    before = snapshot()
    _runs.set(state[0])
    _off_depth.set(state[1])
    return before


def enter_worker(run: Run | None) -> tuple[tuple[Run, ...], int]:
    """Make a worker's context know what the one that sent it a task did; :func:`restore` takes what
    this returns.
    """
    return restore(((run,) if run is not None else (), 0))


def is_off() -> bool:
    """Tell whether autologging is switched off in this context."""
    return _off_depth.get() > 0


class off(ContextDecorator):  # noqa: N801 - reads as a verb
    """Switch autologging off for a block or a function, in this thread or task only.

    Blocks may be nested, and one object may be used again. What is logged by hand is recorded all
    the same.

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
