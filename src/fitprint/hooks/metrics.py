"""What a plugin registers under the name of a metric:
how it is computed of a model's predictions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Metric", "Outcome", "Task"]

Task = Literal["classification", "regression"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a model said of n rows, and what is true.

    Attributes:
        task: whether the target consists of classes or of quantities.
        true: the target: an array or list (n,), or an array (n, outputs).
        predicted: the predictions, in the same form.
        probabilities: of the classes, an array (n, classes) in the order of ``classes``; None where
            the model gives none.
        scores: of the second of two classes, an array (n,) in any unit; None where the model gives
            none.
        classes: the classes that the model knows; None where there are no probabilities.
    """

    task: Task
    true: Any
    predicted: Any
    probabilities: Any = None
    scores: Any = None
    classes: Any = None


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric that :func:`fitprint.evaluate` can be asked for by name.

    Attributes:
        compute: returns the number. What the framework needs is imported when it is called, and not
            before.
        goal: whether less or more is better.
        default_for: the tasks that it is computed for where nobody chose metrics.
        takes: "predictions"; "probabilities", which a model must give; or "scores", for which
            probabilities do as well.
    """

    compute: Callable[[Outcome], Any]
    goal: Literal["min", "max"] = "max"
    default_for: Collection[Task] = ()
    takes: Literal["predictions", "probabilities", "scores"] = "predictions"
