"""The arguments of a call by name, also where XGBoost lets keyword-only ones be given
by position.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fitprint.autologging.arguments import ImpossibleCall
from fitprint.autologging.fit import Fit

__all__ = ["Arguments", "params_of", "read_arguments"]


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
    if len(fit.args) > len(parameters):
        raise ImpossibleCall
    given = dict(zip(parameters, fit.args, strict=False), **fit.kwargs)
    defaults = {
        name: entry.default
        for name, entry in parameters.items()
        if entry.default is not entry.empty
    }
    if not parameters.keys() >= given.keys() or not (defaults | given).keys() >= parameters.keys():
        raise ImpossibleCall
    return Arguments(defaults | given, frozenset(given))


def params_of(params: Any) -> dict[Any, Any]:
    """Return XGBoost's parameters, given as a dict or as a list of pairs in which a name may occur
    more than once.
    """
    if isinstance(params, Mapping):
        return dict(params)
    values: dict[Any, list[Any]] = {}
    for name, value in params or ():
        values.setdefault(name, []).append(value)
    return {name: found[0] if len(found) == 1 else found for name, found in values.items()}
