"""What a step is asked to be, said at the function, which stays what it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, overload

from fitprint.arguments import checked_count
from fitprint.errors import FitprintError

__all__ = ["FlowError", "Options", "options_of", "step"]

_NAME = "__fitprint_step__"
_Function = TypeVar("_Function", bound=Callable[..., Any])


class FlowError(FitprintError):
    """A flow cannot be built, or a step of it failed."""


@dataclass(frozen=True, slots=True)
class Options:
    """What :func:`step` says of a function; the defaults hold where it says nothing.

    Attributes:
        version: part of the key: another text makes the step run again.
        cache: whether an earlier run of the step may stand for this one.
        retries: how often it is tried again after a failure.
        timeout: seconds after which it is stopped; None for no limit.
        resources: what it takes of the executor's resources, such as ``{"GPU": 1}``.
        allow_pickle: whether what nothing else can write is handed on as a pickle.
        trust: names of types of its result, a model, that may run code when they are loaded.
    """

    version: str = ""
    cache: bool = True
    retries: int = 0
    timeout: float | None = None
    resources: Mapping[str, float] = field(default_factory=dict)
    allow_pickle: bool = False
    trust: Collection[str] = ()


@overload
def step(function: _Function) -> _Function: ...


@overload
def step(
    *,
    version: str | int = "",
    cache: bool = True,
    retries: int = 0,
    timeout: float | None = None,
    resources: Mapping[str, float] | None = None,
    allow_pickle: bool = False,
    trust: Collection[str] = (),
) -> Callable[[_Function], _Function]: ...


def step(
    function: Any = None,
    *,
    version: str | int = "",
    cache: bool = True,
    retries: int = 0,
    timeout: float | None = None,
    resources: Mapping[str, float] | None = None,
    allow_pickle: bool = False,
    trust: Collection[str] = (),
) -> Any:
    """Mark a function as a step of flows, and say how it is to be run there (see
    :class:`Options`). The function is returned as it is: call it, test it and pickle it as before.

    Example:
        >>> @step(version=2, retries=1)
        ... def clean(table): ...

    Raises:
        FlowError: an option makes no sense.
    """
    retries = checked_count(retries, "retries", FlowError)
    if timeout is not None and not 0 < timeout < math.inf:
        raise FlowError(f"timeout must be a number of seconds above 0, not {timeout!r}")
    options = Options(
        str(version), cache, retries, timeout, dict(resources or {}), allow_pickle, tuple(trust)
    )

    def mark(function: Any) -> Any:
        if not callable(function):
            raise FlowError(f"a step is a function, not {function!r}")
        setattr(function, _NAME, options)
        return function

    return mark if function is None else mark(function)


def options_of(function: Any) -> Options:
    """Return what was said of a function."""
    found: Options = getattr(function, _NAME, _DEFAULTS)
    return found


_DEFAULTS = Options()
