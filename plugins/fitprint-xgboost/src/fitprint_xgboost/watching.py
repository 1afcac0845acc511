"""Seeing a training while it runs, by a callback that writes down the metrics of each round as it
ends.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from fitprint.autologging.fit import Fit
from fitprint.autologging.rounds import Rounds
from fitprint_xgboost.arguments import Arguments, params_of

__all__ = ["Watch", "goal_of", "stops_early", "watch"]

# Metrics of XGBoost's own, without what follows an "@".
_LOWER = frozenset(
    """
    aft-nloglik cox-nloglik error expectile gamma-deviance gamma-nloglik logloss mae mape merror
    mlogloss mphe poisson-nloglik quantile rmse rmsle tweedie-nloglik
    """.split()
)
_HIGHER = frozenset("auc aucpr interval-regression-accuracy map ndcg pre".split())


class Watch:
    """What is seen of one training. Nothing here raises, and no model is kept.

    Attributes:
        rounds: where the metrics go.
        last: the last round that was seen, from 0 at the call's beginning; -1 before the first.
        before: rounds that the model had before this training.
        best: iteration and score that early stopping settled on, as XGBoost noted them on the
            model, or None.
        decided: key of the metric that decided, as far as its score there tells it, or None.
        rates: learning rate by round, as a schedule gave them.
        is_scheduled: whether there is a schedule.
        goes_on: whether the model had rounds before this training.
    """

    def __init__(self, fit: Fit) -> None:
        self._fit = fit
        self._log: Mapping[str, Mapping[str, list[Any]]] | None = None
        # key, values, and which part of a value
        self._series: list[tuple[str, list[Any], int | None]] = []
        self._lists = 0  # in the log, when the series were made
        self._recorded = 0  # rounds
        self.rounds = Rounds(fit, goal_of)
        self.last = -1
        self.before = 0
        self.best: tuple[int, float] | None = None
        self.decided: str | None = None
        self.rates: dict[int, float] = {}
        self.is_scheduled = False
        self.goes_on = False

    def see(self, log: Any) -> None:
        """Note the log of evaluations, which XGBoost goes on filling."""
        self._log = log

    def round(self, number: int, model: Any, log: Any) -> None:
        """Record the metrics of a round that has ended,
        and of those before it that were not seen.
        """
        try:
            if self.goes_on and not number:
                # Asked before the first round, XGBoost would tell its warnings there instead of in
                # the training.
                self.before = max(int(model.num_boosted_rounds()) - 1, 0)
            self._log = log
            self.last = number
            self._catch_up(number + 1)
        except Exception as error:  # noqa: BLE001
            # written out, since this is called in every round
            self._fit.failed("rounds", error)

    def end(self, model: Any) -> None:
        """Record what is left: another callback may have ended a round before ours saw it."""
        with self._fit.part("rounds", quiet=True):
            if self._log:
                count = max(
                    (len(values) for metrics in self._log.values() for values in metrics.values()),
                    default=0,
                )
                self.last = max(self.last, count - 1)
                self._catch_up(count)
            iteration, score = model.attr("best_iteration"), model.attr("best_score")
            if iteration is not None and score is not None:
                # XGBoost 2.0 notes mean and deviation
                self.best = int(iteration), float(score.strip("()").partition(",")[0])
                self.decided = self._key_of(*self.best)
        self.forget()

    def _key_of(self, iteration: int, score: float) -> Any:
        """Return the last key that has a score in a round: the last metric of the last data
        decides, unless another one was named.
        """
        for key, values, part in reversed(self._series):
            place = iteration - self.before
            if part in (None, 0) and 0 <= place < len(values):
                value = values[place] if part is None else values[place][part]
                if abs(float(value) - score) <= 1e-5 * max(1.0, abs(score)):
                    return key
        return None

    def forget(self) -> None:
        """Let go of the log, which belongs to the user."""
        self._log, self._series = None, []

    def _catch_up(self, count: int) -> None:
        log = self._log or {}
        lists = 0
        for metrics in log.values():
            lists += len(metrics)
        if lists != self._lists:
            self._series, self._lists = list(_series_of(log)), lists
        for number in range(self._recorded, count):
            values = {
                key: series[number] if part is None else series[number][part]
                for key, series, part in self._series
                if number < len(series)
            }
            if number in self.rates:
                values["learning_rate"] = self.rates.pop(number)
            if values:
                self.rounds.record(number, values)
        self._recorded = max(self._recorded, count)


def watch(fit: Fit, arguments: Arguments) -> Watch | None:
    """Let a callback of ours take part in the call; None where the user's callbacks cannot be added
    to.

    Ours comes first, so that it sees a round also if another one ends the training with it. The
    user's list is not changed.
    """
    theirs = arguments.get("callbacks")
    if theirs is not None and not isinstance(theirs, (list, tuple)):
        fit.skipped("rounds", "`callbacks` is neither a list nor a tuple")
        return None
    seen = Watch(fit)
    seen.goes_on = arguments.get("xgb_model") is not None
    own = _callback_class()(seen)
    fit.replace_argument("callbacks", [own, *_watched(theirs or (), seen)])
    if seen.is_scheduled:
        with fit.part("learning rate", quiet=True):
            rate = _first_rate(arguments)
            if rate is not None:
                seen.rates[0] = rate
    return seen


def _watched(callbacks: Any, seen: Watch) -> Iterator[Any]:
    """Yield the user's callbacks, with a copy in the place of a schedule of learning rates that
    tells us what it says.
    """
    from xgboost.callback import LearningRateScheduler

    copies: dict[int, Any] = {}
    for callback in callbacks:
        if type(callback) is LearningRateScheduler:
            seen.is_scheduled = True
            if id(callback) not in copies:
                copied = copies[id(callback)] = copy.copy(callback)
                copied.learning_rates = _told(callback.learning_rates, seen)
            yield copies[id(callback)]
        else:
            yield callback


def _told(schedule: Any, seen: Watch) -> Any:
    def rate_after(number: int) -> Any:
        rate = schedule(number)
        if isinstance(rate, (int, float)):
            seen.rates[number + 1] = float(rate)
        return rate

    return rate_after


def stops_early(arguments: Arguments) -> bool:
    """Tell whether the training may stop early, by the argument or by a callback."""
    from xgboost.callback import EarlyStopping

    callbacks = arguments.get("callbacks")
    return bool(arguments.get("early_stopping_rounds")) or (
        isinstance(callbacks, (list, tuple))
        and any(isinstance(callback, EarlyStopping) for callback in callbacks)
    )


def goal_of(key: str) -> Literal["min", "max"] | None:
    """Tell of "<data>-<metric>" whether less or more is better; None for metrics that are not
    XGBoost's own, and for deviations.
    """
    if key == "learning_rate" or key.endswith("-std"):
        return None
    metric = key.partition("-")[2].removesuffix("-mean").partition("@")[0]
    return "min" if metric in _LOWER else "max" if metric in _HIGHER else None


def _series_of(
    log: Mapping[str, Mapping[str, list[Any]]],
) -> Iterator[tuple[str, list[Any], int | None]]:
    for data, metrics in log.items():
        for metric, values in metrics.items():
            if values and isinstance(values[0], tuple):  # of a cross-validation
                yield f"{data}-{metric}-mean", values, 0
                yield f"{data}-{metric}-std", values, 1
            else:
                yield f"{data}-{metric}", values, None


def _first_rate(arguments: Arguments) -> float | None:
    """Return the learning rate before a schedule says anything; None where it comes with the model
    that the training goes on from.
    """
    params = params_of(arguments.get("params"))
    for name in ("learning_rate", "eta"):
        if params.get(name) is not None:
            return float(params[name])
    if arguments.get("xgb_model") is not None:
        return None
    return 0.5 if params.get("booster") == "gblinear" else 0.3


@functools.cache
def _callback_class() -> Any:
    """Return the class of our callback, which is made when XGBoost has been imported."""
    from xgboost.callback import TrainingCallback

    # XGBoost is not seen by the type checker
    class RoundCallback(TrainingCallback):  # type: ignore[misc]
        """Tells of each round."""

        def __init__(self, seen: Watch) -> None:
            super().__init__()
            self._seen = seen

        # XGBoost's signature
        def before_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002
            self._seen.see(evals_log)
            return False

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            self._seen.round(epoch, model, evals_log)
            return False

        def after_training(self, model: Any) -> Any:
            self._seen.end(model)
            return model

    return RoundCallback
