"""XGBoost's targets: which calls train, and which add to the run of a hand-written loop."""

from __future__ import annotations

from collections.abc import Sequence

from fitprint.autologging.framework import Function, SubclassMethod, Target
from fitprint_xgboost import observers

__all__ = ["XGBoostFramework"]


class XGBoostFramework:
    """XGBoost: the native interface and the estimators for scikit-learn."""

    name = "xgboost"
    distribution = "xgboost"
    within = ("sklearn",)

    def targets(self) -> Sequence[Target]:
        return [
            Function("xgboost.training:train", observers.observe_train, nested=observers.observe_nested_train),
            Function("xgboost.training:cv", observers.observe_cv, kind="cross-validation"),
            SubclassMethod("xgboost.sklearn:XGBModel", "fit", observers.observe_fit),
        ]
