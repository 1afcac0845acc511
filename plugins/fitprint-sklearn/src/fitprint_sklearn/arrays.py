"""Which estimators make the same of an array as of a frame of numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["on_array"]

# they check a frame once, make an array of it, and never ask for its columns again
_ROOMS = frozenset(
    """
    cluster cross_decomposition decomposition discriminant_analysis ensemble gaussian_process impute
    isotonic linear_model mixture naive_bayes neighbors neural_network preprocessing svm tree
    """.split()
)
_BY_COLUMN = frozenset({"FunctionTransformer", "OneHotEncoder", "OrdinalEncoder", "TargetEncoder"})


def on_array(model: Any) -> Callable[[Any], Any] | None:
    """Return what predicts with an estimator for an array, as it does for a frame of the same
    values; None if that is not certain.

    It is for scikit-learn's own estimators alone, without others in their parameters, and for
    pipelines of them.
    """
    if not hasattr(model, "predict"):
        return None
    kind = type(model)
    if kind.__name__ == "Pipeline" and kind.__module__ == "sklearn.pipeline":
        steps = [step for _, step in model.steps if step is not None and step != "passthrough"]
        if not steps or not all(map(_takes_array, steps)):
            return None
        # the first that does something takes the frame; names further on are those of frames that
        # one step gives the next
        if any(hasattr(step, "feature_names_in_") for step in steps[1:]):
            return None
        return lambda array: _nameless_pipeline(model).predict(array)
    if not _takes_array(model):
        return None
    return lambda array: _nameless(model).predict(array)


def _takes_array(step: Any) -> bool:
    package, _, rest = type(step).__module__.partition(".")
    room = rest.partition(".")[0]
    if package != "sklearn" or room not in _ROOMS or type(step).__name__ in _BY_COLUMN:
        return False
    if getattr(step, "_preprocessor", None) is not None or hasattr(step, "_sklearn_output_config"):
        return False
    return all(map(_is_plain, step.get_params(deep=False).values()))


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple, set)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    return not callable(value) and not hasattr(value, "fit")


def _nameless(model: Any) -> Any:
    """Return an estimator with the same parts that knows no names of columns: they were compared
    when the batch was read, and it would warn that an array has none.
    """
    state = vars(model)
    if "feature_names_in_" not in state:
        return model
    twin = object.__new__(type(model))
    vars(twin).update(state)
    del twin.feature_names_in_
    return twin


def _nameless_pipeline(model: Any) -> Any:
    twin = object.__new__(type(model))
    vars(twin).update(vars(model))
    twin.steps = [
        (name, step if step is None or isinstance(step, str) else _nameless(step))
        for name, step in model.steps
    ]
    return twin
