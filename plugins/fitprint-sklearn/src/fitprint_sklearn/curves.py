"""What a fitted estimator tells of its training: curves over its iterations, and facts in one
number.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from fitprint.autologging.fit import Fit
from fitprint_sklearn.parameters import unwrapped

__all__ = ["record_curves_of_training", "record_facts"]

_POINTS = 1_000_000
# Attribute, metric, what is better, first step.
_Goal = Literal["min", "max"]
_CURVES: tuple[tuple[str, str, _Goal | None, int], ...] = (
    ("loss_curve_", "loss", "min", 1),
    ("validation_scores_", "validation_score", "max", 1),
    ("train_score_", "train_score", None, 0),
    ("validation_score_", "validation_score", "max", 0),
    ("oob_improvement_", "oob_improvement", "max", 1),
    ("oob_scores_", "oob_loss", "min", 1),
    ("estimator_errors_", "estimator_error", "min", 1),
    ("estimator_weights_", "estimator_weight", None, 1),
)
# Attribute, metric, what is better.
_NUMBERS: tuple[tuple[str, str, _Goal | None], ...] = (
    ("n_iter_", "n_iter", None),
    ("oob_score_", "oob_score", "max"),
    ("best_loss_", "best_loss", "min"),
    ("best_validation_score_", "best_validation_score", "max"),
    ("inertia_", "inertia", "min"),
    ("lower_bound_", "lower_bound", "max"),
    ("log_marginal_likelihood_value_", "log_marginal_likelihood", "max"),
    ("reconstruction_err_", "reconstruction_error", "min"),
    ("kl_divergence_", "kl_divergence", "min"),
    ("stress_", "stress", "min"),
    ("dual_gap_", "dual_gap", "min"),
)
# Hyperparameters that training chose: recorded as params with the provenance "resolved", under the
# attribute's name.
_CHOSEN = (
    "alpha_",
    "C_",
    "l1_ratio_",
    "lambda_",
    "best_threshold_",
    "n_components_",
    "n_estimators_",
    "max_features_",
    "n_features_to_select_",
)


def record_curves_of_training(fit: Fit, estimator: Any) -> None:
    """Record the curves that the estimator, or the last step of a pipeline,
    kept while it trained.
    """
    state = getattr(unwrapped(estimator), "__dict__", {})
    taken = set()
    for attribute, name, goal, first in _CURVES:
        values = state.get(attribute)
        if values is None or name in taken:
            continue
        with fit.part(f"curve {attribute}", quiet=True):
            values = np.asarray(values, dtype=float)
            if values.ndim == 1 and 0 < len(values) <= _POINTS:
                taken.add(name)
                # Boosting keeps losses under this name, histogram-based boosting scores, of which
                # the first is before any iteration.
                start = (
                    1
                    if attribute == "train_score_"
                    and "oob_improvement_" not in state
                    and "_predictors" not in state
                    else first
                )
                better: _Goal = goal or ("max" if "_predictors" in state else "min")
                fit.history(
                    name, values.tolist(), steps=range(start, start + len(values)), goal=better
                )


def record_facts(fit: Fit, estimator: Any) -> None:
    """Record numbers of the estimator, or of the last step of a pipeline: iterations, losses, what
    it chose by itself.
    """
    final = unwrapped(estimator)
    state = getattr(final, "__dict__", {})
    for attribute, name, goal in _NUMBERS:
        value = state.get(attribute)
        if value is not None:
            number = _number(value)
            if number is not None:
                fit.metric(name, number, goal=goal)
    chosen = {name: state[name] for name in _CHOSEN if name in state and _is_plain(state[name])}
    if chosen:
        fit.params(chosen, resolved=True)
    shares = state.get("explained_variance_ratio_")
    if shares is not None and getattr(shares, "ndim", None) == 1:
        fit.history(
            "explained_variance_ratio", shares.tolist(), steps=range(1, len(shares) + 1), goal="max"
        )


def _number(value: Any) -> float | None:
    if isinstance(value, (list, tuple)) or getattr(value, "shape", None):
        value = np.asarray(value)
        if value.dtype.kind not in "biuf" or not value.size:
            return None
        return float(value.max())
    return float(value) if isinstance(value, (int, float, np.number)) else None


def _is_plain(value: Any) -> bool:
    if isinstance(value, (int, float, str, np.number)):
        return True
    return getattr(value, "ndim", None) == 1 and len(value) <= 100
