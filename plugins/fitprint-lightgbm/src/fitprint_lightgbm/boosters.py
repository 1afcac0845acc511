"""What a trained booster tells, and which model a training goes on from."""

from __future__ import annotations

from typing import Any

import numpy as np

from fitprint.autologging.fit import Fit
from fitprint_lightgbm.iterations import Iterations
from fitprint_lightgbm.parameters import resolved_params
from fitprint_sklearn.plots import record_plot

__all__ = ["record_booster", "record_config", "record_importances", "rounds_of"]

_PARTS = 20  # trainings inside one run whose boosters are described
_FEATURES = 1000  # recorded, those that gained most
_TYPES = ("gain", "split")


def record_booster(fit: Fit, booster: Any, iterations: Iterations, training: str | None) -> None:
    """Record what a trained booster says of itself: resolved parameters, trees, early stopping,
    importances.
    """
    best = getattr(booster, "best_iteration", 0)
    with fit.part("early stopping", quiet=True):
        if isinstance(best, int) and best > 0 and iterations.done:
            iterations.stopped(best, training)
    if fit.position > _PARTS:
        return
    suffix = f"_part{fit.position}" if fit.position > 1 else ""
    with fit.part(f"booster{suffix}"):
        fit.document(
            f"booster{suffix}",
            {
                "rounds": booster.current_iteration(),
                "trees": booster.num_trees(),
                "trees_per_iteration": booster.num_model_per_iteration(),
                "features": booster.num_feature(),
            },
        )
    record_config(fit, booster, suffix)
    with fit.part(f"importances{suffix}", quiet=True):
        record_importances(fit, booster, suffix)


def record_config(fit: Fit, booster: Any, suffix: str = "") -> None:
    """Record all parameters as LightGBM resolved them, beside those that the user set."""
    with fit.part(f"lightgbm_config{suffix}"):
        fit.document(f"lightgbm_config{suffix}", resolved_params(booster))


def record_importances(fit: Fit, booster: Any, suffix: str = "") -> None:
    """Record what each feature gained, and how often the trees split on it.

    ``plots/feature_importances_by_type.json`` has both, ``plots/feature_importances.json`` the
    share of the gain; of a training inside another one only the former, for the latter is the outer
    training's.
    """
    names = [str(name) for name in booster.feature_name()]
    rows = np.array(
        [booster.feature_importance(importance_type=kind) for kind in _TYPES], dtype=float
    )
    shown = np.arange(len(names))
    content: dict[str, Any] = {"kind": "importances"}
    if len(names) > _FEATURES:
        shown = np.sort(np.argpartition(rows[0], -_FEATURES)[-_FEATURES:])
        content["of"] = len(names)
    content["features"] = [names[place] for place in shown]
    rows = rows[:, shown]
    if fit.outer is None:
        total = rows[0].sum()
        record_plot(
            fit,
            "feature_importances",
            {**content, "values": _rounded(rows[0] / total if total > 0 else rows[0])},
        )
    by_type = {**content, "rows": [_rounded(row) for row in rows], "labels": list(_TYPES)}
    record_plot(fit, f"feature_importances_by_type{suffix}", by_type)


def _rounded(values: Any) -> list[float]:
    """Return numbers to seven digits."""
    return [float(f"{value:.7g}") for value in values]


def rounds_of(model: Any) -> int | None:
    """Return how many rounds a booster has; None of what is none."""
    return int(model.current_iteration()) if hasattr(model, "current_iteration") else None
