"""What a model says of rows whose target is known, asked once: predictions, and probabilities where
they are wanted.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from importlib import import_module
from typing import Any, Literal

from fitprint.arguments import shown
from fitprint.data.description import described
from fitprint.data.kinds import is_array, kind_of
from fitprint.data.parts import (
    labels_of,
    length_of,
    rows_of,
    values_of,
    with_columns,
    without_column,
)
from fitprint.data.values import error_text, type_name
from fitprint.errors import FitprintError
from fitprint.hooks.metrics import Outcome, Task
from fitprint.models.batches import conform
from fitprint.models.predictor import Predictor

__all__ = ["Respondent", "part_of"]

_CLOSE = 1e-3  # to which the probabilities of a row add up to 1, in half precision, too


class Respondent:
    """A model that is asked about rows.

    Args:
        predictor: the model.
        features: the rows, with columns that the model does not know, perhaps.
        aside: label of a column that the model is not given unless it knows it.
    """

    def __init__(self, predictor: Predictor, features: Any, aside: Any = None) -> None:
        self.model = predictor.model
        self.notes: list[str] = []
        self._predictor = predictor
        signature = predictor.signature
        self._inputs = signature.inputs if signature is not None else None
        self._features = _known_columns(self.model, self._inputs, features, aside)

    def answer(self, true: Any, wanted: Collection[str]) -> Outcome:
        """Return what the model predicts.

        Args:
            true: the target, an array or a list (n,) or (n, outputs).
            wanted: of "probabilities" and "scores" those that are asked for, where the model has
                them.

        Raises:
            FitprintError: the model fails, or returns another number of rows.
        """
        predicted = self._ask("predict", lambda: self._predictor.predict(self._features))
        if length_of(predicted) != len(true):
            raise FitprintError(f"the model returned {_told(predicted)} for {len(true)} rows")
        task = self._task(true, predicted)
        _check_words(true, predicted)
        if task == "classification":
            bare = self._of_bare_probabilities(true, predicted)
            if bare is not None:
                return bare
        probabilities: Any = None
        scores: Any = None
        classes = self._classes()
        if task == "classification" and wanted and classes is not None:
            if callable(getattr(self.model, "predict_proba", None)):
                probabilities = self._optional("predict_proba")
            if (
                probabilities is None
                and "scores" in wanted
                and callable(getattr(self.model, "decision_function", None))
            ):
                scores = self._optional("decision_function")
            if getattr(probabilities, "shape", None) != (len(true), len(classes)):
                probabilities = None
            if getattr(scores, "shape", None) != (len(true),):
                scores = None
        return Outcome(task, true, predicted, probabilities, scores, classes)

    def _ask(self, what: str, ask: Any) -> Any:
        try:
            return values_of(ask())
        except FitprintError:
            raise
        except Exception as error:
            reason = " ".join(error_text(error).split())
            raise FitprintError(
                f"{type(self.model).__name__}.{what} failed on these data: {type(error).__name__}: "
                f"{reason}"
            ) from error

    def _optional(self, what: str) -> Any:
        try:
            batch = (
                self._features if self._inputs is None else conform(self._inputs, self._features)
            )
            return self._ask(what, lambda: getattr(self.model, what)(batch))
        except FitprintError as error:
            self.notes.append(str(error))
            return None

    def _classes(self) -> Any:
        found: Any = getattr(self.model, "classes_", None)
        found = None if found is None else values_of(found)
        return found if is_array(found) and len(found.shape) == 1 else None

    def _task(self, true: Any, predicted: Any) -> Task:
        """Tell what the model does: as it says itself, or else as its predictions and the target
        look.
        """
        said = _said_task(self.model)
        if said == "clusterer":
            self.notes.append(
                "the model is a clustering: its labels are compared with the target as they are"
            )
        if said in ("classification", "regression"):
            return said
        target = described(true).summary()
        if target.get("kind") == "continuous":
            return "regression"
        if target.get("kind") == "multioutput":
            return (
                "regression"
                if any(column.get("kind") == "continuous" for column in target["columns"])
                else "classification"
            )
        if (
            described(predicted).summary().get("kind") == "continuous"
            and _bare_probabilities(true, predicted) is None
        ):
            return "regression"
        return "classification"

    def _of_bare_probabilities(self, true: Any, predicted: Any) -> Outcome | None:
        """Understand a network's or a booster's probabilities, which it gives in the place of
        classes.
        """
        if self._classes() is not None:
            return None
        if _is_one_hot(true) and getattr(predicted, "shape", None) == true.shape:
            true = true.argmax(axis=1)
        probabilities = _bare_probabilities(true, predicted)
        if probabilities is None:
            return None
        classes = (
            probabilities.argmax(axis=1)
            if probabilities.shape[1] > 2
            else (probabilities[:, 1] > 0.5).astype("int64")
        )
        self.notes.append(
            "the model predicts probabilities: they are taken for those of the classes 0 to "
            f"{probabilities.shape[1] - 1}"
        )
        return Outcome(
            "classification",
            true,
            classes,
            probabilities,
            None,
            list(range(probabilities.shape[1])),
        )


def part_of(outcome: Outcome, rows: list[int]) -> Outcome:
    """Return the outcome of some of the rows."""
    return replace(
        outcome,
        true=rows_of(outcome.true, rows),
        predicted=rows_of(outcome.predicted, rows),
        probabilities=rows_of(outcome.probabilities, rows),
        scores=rows_of(outcome.scores, rows),
    )


def _is_one_hot(true: Any) -> bool:
    """Tell whether a target (n, classes) has a 1 for the class of each row,
    and 0 for all others.
    """
    if (
        not is_array(true)
        or len(true.shape) != 2
        or true.shape[1] < 2
        or true.dtype.kind not in "biuf"
    ):
        return False
    return bool(((true == 0) | (true == 1)).all() and (true.sum(axis=1) == 1).all())


def _bare_probabilities(true: Any, predicted: Any) -> Any:
    """Return predictions as probabilities (n, k) of the classes 0 to k - 1, if they look like that;
    None if not.
    """
    if (
        not is_array(predicted)
        or predicted.dtype.kind != "f"
        or not is_array(true)
        or true.dtype.kind not in "biuf"
        or len(true.shape) != 1
    ):
        return None
    if not (predicted >= 0).all() or not (predicted <= 1).all():
        return None
    if len(predicted.shape) == 1:
        if not set(true.tolist()) <= {0, 1} or set(predicted.tolist()) <= {0.0, 1.0}:
            return None
        return import_module("numpy").column_stack([1 - predicted, predicted])
    if len(predicted.shape) != 2 or not (abs(predicted.sum(axis=1) - 1) < _CLOSE).all():
        return None
    return predicted if set(true.tolist()) <= set(range(predicted.shape[1])) else None


def _said_task(model: Any) -> Task | Literal["clusterer"] | None:
    """Return what a model says of itself, by the conventions of scikit-learn that other frameworks
    follow.
    """
    said = getattr(model, "_estimator_type", None)
    if said is None:
        try:
            said = model.__sklearn_tags__().estimator_type
        except Exception:  # noqa: BLE001 - a model of another kind
            said = None
    if said in ("classifier", "regressor"):
        return "classification" if said == "classifier" else "regression"
    if said == "clusterer":
        return "clusterer"
    if (
        callable(getattr(model, "predict_proba", None))
        or getattr(model, "classes_", None) is not None
    ):
        return "classification"
    return None


def _known_columns(model: Any, inputs: Any, features: Any, aside: Any) -> Any:
    """Return the columns that the model was trained on, as far as it says which, or how many there
    are without the one put aside.
    """
    labels = labels_of(features)
    if labels is None:
        return features
    if inputs is not None and inputs.container == "table":
        return features
    if inputs is None:
        names = _names(model)
        features = _tabular(model, features, names)
        labels = labels_of(features)
        if labels is None:
            return features
        if names is not None and set(names) <= set(labels) and len(set(labels)) == len(labels):
            return with_columns(features, names)
    if aside is None or aside not in labels:
        return features
    return without_column(features, aside) if _width(model, inputs) == len(labels) - 1 else features


def _names(model: Any) -> list[str] | None:
    """Return the names of the columns that a model was trained on, under the attribute that its
    framework has for them.
    """
    for attribute in (
        "feature_names_in_",
        "feature_names_",
        "feature_names",
        "feature_name_",
        "feature_name",
    ):
        try:
            found = getattr(model, attribute, None)
            names = list(found() if callable(found) else () if found is None else found)
        except Exception:  # noqa: BLE001, S112 - the model's own code
            continue
        if names and all(isinstance(name, str) for name in names):
            return names
    return None


def _tabular(model: Any, features: Any, names: list[str] | None) -> Any:
    """Return columns or records as a data frame, or as an array,
    where the model is one of tables.
    """
    if (
        kind_of(features) not in ("mapping", "sequence")
        and getattr(getattr(features, "dtype", None), "names", None) is None
    ):
        return features
    if not isinstance(getattr(model, "n_features_in_", None), int):
        return features
    try:
        frame = import_module("pandas").DataFrame(features)
    except (ImportError, ValueError):  # what is no table is the model's to refuse
        return features
    return frame if names is not None else frame.to_numpy()


def _check_words(true: Any, predicted: Any) -> None:
    """Raise where one of target and predictions are texts and the other numbers: then nothing can
    be right.

    Raises:
        FitprintError: it is so.
    """
    told = []
    for values in (true, predicted):
        kind = values.dtype.kind if is_array(values) else ""
        told.append(
            "texts" if kind and kind in "US" else "numbers" if kind and kind in "biuf" else ""
        )
    if set(told) == {"texts", "numbers"}:
        first = [
            ", ".join(dict.fromkeys(shown(value) for value in values.ravel()[:100].tolist()))
            for values in (true, predicted)
        ]
        what = (
            f"the target holds {told[0]} ({first[0][:60]}), and the model predicts {told[1]} "
            f"({first[1][:60]})"
        )
        raise FitprintError(
            f"{what}: give the target in the form in which the model was trained on it"
        )


def _width(model: Any, inputs: Any) -> int | None:
    shape: tuple[int, ...] = inputs.fields[0].shape if inputs is not None and inputs.fields else ()
    if len(shape) == 2:
        return int(shape[1])
    width = getattr(model, "n_features_in_", None)
    for method in ("num_feature", "num_features"):  # of boosters
        if width is None and callable(count := getattr(model, method, None)):
            width = count()
    return width if isinstance(width, int) and not isinstance(width, bool) else None


def _told(predicted: Any) -> str:
    count = length_of(predicted)
    if count is None:
        return f"{shown(predicted)} ({type_name(predicted)})"
    return f"{count} predictions"
