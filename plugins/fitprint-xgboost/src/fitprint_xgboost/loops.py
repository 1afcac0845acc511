"""The observers of hand-written training loops, seen by their evaluations (`Booster.eval`,
`Booster.eval_set`), and of predictions.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint.recording.context import POSITION, current_run
from fitprint_xgboost.boosters import is_as_trained, record_config, record_resolved
from fitprint_xgboost.data import evals_of, record_matrices
from fitprint_xgboost.training import rounds_of
from fitprint_xgboost.watching import goal_of

__all__ = ["observe_evaluation", "observe_prediction"]


def observe_evaluation(fit: Fit) -> Generator[None, Any, None]:
    """Record the metrics of one evaluation: in a loop as a point of a curve; of a booster that has
    been trained as `evaluation_<name>`.

    `Booster.update` is left alone: XGBoost's warnings name the line that called it, which would be
    one of ours. What is being trained is recorded with the first evaluation in a run.
    """
    booster, around = fit.instance, current_run()
    known = fit.linked(booster)
    in_loop = around is not None and not is_as_trained(booster)
    run = around if in_loop else known
    if run is None:
        return
    is_single = fit.function.__name__ == "eval"
    evals = _argument(fit, 1, "data" if is_single else "evals")
    told = yield
    fit.note_on(run)
    # Many loops leave the iteration at 0: the loop around knows better.
    step = (
        None if POSITION.get() is not None else _argument(fit, 3 if is_single else 2, "iteration")
    )
    for part in str(told).split()[1:]:
        key, _, value = part.rpartition(":")
        if in_loop:
            fit.metric(key, float(value), step=step, goal=goal_of(key))
        else:
            fit.metric(f"evaluation_{key}", float(value), goal=goal_of(key))
    if in_loop and (known is None or known.id != run.id):
        fit.identify("xgboost.core.Booster")
        if known is not None:
            fit.continues(booster, rounds_of)
        fit.link(booster)
        record_resolved(fit, record_config(fit, booster))
        record_matrices(
            fit,
            [(evals, str(_argument(fit, 2, "name") or "eval"), "eval")]
            if is_single
            else evals_of(fit, evals),
        )


def observe_prediction(fit: Fit) -> Generator[None, Any, None]:
    """Remember that a prediction belongs to the booster's run."""
    run = fit.linked(fit.instance)
    if run is None:
        return
    prediction = yield
    fit.note_on(run)
    fit.link(prediction)


def _argument(fit: Fit, position: int, name: str) -> Any:
    return fit.args[position] if len(fit.args) > position else fit.kwargs.get(name)
