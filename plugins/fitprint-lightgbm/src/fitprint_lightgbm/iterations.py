"""The callback that writes the metrics of each round, and what it learnt when the training ends."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from numbers import Real
from typing import Any, Literal

from fitprint.autologging.fit import Fit
from fitprint.autologging.rounds import Rounds
from fitprint_lightgbm.parameters import RATES

__all__ = ["Iterations", "with_ours"]


class Iterations:
    """Called by LightGBM after each round, before all other callbacks: none of them can end the
    training before its round is written.

    Steps are LightGBM's numbers of iterations, from 0; a continued training goes on where the model
    that it continues ended.

    Args:
        fit: the call.
        scheduled: parameters that a callback of the user's may change in each round, beside the
            learning rate.
        is_watching: whether there are callbacks that may change any.
    """

    before_iteration = False

    def __init__(
        self, fit: Fit, scheduled: Iterable[str] = (), *, is_watching: bool = True
    ) -> None:
        self.order = -math.inf
        self._is_watching = is_watching
        self._fit = fit
        self.rounds = Rounds(fit, self._goal)
        self._goals: dict[str, Literal["min", "max"]] = {}
        self._keys: dict[tuple[str, str], str] = {}
        self._deviations: dict[str, str] = {}
        self._watched = tuple(
            (name, "learning_rate" if name in RATES else name)
            for name in dict.fromkeys((*RATES, *scheduled))
        )
        self._seen: dict[str, Any] = {}
        self._in_force: dict[str, float] = {}
        self._changing = {"learning_rate" if name in RATES else name for name in scheduled}
        self.boosters: Any = None  # of cross-validation
        self.done = 0
        self.last = -1
        self.curves: dict[str, list[float]] = {}

    def __call__(self, environment: Any) -> None:
        """Record one round; whatever goes wrong is told, and the training goes on."""
        try:
            self._record(environment)
        except Exception as error:  # noqa: BLE001
            # a failure of ours must not become one of the user's
            self._fit.failed("a round", error)

    def _record(self, environment: Any) -> None:
        step = environment.iteration
        values = {}
        for result in environment.evaluation_result_list or ():
            data, metric, value = result[0], result[1], float(result[2])
            key = self._keys.get((data, metric))
            if key is None:
                key = self._admit(data, metric, bool(result[3]), is_mean=len(result) > 4)
            values[key] = value
            self.curves[key].append(value)
            if key in self._deviations:
                values[self._deviations[key]] = result[4]
        if not self.done:
            self.boosters = getattr(environment.model, "boosters", None) and environment.model
        try:
            if self._is_watching:
                self._schedule(environment.model, step, values)
        except Exception as error:  # noqa: BLE001
            # parameters may be anything, and the metrics of the round are worth more
            self._fit.failed("learning rate", error)
        if values:
            self.rounds.record(step, values)
        self.done += 1
        self.last = step

    def _admit(self, data: str, metric: str, is_more_better: bool, *, is_mean: bool) -> str:
        # Before 4.6 results of cross-validation have the name "cv_agg", and name the data with the
        # metric.
        name = metric.replace(" ", "-") if data == "cv_agg" else f"{data}-{metric}"
        key = f"{name}-mean" if is_mean else name
        self._keys[data, metric] = key
        self.curves[key] = []
        self._goals[key] = "max" if is_more_better else "min"
        if is_mean:
            self._deviations[key] = f"{name}-std"
            self._goals[f"{name}-std"] = "min"
        return key

    def _goal(self, key: str) -> Literal["min", "max"] | None:
        return self._goals.get(key)

    def _schedule(self, model: Any, step: int, values: dict[str, float]) -> None:
        """Add the learning rate, and other parameters that callbacks change: from the first round,
        or from the first change on.
        """
        boosters = getattr(model, "boosters", None)
        params = (boosters[0] if boosters else model).params
        for name, key in self._watched:
            value = params.get(name)
            if value != self._seen.get(name):
                self._seen[name] = value
                if self.done and key not in self._changing:
                    self._changing.add(key)
                    for earlier in range(step - self.done, step if key in self._in_force else 0):
                        self.rounds.record(earlier, {key: self._in_force[key]})
                if isinstance(value, Real):
                    self._in_force[key] = float(value)
        for key in self._changing:
            if key in self._in_force:
                values[key] = self._in_force[key]

    def stopped(self, best_iteration: int, training: str | None) -> None:
        """Record how early stopping ended the training.

        Args:
            best_iteration: as LightGBM tells it, from 1.
            training: name of the training data, which early stopping pays no heed to; None if they
                were not evaluated.
        """
        best = best_iteration - 1
        keys = [
            key for key in self.curves if training is None or not key.startswith(f"{training}-")
        ]
        place = best - (self.last + 1 - self.done)
        chosen = next((key for key in keys if self._is_best(key, place)), keys[0] if keys else None)
        score = (
            None
            if chosen is None or not 0 <= place < len(self.curves[chosen])
            else float(self.curves[chosen][place])
        )
        self.rounds.stopped(
            best_iteration=best, best_score=score, stopped_iteration=self.last, metric=chosen
        )

    def _is_best(self, key: str, place: int) -> bool:
        curve = self.curves[key]
        better = max if self._goals[key] == "max" else min
        return 0 <= place < len(curve) and curve.index(better(curve)) == place


def with_ours(callbacks: Any, ours: Iterations) -> list[Any] | None:
    """Return the user's callbacks and ours in a new list; None if LightGBM will refuse the user's.

    LightGBM gives callbacks without an order the one of their place from the end, so ours comes
    first.
    """
    if callbacks is None:
        return [ours]
    return [ours, *callbacks] if isinstance(callbacks, Collection) else None
