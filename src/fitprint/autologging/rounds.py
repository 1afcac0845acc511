"""Metrics of training in rounds: boosting iterations, or epochs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Literal

from fitprint.autologging.fit import Fit
from fitprint.query.goals import goal_of

__all__ = ["Rounds"]

Goal = Literal["min", "max"]


class Rounds:
    """Writes the metrics of each round as it ends, so that they are kept if the next one raises or
    the process dies.

    Made by an observer for one call, and called by the callback that it hands to the framework.
    Nothing here raises. Steps have base 0, whatever the framework counts from. In the second and
    further nested calls within one training, such as those of the members of a voting estimator,
    keys begin with ``part<position>_``.

    Args:
        fit: the call.
        goal: tells of a key whether less ("min") or more ("max") is better, None where that is not
            known.
    """

    def __init__(self, fit: Fit, goal: Callable[[str], Goal | None] | None = None) -> None:
        self._fit = fit
        self._goal = goal
        self._prefix = f"part{fit.position}_" if fit.position > 1 else ""
        self._names: dict[str, str] = {}  # by key, of those that have been recorded

    def record(self, step: int, values: Mapping[str, float], *, epoch: float | None = None) -> None:
        """Record the metrics of one round.

        Args:
            step: number of the round, from 0.
            values: by key; numbers of any type that ``float`` takes.
            epoch: number of the epoch, if that is not the step.
        """
        began = time.perf_counter()
        names = self._names
        try:
            known = {names[key]: value for key, value in values.items()}
        except KeyError:
            known = {}
            for key, value in values.items():
                self._begin(key, value, step, epoch)
        if known:
            self._fit.metrics(known, step=step, epoch=epoch)
        self._fit.overhead += time.perf_counter() - began

    def _begin(self, key: str, value: float, step: int, epoch: float | None) -> None:
        name = self._names[key] = f"{self._prefix}{key}"
        self._fit.metric(name, value, step=step, epoch=epoch, goal=self._told(key))

    def stopped(
        self,
        *,
        best_iteration: int | None = None,
        best_score: float | None = None,
        stopped_iteration: int | None = None,
        metric: str | None = None,
    ) -> None:
        """Record how early stopping ended the training, as facts of one number each; no point is
        added to a curve.

        Args:
            best_iteration: the round with the best score, from 0.
            best_score: the score of that round.
            stopped_iteration: the last round that was trained, from 0.
            metric: key of the metric that decided: whether a low or a high score is the better one
                is the same of both.
        """
        facts = {"best_iteration": best_iteration, "stopped_iteration": stopped_iteration}
        self._fit.metrics(
            {f"{self._prefix}{key}": value for key, value in facts.items() if value is not None}
        )
        if best_score is not None:
            goal = None if metric is None else self._told(metric) or goal_of(metric)
            self._fit.metric(f"{self._prefix}best_score", best_score, goal=goal)

    def _told(self, key: str) -> Goal | None:
        if self._goal is not None:
            with self._fit.part(f"goal of {key}", quiet=True):
                return self._goal(key)
        return None
