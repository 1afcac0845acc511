"""Lengths of arrays that the compiled code of estimators relies on: it takes each from one array, and reads the others without a look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

__all__ = ["mismatch"]


def mismatch(found: Any) -> str | None:
    """Tell which arrays of an estimator do not fit together; None if all do, or compiled code reads none of them."""
    for base in type(found).__mro__:
        check = _CHECKS.get(base.__name__)
        if check is not None and base.__module__.startswith(("sklearn.", "scipy.")):
            state = getattr(found, "__dict__", None)
            try:
                return check({"_impl": getattr(found, "_impl", None), **state}) if state else None
            except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
                return f"has attributes that do not fit together: {error!r}"
    return None


def _svm(state: Mapping[str, Any]) -> str | None:
    if "support_" not in state:
        return None
    counts, support, vectors = state["_n_support"], state["support_"], state["support_vectors_"]
    classes, total = len(counts), len(support)
    is_classifier = state["_impl"] in {"c_svc", "nu_svc"}  # the others count all vectors twice
    pairs = classes * (classes - 1) // 2
    is_precomputed = state["kernel"] == "precomputed"
    fits = (
        classes >= 2
        and counts.min() >= 0
        and (counts.sum() == total if is_classifier else classes == 2 and (counts == total).all())
        and state["_dual_coef_"].shape == (classes - 1, total)
        and state["_intercept_"].shape == (pairs,)
        and all(len(state.get(name, ())) in {0, pairs} for name in ("_probA", "_probB"))
    )
    if fits and is_precomputed:
        fits = not total or (support.min() >= 0 and support.max() < state["shape_fit_"][0])
    elif fits:
        fits = vectors.shape == (total, state["n_features_in_"]) and tuple(state["shape_fit_"])[1:] == (state["n_features_in_"],)
    return None if fits else "has support vectors, coefficients and classes that do not fit together"


def _centers(state: Mapping[str, Any]) -> str | None:
    if "cluster_centers_" not in state:
        return None
    width, centers = state["n_features_in_"], state["cluster_centers_"]
    if type(centers) is not np.ndarray or centers.ndim != 2 or centers.shape[1] != width or not len(centers):
        return "has centers of another width than it takes"
    stack = [state["_bisecting_tree"]] if "_bisecting_tree" in state else []
    while stack:
        node = stack.pop()
        if node is not None:
            if node.center.shape != (width,):
                return "has centers of another width than it takes"
            stack += [node.left, node.right]
    return None


def _boosting(state: Mapping[str, Any]) -> str | None:
    members = state.get("estimators_")
    if members is None:
        return None
    outputs = state["n_trees_per_iteration_"] if "n_trees_per_iteration_" in state else members.shape[1]
    if type(members) is not np.ndarray or members.dtype != object or members.ndim != 2 or members.shape[1] != outputs:
        return "has other trees than it counts"
    for member in members.ravel():
        tree = vars(member)["tree_"]
        if f"{type(tree).__module__}.{type(tree).__name__}" != "sklearn.tree._tree.Tree" or tree.value.shape[1:] != (1, 1):
            return "has trees of another kind than it takes"
    first = state["init_"]
    if isinstance(first, str) or outputs == 1:
        return None
    if len(first.classes_) != outputs or len(getattr(first, "class_prior_", first.classes_)) != outputs or not state["_loss"].is_multiclass:
        return "begins with predictions for other classes than it has"
    return None


def _histograms(state: Mapping[str, Any]) -> str | None:
    rows = state.get("_predictors")
    if rows is None:
        return None
    width, kinds = state["n_features_in_"], state["_bin_mapper"].is_categorical_
    if type(kinds) is not np.ndarray or kinds.shape != (width,):
        return "knows the kind of other features than it takes"
    for row in rows:
        for predictor in row:
            asked = predictor.nodes[(predictor.nodes["is_leaf"] == 0) & (predictor.nodes["is_categorical"] != 0)]["feature_idx"]
            if asked.size and (asked.min() < 0 or asked.max() >= width or not kinds[asked].astype(bool).all()):
                return "asks for categories of a feature that has none"
    return None


def _spline(state: Mapping[str, Any]) -> str | None:
    mark = "_" if "_t" in state else ""  # SciPy 1.16 and 1.17 name them so
    if f"{mark}t" not in state:
        return None
    knots, coefficients, degree = state[f"{mark}t"], state[f"{mark}c"], state["k"]
    fits = (
        isinstance(degree, int | np.integer)
        and type(knots) is type(coefficients) is np.ndarray
        and knots.ndim == 1
        and knots.dtype == np.float64
        and coefficients.ndim >= 1
        and coefficients.dtype.kind in "fc"
        and 0 <= degree < 64
        and len(knots) >= 2 * degree + 2
        and len(coefficients) >= len(knots) - degree - 1
        and bool(np.isfinite(knots).all() and (np.diff(knots) >= 0).all() and knots[degree] < knots[len(knots) - degree - 1])
    )
    return None if fits else "has knots, coefficients and a degree that do not fit together"


def _hashing(state: Mapping[str, Any]) -> str | None:
    count = state.get("n_features")
    return None if isinstance(count, int | np.integer) and 0 < count < 1 << 31 else "hashes into no features"


def _rows_of_lists(state: Mapping[str, Any]) -> str | None:
    rows, data, (height, width) = state["rows"], state["data"], state["_shape"]
    if not rows.shape == data.shape == (height,) or rows.dtype != object or data.dtype != object:
        return "has other rows than it counts"
    for places, values in zip(rows, data, strict=True):
        if type(places) is not list or type(values) is not list or len(places) != len(values):
            return "has a row of another length than it states"
        if any(not isinstance(place, int | np.integer) or not 0 <= place < width for place in places):
            return "points outside of itself"
    return None


def _diagonals(state: Mapping[str, Any]) -> str | None:
    data, offsets = state["data"], state["offsets"]
    fits = data.ndim == 2 and offsets.ndim == 1 and offsets.dtype.kind == "i" and len(data) == len(offsets) == len(np.unique(offsets))
    return None if fits else "has other diagonals than it counts"


_CHECKS: Mapping[str, Callable[[Mapping[str, Any]], str | None]] = {
    "BSpline": _spline,
    "BaseGradientBoosting": _boosting,
    "BaseHistGradientBoosting": _histograms,
    "BaseLibSVM": _svm,
    "FeatureHasher": _hashing,
    "HashingVectorizer": _hashing,
    "_BSpline": _spline,
    "_BaseKMeans": _centers,
    "_dia_base": _diagonals,
    "_lil_base": _rows_of_lists,
}
