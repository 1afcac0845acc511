"""XGBoost's targets: which calls train, and which add to the run of a hand-written loop."""

from __future__ import annotations

from collections.abc import Sequence

from fitprint.autologging.framework import Framework, Function, Method, SubclassMethod, Target

__all__ = ["XGBoostFramework"]


class XGBoostFramework(Framework):
    """XGBoost: the native interface and the estimators for scikit-learn."""

    name = "xgboost"
    distribution = "xgboost"
    within = ("sklearn",)

    def targets(self) -> Sequence[Target]:
        return [
            Function(
                "xgboost.training:train",
                "fitprint_xgboost.training:observe_train",
                nested="fitprint_xgboost.training:observe_nested_train",
            ),
            Function(
                "xgboost.training:cv",
                "fitprint_xgboost.validation:observe_cv",
                kind="cross-validation",
            ),
            Function("xgboost.dask:train", "fitprint_xgboost.clusters:observe_cluster_train"),
            SubclassMethod(
                "xgboost.sklearn:XGBModel", "fit", "fitprint_xgboost.estimators:observe_fit"
            ),
            Method(
                "xgboost.core:Booster.eval",
                "fitprint_xgboost.loops:observe_evaluation",
                role="note",
                joins=True,
            ),
            Method(
                "xgboost.core:Booster.eval_set",
                "fitprint_xgboost.loops:observe_evaluation",
                role="note",
                joins=True,
            ),
            Method(
                "xgboost.core:Booster.predict",
                "fitprint_xgboost.loops:observe_prediction",
                role="note",
            ),
            Method(
                "xgboost.core:Booster.inplace_predict",
                "fitprint_xgboost.loops:observe_prediction",
                role="note",
            ),
        ]
