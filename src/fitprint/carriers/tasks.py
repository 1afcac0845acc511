"""Tasks that are sent to other threads and processes, with what they have to know there.

- Inside an observed call, threads learn that they are inside; tasks sent to processes are sent as
  they are, since the workers observe nothing by themselves.
- Outside, a worker process observes while it runs the task, with the settings and the run of the
  process that sent it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fitprint.autologging import activation
from fitprint.autologging.observing import INSIDE, inside
from fitprint.errors import TokenError
from fitprint.hooks.manager import hooks
from fitprint.recording import context, workspace
from fitprint.recording.opening import run_of
from fitprint.recording.token import RunToken

__all__ = ["Task", "arrive", "sending", "working_for"]


def sending(*, far: bool = True) -> Callable[[Callable[..., Any]], Task]:
    """Return what wraps the functions of tasks that are sent from here and now.

    Args:
        far: workers that are other processes have fitprint, and may be told more than the task.
    """
    under_way = inside()
    is_told = far and under_way is None and not context.is_off()
    arrival = _Arrival(context.current_token().encode()) if is_told else None
    return functools.partial(Task, under_way, context.snapshot(), arrival)


class Task:
    """The function of a task.

    In another thread it knows what the sender knew; pickled, it takes the sender's token along.
    """

    __slots__ = ("_arrival", "_function", "_inside", "_runs")

    def __init__(
        self, inside: Any, runs: Any, arrival: _Arrival | None, function: Callable[..., Any]
    ) -> None:
        self._inside = inside
        self._runs = runs
        self._arrival = arrival
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        inside = INSIDE.set(self._inside)
        before = context.restore(self._runs)
        try:
            return self._function(*args, **kwargs)
        finally:
            context.restore(before)
            INSIDE.reset(inside)

    def __reduce__(self) -> Any:
        return (
            (_FarTask, (self._arrival, self._function))
            if self._arrival is not None
            else (functools.partial, (self._function,))
        )


class _Arrival:
    """A token on its way; unpickling it, before the function that follows it, makes the worker
    ready to observe.
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __reduce__(self) -> Any:
        return _arrived, (self.text,)


def _arrived(text: str) -> _Arrival:
    arrive(text)
    return _Arrival(text)


class _FarTask:
    """A task in a worker process."""

    __slots__ = ("_arrival", "_function")

    def __init__(self, arrival: _Arrival, function: Callable[..., Any]) -> None:
        self._arrival = arrival
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with working_for(self._arrival.text):
            return activation.present(self._function)(*args, **kwargs)

    def __reduce__(self) -> Any:
        return _FarTask, (self._arrival, self._function)


@functools.lru_cache(maxsize=8)  # all tasks of a call have the same token
def _decoded(text: str) -> tuple[RunToken, dict[str, Any]]:
    token = RunToken.decode(text)
    return token, workspace.admitted(token) | {"notice": False}


def arrive(text: str) -> RunToken | None:
    """In a worker: take over settings, and be ready to observe, as the process does that sent the
    token. Return the token.

    Nothing is raised: what is wrong is told, the worker goes on by itself, and None is returned.
    """
    try:
        token, settings = _decoded(text)
        workspace.inherit(settings)
        if token.role == "observer":
            activation.follow(token.role)
    except TokenError as error:
        hooks().problem(
            f"a worker was handed a run, and cannot use it: {error}; it records by itself",
            "carriers",
        )
        return None
    except Exception as error:  # noqa: BLE001
        # a failure of ours must not become one of the user's task
        hooks().problem(
            f"a worker process cannot record: {type(error).__name__}: {error}", "carriers", error
        )
        return None
    return token


@contextmanager
def working_for(text: str) -> Iterator[None]:
    """In a worker: go on as the process that sent the token, for the length of a task.

    Its run is current, training calls are observed as its role says, and afterwards the worker
    observes nothing, until the next task.
    """
    token = arrive(text)
    run = None
    if token is not None and token.run:
        try:
            run = run_of(token)
        except Exception as error:  # noqa: BLE001
            # a failure of ours must not become one of the user's task
            hooks().problem(
                f"a worker process cannot record: {type(error).__name__}: {error}",
                "carriers",
                error,
            )
    observes = token is not None and token.role == "observer"
    inside = INSIDE.set(None if observes else True)
    before = context.enter_worker(run)
    try:
        yield
    finally:
        context.restore(before)
        INSIDE.reset(inside)
        if observes:
            activation.engine().end_orphans()
            INSIDE.set(True)
