"""The observer of ``lightgbm.cv``."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint_lightgbm.boosters import record_config, rounds_of
from fitprint_lightgbm.data import record_datasets
from fitprint_lightgbm.parameters import record_params
from fitprint_lightgbm.training import begin_rounds
from fitprint_sklearn.parameters import plain

__all__ = ["observe_cv"]


def observe_cv(fit: Fit) -> Generator[None, Any, None]:
    """Record one cross-validation: mean and standard deviation over the folds of every metric, in
    each round.
    """
    arguments = fit.arguments
    fit.subject = "lightgbm.cv"
    params = record_params(fit, arguments)
    folds = arguments.get("folds")
    if folds is not None:
        fit.params(
            {"folds": f"<{type(folds).__name__}>" if hasattr(folds, "__next__") else plain(folds)}
        )
    fit.identify("lightgbm.engine.CVBooster")
    fit.continues(arguments.get("init_model"), rounds_of)
    with fit.part("datasets", quiet=True):
        record_datasets(fit, arguments, params)
    iterations = begin_rounds(fit, arguments)
    result = yield
    boosters, iterations.boosters = iterations.boosters, None
    if boosters is None:
        return
    with fit.part("early stopping", quiet=True):
        if boosters.best_iteration > 0:
            iterations.stopped(boosters.best_iteration, "train")
    with fit.part("booster"):
        fit.metric("n_splits", len(boosters.boosters))
        fit.document(
            "booster", {"rounds": iterations.done, "features": boosters.boosters[0].num_feature()}
        )
    record_config(fit, boosters.boosters[0])
    fit.link(result.get("cvbooster"))
    for booster in boosters.boosters:
        fit.link(booster)
