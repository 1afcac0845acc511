"""What is done with a recorded model later: predictions, and scores of them, which join the model's
run.

Names of metrics are stable: ``score`` for the model's own ``score``, else the name of
scikit-learn's function, followed by options that make it another metric (``f1_score_macro``,
``fbeta_score_beta_2``). On the very object that the model was trained on, ``training_`` stands
before. Called again, a metric gets a further point.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Generator, Mapping
from typing import Any

import numpy as np

from fitprint.autologging.fit import Fit
from fitprint.autologging.side_table import SideTable
from fitprint.recording.run import Run

__all__ = [
    "observe_inspection",
    "observe_metric",
    "observe_prediction",
    "observe_score",
    "remember_training",
]

_trained_on = SideTable()  # model -> weak reference to its training data
_of_training = SideTable()  # prediction -> True where it was made for the training data

_DATA = {
    "y_true",
    "y_pred",
    "y_score",
    "y_proba",
    "y_prob",
    "pred_decision",
    "labels_true",
    "labels_pred",
    "y1",
    "y2",
    "X",
    "labels",
}
_NO_PART_OF_NAME = _DATA | {
    "sample_weight",
    "pos_label",
    "zero_division",
    "target_names",
    "output_dict",
    "digits",
    "random_state",
}
_LOWER_IS_BETTER = ("_loss", "_error", "_deviance", "coverage_error", "davies_bouldin_score")


def remember_training(model: Any, features: Any) -> None:
    """Remember, without keeping it alive, what a model was trained on."""
    try:
        _trained_on.remember(model, weakref.ref(features))
    except TypeError:  # lists cannot be watched
        pass


def _is_training_data(model: Any, features: Any) -> bool:
    reference = _trained_on.recall(model)
    return reference is not None and features is not None and reference() is features


def _features(fit: Fit) -> Any:
    """Return the data that a method is called with, without binding: it is called often."""
    return fit.args[1] if len(fit.args) > 1 else fit.kwargs.get("X")


def observe_prediction(fit: Fit) -> Generator[None, Any, None]:
    """Link the predictions of a recorded model to its run."""
    run = fit.linked(fit.instance)
    if run is None:
        return
    features = _features(fit)
    result = yield
    fit.note_on(run)
    training = _is_training_data(fit.instance, features)
    for part in result if isinstance(result, list) else (result,):
        for subject in (part, _memory_of(part)):
            if (
                hasattr(subject, "shape")
                and subject is not features
                and subject is not _memory_of(features)
            ):
                fit.link(subject)
                if training:
                    _of_training.remember(subject, True)


def _memory_of(array: Any) -> Any:
    """Return the array that owns the memory of another: numpy gives a view of a view the owner as
    its base.
    """
    base = getattr(array, "base", None)
    return base if isinstance(base, np.ndarray) else None


def observe_score(fit: Fit) -> Generator[None, Any, None]:
    """Record ``model.score(X, y)`` on the model's run."""
    run = fit.linked(fit.instance)
    if run is None:
        return
    features = _features(fit)
    result = yield
    fit.note_on(run)
    if _is_number(result):
        fit.metric(
            "training_score" if _is_training_data(fit.instance, features) else "score",
            float(result),
        )


def observe_metric(fit: Fit) -> Generator[None, Any, None]:
    """Record the result of a function of ``sklearn.metrics`` on the run whose predictions it
    judges.
    """
    linked = next(_linked(fit), None)
    if linked is None:
        return
    result = yield
    run, prediction = linked
    fit.note_on(run)
    name = _metric_name(fit)
    if _of_training.recall(prediction):
        name = f"training_{name}"
    if _is_number(result):
        fit.metric(
            name,
            float(result),
            goal="min" if fit.function.__name__.endswith(_LOWER_IS_BETTER) else "max",
        )
    elif isinstance(result, str):
        fit.text(f"evaluation/{name}.txt", result)
    else:
        content = _content(result)
        if content is not None:
            fit.data(f"evaluation/{name}.json", content)


def observe_inspection(fit: Fit) -> Generator[None, Any, None]:
    """Keep the many scores that ``permutation_importance`` takes off the model's run, and record
    its result there.
    """
    model = fit.args[0] if fit.args else fit.kwargs.get("estimator")
    run = fit.linked(model)
    result = yield
    if run is not None and hasattr(result, "importances_mean"):
        fit.note_on(run)
        names = getattr(model, "feature_names_in_", None)
        features = (
            [str(name) for name in names]
            if names is not None
            else [f"x{position}" for position in range(len(result.importances_mean))]
        )
        content = {
            "kind": "permutation importances",
            "features": features,
            "values": result.importances_mean.tolist(),
        }
        fit.data(
            "plots/permutation_importances.json",
            content | {"deviations": result.importances_std.tolist()},
        )


def _linked(fit: Fit) -> Generator[tuple[Run, Any], None, None]:
    """Yield the runs that the arguments belong to, with the argument."""
    for value in (*fit.args[:3], *fit.kwargs.values()):
        if value is None or isinstance(value, (str, int, float)):
            continue
        for subject in (value, getattr(getattr(value, "array", None), "_ndarray", None)):
            run = None if subject is None else fit.linked(subject)
            if run is not None:
                yield run, subject


def _metric_name(fit: Fit) -> str:
    parts = [fit.function.__name__]
    signature = inspect.signature(fit.function)
    try:
        given: Mapping[str, Any] = signature.bind(*fit.args, **fit.kwargs).arguments
    except TypeError:  # it takes more than its signature says, such as deprecated names
        given = {}
    for name, value in given.items():
        is_option = name not in _NO_PART_OF_NAME and isinstance(value, (str, int, float))
        if is_option and value != signature.parameters[name].default:
            parts.append(value if isinstance(value, str) else f"{name}_{value}")
    return "_".join(parts)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) or (
        getattr(value, "shape", None) == () and hasattr(value, "dtype")
    )


def _content(result: Any) -> Any:
    """Return arrays, dicts and tuples of them as JSON; None for what is large or anything else."""
    if isinstance(result, dict):
        return result
    if isinstance(result, tuple):
        parts = [_content(part) if getattr(part, "shape", ()) else part for part in result]
        return None if any(part is None for part in parts) else parts
    if isinstance(result, np.ndarray) and result.size <= 10_000:
        return result.tolist()
    return None
