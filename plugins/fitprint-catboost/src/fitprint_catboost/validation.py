"""The observer of ``catboost.cv``."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint_catboost.curves import goal_of
from fitprint_catboost.data import is_pool, record_dataset
from fitprint_catboost.parameters import written

__all__ = ["observe_cv", "record_cv_results"]

_ELSEWHERE = frozenset("pool dtrain params folds log_cout log_cerr plot plot_file".split())


def observe_cv(fit: Fit) -> Generator[None, Any, None]:
    """Record one cross-validation: mean and deviation over the folds, for each round."""
    arguments = fit.arguments
    params = arguments.get("params")
    if isinstance(params, Mapping):
        fit.params({str(name): written(value) for name, value in params.items()})
    others = {
        name: written(value)
        for name, value in arguments.items()
        if name not in _ELSEWHERE and value is not None
    }
    fit.params(others, defaults=[name for name in others if not fit.given(name)])
    if arguments.get("folds") is not None:
        # an iterator is the user's to go through
        fit.params({"folds": type(arguments["folds"]).__name__})
    pool = arguments["pool"] if arguments.get("pool") is not None else arguments.get("dtrain")
    if isinstance(pool, tuple) and len(pool) == 2:
        record_dataset(fit, pool[0], pool[1], name="learn", role="train")
    elif is_pool(pool):
        record_dataset(fit, pool, name="learn", role="train")
    result = yield
    table, models = result if isinstance(result, tuple) else (result, ())
    record_cv_results(fit, table)
    for model in models:
        fit.link(model)


def record_cv_results(fit: Fit, table: Any) -> None:
    """Record a table of cross-validation (a frame, or lists by name): a curve for each column, and
    the best round of the first metric.

    ``best_iteration`` is the round with the best mean over the test folds, from 0, and
    ``best_score`` that mean.
    """
    columns = {str(name): list(table[name]) for name in table}
    steps = [int(step) for step in columns.pop("iterations", ())]
    decided = False
    for name, values in columns.items():
        metric = name.partition("-")[2].removesuffix("-mean")
        goal = (
            goal_of(metric) if name.endswith("-mean") else "min" if name.endswith("-std") else None
        )
        fit.history(name, [float(value) for value in values], steps=steps or None, goal=goal)
        if (
            not decided
            and goal is not None
            and values
            and name.startswith("test-")
            and name.endswith("-mean")
        ):
            place = values.index(max(values) if goal == "max" else min(values))
            fit.metric("best_iteration", steps[place] if steps else place)
            fit.metric("best_score", float(values[place]), goal=goal)
            decided = True
