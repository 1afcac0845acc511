"""Metrics of a fitted model on its training data, from one prediction, within the limit on work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fitprint.autologging.fit import Fit
from fitprint.data.buffers import on_host
from fitprint.data.values import param_value
from fitprint_sklearn import metrics
from fitprint_sklearn.data import Call, column
from fitprint_sklearn.ownership import own_code
from fitprint_sklearn.parameters import unwrapped
from fitprint_sklearn.plots import record_confusion, record_curves
from fitprint_sklearn.predicting import SkippedError, TrainingPredictions
from fitprint_sklearn.structure import kind_of

__all__ = ["record_training"]

_METRICS = "training metrics"
_SCORES = 3_000_000  # probabilities that are sorted for areas and curves
_MATRIX = 256  # classes up to which a confusion matrix is counted
_FEWEST_FOR_SHARE = 20  # rows from which a share of outliers says something
_PAIR = 20  # steps of work for each pair of points, beside those for their coordinates
_STAGE, _JUDGED = 30_000, 10  # steps of work to score a stage of boosting, and for each of its rows

# Boosting of which a stage adds one member to what the stages before it gave; AdaBoostRegressor
# asks all of them again at each.
_BY_STAGES = frozenset(
    "AdaBoostClassifier HistGradientBoostingClassifier HistGradientBoostingRegressor".split()
)

# Classifiers of scikit-learn that predict the class of the highest probability, so that
# probabilities tell the classes, too.
_BY_PROBABILITY = frozenset(
    """
    AdaBoostClassifier BaggingClassifier BernoulliNB CalibratedClassifierCV CategoricalNB
    ComplementNB DecisionTreeClassifier ExtraTreeClassifier ExtraTreesClassifier GaussianNB
    GradientBoostingClassifier HistGradientBoostingClassifier LogisticRegression
    LogisticRegressionCV MLPClassifier MultinomialNB RandomForestClassifier
    """.split()
)


class _Training:
    """One fitted model and its training data."""

    def __init__(
        self, fit: Fit, estimator: Any, call: Call, params: Mapping[str, Any], result: Any
    ) -> None:
        self.fit = fit
        self.estimator = estimator
        self.params = params
        self.call = call
        self.result = result
        self.asked = fit.setting("training_metrics_code")
        self.rows = fit.described(call.features).rows or 0
        self.predictor = TrainingPredictions(
            estimator, call, self.rows, params, fit.setting("training_metrics_work"), self.asked
        )
        self.prediction: Any = None

    # -- kinds -------------------------------------------------------------------------------------

    def record(self) -> None:
        kind = kind_of(self.estimator)
        if not self.rows:
            self.fit.skipped(_METRICS, "the training data cannot be read a second time")
        elif kind == "clusterer":
            self.cluster()
        elif kind == "outlier_detector":
            self.outliers()
        elif self.call.target is None or not hasattr(self.estimator, "predict"):
            return
        elif kind in ("classifier", "regressor"):
            self.supervised(kind)
        elif kind is None:
            guess = {
                "discrete": "classifier",
                "multilabel": "classifier",
                "continuous": "regressor",
            }
            found = self.fit.described(on_host(self.call.target)).summary().get("kind", "")
            if found in guess:
                self.supervised(guess[found])

    def log(self, values: Mapping[str, float | None]) -> None:
        self.fit.metrics(
            {f"training_{name}": value for name, value in values.items() if value is not None}
        )

    def supervised(self, kind: str) -> None:
        true = column(on_host(self.call.target))
        weight = self.weights()
        if kind == "regressor":
            predicted = self.prediction = np.asarray(self.predictor.predict())
            if predicted.ndim == 2 and predicted.shape[1] == 1:
                predicted = predicted[:, 0]
            if true.shape != predicted.shape:
                self.fit.skipped(
                    _METRICS, f"the prediction has shape {predicted.shape}, the target {true.shape}"
                )
                return
            values: dict[str, float | None] = dict(
                metrics.regression(_float(true), _float(predicted), weight)
            )
            main = "r2_score"
        elif true.ndim == 1:
            values = self.classes(true, weight)
            main = "accuracy_score"
        else:
            values = self.labels(true, weight)
            main = "accuracy_score"
        self.log({**self.score(values.get(main)), **values})
        if true.ndim == 1:
            self.staged(true, weight, is_classifier=kind == "classifier")

    def weights(self) -> Any:
        """Return the sample weights (n,), or None."""
        weight = on_host(self.call.weight)
        if weight is None or (
            not getattr(weight, "shape", None) and isinstance(weight, (int, float))
        ):
            return None
        weight = column(np.asarray(weight, dtype=float))
        if weight.shape != (self.rows,) or not weight.sum() > 0:
            raise SkippedError("the sample weights do not weigh the rows")
        return weight

    def score(self, computed: float | None) -> dict[str, float | None]:
        """Return what the estimator's ``score`` says of the training data; scikit-learn's two usual
        ones are not computed again.
        """
        if not hasattr(self.estimator, "score"):
            return {}
        if _has_usual_score(self.estimator):
            return {"score": computed}
        name = own_code(_scorers(self.estimator, self.params), self.asked)
        if name is not None:
            self.fit.skipped(
                "training_score",
                f"the estimator's own score would call your own scoring function again: {name}",
            )
            return {}
        try:
            return {"score": self.predictor.score()}
        except SkippedError as reason:
            self.fit.skipped("training_score", str(reason))
        except Exception as error:  # noqa: BLE001 - the estimator's own code may fail in any way
            self.fit.skipped(
                "training_score",
                f"the estimator's own score failed: {type(error).__name__}: {error}",
            )
        return {}

    def staged(self, true: Any, weight: Any, *, is_classifier: bool) -> None:
        """Record the score after each iteration of boosting that kept no such curve itself."""
        estimator = self.predictor.model
        if not hasattr(type(estimator), "staged_predict") or len(
            getattr(estimator, "train_score_", ())
        ):
            return
        stages = len(getattr(estimator, "estimators_", ())) or int(
            getattr(estimator, "n_iter_", 0) or 0
        )
        scores = []
        try:
            passes = 1 if type(estimator).__name__ in _BY_STAGES else (stages + 1) / 2
            self.predictor.spend(
                passes * self.predictor.steps + stages * (_STAGE + self.rows * _JUDGED),
                "`staged_predict`",
            )
            for predicted in estimator.staged_predict(self.call.features):
                if is_classifier:
                    scores.append(float(np.average(true == predicted, weights=weight)))
                else:
                    scores.append(
                        metrics.regression(_float(true), _float(np.asarray(predicted)), weight)[
                            "r2_score"
                        ]
                    )
        except SkippedError as reason:
            self.fit.skipped("training_staged_score", str(reason))
        except Exception as error:  # noqa: BLE001 - the estimator's own code may fail in any way
            self.fit.skipped(
                "training_staged_score", f"`staged_predict` failed: {type(error).__name__}: {error}"
            )
        if scores:
            self.fit.history(
                "training_staged_score", scores, steps=range(1, len(scores) + 1), goal="max"
            )

    # -- classification ----------------------------------------------------------------------------

    def classes(self, true: Any, weight: Any) -> dict[str, float | None]:
        proba, predicted = self.predict_classes()
        if predicted.shape != true.shape:
            raise SkippedError(
                f"the prediction has shape {predicted.shape}, the target {true.shape}"
            )
        known = getattr(self.estimator, "classes_", None)
        numbers = _numbers(known, true, predicted)
        is_known = numbers is not None
        if numbers is None or known is None:
            try:
                known, both = np.unique(np.concatenate((true, predicted)), return_inverse=True)
            except (TypeError, ValueError) as error:
                raise SkippedError(f"target and prediction cannot be compared: {error}") from error
            numbers = both[: len(true)], both[len(true) :]
        codes, guesses = numbers
        count = len(known)
        values: dict[str, float | None] = dict(
            metrics.classification(codes, guesses, count, weight)
        )
        names = [param_value(name) for name in np.asarray(known).tolist()]
        if count <= _MATRIX:
            record_confusion(self.fit, names, metrics.confusion(codes, guesses, count, weight))
        if proba is not None and is_known and proba.shape == (len(codes), count):
            values.update(self.probabilities(codes, proba, names, weight))
        return values

    def predict_classes(self) -> tuple[Any, Any]:
        """Return probabilities (n, k) or None, and the predicted classes (n,), from one prediction
        where that tells both.
        """
        if not hasattr(self.estimator, "predict_proba"):
            self.prediction = self.predictor.predict()
            return None, column(self.prediction)
        final = unwrapped(self.estimator)
        if (
            type(final).__module__.startswith("sklearn.")
            and type(final).__name__ in _BY_PROBABILITY
        ):
            proba = np.asarray(self.predictor.predict("predict_proba"))
            self.prediction = np.asarray(self.estimator.classes_).take(proba.argmax(axis=1))
            return proba, self.prediction
        self.prediction = self.predictor.predict()
        try:
            proba = np.asarray(self.predictor.predict("predict_proba"))
        except SkippedError as reason:
            self.fit.skipped("training metrics of probabilities", str(reason))
            proba = None
        return proba, column(self.prediction)

    def probabilities(
        self, codes: Any, proba: Any, names: list[Any], weight: Any
    ) -> dict[str, float | None]:
        values: dict[str, float | None] = {"log_loss": metrics.log_loss(codes, proba, weight)}
        if not np.isfinite(values["log_loss"]) or proba.size > _SCORES:
            self.fit.skipped("training_roc_auc", "the probabilities are too many or not finite")
            return values
        scores = proba[:, 1] if len(names) == 2 else proba
        orders = metrics.ranking(scores)
        if len(names) == 2 or np.allclose(proba.sum(axis=1), 1):
            values["roc_auc"] = metrics.roc_auc(codes, scores, len(names), weight, orders)
            if values["roc_auc"] is None:
                self.fit.skipped(
                    "training_roc_auc",
                    "it is not defined for weights with several classes, or for classes without "
                    "samples",
                )
        with self.fit.part("plots", quiet=True):
            record_curves(self.fit, names, codes, scores, weight, orders)
        return values

    def labels(self, true: Any, weight: Any) -> dict[str, float | None]:
        """Return the metrics of several outputs."""
        predicted = self.prediction = self.predictor.predict()
        if not hasattr(predicted, "tocsr"):
            predicted = np.asarray(predicted)
        if true.shape != predicted.shape:
            self.fit.skipped(
                _METRICS, f"the prediction has shape {predicted.shape}, the target {true.shape}"
            )
            return {}
        if hasattr(true, "tocsr") or hasattr(predicted, "tocsr"):
            return dict(metrics.multilabel(true, predicted, weight))
        if true.dtype.kind not in "biuf" or not np.isin(true, (0, 1)).all():
            return {
                "accuracy_score": float(np.average((true == predicted).all(axis=1), weights=weight))
            }
        true = true.astype(np.int64)
        values: dict[str, float | None] = dict(
            metrics.multilabel(true, predicted.astype(np.int64), weight)
        )
        if hasattr(self.estimator, "predict_proba") and true.size <= _SCORES:
            try:
                proba = self.predictor.predict("predict_proba")
            except SkippedError as reason:
                self.fit.skipped("training_roc_auc", str(reason))
                return values
            if isinstance(proba, list):
                proba = np.column_stack(
                    [
                        part[:, -1] if part.shape[1] == 2 else np.full(len(part), np.nan)
                        for part in proba
                    ]
                )
            if proba.shape == true.shape and np.isfinite(proba).all():
                values["roc_auc"] = metrics.multilabel_auc(true, proba, weight)
        return values

    # -- without a target --------------------------------------------------------------------------

    def cluster(self) -> None:
        labels = getattr(self.estimator, "labels_", None)
        if labels is None:
            labels = (
                self.result if getattr(self.result, "ndim", None) == 1 else self.predictor.predict()
            )
        labels = np.asarray(labels)
        if labels.ndim != 1:
            return
        self.fit.link(getattr(self.estimator, "labels_", labels))
        self.prediction = labels
        noise = labels < 0 if labels.dtype.kind == "i" else np.zeros(len(labels), dtype=bool)
        self.fit.metric("n_clusters", len(np.unique(labels[~noise])))
        if noise.any():
            self.fit.metric("noise_share", float(noise.mean()), goal="min")
        points = self.call.features
        if (
            len(getattr(points, "shape", ())) != 2
            or hasattr(points, "tocsr")
            or len(labels) != self.rows
        ):
            return
        try:
            self.predictor.spend(
                len(labels) ** 2 * (_PAIR + points.shape[1]),
                "measuring the distances of all pairs of points",
            )
        except SkippedError as reason:
            self.fit.skipped("training_silhouette_score", str(reason))
            return
        points = np.asarray(on_host(points))
        if (
            points.dtype.kind in "fiu"
            and getattr(self.estimator, "metric", "euclidean") != "precomputed"
        ):
            self.log(
                {"silhouette_score": metrics.silhouette(points.astype(float, copy=False), labels)}
            )

    def outliers(self) -> None:
        if self.rows < _FEWEST_FOR_SHARE:
            self.fit.skipped(_METRICS, f"there are fewer than {_FEWEST_FOR_SHARE} rows")
            return
        labels = self.result if getattr(self.result, "ndim", None) == 1 else None
        if labels is None and hasattr(self.estimator, "predict"):
            labels = self.predictor.predict()
        if labels is None:
            self.fit.skipped(_METRICS, "this outlier detector cannot judge its training data")
            return
        self.prediction = labels
        self.fit.metric("outlier_share", float(np.mean(np.asarray(labels) == -1)))


def record_training(
    fit: Fit, estimator: Any, call: Call, params: Mapping[str, Any], result: Any
) -> Any:
    """Record the training metrics of a fitted estimator, and return the prediction that was made
    for them (None if none was).

    Nothing is recorded where that is switched off, runs the user's own code, is too much work or
    fails; the capture report says so.
    """
    if not fit.setting("training_metrics"):
        fit.skipped(_METRICS, "the setting `training_metrics` is off")
        return None
    training = _Training(fit, estimator, call, params, result)
    with fit.part(_METRICS, quiet=True):
        try:
            training.record()
        except SkippedError as reason:
            fit.skipped(_METRICS, str(reason))
    return training.prediction


def _float(values: Any) -> Any:
    return values.astype(float) if values.dtype.kind != "f" or values.dtype.itemsize < 8 else values


def _numbers(known: Any, *labels: Any) -> tuple[Any, Any] | None:
    """Return the positions of labels among the sorted classes; None if some are not among them."""
    if getattr(known, "ndim", None) != 1:
        return None
    found = []
    for values in labels:
        try:
            positions = np.searchsorted(known, values)
        except TypeError:  # labels of kinds that cannot be compared
            return None
        positions[positions == len(known)] = 0
        if not (known[positions] == values).all():
            return None
        found.append(positions)
    return found[0], found[1]


def _scorers(estimator: Any, params: Mapping[str, Any]) -> list[Any]:
    """Return what ``score`` may score with, beside the estimator's class."""
    return [
        getattr(estimator, "scorer_", None),
        *(value for name, value in params.items() if name.rpartition("__")[2] == "scoring"),
    ]


def _has_usual_score(estimator: Any) -> bool:
    """Tell whether ``score`` is accuracy or R² as scikit-learn's mixins define it."""
    scorer = getattr(estimator, "scorer_", None)
    if hasattr(estimator, "best_estimator_"):
        if type(scorer).__name__ != "_PassthroughScorer":
            return False
        estimator = unwrapped(estimator)
    elif type(estimator).__module__ == "sklearn.pipeline":
        estimator = unwrapped(estimator)
    for cls in type(estimator).__mro__:
        if "score" in vars(cls):
            return cls.__module__ == "sklearn.base"
    return False
