"""Bounds of the indices inside trees and sparse matrices, which compiled code follows without
looking.

A type can be trusted and its content still be crafted: a tree whose nodes point outside of their
array makes ``predict`` read foreign memory or never end. Loading therefore looks at all such
indices once, and at the lengths of arrays that have to fit together
(:mod:`fitprint_sklearn.lengths`).
"""

from __future__ import annotations

import gc
import math
from functools import cached_property
from types import FunctionType
from typing import Any

import numpy as np

from fitprint.models.arrays import strayed
from fitprint_sklearn.lengths import is_whole, mismatch
from fitprint_sklearn.reach import reachable

__all__ = ["out_of_bounds"]


def out_of_bounds(model: object) -> str | None:
    """Return a sentence on the first tree or matrix below the model that points outside of itself
    or the features; None if none does.
    """
    found: Any
    owned: set[int] = set()
    # before any method of theirs is called
    for found in reachable(model):
        if (problem := _hides(found)) is not None:
            return f"a {type(found).__name__} {problem}"
    for found in reachable(model):
        kind = type(found).__name__
        if kind == "Tree":
            problem = _tree(found)
        elif kind == "TreePredictor":
            problem = _predictor(found)
        elif kind.startswith(("KDTree", "BallTree")):
            problem = _neighbours(found)
        elif kind in {
            "bsr_array",
            "bsr_matrix",
            "csc_array",
            "csc_matrix",
            "csr_array",
            "csr_matrix",
            "coo_array",
            "coo_matrix",
        }:
            problem = _sparse(found)
        elif kind == "ndarray":
            problem = "has truth values that are neither 0 nor 1" if _is_untrue(found) else None
        elif kind == "RandomState" or (
            kind in _GENERATORS and type(found).__module__.startswith("numpy.random.")
        ):
            problem = strayed(getattr(found, "_bit_generator", found))
        else:
            problem = _features(found) or mismatch(found)
        if kind != "ndarray" or found.dtype.hasobject:
            problem = problem or _hands_on(found, owned)
        if problem is not None:
            return f"a {kind} {problem}"
    return None


# of trees for neighbours
_NODE = np.dtype(
    [("idx_start", np.intp), ("idx_end", np.intp), ("is_leaf", np.intp), ("radius", np.float64)]
)
_GENERATORS = frozenset({"MT19937", "Philox"})
_FRAMEWORKS = ("numpy", "scipy.", "sklearn.")


def _hides(found: object) -> str | None:
    """An attribute of an object goes before its class's method, also before one that looks at data
    or indices; and by some names NumPy asks an object where in memory its numbers lie.
    """
    attributes = getattr(found, "__dict__", None)
    for name in attributes if isinstance(attributes, dict) else ():
        if name.startswith(("__array", "__cuda_array", "__dlpack")):
            return f"has {name} of its own"
        for base in type(found).__mro__:
            if name in vars(base):
                if base.__module__.startswith(_FRAMEWORKS) and _is_method(vars(base)[name]):
                    return f"has {name} of its own in the place of the method"
                break
    return None


def _is_method(value: object) -> bool:
    return hasattr(type(value), "__get__") and not isinstance(value, cached_property)


def _is_untrue(array: Any) -> bool:
    # NumPy counts them by their sum, and would write behind what it reserved
    return (
        array.dtype == bool
        and bool(array.size)
        and bool(np.ascontiguousarray(array).view(np.uint8).max() > 1)
    )


def _tree(tree: Any) -> str | None:
    if not 0 <= tree.node_count <= tree.capacity:
        return "counts more nodes than it has"
    left, right = tree.children_left, tree.children_right
    leaf = left == -1
    inner = tree.feature[~leaf]
    if ((inner < 0) | (inner >= tree.n_features)).any():
        return "splits on a feature that does not exist"
    problem = _nodes(left, right, leaf)
    # paths are written into rows of that length
    if problem is None and tree.max_depth < _depth(left, right, leaf):
        return "is deeper than it says"
    return problem


def _depth(left: Any, right: Any, leaf: Any) -> int:
    """Return the length of the longest way down; children lie after their parents."""
    depth, level = 0, np.zeros(1, dtype=np.int64)
    while (level := level[~leaf[level]]).size:
        level = np.unique(np.concatenate((left[level], right[level])))
        depth += 1
    return depth


def _nodes(left: Any, right: Any, leaf: Any) -> str | None:
    """Children must lie inside and after their parent, so that every walk ends."""
    places = np.arange(len(left))
    for children in (left, right):
        inner = children.astype("int64")[~leaf]
        if ((inner <= places[~leaf]) | (inner >= len(left))).any():
            return "has a node whose child does not lie after it"
    return None if len(left) else "has no nodes"


def _predictor(predictor: Any) -> str | None:
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE

    nodes = predictor.nodes
    # compiled code goes by places, not by the names that a file gives to them
    if nodes.dtype != PREDICTOR_RECORD_DTYPE:
        return "has nodes of another form"
    return _nodes(nodes["left"], nodes["right"], nodes["is_leaf"] != 0) or _bitsets(predictor)


def _bitsets(predictor: Any) -> str | None:
    nodes = predictor.nodes[
        (predictor.nodes["is_leaf"] == 0) & (predictor.nodes["is_categorical"] != 0)
    ]
    known = min(len(predictor.binned_left_cat_bitsets), len(predictor.raw_left_cat_bitsets))
    shapes = {predictor.binned_left_cat_bitsets.shape[1:], predictor.raw_left_cat_bitsets.shape[1:]}
    return (
        "names categories that it does not have"
        if shapes != {(8,)} or (nodes["bitset_idx"] >= known).any()
        else None
    )


def _neighbours(tree: Any) -> str | None:
    data, places, nodes, bounds = (np.asarray(array) for array in tree.get_arrays())
    state = tree.__getstate__()
    leaf_size, levels, count = state[4:7]
    samples = len(data)
    # compiled code goes by places, not by the names that a file gives to them
    if nodes.dtype != _NODE:
        return "has nodes of another form"
    if (
        leaf_size < 1
        or not samples
        or len(places) != samples
        or ((places < 0) | (places >= samples)).any()
    ):
        return "points to samples that it does not have"
    expected = int(math.log2(max(1, (samples - 1) / leaf_size)) + 1)
    if (levels, count, len(nodes)) != (expected, 2**expected - 1, 2**expected - 1) or not nodes[
        "is_leaf"
    ][count // 2 :].all():
        return "counts more nodes than it has"
    if bounds.shape != (2 if type(tree).__name__.startswith("KDTree") else 1, count, data.shape[1]):
        return "has bounds of another space than its own"
    if state[12] is not None and len(state[12]) != samples:
        return "weighs other samples than it has"
    if not _measures(state[11], data.shape[1]):
        return "measures distances in another space than its own"
    if not all(np.isfinite(numbers).all() for numbers in (data, bounds, nodes["radius"])):
        return "has places that are no numbers"
    start, end = nodes["idx_start"], nodes["idx_end"]
    return (
        "has a node outside of its samples"
        if ((start < 0) | (end < start) | (end > samples)).any()
        else None
    )


def _measures(metric: Any, width: int) -> bool:
    """Tell if a metric has as many weights as its space has dimensions."""
    kind = type(metric)
    if kind.__module__ != "sklearn.metrics._dist_metrics":
        return False
    _, weights, matrix = metric.__getstate__()[:3]
    if not (
        np.isfinite(weights).all() and np.isfinite(matrix).all() and np.min(weights, initial=0) >= 0
    ):
        return False  # a distance that is no number leads the search astray
    if kind.__name__.startswith("Haversine"):
        return width == 2
    if kind.__name__.startswith("SEuclidean"):
        return bool(np.shape(weights) == (width,))
    return (
        bool(np.shape(matrix) == (width, width))
        if kind.__name__.startswith("Mahalanobis")
        else np.size(weights) in {0, 1, width}
    )


def _sparse(matrix: Any) -> str | None:
    try:
        if matrix.format == "coo":
            matrix._check()  # noqa: SLF001 - the public constructor's own check
        else:
            matrix.check_format(full_check=True)
    except (ValueError, IndexError, TypeError, AttributeError) as error:
        return f"points outside of itself: {error}"
    return None


def _features(estimator: Any) -> str | None:
    """An estimator checks its input's width for the tree below it, so the tree's must not be
    larger.
    """
    attributes = getattr(estimator, "__dict__", None)
    if not isinstance(attributes, dict) or type(tree := attributes.get("tree_")).__name__ != "Tree":
        return None
    width: Any = attributes.get("n_features_in_")
    if not is_whole(width) or getattr(tree, "n_features", 0) > width:
        return "has a tree that reads more features than the estimator takes"
    return None


def _hands_on(found: Any, owned: set[int]) -> str | None:
    """Only an estimator that clusters may hold the functions that cluster: they take lengths from
    one of their arguments.

    Args:
        owned: ids of the attributes of such estimators.
    """
    if type(found).__name__ == "BisectingKMeans":
        owned.add(id(vars(found)))
    elif id(found) not in owned:
        for part in (
            found.ravel().tolist() if isinstance(found, np.ndarray) else gc.get_referents(found)
        ):
            if type(part) is FunctionType and part.__module__ == "sklearn.cluster._kmeans":
                return f"would call {part.__name__} with anything"
    return None
