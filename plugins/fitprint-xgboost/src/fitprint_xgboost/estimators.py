"""The observer of estimators' ``fit``: what scikit-learn's plugin records of any estimator, and
what is XGBoost's own.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from fitprint.autologging.fit import Fit
from fitprint_sklearn import estimators
from fitprint_sklearn.data import Call
from fitprint_xgboost.boosters import unsettle
from fitprint_xgboost.clusters import is_spread, observe_spread_fit

__all__ = ["observe_fit"]

# Arguments of `fit` that are data, or recorded otherwise: those of evaluation sets with the
# matrices that are made of them.
_RECORDED_OTHERWISE = frozenset(
    (
        "X y sample_weight eval_set sample_weight_eval_set base_margin_eval_set eval_group "
        "eval_qid xgb_model callbacks"
    ).split()
)


def observe_fit(fit: Fit) -> Generator[None, Any, None]:
    """Record one training call of an estimator."""
    call = _read(fit)
    if is_spread(fit.instance):
        yield from observe_spread_fit(fit, call)
    else:
        yield from estimators.observe_fit(fit, call)
        if fit.instance.booster == "gblinear":
            unsettle(fit.instance.get_booster())


def _read(fit: Fit) -> Call:
    arguments = fit.arguments
    others = {
        name: value
        for name, value in arguments.items()
        if name not in _RECORDED_OTHERWISE and value is not None and fit.given(name)
    }
    return Call(arguments["X"], arguments.get("y"), arguments.get("sample_weight"), others)
