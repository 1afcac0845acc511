"""What is done with a recorded model later: predictions, and scores of them, which join the model's
run.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint_catboost.curves import goal_of

__all__ = ["observe_metric", "observe_metrics", "observe_prediction", "observe_score"]


def observe_prediction(fit: Fit) -> Generator[None, Any, None]:
    """Link the predictions of a recorded model to its run: functions that judge them find it."""
    run = fit.linked(fit.instance)
    if run is None:
        return
    result = yield
    fit.note_on(run)
    if hasattr(result, "shape"):
        fit.link(result)


def observe_score(fit: Fit) -> Generator[None, Any, None]:
    """Record ``model.score(X, y)``; called again, it gets a further point."""
    run = fit.linked(fit.instance)
    if run is None:
        return
    result = yield
    fit.note_on(run)
    if isinstance(result, float):
        fit.metric("score", float(result))


def observe_metrics(fit: Fit) -> Generator[None, Any, None]:
    """Record ``model.eval_metrics(data, metrics)``: all rounds as an artifact, the last ones as
    metrics ``eval_<metric>``.
    """
    run = fit.linked(fit.instance)
    if run is None:
        return
    result = yield
    fit.note_on(run)
    fit.data(
        "evaluation/eval_metrics.json", {name: list(values) for name, values in result.items()}
    )
    for name, values in result.items():
        if len(values):
            fit.metric(f"eval_{name}", float(values[-1]), goal=goal_of(name))


def observe_metric(fit: Fit) -> Generator[None, Any, None]:
    """Record the result of ``catboost.utils.eval_metric`` on the run whose
    predictions it judges.
    """
    run = fit.linked(fit.argument("approx"))
    metric = fit.argument("metric")
    if run is None or not isinstance(metric, str):
        return
    result = yield
    fit.note_on(run)
    if len(result) == 1:
        fit.metric(metric, float(result[0]), goal=goal_of(metric))
