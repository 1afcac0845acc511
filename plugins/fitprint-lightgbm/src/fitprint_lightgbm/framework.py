"""LightGBM's targets: which calls train, and which add to a booster's run later."""

from __future__ import annotations

from collections.abc import Sequence

from fitprint.autologging.framework import Framework, Function, Method, SubclassMethod, Target

__all__ = ["LightGBMFramework"]


_EVALUATIONS = ("eval", "eval_train", "eval_valid")


class LightGBMFramework(Framework):
    """LightGBM: ``train``, ``cv``, the scikit-learn wrappers, and loops of ``Booster.update``."""

    name = "lightgbm"
    distribution = "lightgbm"
    within = ("sklearn",)

    def targets(self) -> Sequence[Target]:
        return [
            Function(
                "lightgbm.engine:train",
                "fitprint_lightgbm.training:observe_train",
                nested="fitprint_lightgbm.training:observe_nested_train",
            ),
            Function(
                "lightgbm.engine:cv",
                "fitprint_lightgbm.validation:observe_cv",
                kind="cross-validation",
            ),
            SubclassMethod(
                "lightgbm.sklearn:LGBMModel", "fit", "fitprint_lightgbm.estimators:observe_fit"
            ),
            Method("lightgbm.basic:Booster.update", "fitprint_lightgbm.loops:observe_update"),
            *(
                Method(
                    f"lightgbm.basic:Booster.{name}",
                    "fitprint_lightgbm.loops:observe_evaluation",
                    role="note",
                )
                for name in _EVALUATIONS
            ),
        ]
