"""Feature importances and coefficients, by name of the feature."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fitprint.autologging.fit import Fit
from fitprint_sklearn.parameters import unwrapped
from fitprint_sklearn.plots import record_plot

__all__ = ["record_importances"]

_FEATURES = 1000  # recorded, the largest
_VALUES = 20_000  # over all classes or outputs


def record_importances(fit: Fit, estimator: Any) -> None:
    """Record what the model, or the last step of a pipeline, says of its features."""
    final = unwrapped(estimator)
    try:
        found = _values(final)
    except Exception:  # noqa: BLE001 - properties of the estimator's own, which may fail in any way
        found = None
    if found is None:
        return
    kind, values = found
    if hasattr(values, "tocsr"):
        fit.skipped(f"plots/feature_{kind}.json", "they are sparse")
        return
    values = np.asarray(values, dtype=float)
    if (
        values.ndim not in (1, 2)
        or not values.size
        or (values.ndim == 2 and len(values) * min(_FEATURES, values.shape[1]) > _VALUES)
    ):
        return
    rows = np.atleast_2d(values)
    names, features = _names(estimator, final, rows.shape[1]), rows.shape[1]
    if features > _FEATURES:
        largest = np.sort(np.argpartition(np.abs(rows).max(axis=0), -_FEATURES)[-_FEATURES:])
        rows, names = rows[:, largest], [names[position] for position in largest]
    content: dict[str, Any] = {"kind": kind, "features": names}
    if values.ndim == 1 or len(rows) == 1:
        content["values"] = _finite(rows[0])
    else:
        content["rows"] = [_finite(row) for row in rows]
        classes = getattr(final, "classes_", None)
        if classes is not None and len(classes) == len(rows):
            content["labels"] = [str(label) for label in classes]
    if features > _FEATURES:
        content["of"] = features
    record_plot(fit, f"feature_{kind}", content)


def _values(final: Any) -> tuple[str, Any] | None:
    if hasattr(type(final), "feature_importances_") or "feature_importances_" in getattr(
        final, "__dict__", ()
    ):
        return "importances", _importances(final)
    return ("coefficients", final.coef_) if hasattr(final, "coef_") else None


def _importances(final: Any) -> Any:
    trees = getattr(final, "estimators_", None)
    if isinstance(trees, list) and type(final).__module__ == "sklearn.ensemble._forest":
        # A forest's own property starts threads to ask its trees.
        shares = [
            tree.tree_.compute_feature_importances() for tree in trees if tree.tree_.node_count > 1
        ]
        if not shares:
            return np.zeros(final.n_features_in_)
        mean = np.mean(shares, axis=0)
        return mean / mean.sum()
    return final.feature_importances_


def _names(estimator: Any, final: Any, features: int) -> list[str]:
    """Return the names of the features that the final estimator saw, as far as they are known."""
    names = getattr(final, "feature_names_in_", None)
    if names is None and final is not estimator and features <= _FEATURES:
        try:
            pipeline = getattr(estimator, "best_estimator_", estimator)
            names = pipeline[:-1].get_feature_names_out()
        except Exception:  # noqa: BLE001 - not every transformer has names, and users' own may fail
            names = None
    if names is None or len(names) != features:
        return [f"x{position}" for position in range(features)]
    return [str(name) for name in names]


def _finite(row: Any) -> list[float | None]:
    """Return the values to seven digits of the largest."""
    largest = np.abs(row).max()
    if not np.isfinite(largest):
        return [value if np.isfinite(value) else None for value in row.tolist()]
    digits = 7 - math.ceil(math.log10(largest)) if largest > 0 else 0
    return np.round(row, digits).tolist()  # type: ignore[no-any-return]
