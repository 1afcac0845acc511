"""The data from which plots are drawn later, as JSON artifacts below ``plots/``. Their shapes stand in the plugin's README."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from fitprint.autologging.fit import Recorder
from fitprint.recording.values import param_value

__all__ = ["record_confusion", "record_curves", "record_plot"]

_CLASSES = 100  # of a confusion matrix
_CURVES = 20  # classes that get curves
_POINTS = 200  # of all curves of one kind together, but at least
_FEWEST = 40  # of each


def record_plot(fit: Recorder, name: str, content: dict[str, Any]) -> None:
    """Record the data of one plot as ``plots/<name>.json``. NaN and infinities become null."""
    fit.text(f"plots/{name}.json", json.dumps(content, allow_nan=False, default=param_value))


def record_confusion(fit: Recorder, labels: list[Any], matrix: Any) -> None:
    """Record a confusion matrix (k, k)."""
    if len(labels) > _CLASSES:
        fit.skipped("plots/confusion_matrix.json", f"there are more than {_CLASSES} classes")
        return
    record_plot(fit, "confusion_matrix", {"labels": labels, "counts": matrix.tolist()})


def record_curves(fit: Recorder, labels: list[Any], true: Any, scores: Any, weight: Any) -> None:
    """Record ROC and precision-recall curves: of the second of two classes, or of each of several against all others.

    Args:
        fit: where to.
        labels: k classes.
        true: class numbers (n,).
        scores: (n,) of class 1 where k is 2, else (n, k).
        weight: of the samples, or None.
    """
    if len(labels) > _CURVES:
        fit.skipped("plots/roc_curve.json", f"there are more than {_CURVES} classes")
        return
    chosen = [1] if len(labels) == 2 else range(len(labels))
    points = max(_FEWEST, _POINTS // len(chosen))
    roc, pr = [], []
    for label in chosen:
        hits, misses, thresholds = _counts(true == label, scores if scores.ndim == 1 else scores[:, label], weight)
        if not hits[-1] or not misses[-1]:
            continue
        shown = _thinned(hits, misses, points)
        hits, misses, thresholds = hits[shown], misses[shown], _rounded(thresholds[shown])
        recall = _rounded(hits / hits[-1])
        roc.append({"label": labels[label], "fpr": _rounded(misses / misses[-1]), "tpr": recall, "thresholds": thresholds})
        pr.append({"label": labels[label], "precision": _rounded(hits / (hits + misses)), "recall": recall, "thresholds": thresholds})
    record_plot(fit, "roc_curve", {"curves": roc})
    record_plot(fit, "precision_recall_curve", {"curves": pr})


def _counts(positive: Any, scores: Any, weight: Any) -> tuple[Any, Any, Any]:
    """Return true and false positives at each distinct threshold, from the highest."""
    order = np.argsort(scores)[::-1]
    ranked = scores[order]
    mass = positive[order] if weight is None else positive[order] * weight[order]
    everything = np.arange(1, len(order) + 1) if weight is None else np.cumsum(weight[order])
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    hits = np.cumsum(mass)[ends]
    return hits, everything[ends] - hits, ranked[ends]


def _thinned(hits: Any, misses: Any, points: int) -> Any:
    """Return the positions of the points to keep: where the curve bends, and no more than so many, evenly along it."""
    if len(hits) > 2:
        bends = np.flatnonzero(np.diff(hits, 2).astype(bool) | np.diff(misses, 2).astype(bool)) + 1
        shown = np.concatenate(([0], bends, [len(hits) - 1]))
    else:
        shown = np.arange(len(hits))
    if len(shown) > points:
        along = (hits / hits[-1] + misses / misses[-1])[shown]
        shown = np.unique(np.concatenate((shown[np.searchsorted(along, np.linspace(along[0], along[-1], points))], [shown[-1]])))
    return shown


def _rounded(values: Any) -> list[float | None]:
    """Return numbers with six digits."""
    return [value if math.isfinite(value) else None for value in np.round(np.asarray(values, dtype=float), 6).tolist()]
