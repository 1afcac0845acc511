"""The data from which plots are drawn later, as JSON artifacts below ``plots/``.

Their shapes stand in the plugin's README.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from fitprint.autologging.recorder import Recorder
from fitprint.data.values import param_value
from fitprint_sklearn import metrics

__all__ = ["record_confusion", "record_curves", "record_plot"]

_CLASSES = 100  # of a confusion matrix
_CURVES = 20  # classes that get curves
_POINTS = 200  # of all curves together, but at least
_FEWEST = 25  # of each

_to_json = json.JSONEncoder(allow_nan=False, default=param_value).encode


def record_plot(fit: Recorder, name: str, content: dict[str, Any]) -> None:
    """Record the data of one plot as ``plots/<name>.json``. NaN and infinities become null."""
    fit.text(f"plots/{name}.json", _to_json(content))


def record_confusion(fit: Recorder, labels: list[Any], matrix: Any) -> None:
    """Record a confusion matrix (k, k)."""
    if len(labels) > _CLASSES:
        fit.skipped("plots/confusion_matrix.json", f"there are more than {_CLASSES} classes")
        return
    record_plot(fit, "confusion_matrix", {"labels": labels, "counts": matrix.tolist()})


def record_curves(
    fit: Recorder, labels: list[Any], true: Any, scores: Any, weight: Any, orders: Any
) -> None:
    """Record the counts of which ROC and precision-recall curves consist: of the second of two
    classes, or of each against all others.

    Args:
        fit: where to.
        labels: k classes.
        true: class numbers (n,).
        scores: (n,) of class 1 where k is 2, else (n, k).
        weight: of the samples, or None.
        orders: what :func:`fitprint_sklearn.metrics.ranking` says of the scores.
    """
    if len(labels) > _CURVES:
        fit.skipped("plots/roc_and_precision_recall.json", f"there are more than {_CURVES} classes")
        return
    binary = len(labels) == 2
    points = _POINTS if binary else max(_FEWEST, _POINTS // len(labels))
    curves = []
    for row, label in enumerate([1] if binary else range(len(labels))):
        hits, misses, thresholds = _counts(
            true == label, scores if binary else scores[:, label], weight, orders[row]
        )
        if hits[-1] and misses[-1]:
            shown = _thinned(hits, misses, points)
            curves.append(
                {
                    "label": labels[label],
                    "positives": hits[-1].item(),
                    "negatives": misses[-1].item(),
                    "thresholds": _rounded(thresholds[shown]),
                    "true_positives": hits[shown].tolist(),
                    "false_positives": misses[shown].tolist(),
                }
            )
    record_plot(fit, "roc_and_precision_recall", {"curves": curves})


def _counts(positive: Any, scores: Any, weight: Any, order: Any) -> tuple[Any, Any, Any]:
    """Return true and false positives at each distinct threshold, from the highest."""
    order = order[::-1]
    ranked = scores[order]
    if weight is None:
        hits, everything = np.cumsum(positive[order]), np.arange(1, len(order) + 1)
    else:
        mass = weight[order]
        hits, everything = np.cumsum(positive[order] * mass), np.cumsum(mass)
    ends = metrics.last_of_each(ranked)
    hits = hits[ends]
    return hits, everything[ends] - hits, ranked[ends]


def _thinned(hits: Any, misses: Any, points: int) -> Any:
    """Return the positions of the points to keep: at most so many, evenly along the curve; all of a
    short one.
    """
    if len(hits) <= points:
        return slice(None)
    along = hits * (1 / hits[-1]) + misses * (1 / misses[-1])
    shown = along.searchsorted(
        along[0] + np.arange(points) * ((along[-1] - along[0]) / (points - 1))
    )
    shown[-1] = len(hits) - 1
    return shown[metrics.last_of_each(shown)]


def _rounded(values: Any) -> list[float | None]:
    """Return numbers with six digits."""
    values = values.astype(float, copy=False)
    rounded = values.round(6).tolist()
    return (
        rounded
        if np.isfinite(values).all()
        else [value if math.isfinite(value) else None for value in rounded]
    )
