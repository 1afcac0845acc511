"""XGBoost's targets: which calls train, and which add to the run of a hand-written loop."""

from __future__ import annotations

from collections.abc import Sequence

from fitprint.autologging.framework import Function, Method, SubclassMethod, Target
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
            Function("xgboost.dask:train", observers.observe_cluster_train),
            SubclassMethod("xgboost.sklearn:XGBModel", "fit", observers.observe_fit),
            Method("xgboost.core:Booster.eval", observers.observe_evaluation, role="note", joins=True),
            Method("xgboost.core:Booster.eval_set", observers.observe_evaluation, role="note", joins=True),
            Method("xgboost.core:Booster.predict", observers.observe_prediction, role="note"),
            Method("xgboost.core:Booster.inplace_predict", observers.observe_prediction, role="note"),
        ]
