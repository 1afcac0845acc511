"""How much work a prediction of the training data is: told from counts alone, so that it is the
same on every machine, busy or idle.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fitprint_sklearn.data import Call
from fitprint_sklearn.ownership import pieces

__all__ = ["prediction_steps"]

_LEVEL = 5  # steps for each level of a tree: a comparison, and a look at memory that is far away
_LINE = 50  # ... for each row of a fitted matrix: a kernel, a root, a link
_OBJECT = 300  # ... for each value of the data that is a Python object
_LETTER = 100  # ... for each letter of a text
_PART = 100_000  # ... for each estimator that is called from a list of them, however few the rows
_WORDS = 200  # numbers that a text becomes


def prediction_steps(estimator: Any, call: Call, rows: int) -> float:
    """Return how many elementary steps a prediction of the training data takes; a million are about
    a millisecond on one core.

    Of each row: one for each number that the fitted model holds (coefficients, support vectors,
    remembered rows, weights of layers), 50 for each row of its matrices, 5 for each level of its
    trees; and what reading the data takes.
    """
    reading, used = _reading(call.features, rows)
    each = parts = 0.0
    for found in pieces(estimator):
        each += _steps(found, rows, used)
        if type(found) is list and len(found) > 1 and hasattr(type(found[0]), "get_params"):
            parts += len(found)
    return reading + rows * each + _PART * parts


def _reading(features: Any, rows: int) -> tuple[float, float]:
    """Return the steps that reading the data takes, and how many numbers of a row, at most, take
    part in anything.
    """
    if hasattr(features, "nnz"):
        return float(features.nnz), features.nnz / rows
    shape: Any = getattr(features, "shape", (rows,))
    if len(shape) > 1:
        dtypes = (
            features.dtypes if hasattr(features, "iloc") else [getattr(features, "dtype", None)]
        )
        objects = (
            sum(getattr(dtype, "kind", "O") == "O" for dtype in dtypes) / len(dtypes)
            if len(dtypes)
            else 0
        )
        values = math.prod(shape)
        return values * (1 + objects * _OBJECT), math.inf
    first = features[0] if isinstance(features, list) else None
    if isinstance(first, (list, tuple)):
        return float(rows * len(first) * _OBJECT), math.inf
    try:
        return float(sum(map(len, features)) * _LETTER), _WORDS
    except TypeError:  # no texts
        return float(rows * _OBJECT), math.inf


def _steps(found: Any, rows: int, used: float) -> float:
    """Return the steps that one object in a model takes for each row of the data."""
    kind = type(found)
    if kind is np.ndarray:
        if found.ndim < 2:
            # notes on the training rows are not read
            return 0.0 if found.ndim and len(found) == rows else min(float(found.size), used)
        return float(len(found) * (min(found.size / max(1, len(found)), used) + _LINE))
    package, name = kind.__module__.partition(".")[0], kind.__name__
    if package == "sklearn":
        if name == "Tree":
            return float(_LEVEL * found.max_depth + found.n_outputs * found.max_n_classes)
        return float(_LEVEL * found.get_max_depth()) if name == "TreePredictor" else 0.0
    if package == "scipy" and hasattr(found, "nnz"):
        return float(found.nnz + _LINE * found.shape[0])
    count = _COUNTS.get(package)
    return (
        count(found)
        if count is not None and (hasattr(kind, "get_params") or hasattr(kind, "count_params"))
        else 0.0
    )


def _of_xgboost(estimator: Any) -> float:
    booster = vars(estimator).get("_Booster")
    if booster is None:
        return 0.0
    trees = (
        booster.num_boosted_rounds()
        * max(1, _whole(estimator, "num_parallel_tree"))
        * max(1, _whole(estimator, "n_classes_"))
    )
    return float(_LEVEL * trees * (_whole(estimator, "max_depth") or 6) + booster.num_features())


def _of_lightgbm(estimator: Any) -> float:
    booster = vars(estimator).get("_Booster")
    if booster is None:
        return 0.0
    # grown leaf by leaf: deeper than a balanced tree
    deep = math.log2(max(2, _whole(estimator, "num_leaves"))) + 5
    depth = _whole(estimator, "max_depth")
    return float(
        _LEVEL * booster.num_trees() * (min(deep, depth) if depth > 0 else deep)
        + booster.num_feature()
    )


def _of_catboost(estimator: Any) -> float:
    trees = estimator.tree_count_ if estimator.is_fitted() else 0
    return float(
        _LEVEL
        * (trees or 0)
        * (estimator.get_param("depth") or estimator.get_param("max_depth") or 6)
    )


def _of_keras(model: Any) -> float:
    return float(model.count_params()) if getattr(model, "built", False) else 0.0


_COUNTS = {
    "catboost": _of_catboost,
    "keras": _of_keras,
    "lightgbm": _of_lightgbm,
    "xgboost": _of_xgboost,
}


def _whole(estimator: Any, name: str) -> int:
    value = getattr(estimator, name, None)
    return int(value) if isinstance(value, (int, float)) and value == value else 0
