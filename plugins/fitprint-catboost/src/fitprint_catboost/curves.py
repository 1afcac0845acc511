"""The metrics of each round, and how the training stopped.

CatBoost's callbacks are handed all metrics of all rounds so far as new lists in each round: a
thousand rounds with two evaluation sets take 0.6 seconds more with an empty callback, four
thousand 11. So the curves are read once, after the training, unless the user has callbacks of his
own, which have taken that time already, or asks for them by the setting ``catboost.live``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from fitprint.autologging.fit import Fit
from fitprint.autologging.rounds import Rounds

__all__ = ["Curves", "goal_of"]

_MORE_IS_BETTER = frozenset(
    """
    AUC PRAUC QueryAUC NormalizedGini Accuracy BalancedAccuracy Precision Recall F F1 TotalF1 MCC
    Kappa WKappa R2 NDCG DCG FilteredDCG PFound MAP MRR ERR PrecisionAt RecallAt AverageGain
    QueryAverage LogLikelihoodOfPrediction PairAccuracy
    """.split()
)
_LESS_IS_BETTER = frozenset(
    """
    RMSE MAE MAPE MSLE SMAPE MedianAbsoluteError Quantile MultiQuantile LogLinQuantile Poisson
    Expectile Lq Huber FairLoss Tweedie LogCosh Logloss CrossEntropy Focal MultiClass
    MultiClassOneVsAll MultiLogloss MultiCrossEntropy MultiRMSE MultiRMSEWithMissingValues
    RMSEWithUncertainty QueryRMSE QuerySoftMax QueryCrossEntropy PairLogit PairLogitPairwise
    YetiRank YetiRankPairwise LambdaMart BalancedErrorRate ZeroOneLoss HammingLoss HingeLoss
    BrierScore NumErrors Cox SurvivalAft StochasticFilter StochasticRank GroupQuantile
    """.split()
)


def goal_of(metric: str) -> Literal["min", "max"] | None:
    """Tell whether more or less of one of CatBoost's metrics is better, options such as ``:top=3``
    left aside; None of others.
    """
    name = metric.partition(":")[0]
    return "max" if name in _MORE_IS_BETTER else "min" if name in _LESS_IS_BETTER else None


class Curves:
    """What a training tells of its rounds.

    Given to CatBoost as a callback, it writes them as they end.

    Args:
        fit: the call.
        own: goals of the user's own metrics, by name.
        period: after how many rounds metrics are computed.
    """

    def __init__(self, fit: Fit, own: Mapping[str, Literal["min", "max"]], period: int = 1) -> None:
        self._fit = fit
        self._own = own
        self._period = max(1, period)
        self._rounds = Rounds(fit, self._goal)
        self._prefix = f"part{fit.position}_" if fit.position > 1 else ""
        self._written: dict[tuple[str, str], int] = {}  # number of points

    def _goal(self, key: str) -> Literal["min", "max"] | None:
        metric = key.partition("-")[2]
        return self._own.get(metric) or goal_of(metric)

    # -- during the training -----------------------------------------------------------------------

    def after_iteration(self, info: Any) -> bool:
        """Write what is new; go on with the training whatever happens here."""
        try:
            step, new = info.iteration - 1, {}
            for data, metrics in info.metrics.items():
                for metric, values in metrics.items():
                    if len(values) > self._written.get((data, metric), 0):
                        self._written[data, metric] = len(values)
                        new[f"{data}-{metric}"] = values[-1]
            if new:
                self._rounds.record(step, new)
        except Exception as error:  # noqa: BLE001
            # a failure of ours must not become one of the user's
            self._fit.failed("a round", error)
        return True

    # -- afterwards --------------------------------------------------------------------------------

    def finish(self, model: Any, resolved: Mapping[str, Any]) -> None:
        """Write the curves, unless that was done meanwhile, and what early stopping found."""
        results: Mapping[str, Mapping[str, list[float]]] = model.get_evals_result()
        rounds = resolved.get("iterations")
        if not self._written:
            for data, metric, values in _curves(results):
                key = f"{data}-{metric}"
                steps = self._steps(len(values), rounds)
                self._fit.history(f"{self._prefix}{key}", values, steps=steps, goal=self._goal(key))
        best = model.get_best_iteration()
        done = self._last(results, rounds)
        score, decided = self._best_score(model, results, resolved, best)
        stopped = (
            done if isinstance(rounds, int) and done is not None and done < rounds - 1 else None
        )
        self._rounds.stopped(
            best_iteration=best, best_score=score, stopped_iteration=stopped, metric=decided
        )

    def _steps(self, count: int, rounds: Any) -> list[int]:
        """Return the rounds at which a metric was computed: the first, each ``period`` ones, and
        the last.
        """
        last = rounds - 1 if isinstance(rounds, int) else None
        every = 1 if last is None or count > last // self._period + 2 else self._period
        return [
            step if last is None else min(step, last) for step in range(0, count * every, every)
        ]

    def _last(self, results: Mapping[str, Mapping[str, list[float]]], rounds: Any) -> int | None:
        lasts = [
            self._steps(len(values), rounds)[-1] for _, _, values in _curves(results) if values
        ]
        return max(lasts, default=None) if self._period == 1 else None

    def _best_score(
        self,
        model: Any,
        results: Mapping[str, Mapping[str, list[float]]],
        resolved: Mapping[str, Any],
        best: Any,
    ) -> tuple[float | None, str | None]:
        """Return the score of the best round, of the metric and the evaluation set that decided,
        and their key.
        """
        if not isinstance(best, int) or self._period > 1:
            return None, None
        scores = model.get_best_score()
        wanted = resolved.get("eval_metric")
        for data, metric, values in _curves(results):
            decided = data != "learn" and (metric == wanted or metric in self._own)
            if decided and best < len(values) and values[best] == scores.get(data, {}).get(metric):
                return values[best], f"{data}-{metric}"
        return None, None


def _curves(
    results: Mapping[str, Mapping[str, list[float]]],
) -> Iterator[tuple[str, str, list[float]]]:
    for data, metrics in results.items():
        for metric, values in metrics.items():
            yield data, metric, values
