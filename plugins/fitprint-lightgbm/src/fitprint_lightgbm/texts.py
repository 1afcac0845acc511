"""Whether a booster's text is whole: LightGBM itself reads what is cut short, and follows trees wherever they lead."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from fitprint.errors import IntegrityError

__all__ = ["check_text"]

_BEGINNING = "tree\n"
_LAST = "pandas_categorical:"


def check_text(text: str, file: str) -> None:
    """Refuse a booster's text that is not whole, or whose trees lead to nodes, leaves or features that there are not.

    Raises:
        IntegrityError: it says what is wrong.
    """
    try:
        _check(text)
    except (ValueError, KeyError, IndexError) as error:
        raise IntegrityError(f"{file} is damaged: {error}") from error


def _check(text: str) -> None:
    if not text.startswith(_BEGINNING):
        raise ValueError("it does not begin as a model of LightGBM does")
    last = text[text.rfind("\n", 0, -1) + 1 :]
    if not last.startswith(_LAST) or not last.endswith("\n"):
        raise ValueError("its end is missing")
    json.loads(last[len(_LAST) :])
    header, separator, rest = text.partition("\n\n")
    trees, end, _ = rest.partition("end of trees")
    if not separator or not end:
        raise ValueError("its trees are missing")
    facts = _facts(header)
    sizes = [int(size) for size in facts["tree_sizes"].split()]
    if sum(sizes) != len(trees.lstrip("\n").encode()):
        raise ValueError("its trees have another length than it says")
    features = int(facts["max_feature_idx"]) + 1
    blocks = [block for block in trees.split("Tree=") if block.strip()]
    if len(blocks) != len(sizes):
        raise ValueError(f"it has {len(blocks)} trees, and says that it has {len(sizes)}")
    for number, block in enumerate(blocks):
        _check_tree(_facts(block), number, features)


def _facts(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _check_tree(facts: dict[str, str], number: int, features: int) -> None:
    leaves = int(facts["num_leaves"])
    values = len(facts["leaf_value"].split())
    if leaves < 1 or values != leaves:
        raise ValueError(f"tree {number} has {values} values for {leaves} leaves")
    if int(facts.get("is_linear", "0")):
        _check_linear(facts, number, leaves, features)
    if leaves == 1:
        return
    left, right, split = (_integers(facts[name]) for name in ("left_child", "right_child", "split_feature"))
    thresholds, decisions = len(facts["threshold"].split()), _integers(facts["decision_type"])
    if not len(left) == len(right) == len(split) == thresholds == len(decisions) == leaves - 1:
        raise ValueError(f"tree {number} has not as many nodes as it says")
    children = np.concatenate((left, right))
    nodes, ends = np.sort(children[children >= 0]), np.sort(~children[children < 0])
    if not np.array_equal(nodes, np.arange(1, leaves - 1)) or not np.array_equal(ends, np.arange(leaves)):
        raise ValueError(f"tree {number} leads to nodes or leaves that it does not have")
    if split.min() < 0 or split.max() >= features:
        raise ValueError(f"tree {number} asks for a feature that there is not")
    _check_categories(facts, decisions, number)


def _check_linear(facts: dict[str, str], number: int, leaves: int, features: int) -> None:
    counts, used = _integers(facts["num_features"]), _integers(facts["leaf_features"])
    coefficients, constants = len(facts["leaf_coeff"].split()), len(facts["leaf_const"].split())
    whole = len(counts) == constants == leaves and counts.min() >= 0 and counts.sum() == len(used) == coefficients
    if not whole or (len(used) and (used.min() < 0 or used.max() >= features)):
        raise ValueError(f"the leaves of tree {number} are not as linear as it says")


def _check_categories(facts: dict[str, str], decisions: Any, number: int) -> None:
    categorical = (decisions & 1) == 1
    count = int(facts.get("num_cat", "0"))
    if not count:
        if categorical.any():
            raise ValueError(f"tree {number} has no categories to decide by")
        return
    bounds, words = _integers(facts["cat_boundaries"]), len(facts["cat_threshold"].split())
    places = np.array(facts["threshold"].split(), dtype=float)[categorical]
    if len(bounds) != count + 1 or bounds[0] != 0 or bounds[-1] != words or (np.diff(bounds) < 0).any():
        raise ValueError(f"the categories of tree {number} are not where it says")
    if not ((places >= 0) & (places < count)).all():
        raise ValueError(f"tree {number} asks for categories that there are not")


def _integers(text: str) -> Any:
    return np.array(text.split(), dtype=np.int64)
