"""Looking at the data of a call without copying, consuming or keeping it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Call", "column", "read_call"]

_FEATURES = ("X", "raw_documents", "raw_X", "data", "x")
_TARGETS = ("y", "Y", "target", "targets", "labels", "y_true")
_WEIGHTS = "sample_weight"


@dataclass
class Call:
    """The arguments of a training call by their meaning.

    Attributes:
        features: what is learnt from (X).
        target: what is to be predicted (y).
        weight: sample weights.
        others: all other arguments that the user gave, by name.
    """

    features: Any = None
    target: Any = None
    weight: Any = None
    others: dict[str, Any] = field(default_factory=dict)


def read_call(arguments: Mapping[str, Any], given: Any) -> Call:
    """Tell what the arguments of a call mean.

    Args:
        arguments: by name, in the order of the signature.
        given: ``given(name)`` tells whether the user gave an argument.
    """
    names = list(arguments)
    features = next((name for name in _FEATURES if name in arguments), None)
    target = next((name for name in _TARGETS if name in arguments and name != features), None)
    if features is None and names and names[0] != target and given(names[0]):
        features = names[0]
    if (
        target is None
        and len(names) > 1
        and names[0] == features
        and names[1].lower().startswith("y")
    ):
        target = names[1]
    taken = {features, target, _WEIGHTS}
    others = {
        name: value
        for name, value in arguments.items()
        if name not in taken and value is not None and given(name)
    }
    return Call(
        None if features is None else arguments[features],
        None if target is None else arguments[target],
        arguments.get(_WEIGHTS),
        others,
    )


def column(target: Any) -> Any:
    """Return a target as an array: (n,), or (n, k) with several outputs;
    sparse ones as they are.
    """
    if hasattr(target, "tocsr"):
        return target
    target = np.asarray(target)
    return target[:, 0] if target.ndim == 2 and target.shape[1] == 1 else target
