"""Metrics as scikit-learn defines them, from arrays that are already checked, at a fraction of its
cost.

All functions are pure, issue no warnings and change none of their arguments. Shapes: n samples, k
classes or outputs. ``weight`` is a float array (n,) or None.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

__all__ = [
    "binary_auc",
    "classification",
    "confusion",
    "last_of_each",
    "log_loss",
    "multilabel",
    "multilabel_auc",
    "ranking",
    "regression",
    "roc_auc",
    "silhouette",
]


def confusion(true: Any, predicted: Any, classes: int, weight: Any = None) -> Any:
    """Return the matrix (k, k) that counts (or weighs) samples by true class (row) and predicted
    class (column).
    """
    return np.bincount(
        true * classes + predicted, weights=weight, minlength=classes * classes
    ).reshape(classes, classes)


def classification(true: Any, predicted: Any, classes: int, weight: Any = None) -> dict[str, float]:
    """Return accuracy, and precision, recall and F1 averaged over the classes by their frequency.

    Args:
        true: class numbers (n,), below ``classes``.
        predicted: the same for the prediction.
        classes: k.
        weight: of the samples.
    """
    hit = true == predicted
    hits = np.bincount(
        true[hit], weights=None if weight is None else weight[hit], minlength=classes
    )
    accuracy = _mean(hit, weight)
    return {
        "accuracy_score": accuracy,
        **_averages(
            hits,
            np.bincount(predicted, weights=weight, minlength=classes),
            np.bincount(true, weights=weight, minlength=classes),
        ),
    }


def _mean(values: Any, weight: Any) -> float:
    return float(values.mean() if weight is None else np.average(values, weights=weight))


def _averages(hits: Any, predicted: Any, true: Any) -> dict[str, float]:
    total = true.sum()
    if not total:
        return {"precision_score": 0.0, "recall_score": 0.0, "f1_score": 0.0}
    scores = {
        "precision_score": _ratio(hits, predicted),
        "recall_score": _ratio(hits, true),
        "f1_score": _ratio(2 * hits, predicted + true),
    }
    return {name: float(np.dot(true, score) / total) for name, score in scores.items()}


def _ratio(numerator: Any, denominator: Any) -> Any:
    """Return the quotient, 0 where the denominator is 0."""
    return numerator / np.where(denominator, denominator, 1)


def multilabel(true: Any, predicted: Any, weight: Any = None) -> dict[str, float]:
    """Return subset accuracy, and precision, recall and F1 averaged over the labels by their
    frequency.

    Args:
        true: 0 and 1 (n, k), an array or a sparse matrix; sparse matrices are not made dense.
        predicted: the same for the prediction.
        weight: of the samples.
    """
    if hasattr(true, "multiply") or hasattr(predicted, "multiply"):
        true, predicted = _sparse(true), _sparse(predicted)
        equal = np.diff((true != predicted).tocsr().indptr) == 0
        both = true.multiply(predicted)
    else:
        equal = (true == predicted).all(axis=1)
        both = true * predicted
    averages = _averages(*(_sums(part, weight) for part in (both, predicted, true)))
    return {"accuracy_score": float(np.average(equal, weights=weight)), **averages}


def _sparse(matrix: Any) -> Any:
    from scipy.sparse import csr_matrix

    return csr_matrix(matrix)


def _sums(indicator: Any, weight: Any) -> Any:
    if weight is None:
        return np.asarray(indicator.sum(axis=0)).ravel()
    return np.asarray(indicator.T @ weight).ravel()


def log_loss(true: Any, proba: Any, weight: Any = None) -> float:
    """Return the mean of minus the logarithm of the probability (n, k) that was given to the true
    class.
    """
    chosen = proba[np.arange(len(true)), true]
    tiny = np.finfo(chosen.dtype).eps
    return _mean(-np.log(chosen.clip(tiny, 1 - tiny)), weight)


def ranking(scores: Any) -> Any:
    """Return, for scores (n,) or each column of scores (n, k), the samples from the lowest to the
    highest: (1, n) or (k, n).
    """
    return np.argsort(
        scores[None, :] if scores.ndim == 1 else np.ascontiguousarray(scores.T), axis=1
    )


def roc_auc(
    true: Any, scores: Any, classes: int, weight: Any = None, orders: Any = None
) -> float | None:
    """Return the area under the ROC curve; with more than two classes, of every class against every
    other ("ovo"), by frequency.

    None where it is not defined: one class, a class without samples, or weights with more than two
    classes.

    Args:
        true: class numbers (n,).
        scores: (n,) of class 1 where k is 2, else probabilities (n, k).
        classes: k.
        weight: of the samples.
        orders: what :func:`ranking` says of the scores, if that is known.
    """
    orders = ranking(scores) if orders is None else orders
    if classes == 2:
        return binary_auc(true == 1, scores, weight, orders[0])
    counts = np.bincount(true, minlength=classes)
    if classes < 2 or weight is not None or not counts.all():
        return None
    areas = np.empty((classes, classes))
    for positive in range(classes):
        order = orders[positive]
        ranked = true[order]
        is_positive = ranked == positive
        below = np.cumsum(is_positive)
        beaten = counts[positive] - _halfway(below, is_positive, scores[order, positive])
        areas[positive] = np.bincount(ranked, weights=beaten, minlength=classes) / (
            counts[positive] * counts
        )
    rows, others = _pairs(classes)
    pairs = (areas[rows, others] + areas[others, rows]) / 2
    frequency = (counts[rows] + counts[others]) / len(true)
    return float(np.average(pairs, weights=frequency))


@functools.lru_cache(maxsize=4)
def _pairs(classes: int) -> Any:
    return np.triu_indices(classes, 1)


def _halfway(below: Any, own: Any, ranked: Any) -> Any:
    """Return, for each sample in order of score, how much of ``own`` has a lower score plus half of
    what has the same.
    """
    ends = last_of_each(ranked)
    if len(ends) == len(ranked):
        return below - own / 2
    upto = below[ends]
    half = upto / 2
    half[1:] += upto[:-1] / 2
    lengths = ends.copy()
    lengths[1:] -= ends[:-1]
    lengths[0] += 1
    return half.repeat(lengths)


def last_of_each(ranked: Any) -> Any:
    """Return the position at which each run of equal values (n,) ends."""
    ends = np.ones(len(ranked), dtype=bool)
    np.not_equal(ranked[1:], ranked[:-1], out=ends[:-1])
    return ends.nonzero()[0]


def binary_auc(positive: Any, scores: Any, weight: Any = None, order: Any = None) -> float | None:
    """Return the area under the ROC curve of scores (n,), ties counted half; None where one class
    has no samples.
    """
    order = np.argsort(scores) if order is None else order
    positive = positive[order]
    mass = np.ones(len(order)) if weight is None else weight[order]
    won = np.where(positive, mass, 0.0)
    lost = mass - won
    total = won.sum() * lost.sum()
    if not total:
        return None
    return float(np.dot(won, _halfway(np.cumsum(lost), lost, scores[order])) / total)


def multilabel_auc(true: Any, scores: Any, weight: Any = None) -> float | None:
    """Return the mean of the labels' areas under the ROC curve, by frequency; None where a label
    has one class only.
    """
    areas = [
        binary_auc(true[:, label] == 1, scores[:, label], weight) for label in range(true.shape[1])
    ]
    if any(area is None for area in areas):
        return None
    frequency = _sums(true, weight)
    return float(np.average(areas, weights=frequency)) if frequency.sum() else None


def regression(true: Any, predicted: Any, weight: Any = None) -> dict[str, float]:
    """Return mean squared and absolute error, its root, and R²; several outputs (n, k) are averaged
    evenly.
    """
    error = true - predicted
    squares = _means(error * error, weight)
    if len(true) < 2:
        r2 = np.nan
    else:
        distance = true - _means(true, weight)
        spread = _means(distance * distance, weight)
        constant = np.where(squares == 0, 1.0, 0.0)
        r2 = np.where(spread != 0, 1 - squares / np.where(spread != 0, spread, 1), constant).mean()
    return {
        "mean_squared_error": float(squares.mean()),
        "mean_absolute_error": float(_means(np.abs(error), weight).mean()),
        "r2_score": float(r2),
        "root_mean_squared_error": float(np.sqrt(squares).mean()),
    }


def _means(values: Any, weight: Any) -> Any:
    """Return the mean of each output; of one output in an array, too."""
    return np.atleast_1d(
        values.mean(axis=0) if weight is None else np.average(values, axis=0, weights=weight)
    )


def silhouette(points: Any, labels: Any) -> float | None:
    """Return the mean silhouette of points (n, d) by Euclidean distance; None unless 2 to n - 1
    clusters. Takes n² of memory.
    """
    found, labels = np.unique(labels, return_inverse=True)
    clusters, n = len(found), len(labels)
    if not 2 <= clusters < n:
        return None
    norms = np.einsum("ij,ij->i", points, points)
    distances = np.sqrt(np.maximum(norms[:, None] + norms[None, :] - 2 * (points @ points.T), 0))
    np.fill_diagonal(distances, 0)
    sizes = np.bincount(labels, minlength=clusters)
    sums = distances @ np.eye(clusters)[labels]
    rows = np.arange(n)
    own = sums[rows, labels] / np.maximum(sizes[labels] - 1, 1)
    sums /= sizes
    sums[rows, labels] = np.inf
    other = sums.min(axis=1)
    larger = np.maximum(own, other)
    score = np.where(sizes[labels] > 1, (other - own) / np.where(larger > 0, larger, 1), 0.0)
    return float(score.mean())
