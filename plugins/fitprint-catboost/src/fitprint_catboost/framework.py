"""CatBoost's targets: which calls train, and which add to a model's run later."""

from __future__ import annotations

from collections.abc import Sequence

from fitprint.autologging.framework import Framework, Function, Method, SubclassMethod, Target
from fitprint.versions import is_installed
from fitprint_catboost import post_training, searching, training, validation

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
            SubclassMethod(_BASE, "fit", training.observe_fit, nested=training.observe_nested_fit),
            Function("catboost.core:cv", validation.observe_cv, kind="cross-validation"),
            Method(f"{_BASE}.grid_search", searching.observe_search, kind="search"),
            Method(f"{_BASE}.randomized_search", searching.observe_search, kind="search"),
            Method(
                f"{_BASE}.select_features", searching.observe_selection, kind="feature-selection"
            ),
            *(
                [
                    Function(
                        "catboost.core:sample_gaussian_process",
                        searching.observe_sampling,
                        kind="search",
                    )
                ]
                if _can_sample()
                else ()
            ),
            *(
                SubclassMethod(_BASE, name, post_training.observe_prediction, role="note")
                for name in ("predict", "predict_proba", "predict_log_proba")
            ),
            SubclassMethod(_BASE, "score", post_training.observe_score, role="note"),
            SubclassMethod(_BASE, "eval_metrics", post_training.observe_metrics, role="note"),
            Function("catboost.utils:eval_metric", post_training.observe_metric, role="note"),
        ]


def _can_sample() -> bool:
    return is_installed("catboost", ">=1.2.2")
