"""Lengths of arrays that the compiled code of estimators relies on: it takes each from one array,
and reads the others without a look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

__all__ = ["is_whole", "mismatch"]


def mismatch(found: Any) -> str | None:
    """Tell which arrays of an estimator do not fit together; None if all do, or compiled code reads
    none of them.
    """
    for base in type(found).__mro__:
        check = _CHECKS.get(base.__name__)
        if check is not None and base.__module__.startswith(("sklearn.", "scipy.")):
            state = getattr(found, "__dict__", None)
            try:
                return check({"_impl": getattr(found, "_impl", None), **state}) if state else None
            except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
                return f"has attributes that do not fit together: {error!r}"
    return None


def is_whole(value: object) -> bool:
    """Tell if a value is a whole number: one that only compares like one may stand for another when
    it is asked again.
    """
    return type(value) is int or isinstance(value, np.integer)


def _width(state: Mapping[str, Any]) -> int:
    """Return how many features an estimator takes: without a number it would take any."""
    if not is_whole(width := state["n_features_in_"]):
        raise ValueError("n_features_in_ is no whole number")
    return int(width)


def _svm(state: Mapping[str, Any]) -> str | None:
    if "support_" not in state:
        return None
    counts, support, vectors = state["_n_support"], state["support_"], state["support_vectors_"]
    classes, total = len(counts), len(support)
    is_classifier = state["_impl"] in {"c_svc", "nu_svc"}  # the others count all vectors twice
    pairs = classes * (classes - 1) // 2
    is_precomputed = callable(state["kernel"]) or state["kernel"] == "precomputed"
    coefficients = state["_dual_coef_"]
    if state.get("_sparse") and (
        # compiled code reads them as rows, and as if no zero were left out
        vectors.format != "csr" or len(coefficients.data) != (classes - 1) * total
    ):
        return "has support vectors without coefficients"
    fits = (
        classes >= 2
        and counts.min() >= 0
        and (counts.sum() == total if is_classifier else classes == 2 and (counts == total).all())
        and coefficients.shape == (classes - 1, total)
        and state["_intercept_"].shape == (pairs,)
        and all(len(state.get(name, ())) in {0, pairs} for name in ("_probA", "_probB"))
    )
    if fits and is_precomputed:
        fits = not total or (support.min() >= 0 and support.max() < state["shape_fit_"][0])
    elif fits:
        fits = vectors.shape == (total, state["n_features_in_"]) and tuple(state["shape_fit_"])[
            1:
        ] == (state["n_features_in_"],)
    return (
        None if fits else "has support vectors, coefficients and classes that do not fit together"
    )


def _centers(state: Mapping[str, Any]) -> str | None:
    if "cluster_centers_" not in state:
        return None
    width, centers = _width(state), state["cluster_centers_"]
    if (
        type(centers) is not np.ndarray
        or centers.ndim != 2
        or centers.shape[1] != width
        or not len(centers)
    ):
        return "has centers of another width than it takes"
    if "_counts" in state and state["_counts"].shape != (len(centers),):
        return "counts samples of other centers than it has"
    stack = [state["_bisecting_tree"]] if "_bisecting_tree" in state else []
    while stack:
        node = stack.pop()
        if node is not None:
            if node.center.shape != (width,):
                return "has centers of another width than it takes"
            stack += [node.left, node.right]
    return None


def _subclusters(state: Mapping[str, Any]) -> str | None:
    if "subcluster_centers_" not in state:
        return None
    fits = np.shape(state["_subcluster_norms"]) == (len(state["subcluster_centers_"]),)
    return None if fits else "has lengths of other centers than it has"


_TOO_WIDE = "has a tree that reads more features than the estimator takes"


def _features_of(member: Any) -> int:
    """Return how many features a member of an ensemble reads,
    which gives it data without a look.
    """
    tree = vars(member)["tree_"]
    is_tree = any(
        base.__name__ == "BaseDecisionTree" and base.__module__.startswith("sklearn.")
        for base in type(member).__mro__
    )
    if not is_tree or f"{type(tree).__module__}.{type(tree).__name__}" != "sklearn.tree._tree.Tree":
        raise TypeError("a member is no tree")
    return int(tree.n_features)


def _forest(state: Mapping[str, Any]) -> str | None:
    if "estimators_" not in state:
        return None
    members, width = state["estimators_"], _width(state)
    if type(members) is not list:
        return "has other trees than it counts"
    return _TOO_WIDE if any(_features_of(member) > width for member in members) else None


def _isolation(state: Mapping[str, Any]) -> str | None:
    if "estimators_" not in state:
        return None
    members, chosen, width, most = (
        state["estimators_"],
        state["estimators_features_"],
        _width(state),
        state["_max_features"],
    )
    if (
        type(members) is not list
        or type(chosen) is not list
        or len(chosen) != len(members)
        or not is_whole(most)
    ):
        return "has other trees than it counts"
    taken = [width if most == width else len(places) for places in chosen]
    return (
        _TOO_WIDE
        if any(_features_of(member) > count for member, count in zip(members, taken, strict=True))
        else None
    )


def _neighbours(state: Mapping[str, Any]) -> str | None:
    if "_fit_X" not in state:
        return None
    for name in ("effective_metric_params_", "metric_params"):
        if any("norm_squared" in str(key) for key in state.get(name) or ()):
            return "brings lengths of its samples along"
    data, count = state["_fit_X"], state["n_samples_fit_"]
    if data.ndim != 2 or data.shape != (count, _width(state)):
        return "has samples of another width than it takes"
    labels = state.get("_y")
    if labels is None or "classes_" not in state:
        return (
            "has labels of other samples than it has"
            if labels is not None and len(labels) != count
            else None
        )
    classes = state["classes_"] if state["outputs_2d_"] else [state["classes_"]]
    columns = np.reshape(labels, (count, -1))
    fits = columns.dtype.kind in "iu" and columns.shape[1] == len(classes)
    fits = fits and all(
        not count or 0 <= columns[:, at].min() <= columns[:, at].max() < len(known)
        for at, known in enumerate(classes)
    )
    return None if fits else "has labels of other classes than it has"


def _is_numbering(places: Any) -> bool:
    """Tell if a dict gives each of its keys a column of its own."""
    return (
        type(places) is dict
        and all(map(is_whole, places.values()))
        and sorted(places.values()) == list(range(len(places)))
    )


def _vocabulary(state: Mapping[str, Any]) -> str | None:
    return (
        None
        if "vocabulary_" not in state or _is_numbering(state["vocabulary_"])
        else "has words without a column of their own"
    )


def _labels(state: Mapping[str, Any]) -> str | None:
    known = state.get("_cached_dict")
    return (
        None
        if known is None or _is_numbering(known)
        else "has classes without a column of their own"
    )


def _one_hot(state: Mapping[str, Any]) -> str | None:
    if "categories_" not in state:
        return None
    kinds, counts, dropped = (
        state["categories_"],
        state["_n_features_outs"],
        state["_drop_idx_after_grouping"],
    )
    places = (
        state["_default_to_infrequent_mappings"]
        if state["_infrequent_enabled"]
        else [None] * len(kinds)
    )
    dropped = [None] * len(kinds) if dropped is None else list(dropped)
    if type(counts) is not list or not all(map(is_whole, counts)):
        return "has columns that it does not count"
    for known, count, drop, place in zip(kinds, counts, dropped, places, strict=True):
        found = np.arange(len(known)) if place is None else np.asarray(place)
        columns = int(found.max(initial=-1)) + 1
        if (
            found.shape != (len(known),)
            or found.min(initial=0) < 0
            or (drop is not None and not (is_whole(drop) and 0 <= drop < columns))
        ):
            return "has categories without a column"
        if known.dtype.kind not in "OUS" and not (np.diff(known[~np.isnan(known)]) > 0).all():
            return "has categories that are not in order"
        if count != columns - (drop is not None):
            return "has other columns than categories"
    return None


def _boosting(state: Mapping[str, Any]) -> str | None:
    members = state.get("estimators_")
    if members is None:
        return None
    outputs = (
        state["n_trees_per_iteration_"] if "n_trees_per_iteration_" in state else members.shape[1]
    )
    if (
        type(members) is not np.ndarray
        or members.dtype != object
        or members.ndim != 2
        or members.shape[1] != outputs
    ):
        return "has other trees than it counts"
    for member in members.ravel():
        if _features_of(member) > _width(state):
            return _TOO_WIDE
        if vars(member)["tree_"].value.shape[1:] != (1, 1):
            return "has trees of another kind than it takes"
    first = state["init_"]
    if isinstance(first, str):
        return None
    if not _gives_each_row(first, outputs):
        return "begins with predictions that may be fewer than the rows"
    if outputs > 1 and (
        len(first.classes_) != outputs
        or len(getattr(first, "class_prior_", first.classes_)) != outputs
        or not state["_loss"].is_multiclass
    ):
        return "begins with predictions for other classes than it has"
    return None


def _gives_each_row(first: Any, outputs: int) -> bool:
    """Tell if a model gives a prediction for each row: its trees' are added to them in place,
    without a look at their number.
    """
    kinds = {
        base.__name__ for base in type(first).__mro__ if base.__module__.startswith("sklearn.")
    }
    state = vars(first)
    if kinds & {"DummyClassifier", "DummyRegressor"}:
        return is_whole(state["n_outputs_"]) and state["n_outputs_"] == 1
    if outputs > 1:
        return False
    if kinds & {"LinearClassifierMixin", "LinearModel"}:
        return all(
            isinstance(state[name], float | np.ndarray | np.generic) and np.size(state[name])
            for name in ("coef_", "intercept_")
        )
    return bool(kinds & {"BaseDecisionTree", "BaseForest"})


def _histograms(state: Mapping[str, Any]) -> str | None:
    rows = state.get("_predictors")
    if rows is None:
        return None
    if "_in_fit" in state:
        return "is said to be in the middle of its training"
    width, kinds = _width(state), state["_bin_mapper"].is_categorical_
    if (before := state.get("_preprocessor")) is not None and _columns(before) < width:
        return "changes data into fewer columns than it takes"
    if type(kinds) is not np.ndarray or kinds.shape != (width,):
        return "knows the kind of other features than it takes"
    for row in rows:
        for predictor in row:
            places = predictor.nodes["feature_idx"][predictor.nodes["is_leaf"] == 0]
            if places.size and (places.min() < 0 or places.max() >= width):
                return _TOO_WIDE
            asked = predictor.nodes[
                (predictor.nodes["is_leaf"] == 0) & (predictor.nodes["is_categorical"] != 0)
            ]["feature_idx"]
            if asked.size and (
                asked.min() < 0 or asked.max() >= width or not kinds[asked].astype(bool).all()
            ):
                return "asks for categories of a feature that has none"
    return None


def _columns(before: Any) -> int:
    """Return how many columns come out of what changes categories into numbers, in the one form
    that there is.
    """
    state = vars(before)
    named = "feature_names_in_" in state  # frames are then taken by these places
    total = 0
    for name, change, mask in state["transformers_"]:
        if type(change) is str and change == "drop":
            continue
        kind = type(change)
        if kind.__module__ not in _CHANGES or not (
            kind.__name__ == "OrdinalEncoder"
            or (kind.__name__ == "FunctionTransformer" and _only_checks(change.func))
        ):
            raise TypeError(f"{kind.__name__} changes data")
        if type(mask) is not np.ndarray or mask.dtype != bool or mask.ndim != 1:
            raise TypeError("columns are not told by a mask")
        places = state["_transformer_to_input_indices"][name] if named else mask
        total += min(int(mask.sum()), len(places) if named else len(mask))
    return total


_CHANGES = {"sklearn.preprocessing._encoders", "sklearn.preprocessing._function_transformer"}


def _only_checks(function: Any) -> bool:
    function = getattr(function, "func", function)
    return function is None or (
        function.__module__ == "sklearn.utils.validation" and function.__name__ == "check_array"
    )


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
        and bool(
            np.isfinite(knots).all()
            and (np.diff(knots) >= 0).all()
            and knots[degree] < knots[len(knots) - degree - 1]
        )
    )
    return None if fits else "has knots, coefficients and a degree that do not fit together"


def _hashing(state: Mapping[str, Any]) -> str | None:
    count = state.get("n_features")
    return (
        None
        if isinstance(count, int | np.integer) and 0 < count < 1 << 31
        else "hashes into no features"
    )


def _rows_of_lists(state: Mapping[str, Any]) -> str | None:
    rows, data, (height, width) = state["rows"], state["data"], state["_shape"]
    if not rows.shape == data.shape == (height,) or rows.dtype != object or data.dtype != object:
        return "has other rows than it counts"
    for places, values in zip(rows, data, strict=True):
        if type(places) is not list or type(values) is not list or len(places) != len(values):
            return "has a row of another length than it states"
        if any(
            not isinstance(place, int | np.integer) or not 0 <= place < width for place in places
        ):
            return "points outside of itself"
    return None


def _diagonals(state: Mapping[str, Any]) -> str | None:
    data, offsets = state["data"], state["offsets"]
    fits = (
        data.ndim == 2
        and offsets.ndim == 1
        and offsets.dtype.kind == "i"
        and len(data) == len(offsets) == len(np.unique(offsets))
    )
    return None if fits else "has other diagonals than it counts"


_CHECKS: Mapping[str, Callable[[Mapping[str, Any]], str | None]] = {
    "BSpline": _spline,
    "BaseGradientBoosting": _boosting,
    "BaseForest": _forest,
    "BaseHistGradientBoosting": _histograms,
    "BaseLibSVM": _svm,
    "Birch": _subclusters,
    "CountVectorizer": _vocabulary,
    "DictVectorizer": _vocabulary,
    "FeatureHasher": _hashing,
    "HashingVectorizer": _hashing,
    "IsolationForest": _isolation,
    "MultiLabelBinarizer": _labels,
    "NeighborsBase": _neighbours,
    "OneHotEncoder": _one_hot,
    "_BSpline": _spline,
    "_BaseKMeans": _centers,
    "_dia_base": _diagonals,
    "_lil_base": _rows_of_lists,
}
