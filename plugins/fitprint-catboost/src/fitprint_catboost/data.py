"""Facts on the data of a call: pools are asked for what they know, and never copied."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from os import PathLike
from typing import Any

from fitprint.autologging.fit import Fit

__all__ = ["DATA", "eval_sets", "is_pool", "record_data", "record_dataset"]

# Arguments of `fit` that are data, or are recorded otherwise.
DATA = frozenset(
    """
    X y eval_set sample_weight group_id group_weight subgroup_id pairs pairs_weight graph baseline
    init_model callbacks log_cout log_cerr plot plot_file column_description
    """.split()
)
_WEIGHTS = ("sample_weight", "group_weight", "pairs_weight")
_OTHERS = ("group_id", "subgroup_id", "pairs", "graph", "baseline")
_NAMES = 1000  # of features that are listed


def is_pool(data: Any) -> bool:
    """Tell whether an object is a CatBoost pool."""
    return any(
        base.__module__ == "catboost.core" and base.__name__ == "Pool"
        for base in type(data).__mro__
    )


def record_data(fit: Fit, arguments: Mapping[str, Any], *, discrete: bool | None = None) -> None:
    """Record facts on all data of a training call, evaluation sets by the names that their metrics
    have.
    """
    record_dataset(
        fit, arguments.get("X"), arguments.get("y"), name="learn", role="train", discrete=discrete
    )
    for name in _WEIGHTS:
        fit.dataset(arguments.get(name), name=name, kind="weights")
    for name in _OTHERS:
        if not isinstance(arguments.get(name), (str, PathLike)):
            fit.dataset(arguments.get(name), name=name)
    for name, features, target in eval_sets(arguments.get("eval_set")):
        if features is not arguments.get("X") or target is not arguments.get("y"):
            record_dataset(fit, features, target, name=name, role="eval", discrete=discrete)


def eval_sets(given: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield of each evaluation set the name that CatBoost gives it, the features and the target."""
    sets = given if isinstance(given, list) else [] if given is None else [given]
    for position, each in enumerate(sets):
        name = f"validation_{position}" if len(sets) > 1 else "validation"
        if isinstance(each, tuple) and len(each) == 2:
            yield name, each[0], each[1]
        else:
            yield name, each, None


def record_dataset(
    fit: Fit, data: Any, target: Any = None, *, name: str, role: str, discrete: bool | None = None
) -> None:
    """Record facts on one data set: of a pool those that it tells at once, of a file its path."""
    if data is None or not fit.setting("datasets"):
        return
    if isinstance(data, (str, PathLike)):
        fit.dataset_facts({"type": "file", "path": os.fspath(data)}, name=name, role=role)
    elif is_pool(data):
        with fit.part(f"pool {name}", quiet=True):
            fit.dataset_facts(_facts_of_pool(data), name=name, role=role)
    else:
        fit.dataset(data, name=name, role=role, target=target, discrete=discrete)


def _facts_of_pool(pool: Any) -> dict[str, Any]:
    """Return what a pool knows of itself.

    Its values are CatBoost's own, and asking for them would copy them.
    """
    facts: dict[str, Any] = {"type": "catboost.Pool", "shape": [pool.num_row(), pool.num_col()]}
    names = list(pool.get_feature_names())
    if any(names):
        facts["feature_names"] = names[:_NAMES]
    for kind in ("cat", "text", "embedding"):
        indices = list(getattr(pool, f"get_{kind}_feature_indices")())
        if indices:
            facts[f"{kind}_features"] = indices
    facts["target"] = bool(pool.has_label())
    facts["quantized"] = bool(pool.is_quantized())
    return facts
