"""The observer of ``xgboost.cv``."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint_xgboost.arguments import read_arguments
from fitprint_xgboost.data import record_matrix
from fitprint_xgboost.training import is_discrete, record_params, record_stop
from fitprint_xgboost.watching import watch

__all__ = ["observe_cv"]


def observe_cv(fit: Fit) -> Generator[None, Any, None]:
    """Record one cross-validation: mean and standard deviation over the folds of every metric, in
    each round.
    """
    arguments = read_arguments(fit)
    fit.subject = "xgboost.cv"
    record_params(fit, arguments)
    fit.identify(None)
    record_matrix(
        fit, arguments.get("dtrain"), name="dtrain", role="train", discrete=is_discrete(arguments)
    )
    seen = watch(fit, arguments)
    yield
    record_stop(seen, arguments)
