"""Carrying the current run, and the fact that a training call is under way, into the workers of joblib.

Context variables do not reach pool threads, and a process pool has its own interpreters. Each task of a ``Parallel`` call is
therefore wrapped in a :class:`Carry`:

- inside an observed call, threads learn that they are inside; tasks sent to processes are sent as they are, since the
  workers observe nothing by themselves;
- outside, a worker process observes while it runs the task, with the settings of the process that sent it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from fitprint.autologging.observing import INSIDE, inside
from fitprint.recording import context
from fitprint.recording.workspace import current

__all__ = ["Carry", "Worker", "carry_tasks"]


class Worker(NamedTuple):
    """What a worker process does with what it is told: functions of a module, which are pickled by their names.

    ``prepare`` is called before the task is unpickled; ``observing`` gives the task's function for the length of the task.
    """

    prepare: Callable[[dict[str, Any]], None]
    observing: Callable[[dict[str, Any], Callable[..., Any]], AbstractContextManager[Callable[..., Any]]]


class Carry:
    """A task of a pool, with what it has to know."""

    __slots__ = ("_function", "_inside", "_runs", "_token")

    def __init__(self, function: Callable[..., Any], inside: Any, token: _Token | None) -> None:
        self._function = function
        self._inside = inside
        self._runs = context.snapshot()
        self._token = token

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        inside = INSIDE.set(self._inside)
        before = context.restore(self._runs)
        try:
            return self._function(*args, **kwargs)
        finally:
            context.restore(before)
            INSIDE.reset(inside)

    def __reduce__(self) -> Any:
        if self._token is None:
            return functools.partial, (self._function,)
        return _RemoteCarry, (self._token, self._function)


class _Token:
    """What a worker has to know; unpickling it, before the task that follows it, switches observation on."""

    __slots__ = ("facts", "worker")

    def __init__(self, facts: dict[str, Any], worker: Worker) -> None:
        self.facts = facts
        self.worker = worker

    def __reduce__(self) -> Any:
        return _received, (self.facts, self.worker)


def _received(facts: dict[str, Any], worker: Worker) -> _Token:
    worker.prepare(facts)
    return _Token(facts, worker)


class _RemoteCarry:
    """A task in a worker process that is to observe."""

    __slots__ = ("_function", "_token")

    def __init__(self, token: _Token, function: Callable[..., Any]) -> None:
        self._token = token
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self._token.worker.observing(self._token.facts, self._function) as function:
            return function(*args, **kwargs)

    def __reduce__(self) -> Any:
        return _RemoteCarry, (self._token, self._function)


def token_of(settings: dict[str, Any]) -> dict[str, Any]:
    """Return what a process must know to record as this one does: plain values only, no live connection."""
    workspace = current()
    run = context.current_run()
    return {
        "settings": {**settings, "home": str(workspace.home), "store": workspace.store_uri, "notice": False},
        "run": None if run is None else run.id,
        "off": context.is_off(),
    }


def carry_tasks(
    given: Callable[[], dict[str, Any]], worker: Worker, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Stand in for ``joblib.Parallel.__call__``: the same call, with every task wrapped."""
    if len(args) != 2 or kwargs:
        return function(*args, **kwargs)
    parallel, tasks = args
    under_way = inside()
    # Workers elsewhere, such as those of dask, may lack fitprint: they get the task as it is.
    is_near = type(getattr(parallel, "_backend", None)).__module__ == "joblib._parallel_backends"
    token = _Token(token_of(given()), worker) if is_near and under_way is None and not context.is_off() else None
    return function(parallel, _wrapped(tasks, under_way, token))


def _wrapped(tasks: Iterable[Any], inside: Any, token: _Token | None) -> Iterator[Any]:
    for task in tasks:
        if type(task) is tuple and len(task) == 3:
            function, args, kwargs = task
            yield Carry(function, inside, token), args, kwargs
        else:
            yield task
