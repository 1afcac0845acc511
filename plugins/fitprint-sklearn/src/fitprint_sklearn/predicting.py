"""Predicting the training data within a limit on work, without leaving a trace, and without running
the user's own code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fitprint.data.buffers import on_host
from fitprint_sklearn.data import Call
from fitprint_sklearn.ownership import own_code
from fitprint_sklearn.side_effects import SideEffectsError, safe_to_predict, undisturbed
from fitprint_sklearn.work import prediction_steps

__all__ = ["SkippedError", "TrainingPredictions"]

_MILLION = 1_000_000


class SkippedError(Exception):
    """There will be no metrics; the text says why."""


class TrainingPredictions:
    """Predictions of a fitted estimator for its training data.

    Whether there are any is told from the estimator's class and from counts alone, so that equal
    trainings have equal metrics.

    Attributes:
        rows: number of rows; 0 where it is not known.
        steps: how much work one prediction is.
    """

    def __init__(
        self,
        estimator: Any,
        call: Call,
        rows: int,
        params: Mapping[str, Any],
        limit: float,
        asked: Iterable[str],
    ) -> None:
        """Take the setting ``training_metrics_work`` as ``limit``, and ``training_metrics_code`` as
        ``asked``.
        """
        self._estimator = estimator
        self._call = call
        self._params = params
        self._asked = asked
        self._model: Any = None
        self._limit = limit
        self._spent = 0.0
        self.rows = rows
        self.steps = 0.0

    def spend(self, steps: float, what: str) -> None:
        """Take steps of work off what the limit allows for this fit.

        Raises:
            SkippedError: there are not so many left.
        """
        left = self._limit * _MILLION - self._spent
        if steps > left:
            rest = "" if not self._spent else f", of which {max(left, 0) / _MILLION:.3g} are left"
            told = (
                f"{what} takes {steps / _MILLION:.3g} million steps of work, "
                f"`training_metrics_work` allows {self._limit:g}{rest}"
            )
            raise SkippedError(told)
        self._spent += steps

    # -- predicting --------------------------------------------------------------------------------

    @property
    def model(self) -> Any:
        """What predicts: the estimator, or what stands in for it.

        Raises:
            SkippedError: it would run the user's own code, or cannot predict without leaving a
                trace.
        """
        if self._model is None:
            name = own_code(self._estimator, self._asked)
            if name is not None:
                told = (
                    f"predicting would run your own code again: {name}; score the model "
                    "yourself, or name it in `training_metrics_code`"
                )
                raise SkippedError(told)
            self.steps = prediction_steps(self._estimator, self._call, self.rows)
            try:
                self._model = safe_to_predict(self._estimator, self._params, self._call)
            except SideEffectsError as error:
                raise SkippedError(str(error)) from error
        return self._model

    def predict(self, method: str = "predict") -> Any:
        """Return the prediction for the training data.

        Raises:
            SkippedError: it runs code of the user's, is too much work, or fails.
        """
        model = self.model
        self.spend(self.steps, f"`{method}`")
        try:
            with undisturbed(model, self._estimator):
                return on_host(getattr(model, method)(self._call.features))
        except Exception as error:
            raise SkippedError(
                f"`{method}` failed on the training data: {type(error).__name__}: {error}"
            ) from error

    def score(self) -> Any:
        """Return what the estimator's own ``score`` says of the training data; what that raises is
        raised.
        """
        model = self.model
        self.spend(self.steps, "the estimator's own `score`")
        with undisturbed(model, self._estimator):
            return model.score(self._call.features, self._call.target)
