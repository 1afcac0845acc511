"""Predicting the training data within a limit on time, and without leaving a trace."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from fitprint.recording.devices import on_host
from fitprint_sklearn.data import Call, head, row_count
from fitprint_sklearn.standins import NoStandInError, stand_in, undisturbed

__all__ = ["Predictor", "SkippedError"]

_UNTIMED = 128  # rows that are predicted without asking how long it takes
_UNTIMED_OWN = 1000  # ... by scikit-learn's own estimators: where threads compete, so short a time cannot be told from waiting
_QUICK = 1_000_000  # values of the training data up to which models of these modules are not timed either:
_LINEAR = (
    "sklearn.discriminant_analysis",
    "sklearn.linear_model.",
    "sklearn.naive_bayes",
    "sklearn.tree.",
)  # ... these are not timed either


class SkippedError(Exception):
    """There will be no metrics; the text says why."""


class Predictor:
    """Predictions of a fitted estimator for its training data.

    Attributes:
        rows: number of rows; 0 where it is not known.
        limit: seconds that all predictions, and what is made of them, may take.
        seconds: how long the last prediction took; 0 if none was made.
    """

    def __init__(self, estimator: Any, call: Call, params: Mapping[str, Any], limit: float) -> None:
        self._estimator = estimator
        self._call = call
        self._params = params
        self._model: Any = None
        self._started = time.perf_counter()
        self.rows = row_count(call.features) or 0
        self.limit = limit
        self.seconds = 0.0

    def left(self) -> float:
        """Return how many seconds are left of the limit."""
        return self.limit - (time.perf_counter() - self._started)

    # -- predicting --------------------------------------------------------------------------------------------------

    def predict(self, method: str = "predict") -> Any:
        """Return the prediction for the training data.

        Raises:
            SkippedError: it is expected to take longer than what is left of the limit, or it fails.
        """
        try:
            return self._predict(getattr(self.model, method), self._call.features)
        except SkippedError:
            raise
        except Exception as error:
            raise SkippedError(f"`{method}` failed on the training data: {type(error).__name__}: {error}") from error

    @property
    def model(self) -> Any:
        """What predicts: the estimator, or what stands in for it.

        Raises:
            SkippedError: it cannot predict without leaving a trace.
        """
        if self._model is None:
            try:
                self._model = stand_in(self._estimator, self._params, self._call)
            except NoStandInError as error:
                raise SkippedError(str(error)) from error
        return self._model

    def score(self) -> Any:
        """Return what the estimator's own ``score`` says of the training data; what that raises is raised."""
        with undisturbed(self.model, self._estimator):
            return self.model.score(self._call.features, self._call.target)

    def _predict(self, function: Callable[[Any], Any], features: Any) -> Any:
        with undisturbed(self.model, self._estimator):
            if self.rows > _UNTIMED and not self.seconds and not self._is_quick():
                expected = self._expected(function, features, self.rows)
                if expected > self.left():
                    raise SkippedError(f"predicting is expected to take {expected:.2g} s (limit {self.limit:g} s)")
            elif self.seconds > self.left():
                raise SkippedError(f"a second prediction would exceed the limit of {self.limit:g} s")
            started = time.perf_counter()
            prediction = on_host(function(features))
            self.seconds = time.perf_counter() - started
        return prediction

    def _is_quick(self) -> bool:
        """Tell whether predicting surely takes milliseconds: a model whose cost is known, on data that are not large."""
        if self.rows <= _UNTIMED_OWN and type(self._estimator).__module__.startswith("sklearn."):
            return True
        shape: Any = getattr(self._call.features, "shape", ())
        return len(shape) == 2 and shape[0] * shape[1] <= _QUICK and type(self._estimator).__module__.startswith(_LINEAR)

    def _expected(self, function: Callable[[Any], Any], features: Any, rows: int) -> float:
        """Return how many seconds predicting is expected to take, from predicting some rows, and more rows if that looks slow."""
        few, some = _UNTIMED // 2, max(_UNTIMED, min(rows // 20, 2048))
        first = _seconds(function, head(features, few))
        expected = first * rows / few
        if first < self.left() / 4 and expected > self.left():
            second = _seconds(function, head(features, some))
            each = max(second - first, 0.0) / (some - few)
            expected = second + each * (rows - some)
        return expected


def _seconds(function: Callable[[Any], Any], data: Any) -> float:
    if data is None:
        return 0.0
    started = time.perf_counter()
    function(data)
    return time.perf_counter() - started
