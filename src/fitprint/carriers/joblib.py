"""joblib: the threads and processes to which ``Parallel`` hands its tasks.

Context variables do not reach pool threads, and a process pool has its own interpreters, which keep
the environment that they began with. So each task of a ``Parallel`` call takes along what it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fitprint.carriers import Carrier

if TYPE_CHECKING:
    from fitprint.autologging.replacements import Choose, StandIn

__all__ = ["CARRIER", "Joblib"]


class Joblib(Carrier):
    """Wraps the tasks of ``joblib.Parallel``, on joblib's own backends."""

    name = "joblib"

    def patches(self) -> Mapping[str, Choose]:
        return {"joblib.parallel:Parallel.__call__": _choose}


def _choose(args: tuple[Any, ...]) -> StandIn | None:
    # Tasks that run one after another in this very thread have nothing to be told.
    return None if args and getattr(args[0], "n_jobs", None) == 1 else carry


def carry(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Stand in for ``joblib.Parallel.__call__``: the same call, with every task wrapped."""
    from fitprint.carriers.tasks import sending

    if len(args) != 2 or kwargs:
        return function(*args, **kwargs)
    parallel, tasks = args
    # Workers elsewhere, such as those of dask, may lack fitprint: they get the task as it is.
    is_near = type(getattr(parallel, "_backend", None)).__module__ == "joblib._parallel_backends"
    return function(parallel, _wrapped(tasks, sending(far=is_near)))


def _wrapped(tasks: Iterable[Any], wrap: Callable[[Callable[..., Any]], Any]) -> Iterator[Any]:
    for task in tasks:
        if type(task) is tuple and len(task) == 3:
            function, args, kwargs = task
            yield wrap(function), args, kwargs
        else:
            yield task


CARRIER = Joblib()
