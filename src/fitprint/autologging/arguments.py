"""The arguments of a call: as the user gave them, by name, and as the function gets them."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["Arguments", "ImpossibleCall"]


# the error is the user's, and the function says so itself
class ImpossibleCall(TypeError):  # noqa: N818
    """The arguments of a call do not fit the function.

    An observer need not care: such a call is not recorded.
    """


_signatures: weakref.WeakKeyDictionary[Callable[..., Any], inspect.Signature] = (
    weakref.WeakKeyDictionary()
)


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    signature = _signatures.get(function)
    if signature is None:
        signature = _signatures[function] = inspect.signature(function)
    return signature


class Arguments:
    """What a function was called with.

    Attributes:
        args: by position, as the user gave them; of a method the instance is the first.
        kwargs: by keyword, as the user gave them.
    """

    __slots__ = ("_bound", "_function", "_is_method", "_replaced", "args", "kwargs")

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        is_method: bool,
    ) -> None:
        self._function = function
        self._is_method = is_method
        self._bound: inspect.BoundArguments | None = None
        self._replaced: dict[str, Any] = {}
        self.args = args
        self.kwargs = kwargs

    def _bind(self) -> inspect.BoundArguments:
        if self._bound is None:
            try:
                self._bound = _signature(self._function).bind(*self.args, **self.kwargs)
            except TypeError as error:
                raise ImpossibleCall(str(error)) from error
        return self._bound

    def by_name(self) -> Mapping[str, Any]:
        """Return all by name, defaults included, ``self`` left out.

        Raises:
            ImpossibleCall: they do not fit the function.
        """
        bound = self._bind()
        arguments = {
            name: bound.arguments.get(name, parameter.default)
            for name, parameter in bound.signature.parameters.items()
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
            and (name in bound.arguments or parameter.default is not parameter.empty)
        }
        for name, parameter in bound.signature.parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                arguments.update(bound.arguments.get(name, {}))
        if self._is_method:
            del arguments[next(iter(bound.signature.parameters))]
        return MappingProxyType(arguments)

    def given(self, name: str) -> bool:
        """Tell whether the user gave this argument.

        Raises:
            ImpossibleCall: the arguments do not fit the function.
        """
        bound = self._bind()
        return name in bound.arguments or any(
            name in bound.arguments.get(parameter.name, ())
            for parameter in bound.signature.parameters.values()
            if parameter.kind is parameter.VAR_KEYWORD
        )

    def replace(self, name: str, value: Any) -> None:
        """Let the function get another value for this argument.

        Raises:
            TypeError: it takes no such argument.
        """
        parameters = _signature(self._function).parameters
        if name not in parameters and all(
            parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters.values()
        ):
            raise TypeError(f"{self._function.__qualname__} takes no argument {name!r}")
        self._replaced[name] = value

    def final(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return what the function is called with: exactly what was given, but for replaced
        arguments.
        """
        if not self._replaced:
            return self.args, self.kwargs
        parameters = _signature(self._function).parameters
        kinds: set[Any] = {
            inspect.Parameter.POSITIONAL_ONLY,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
        }
        if all(parameter.kind is not parameter.VAR_POSITIONAL for parameter in parameters.values()):
            # a wrapper may still take them by position: the user's call stays what it was
            kinds.add(inspect.Parameter.KEYWORD_ONLY)
        names = [name for name, parameter in parameters.items() if parameter.kind in kinds]
        args, kwargs = list(self.args), dict(self.kwargs)
        for name, value in self._replaced.items():
            if name not in kwargs and name in names and names.index(name) < len(args):
                args[names.index(name)] = value
            else:
                kwargs[name] = value
        return tuple(args), kwargs

    def release(self) -> None:
        """Forget the user's objects."""
        self.args, self.kwargs, self._bound = (), {}, None
        self._replaced.clear()
