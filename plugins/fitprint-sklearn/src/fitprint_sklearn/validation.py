"""The observers of functions that fit and score a model many times: cross-validation, learning and
validation curves.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import numpy as np

from fitprint.autologging.fit import Fit
from fitprint_sklearn import metrics
from fitprint_sklearn.data import Call, column
from fitprint_sklearn.estimators import record_data, record_params
from fitprint_sklearn.parameters import is_estimator, plain
from fitprint_sklearn.structure import describe_estimator, kind_of, version_tags

__all__ = ["observe_validation"]

_NOT_PARAMS = {"estimator", "X", "y", "groups", "fit_params", "params", "sample_weight"}


def observe_validation(fit: Fit) -> Generator[None, Any, None]:
    """Record one call of a function of ``sklearn.model_selection`` that validates an estimator."""
    arguments = _begin(fit)
    result = yield
    with np.errstate(all="ignore"):
        _RECORD[fit.function.__name__](fit, arguments, result)


def _begin(fit: Fit) -> Mapping[str, Any]:
    """Record what is validated, on what and how; return the call's arguments."""
    arguments = fit.arguments
    estimator = arguments["estimator"]
    fit.subject = f"{fit.function.__name__} {type(estimator).__name__}"
    params = record_params(fit, estimator) if is_estimator(estimator) else {}
    options = {name: value for name, value in arguments.items() if name not in _NOT_PARAMS}
    names = {
        name: name if name not in params else f"{fit.function.__name__}__{name}" for name in options
    }
    fit.params(
        {names[name]: _described(value) for name, value in options.items()},
        defaults=[names[name] for name in options if not fit.given(name)],
    )
    fit.identify(type(estimator), **version_tags(estimator))
    if is_estimator(estimator):
        with fit.part("estimator", quiet=True):
            fit.document("estimator", describe_estimator(estimator, params))
    routed = arguments.get("params") or arguments.get("fit_params") or {}
    others = {"groups": arguments["groups"]} if arguments.get("groups") is not None else {}
    call = Call(
        arguments["X"],
        arguments.get("y"),
        None,
        others | (dict(routed) if isinstance(routed, Mapping) else {}),
    )
    record_data(fit, call, discrete=True if kind_of(estimator) == "classifier" else None)
    return arguments


def _described(value: Any) -> Any:
    """Return an option as it is recorded.

    What can be read only once, such as ``KFold().split(X)``, is only named.
    """
    if hasattr(value, "__next__"):
        return f"<{type(value).__name__}>"
    if isinstance(value, Mapping):
        return {str(name): _described(item) for name, item in value.items()}
    return plain(value)


def _record_scores(fit: Fit, name: str, values: Any) -> None:
    """Record the values of the folds as a history, and their mean and standard deviation."""
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or not len(values):
        return
    fit.history(name, values.tolist(), goal=None if name.endswith("_time") else "max")
    if not name.endswith("_time"):
        fit.metric(f"mean_{name}", float(values.mean()), goal="max")
        fit.metric(f"std_{name}", float(values.std()), goal="min")


def _record_cross_validate(fit: Fit, _arguments: Mapping[str, Any], result: Any) -> None:
    """Record every score and time of every fold."""
    for name, values in result.items():
        if name.endswith("_time"):
            _record_scores(fit, f"fold_{name}", values)
        elif name.startswith(("test_", "train_")):
            _record_scores(fit, name, values)
    fit.metric("n_splits", len(result["fit_time"]))


def _record_cross_val_score(fit: Fit, _arguments: Mapping[str, Any], result: Any) -> None:
    """Record the score of every fold."""
    _record_scores(fit, "test_score", result)
    fit.metric("n_splits", len(result))


def _record_permutation_test(fit: Fit, _arguments: Mapping[str, Any], result: Any) -> None:
    """Record the score, those of the permutations, and the p-value."""
    score, permuted, p_value = result
    fit.metric("test_score", float(score), goal="max")
    fit.metric("p_value", float(p_value), goal="min")
    _record_scores(fit, "permutation_score", permuted)


def _record_learning_curve(fit: Fit, _arguments: Mapping[str, Any], result: Any) -> None:
    """Record the folds' scores by number of training rows, which is the step."""
    sizes = [int(size) for size in result[0]]
    _record_grid(
        fit,
        sizes,
        None,
        dict(
            zip(
                ("train_score", "test_score", "fold_fit_time", "fold_score_time"),
                result[1:],
                strict=False,
            )
        ),
    )
    fit.data("plots/learning_curve.json", _table("train_sizes", sizes, result[1], result[2]))


def _record_validation_curve(fit: Fit, arguments: Mapping[str, Any], result: Any) -> None:
    """Record the folds' scores by value of the parameter: the step is its position, the epoch its
    value if that is a number.
    """
    values = (
        list(arguments["param_range"])
        if isinstance(arguments["param_range"], (Sequence, np.ndarray))
        else None
    )
    numbers = None
    if values is not None and all(isinstance(value, (int, float, np.number)) for value in values):
        numbers = [float(value) for value in values]
    positions = range(len(result[0]))
    _record_grid(fit, positions, numbers, {"train_score": result[0], "test_score": result[1]})
    shown = list(positions) if values is None else [plain(value) for value in values]
    fit.data(
        "plots/validation_curve.json",
        {"param_name": arguments["param_name"]} | _table("param_range", shown, *result),
    )


def _record_grid(
    fit: Fit, steps: Sequence[int], epochs: Sequence[float] | None, scores: Mapping[str, Any]
) -> None:
    """Record scores of shape (steps, folds): all of them, and the mean at each step."""
    for name, grid in scores.items():
        with fit.part(name):
            folds = grid.shape[1]
            goal = None if name.endswith("_time") else "max"
            spread = {
                "steps": np.repeat(steps, folds).tolist(),
                "epochs": None if epochs is None else np.repeat(epochs, folds).tolist(),
            }
            fit.run.log_history(name, grid.ravel().tolist(), **spread, goal=goal)  # type: ignore[arg-type]
            if goal is not None:
                fit.run.log_history(
                    f"mean_{name}",
                    grid.mean(axis=1).tolist(),
                    steps=steps,
                    epochs=epochs,
                    goal="max",
                )


def _table(axis: str, values: Sequence[Any], train: Any, test: Any) -> dict[str, Any]:
    return {axis: list(values), "train_scores": train.tolist(), "test_scores": test.tolist()}


def _record_cross_val_predict(fit: Fit, arguments: Mapping[str, Any], result: Any) -> None:
    """Record metrics of the predictions that each row got from the models that had not seen it, by
    fold where folds can be told.
    """
    fit.link(result)
    target = arguments.get("y")
    rows = fit.described(arguments["X"]).rows
    if (
        arguments.get("method", "predict") != "predict"
        or target is None
        or getattr(result, "ndim", 0) != 1
        or hasattr(result, "tocsr")
    ):
        return
    true = column(target)
    if true.shape != result.shape or rows != len(true):
        return
    with fit.part("metrics of the predictions", quiet=True):
        scores = _scores(kind_of(arguments["estimator"]))
        for name, value in scores(true, result).items():
            fit.metric(f"test_{name}", value)
        folds = _folds(arguments)
        if folds:
            main = "accuracy_score" if scores is _of_classes else "r2_score"
            fit.history(
                "test_score", [scores(true[fold], result[fold])[main] for fold in folds], goal="max"
            )
            fit.metric("n_splits", len(folds))


def _scores(kind: str | None) -> Any:
    return _of_classes if kind == "classifier" else _of_quantities


def _of_classes(true: Any, predicted: Any) -> dict[str, float]:
    known, numbers = np.unique(np.concatenate((true, predicted)), return_inverse=True)
    return metrics.classification(numbers[: len(true)], numbers[len(true) :], len(known))


def _of_quantities(true: Any, predicted: Any) -> dict[str, float]:
    return metrics.regression(true.astype(float), predicted.astype(float))


def _folds(arguments: Mapping[str, Any]) -> list[Any]:
    """Return the test rows of each fold, if making the splits again changes and consumes nothing;
    else nothing.
    """
    from sklearn.base import is_classifier
    from sklearn.model_selection import check_cv

    cv = arguments.get("cv")
    if cv is not None and not isinstance(cv, int):
        is_splitter = type(cv).__module__ == "sklearn.model_selection._split" and hasattr(
            cv, "split"
        )
        if not is_splitter or (
            getattr(cv, "shuffle", hasattr(cv, "random_state"))
            and not isinstance(getattr(cv, "random_state", None), int)
        ):
            return []
    splitter = check_cv(cv, arguments.get("y"), classifier=is_classifier(arguments["estimator"]))
    return [
        test
        for _, test in splitter.split(arguments["X"], arguments.get("y"), arguments.get("groups"))
    ]


_RECORD: Mapping[str, Callable[[Fit, Mapping[str, Any], Any], None]] = {
    "cross_val_predict": _record_cross_val_predict,
    "cross_val_score": _record_cross_val_score,
    "cross_validate": _record_cross_validate,
    "learning_curve": _record_learning_curve,
    "permutation_test_score": _record_permutation_test,
    "validation_curve": _record_validation_curve,
}
