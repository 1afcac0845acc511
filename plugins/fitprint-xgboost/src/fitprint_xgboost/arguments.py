"""The arguments of a call by name, also where XGBoost lets keyword-only ones be given by position."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fitprint.autologging.fit import Fit, ImpossibleCall

__all__ = ["Arguments", "params_of", "read_arguments", "replace"]


@dataclass(frozen=True)
class Arguments:
    """The arguments of one call.

    Attributes:
        values: by name, defaults included.
        given: names of those that the user gave.
    """

    values: Mapping[str, Any]
    given: frozenset[str]

    def get(self, name: str) -> Any:
        """Return an argument; None where the function has none of this name."""
        return self.values.get(name)


def read_arguments(fit: Fit) -> Arguments:
    """Return the arguments of a call to a function.

    Raises:
        ImpossibleCall: it does not fit the function, which will say so itself.
    """
    parameters = inspect.signature(fit.function).parameters
    if len(fit.given_args) > len(parameters):
        raise ImpossibleCall
    given = dict(zip(parameters, fit.given_args, strict=False)) | fit.given_kwargs
    defaults = {name: entry.default for name, entry in parameters.items() if entry.default is not entry.empty}
    if not parameters.keys() >= given.keys() or not (defaults | given).keys() >= parameters.keys():
        raise ImpossibleCall
    return Arguments(defaults | given, frozenset(given))


def replace(fit: Fit, name: str, value: Any) -> None:
    """Call the user's function with another value for an argument, however it was given."""
    position = list(inspect.signature(fit.function).parameters).index(name)
    if position < len(fit.given_args):
        fit.given_args = (*fit.given_args[:position], value, *fit.given_args[position + 1 :])
    else:
        fit.replace_argument(name, value)


def params_of(params: Any) -> dict[Any, Any]:
    """Return XGBoost's parameters, given as a dict or as a list of pairs in which a name may occur more than once."""
    if isinstance(params, Mapping):
        return dict(params)
    values: dict[Any, list[Any]] = {}
    for name, value in params or ():
        values.setdefault(name, []).append(value)
    return {name: found[0] if len(found) == 1 else found for name, found in values.items()}
