"""The observers of hand-written training loops: `Booster.update`, `Booster.eval` and `Booster.eval_set`, and of predictions."""

from __future__ import annotations

import weakref
from collections.abc import Generator
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint.recording.context import current_run
from fitprint.recording.run import POSITION
from fitprint_xgboost.boosters import record_config, record_resolved
from fitprint_xgboost.data import record_matrix
from fitprint_xgboost.training import record_continuation, versions
from fitprint_xgboost.watching import goal_of

__all__ = ["observe_evaluation", "observe_prediction", "observe_update"]

_in_loops: weakref.WeakSet[Any] = weakref.WeakSet()  # boosters that a hand-written loop trains


def observe_update(fit: Fit) -> Generator[None, Any, None]:
    """Record, at the first round in a run, what is being trained; further rounds of the same booster are left alone."""
    run = current_run()
    known = fit.linked(fit.instance)
    if run is None or (known is not None and known.id == run.id):
        return
    matrix = _argument(fit, 1, "dtrain")
    yield
    booster = fit.instance
    fit.note_on(run)
    fit.tags({"estimator_name": "Booster", "estimator_class": "xgboost.core.Booster", **versions()})
    if known is not None:
        record_continuation(fit, booster)
    fit.link(booster)
    _in_loops.add(booster)
    config = record_config(fit, booster)
    record_resolved(fit, config)
    record_matrix(fit, matrix, name="dtrain", role="train")


def observe_evaluation(fit: Fit) -> Generator[None, Any, None]:
    """Record the metrics of one evaluation: in a loop as a point of a curve; of a booster that has been trained as `evaluation_<name>`."""
    booster, around = fit.instance, current_run()
    known = fit.linked(booster)
    in_loop = around is not None and (known is None or (booster in _in_loops and known.id == around.id))
    run = around if in_loop else known
    if run is None:
        return
    told = yield
    fit.note_on(run)
    # Many loops leave the iteration at 0: the loop around knows better.
    step = None if POSITION.get() is not None else _argument(fit, 3 if fit.function.__name__ == "eval" else 2, "iteration")
    for part in str(told).split()[1:]:
        key, _, value = part.rpartition(":")
        if in_loop:
            fit.metric(key, float(value), step=step, goal=goal_of(key))
        else:
            fit.metric(f"evaluation_{key}", float(value), goal=goal_of(key))


def observe_prediction(fit: Fit) -> Generator[None, Any, None]:
    """Remember that a prediction belongs to the booster's run."""
    run = fit.linked(fit.instance)
    if run is None:
        return
    prediction = yield
    fit.note_on(run)
    fit.link(prediction)


def _argument(fit: Fit, position: int, name: str) -> Any:
    return fit.given_args[position] if len(fit.given_args) > position else fit.given_kwargs.get(name)
