"""The observers of ``xgboost.train``: called by the user,
and by an estimator that is being fitted.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint_sklearn.parameters import plain
from fitprint_xgboost.arguments import Arguments, params_of, read_arguments
from fitprint_xgboost.boosters import note_trained, record_config, signature_of, unsettle
from fitprint_xgboost.data import evals_of, record_matrices
from fitprint_xgboost.importances import record_importances
from fitprint_xgboost.watching import Watch, stops_early, watch

__all__ = [
    "is_discrete",
    "is_first_worker",
    "observe_nested_train",
    "observe_train",
    "record_params",
    "record_stop",
    "record_trained",
    "rounds_of",
]

_RECORDED_OTHERWISE = frozenset("client params dtrain evals evals_result xgb_model".split())


def observe_train(fit: Fit) -> Generator[None, Any, None]:
    """Record one call of ``xgboost.train``."""
    arguments = read_arguments(fit)
    if not is_first_worker():
        fit.skip("it is one of several workers that train one model")
        return
    fit.subject = "xgboost.train"
    record_params(fit, arguments)
    fit.identify("xgboost.core.Booster")
    matrices = [
        (arguments.get("dtrain"), "dtrain", "train"),
        *evals_of(fit, arguments.get("evals")),
    ]
    record_matrices(fit, matrices, discrete=is_discrete(arguments))
    fit.continues(arguments.get("xgb_model"), rounds_of)
    seen = watch(fit, arguments)
    booster = yield
    record_stop(seen, arguments)
    record_trained(fit, booster)
    if params_of(arguments.get("params")).get("booster") == "gblinear":
        unsettle(booster)


def record_trained(fit: Fit, booster: Any) -> None:
    """Record the booster that a call of ``train`` has made: configuration, importances, signature
    and the model.
    """
    note_trained(booster)
    record_config(fit, booster)
    with fit.part("importances"):
        record_importances(fit, booster)
    signature = None
    with fit.part("signature", quiet=True):
        signature = signature_of(booster)
    if signature is None:
        fit.skipped(
            "signature",
            "the booster has categorical features, and does not say how they were given",
        )
    fit.model(booster, signature=signature)


def observe_nested_train(fit: Fit) -> Generator[None, Any, None]:
    """Record on the run of an estimator what ``xgboost.train`` tells while it is being fitted."""
    arguments = read_arguments(fit)
    if not is_first_worker():
        fit.skip("it is not for this process to record")
        return
    if fit.position == 1:
        record_matrices(fit, evals_of(fit, arguments.get("evals")), discrete=is_discrete(arguments))
        fit.continues(arguments.get("xgb_model"), rounds_of)
    seen = watch(fit, arguments)
    booster = yield
    record_stop(seen, arguments)
    fit.link(booster)
    note_trained(booster)
    if fit.position == 1:
        record_config(fit, booster)
        if fit.outer is not None and _trains_one(fit.outer.instance):
            with fit.part("importances", quiet=True):
                record_importances(fit, booster, only_by_type=True)


def record_params(fit: Fit, arguments: Arguments) -> None:
    """Record what the user's parameters and the function's own arguments say."""
    with fit.part("params", quiet=True):
        params = params_of(arguments.get("params"))
        for name, value in arguments.values.items():
            if name in _RECORDED_OTHERWISE or (
                name not in arguments.given and name not in {"nfold", "num_boost_round"}
            ):
                continue
            if name == "callbacks" and isinstance(value, (list, tuple)):
                params[name] = [type(callback).__name__ for callback in value]
            else:
                params[name] = plain(value)
        fit.params(params, defaults={"nfold", "num_boost_round"} - arguments.given)


def is_discrete(arguments: Arguments) -> bool | None:
    """Tell whether labels are classes; None where that is not known."""
    try:
        objective = params_of(arguments.get("params")).get("objective", "reg:squarederror")
    except (TypeError, ValueError):
        return None
    if (
        callable(arguments.get("obj"))
        or not isinstance(objective, str)
        or objective.startswith("rank:")
    ):
        return None
    return objective.startswith(("binary:", "multi:"))


def rounds_of(model: Any) -> int | None:
    """Return how many rounds a model has; None where it does not tell."""
    return int(model.num_boosted_rounds()) if hasattr(model, "num_boosted_rounds") else None


def record_stop(seen: Watch | None, arguments: Arguments) -> None:
    """Record how early stopping, if there was any, ended the training."""
    if seen is None:
        return
    if stops_early(arguments) and seen.best is not None:
        iteration, score = seen.best
        stopped = seen.before + seen.last
        seen.rounds.stopped(
            best_iteration=iteration,
            best_score=score,
            stopped_iteration=stopped,
            metric=seen.decided,
        )
    seen.forget()


def is_first_worker() -> bool:
    """Tell whether this process is to record: of several that train one model together, only the
    first does, and none for a client.
    """
    collective = getattr(sys.modules["xgboost"], "collective", None)
    if collective is None or not collective.is_distributed():
        return True
    state = getattr(sys.modules.get("distributed.worker"), "thread_state", None)
    is_for_client = hasattr(state, "execution_state")  # on this thread runs a task of Dask
    return not is_for_client and collective.get_rank() == 0


def _trains_one(estimator: Any) -> bool:
    """Tell whether an estimator contains exactly one booster: one of XGBoost's own,
    or a pipeline.
    """
    is_pipeline = isinstance(getattr(estimator, "steps", None), list)
    return is_pipeline or any(
        cls.__module__ == "xgboost.sklearn" for cls in type(estimator).__mro__
    )
