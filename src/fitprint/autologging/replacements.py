"""What stands in the place of a function: a real one, which asks a interceptor whether anybody is
to see the call.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any, Union

__all__ = [
    "Choose",
    "Interceptor",
    "StandIn",
    "dead_interceptor",
    "interceptor_of",
    "is_replacement",
    "replacement_of",
]

# Makes a call in the place of the caller, given (function, args, kwargs).
StandIn = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
# Given the arguments of a call, returns what is to make it; None if nobody is to see it.
Choose = Callable[[tuple[Any, ...]], Union[StandIn, None]]


class Interceptor:
    """What a replacement asks: true while patches are on, and callable with the arguments of a
    call.

    Several targets may cover one function. Of those whose base the first argument is an instance
    of, the one with the nearest base is asked, whichever came first.

    Pickled by value (cloudpickle does so with classes of ``__main__``) it becomes ``False``: the
    copy that is loaded elsewhere calls the original, and needs no fitprint.
    """

    __slots__ = ("_claims", "_patcher")

    def __init__(self, patcher: Any, choose: Choose | None = None) -> None:
        self._patcher = patcher
        self._claims: tuple[tuple[type | None, object, Choose], ...] = (
            () if choose is None else ((None, None, choose),)
        )

    def claim(self, base: type, target: object, choose: Choose) -> None:
        """Let a target be asked of calls with instances of a base; of targets with the same base,
        the first one is.
        """
        if any(target is other for _, other, _ in self._claims):
            return
        nearer = [claim for claim in self._claims if claim[0] not in base.__mro__[1:]]
        self._claims = (
            *nearer,
            (base, target, choose),
            *(claim for claim in self._claims if claim not in nearer),
        )

    def is_of(self, patcher: object) -> bool:
        """Tell whose interceptor this is."""
        return self._patcher is patcher

    def __bool__(self) -> bool:
        on: bool = self._patcher.on
        return on

    def __call__(self, args: tuple[Any, ...]) -> StandIn | None:
        for base, _, choose in self._claims:
            if base is None or (args and isinstance(args[0], base)):
                return choose(args)
        return None

    def __reduce__(self) -> tuple[type[bool], tuple[()]]:
        return bool, ()

    def __copy__(self) -> Interceptor:
        return self

    def __deepcopy__(self, memo: Any) -> Interceptor:
        return self


def replacement_of(function: FunctionType, interceptor: Interceptor) -> Callable[..., Any]:
    """Return a real function that stands for ``function`` and asks the interceptor.

    A call that nobody is to see costs this one frame.
    """

    # Only closure variables are used: a copy pickled by value drags no module of ours along.
    @functools.wraps(function)
    def observed(*args: Any, **kwargs: Any) -> Any:
        # asked once: another thread may switch on in between
        call = interceptor(args) if interceptor else None
        return call(function, args, kwargs) if call else function(*args, **kwargs)

    return observed


# The code of every replacement: a copy that came by value has equal code, and False for a
# interceptor.
_CODE = next(
    constant for constant in replacement_of.__code__.co_consts if isinstance(constant, CodeType)
)


def is_replacement(function: object) -> bool:
    """Tell whether this is a replacement that was made here."""
    return type(function) is FunctionType and function.__code__ is _CODE


def interceptor_of(replacement: Any) -> Interceptor:
    """Return the interceptor of a replacement."""
    interceptor: Interceptor = _cell_of(replacement).cell_contents
    return interceptor


def dead_interceptor(function: Any) -> Any:
    """Return the cell of the interceptor, if this is a replacement that came by value and asks
    nobody; else None.
    """
    code = getattr(function, "__code__", None)
    if code is None or code is _CODE or code.co_name != _CODE.co_name or code != _CODE:
        return None
    cell = _cell_of(function)
    return cell if cell.cell_contents is False else None


def _cell_of(function: Any) -> Any:
    return dict(zip(function.__code__.co_freevars, function.__closure__, strict=True))[
        "interceptor"
    ]
