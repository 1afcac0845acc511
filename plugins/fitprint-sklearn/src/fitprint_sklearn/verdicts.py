"""The metrics that ``fitprint.evaluate`` takes from scikit-learn: each number is what
scikit-learn's own function returns.

Names are those of the functions in ``sklearn.metrics``. Precision, recall, F1 and Jaccard are
averaged over the classes by their frequency (``average="weighted"``), as those of the training are;
``_macro`` and ``_micro`` behind a name choose another average. Of more than two classes the area
under the ROC curve is that of each class against each other, by frequency (``multi_class="ovo"``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any, Literal

from fitprint.errors import FitprintError
from fitprint.hooks.metrics import Metric, Outcome, Task

__all__ = ["METRICS"]

_CLASSES: tuple[Task, ...] = ("classification",)


def _function(name: str) -> Any:
    functions: Any = import_module("sklearn.metrics")
    return getattr(functions, name)


def _of_predictions(outcome: Outcome, *, function: str, **options: Any) -> Any:
    return _function(function)(outcome.true, outcome.predicted, **options)


def _log_loss(outcome: Outcome) -> Any:
    return _function("log_loss")(outcome.true, outcome.probabilities, labels=outcome.classes)


def _of_scores(outcome: Outcome, *, function: str) -> Any:
    """Compute what ranks rows by how much they are of the second of two classes."""
    true, second = _second_class(outcome)
    return _function(function)(true, second)


def _roc_auc(outcome: Outcome) -> Any:
    if outcome.classes is not None and len(outcome.classes) > 2:
        if outcome.probabilities is None:
            raise FitprintError(
                "of more than two classes it takes probabilities, which this model does not give"
            )
        return _function("roc_auc_score")(
            outcome.true,
            outcome.probabilities,
            multi_class="ovo",
            average="weighted",
            labels=outcome.classes,
        )
    return _of_scores(outcome, function="roc_auc_score")


def _second_class(outcome: Outcome) -> tuple[Any, Any]:
    numpy: Any = import_module("numpy")
    if outcome.classes is None or len(outcome.classes) != 2:
        raise FitprintError("it takes a model of two classes")
    second = outcome.scores if outcome.probabilities is None else outcome.probabilities[:, 1]
    unknown = set(numpy.unique(outcome.true).tolist()) - set(
        numpy.asarray(outcome.classes).tolist()
    )
    if unknown:
        raise FitprintError(
            "the target has values that the model does not know: "
            f"{', '.join(map(repr, sorted(unknown, key=str)[:5]))}"
        )
    return numpy.asarray(outcome.true) == outcome.classes[1], second


def _plain(name: str, goal: Literal["min", "max"] = "max", *tasks: Task, **options: Any) -> Metric:
    return Metric(partial(_of_predictions, function=name, **options), goal, tasks)


def _averaged(name: str, *tasks: Task) -> Mapping[str, Metric]:
    """Return the metric under its three averages; what is divided by zero counts as 0, without a
    warning.
    """
    return {
        name: _plain(name, "max", *tasks, average="weighted", zero_division=0),
        f"{name}_macro": _plain(name, average="macro", zero_division=0),
        f"{name}_micro": _plain(name, average="micro", zero_division=0),
    }


METRICS: Mapping[str, Metric] = {
    # classes
    "accuracy_score": _plain("accuracy_score", "max", "classification"),
    **_averaged("precision_score", "classification"),
    **_averaged("recall_score", "classification"),
    **_averaged("f1_score", "classification"),
    "log_loss": Metric(_log_loss, "min", _CLASSES, "probabilities"),
    "roc_auc_score": Metric(_roc_auc, "max", _CLASSES, "scores"),
    "average_precision_score": Metric(
        partial(_of_scores, function="average_precision_score"), takes="scores"
    ),
    "balanced_accuracy_score": _plain("balanced_accuracy_score"),
    "brier_score_loss": Metric(
        partial(_of_scores, function="brier_score_loss"), "min", takes="probabilities"
    ),
    "cohen_kappa_score": _plain("cohen_kappa_score"),
    "hamming_loss": _plain("hamming_loss", "min"),
    **_averaged("jaccard_score"),
    "matthews_corrcoef": _plain("matthews_corrcoef"),
    "zero_one_loss": _plain("zero_one_loss", "min"),
    # quantities
    "r2_score": _plain("r2_score", "max", "regression"),
    "mean_absolute_error": _plain("mean_absolute_error", "min", "regression"),
    "root_mean_squared_error": _plain("root_mean_squared_error", "min", "regression"),
    "median_absolute_error": _plain("median_absolute_error", "min", "regression"),
    "d2_absolute_error_score": _plain("d2_absolute_error_score"),
    "explained_variance_score": _plain("explained_variance_score"),
    "max_error": _plain("max_error", "min"),
    "mean_absolute_percentage_error": _plain("mean_absolute_percentage_error", "min"),
    "mean_gamma_deviance": _plain("mean_gamma_deviance", "min"),
    "mean_pinball_loss": _plain("mean_pinball_loss", "min"),
    "mean_poisson_deviance": _plain("mean_poisson_deviance", "min"),
    "mean_squared_error": _plain("mean_squared_error", "min"),
    "mean_squared_log_error": _plain("mean_squared_log_error", "min"),
    "root_mean_squared_log_error": _plain("root_mean_squared_log_error", "min"),
}
