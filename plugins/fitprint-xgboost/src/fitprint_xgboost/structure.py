"""Whether what a model file of XGBoost's says leads anywhere: XGBoost follows children, features
and categories without looking.

What a version of XGBoost does not write is not asked for, but each index, count and length that is
there is compared with what it counts or points to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["problem_in"]

_ROOT = {-1, 0x7FFFFFFF}  # what stands for the parent of a root, by version
_CATEGORY = 1 << 24  # the largest that a float tells from its neighbours
_BY_NODE = (
    "default_left",
    "loss_changes",
    "parents",
    "right_children",
    "split_conditions",
    "split_indices",
    "split_type",
    "sum_hessian",
)
_LIMIT = 1 << 31


def problem_in(model: Mapping[str, Any]) -> str | None:
    """Tell what in a model, as its file holds it, points outside of itself;
    None if nothing does.
    """
    try:
        _check(model)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        return f"it has no {error}" if isinstance(error, KeyError) else str(error)
    return None


def _check(model: Mapping[str, Any]) -> None:
    learner = model.get("Model", model)["learner"]
    facts = learner["learner_model_param"]
    features = _count(facts, "num_feature")
    groups = max(1, _count(facts, "num_class"), _count(facts, "num_target"))
    booster = learner["gradient_booster"]
    if booster["name"] == "gblinear":
        weights = _array(booster["model"]["weights"], "weights")
        if len(weights) != (features + 1) * groups:
            raise ValueError(f"it has {len(weights)} weights for {features} features")
        return
    trees = booster.get("gbtree", booster)
    if "weight_drop" in booster and len(booster["weight_drop"]) != len(trees["model"]["trees"]):
        raise ValueError("it does not have as many weights as trees")
    _check_trees(trees["model"], features, groups)


def _check_trees(model: Mapping[str, Any], features: int, groups: int) -> None:
    trees, info = model["trees"], _integers(model["tree_info"], "tree_info")
    if not len(trees) == len(info) == _count(model["gbtree_model_param"], "num_trees"):
        raise ValueError("it does not have as many trees as it says")
    if info.size and (info.min() < 0 or info.max() >= groups):
        raise ValueError("a tree is for a class that there is not")
    if "iteration_indptr" in model:
        _check_bounds(
            _integers(model["iteration_indptr"], "iteration_indptr"), len(trees), "its iterations"
        )
    for number, tree in enumerate(trees):
        try:
            _check_tree(tree, features, groups)
        except ValueError as error:
            raise ValueError(f"tree {number} {error}") from error
    if model.get("cats"):
        _check_names(model["cats"], features)


def _check_tree(tree: Mapping[str, Any], features: int, groups: int) -> None:
    facts = tree["tree_param"]
    count, width = _count(facts, "num_nodes"), max(1, _count(facts, "size_leaf_vector"))
    if not 0 < count < _LIMIT or width > max(groups, 1) or _count(facts, "num_feature") > features:
        raise ValueError("counts nodes, features or outputs that do not exist")
    left = _integers(tree["left_children"], "children")
    lengths = {len(left), *(len(tree[name]) for name in _BY_NODE if name in tree)}
    weights = len(tree["base_weights"])
    if lengths != {count} or weights not in ({count} if width == 1 else {count, count * width}):
        raise ValueError("has not as many nodes as it says")
    right, parents = (
        _integers(tree["right_children"], "children"),
        _integers(tree["parents"], "parents"),
    )
    inner = left != -1
    _check_leaves(tree, right[~inner], int((~inner).sum()), width)
    _check_walks(left, right, parents, inner)
    split = _integers(tree["split_indices"], "features")[inner]
    if split.size and (split.min() < 0 or split.max() >= features):
        raise ValueError("asks for a feature that there is not")
    _check_categories(tree, count, inner)


def _check_leaves(tree: Mapping[str, Any], right: Any, leaves: int, width: int) -> None:
    if "leaf_weights" not in tree:
        if (right != -1).any():
            raise ValueError("has a leaf with a child")
        return
    known = len(tree["leaf_weights"])
    places = leaves if width > 1 else 0
    if (
        (right < -1).any()
        or (right >= max(places, 1)).any()
        or (width > 1 and known % width)
        or ((right + 1) * width > max(known, width)).any()
    ):
        raise ValueError("has leaves without weights")


def _check_walks(left: Any, right: Any, parents: Any, inner: Any) -> None:
    """See that every walk from the root ends in a leaf: no node has two parents, and none is its
    own ancestor.
    """
    nodes = np.flatnonzero(inner)
    for children in (left[nodes], right[nodes]):
        if children.size and (children.min() < 1 or children.max() >= len(left)):
            raise ValueError("points to a node that does not exist")
        if not np.array_equal(parents[children], nodes):
            raise ValueError("has a node whose parent is another")
    if int(parents[0]) not in _ROOT:
        raise ValueError("has no root")
    if (left[nodes] == right[nodes]).any():
        raise ValueError("two paths lead to one node")
    if (left[nodes] > nodes).all() and (right[nodes] > nodes).all():
        return
    level, seen = np.zeros(1, dtype=np.int64), 0
    # each node has one parent, so that what the root does not reach may be a circle, and is not
    # walked
    while level.size:
        seen += len(level)
        level = level[inner[level]]
        level = np.concatenate((left[level], right[level]))
    if seen > len(left):
        raise ValueError("leads in a circle")


def _check_categories(tree: Mapping[str, Any], count: int, inner: Any) -> None:
    kinds = _integers(tree.get("split_type", ()), "split types")
    if kinds.size and (kinds.min() < 0 or kinds.max() > 1):
        raise ValueError("has splits of no kind")
    if not len(tree.get("categories_nodes", ())) and not (kinds.size and kinds.any()):
        return
    nodes, starts, sizes, found = (
        _integers(tree.get(name, ()), "categories")
        for name in ("categories_nodes", "categories_segments", "categories_sizes", "categories")
    )
    if not len(nodes) == len(starts) == len(sizes):
        raise ValueError("has categories that are not where it says")
    asked = np.flatnonzero((kinds == 1) & inner) if kinds.size else np.zeros(0, dtype=np.int64)
    if not np.array_equal(nodes, np.unique(nodes)) or not np.isin(asked, nodes).all():
        raise ValueError("refers to categories that do not exist")
    if not nodes.size:
        return
    if (
        nodes[0] < 0
        or nodes[-1] >= count
        or (starts < 0).any()
        or (sizes < 0).any()
        or (starts + sizes > len(found)).any()
    ):
        raise ValueError("has categories that are not where it says")
    if found.size and (found.min() < 0 or found.max() >= _CATEGORY):
        raise ValueError("has a category that cannot be")


def _check_names(names: Mapping[str, Any], features: int) -> None:
    """Check the names of categories, which predictions for other encodings look up."""
    segments, order = (
        _integers(names["feature_segments"], "categories"),
        _integers(names["sorted_idx"], "categories"),
    )
    encoded = names["enc"]
    if len(encoded) > features or (len(encoded) and len(segments) != len(encoded) + 1):
        raise ValueError("names categories of features that do not exist")
    if segments.size:
        _check_bounds(segments, len(order), "its categories")
    if order.size and (order.min() < 0 or order.max() >= len(order)):
        raise ValueError("orders categories that do not exist")
    for place, entry in enumerate(encoded):
        values = len(entry["values"])
        size = int(segments[place + 1] - segments[place])
        if "offsets" in entry:
            offsets = _integers(entry["offsets"], "categories")
            if len(offsets) or values:
                _check_bounds(offsets, values, "its categories")
            values = max(0, len(offsets) - 1)
        if values != size:
            raise ValueError("names more or fewer categories than it counts")


def _check_bounds(bounds: Any, last: int, what: str) -> None:
    if not len(bounds) or bounds[0] != 0 or bounds[-1] != last or (np.diff(bounds) < 0).any():
        raise ValueError(f"{what} are not where it says")


def _count(facts: Mapping[str, Any], name: str) -> int:
    value = int(facts.get(name, 0) or 0)
    if not 0 <= value < _LIMIT:
        raise ValueError(f"it has {value} for {name}")
    return value


def _array(values: Any, what: str) -> Any:
    found = np.asarray(values) if len(values) else np.zeros(0, dtype=np.int64)
    if found.ndim != 1 or (found.size and found.dtype.kind not in "biuf"):
        raise ValueError(f"it has {what} that are no numbers")
    return found


def _integers(values: Any, what: str) -> Any:
    found = _array(values, what)
    whole = found.astype(np.int64, copy=False)
    if found.dtype.kind == "f" and not np.array_equal(whole, found):
        raise ValueError(f"it has {what} that are no whole numbers")
    return whole
