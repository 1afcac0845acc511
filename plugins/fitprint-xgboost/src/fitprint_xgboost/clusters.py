"""Trainings that Dask spreads over workers: one run, recorded by the client, which learns of the
rounds when the training has ended.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint_sklearn import estimators
from fitprint_sklearn.data import Call
from fitprint_xgboost.arguments import Arguments, read_arguments
from fitprint_xgboost.boosters import record_config
from fitprint_xgboost.importances import record_importances
from fitprint_xgboost.training import record_params, record_stop, record_trained, rounds_of
from fitprint_xgboost.watching import Watch

__all__ = ["is_spread", "observe_cluster_train", "observe_spread_fit"]

_ONLY_BEGUN = "the client is asynchronous: the call has only begun the training"


def is_spread(estimator: Any) -> bool:
    """Tell whether it is one of the estimators of ``xgboost.dask``."""
    return any(cls.__module__.startswith("xgboost.dask") for cls in type(estimator).__mro__)


def observe_cluster_train(fit: Fit) -> Generator[None, Any, None]:
    """Record one call of ``xgboost.dask.train``."""
    arguments = read_arguments(fit)
    fit.subject = "xgboost.dask.train"
    record_params(fit, arguments)
    fit.identify("xgboost.core.Booster")
    matrices = [(arguments.get("dtrain"), "dtrain", "train")]
    matrices += [(matrix, str(name), "eval") for matrix, name in arguments.get("evals") or ()]
    for matrix, name, role in matrices:
        fit.dataset(
            matrix, name=name, role=role, feature_names=getattr(matrix, "feature_names", None)
        )
    fit.continues(arguments.get("xgb_model"), rounds_of)
    result = yield
    if not isinstance(result, dict):
        fit.skipped("training", _ONLY_BEGUN)
        return
    booster = result["booster"]
    _record_history(fit, arguments, result["history"], booster)
    record_trained(fit, booster)


def observe_spread_fit(fit: Fit, call: Call) -> Generator[None, Any, None]:
    """Record one training call of an estimator of ``xgboost.dask``: nothing is computed for it,
    which would go through the cluster.
    """
    estimator = fit.instance
    estimators.record_call(fit, estimator, call)
    result = yield
    if result is not estimator:
        fit.skipped("training", _ONLY_BEGUN)
        return
    booster = estimator.get_booster()
    fit.link(estimator)
    arguments = Arguments(
        {
            "early_stopping_rounds": estimator.early_stopping_rounds,
            "callbacks": estimator.callbacks,
        },
        frozenset(),
    )
    _record_history(fit, arguments, getattr(estimator, "evals_result_", None), booster)
    record_config(fit, booster)
    with fit.part("importances", quiet=True):
        record_importances(fit, booster, only_by_type=True)
    fit.skipped("signature", "the data are spread over workers")
    fit.model(estimator)


def _record_history(fit: Fit, arguments: Arguments, history: Any, booster: Any) -> None:
    seen = Watch(fit)
    seen.see(history)
    seen.end(booster)
    record_stop(seen, arguments)
