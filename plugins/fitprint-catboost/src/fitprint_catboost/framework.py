"""CatBoost's targets: which calls train, and which add to a model's run later."""

from __future__ import annotations

from collections.abc import Sequence

from fitprint.autologging.framework import Framework, Function, Method, SubclassMethod, Target
from fitprint.versions import is_installed

__all__ = ["CatBoostFramework"]

_BASE = "catboost.core:CatBoost"


class CatBoostFramework(Framework):
    """CatBoost: models and what the user derives from them, ``cv``, and its own searches.

    ``catboost.train`` passes on to ``fit``.
    """

    name = "catboost"
    distribution = "catboost"
    within = ("sklearn",)
    passing = ("catboost.core:train",)

    def targets(self) -> Sequence[Target]:
        return [
            SubclassMethod(
                _BASE,
                "fit",
                "fitprint_catboost.training:observe_fit",
                nested="fitprint_catboost.training:observe_nested_fit",
            ),
            Function(
                "catboost.core:cv",
                "fitprint_catboost.validation:observe_cv",
                kind="cross-validation",
            ),
            Method(
                f"{_BASE}.grid_search", "fitprint_catboost.searching:observe_search", kind="search"
            ),
            Method(
                f"{_BASE}.randomized_search",
                "fitprint_catboost.searching:observe_search",
                kind="search",
            ),
            Method(
                f"{_BASE}.select_features",
                "fitprint_catboost.searching:observe_selection",
                kind="feature-selection",
            ),
            *(
                [
                    Function(
                        "catboost.core:sample_gaussian_process",
                        "fitprint_catboost.searching:observe_sampling",
                        kind="search",
                    )
                ]
                if _can_sample()
                else ()
            ),
            *(
                SubclassMethod(
                    _BASE, name, "fitprint_catboost.post_training:observe_prediction", role="note"
                )
                for name in ("predict", "predict_proba", "predict_log_proba")
            ),
            SubclassMethod(
                _BASE, "score", "fitprint_catboost.post_training:observe_score", role="note"
            ),
            SubclassMethod(
                _BASE,
                "eval_metrics",
                "fitprint_catboost.post_training:observe_metrics",
                role="note",
            ),
            Function(
                "catboost.utils:eval_metric",
                "fitprint_catboost.post_training:observe_metric",
                role="note",
            ),
        ]


def _can_sample() -> bool:
    return is_installed("catboost", ">=1.2.2")
