"""Whether a booster's text is whole: LightGBM itself reads what is cut short, and follows trees
wherever they lead.
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from fitprint.errors import IntegrityError

__all__ = ["check_text"]

_BEGINNING = "tree\n"
_LAST = "pandas_categorical:"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_PARAMETER = re.compile(r"\[(\w+): (.*)\]")
# LightGBM ends the process over a number that is none. As many as leaves, and as nodes:
_BY_LEAF = ("leaf_value", "leaf_weight", "leaf_count")
_BY_NODE = ("split_gain", "threshold", "internal_value", "internal_weight", "internal_count")
_SINGLE = ("num_leaves", "num_cat", "shrinkage", "is_linear")


def check_text(text: str, file: str) -> None:
    """Refuse a booster's text that is not whole, or whose trees lead to nodes, leaves or features
    that there are not.

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
    if (odd := _CONTROL.search(text)) is not None:
        raise ValueError(f"it has the character {odd[0]!r}")
    json.loads(last[len(_LAST) :])
    header, separator, rest = text.partition("\n\n")
    trees, end, _ = rest.partition("end of trees")
    if not separator or not end:
        raise ValueError("its trees are missing")
    facts = _facts(header)
    _check_parameters(rest)
    sizes = [int(size) for size in facts["tree_sizes"].split()]
    if sum(sizes) != len(trees.lstrip("\n").encode()):
        raise ValueError("its trees have another length than it says")
    features = int(facts["max_feature_idx"]) + 1
    blocks = [block for block in trees.split("Tree=") if block.strip()]
    if len(blocks) != len(sizes):
        raise ValueError(f"it has {len(blocks)} trees, and says that it has {len(sizes)}")
    if [len(f"Tree={block}".encode()) for block in blocks] != sizes:
        raise ValueError("its trees have other lengths than it says")
    _check_header(facts, len(blocks), features)
    for number, block in enumerate(blocks):
        _check_tree(_facts(block), number, features)


def _facts(block: str) -> dict[str, str]:
    lines = [line.split("=", 1) for line in block.splitlines() if "=" in line]
    # a pair of texts each
    facts: dict[str, str] = {name: value for name, value in lines}  # noqa: C416
    if len(facts) != len(lines):
        raise ValueError("it says something twice")
    return facts


def _check_header(facts: dict[str, str], trees: int, features: int) -> None:
    classes, by_iteration = int(facts["num_class"]), int(facts["num_tree_per_iteration"])
    if classes < 1 or by_iteration < 1 or trees % by_iteration:
        raise ValueError("it has not as many trees for each class as it says")
    if (
        len(facts["feature_names"].split(" ")) != features
        or len(facts["feature_infos"].split(" ")) != features
    ):
        raise ValueError(f"it has not names for {features} features")


def _check_parameters(rest: str) -> None:
    """See that the parameters are a list of what LightGBM knows: it asks for the type of each,
    without a look whether there is one.
    """
    _, begun, listed = rest.partition("\nparameters:\n")
    listed, ended, _ = listed.partition("\nend of parameters\n")
    if bool(begun) != bool(ended) or ("parameters" in rest and not begun):
        raise ValueError("its parameters have no beginning or no end")
    known = _known_parameters()
    for line in listed.splitlines() if begun else ():
        found = _PARAMETER.fullmatch(line)
        if line and (found is None or (known and found[1] not in known)):
            raise ValueError(f"it has a parameter that LightGBM does not know: {line[:80]!r}")


def _known_parameters() -> frozenset[str]:
    """Return the names of LightGBM's parameters; none where it does not tell them."""
    from lightgbm import basic

    try:
        # there is no public way
        return frozenset(basic._ConfigAliases._get_all_param_aliases())  # noqa: SLF001
    except (AttributeError, TypeError):
        return frozenset()


def _check_tree(facts: dict[str, str], number: int, features: int) -> None:
    leaves = int(facts["num_leaves"])
    values = len(facts["leaf_value"].split())
    if leaves < 1 or values != leaves:
        raise ValueError(f"tree {number} has {values} values for {leaves} leaves")
    for name in (*_BY_LEAF, *_BY_NODE, *_SINGLE, "leaf_const", "leaf_coeff"):
        if name in facts:
            _numbers(facts[name])
    for name in _BY_LEAF[1:]:
        if len(facts.get(name, "").split()) != leaves and (leaves > 1 or facts.get(name)):
            raise ValueError(f"tree {number} has not {leaves} numbers for {name}")
    for name in _BY_NODE if leaves > 1 else ():
        if len(facts[name].split()) != leaves - 1:
            raise ValueError(f"tree {number} has not as many nodes as it says")
    if int(facts.get("is_linear", "0")):
        _check_linear(facts, number, leaves, features)
    if leaves == 1:
        return
    left, right, split = (
        _integers(facts[name]) for name in ("left_child", "right_child", "split_feature")
    )
    thresholds, decisions = len(facts["threshold"].split()), _integers(facts["decision_type"])
    if not len(left) == len(right) == len(split) == thresholds == len(decisions) == leaves - 1:
        raise ValueError(f"tree {number} has not as many nodes as it says")
    children = np.concatenate((left, right))
    nodes, ends = np.sort(children[children >= 0]), np.sort(~children[children < 0])
    if not np.array_equal(nodes, np.arange(1, leaves - 1)) or not np.array_equal(
        ends, np.arange(leaves)
    ):
        raise ValueError(f"tree {number} points to nodes or leaves that do not exist")
    if split.min() < 0 or split.max() >= features:
        raise ValueError(f"tree {number} asks for a feature that there is not")
    _check_categories(facts, decisions, number)


def _check_linear(facts: dict[str, str], number: int, leaves: int, features: int) -> None:
    counts, used = _integers(facts["num_features"]), _integers(facts["leaf_features"])
    coefficients, constants = len(facts["leaf_coeff"].split()), len(facts["leaf_const"].split())
    whole = (
        len(counts) == constants == leaves
        and counts.min() >= 0
        and counts.sum() == len(used) == coefficients
    )
    if not whole or (len(used) and (used.min() < 0 or used.max() >= features)):
        raise ValueError(f"the leaves of tree {number} are not as linear as it says")


def _check_categories(facts: dict[str, str], decisions: Any, number: int) -> None:
    categorical = (decisions & 1) == 1
    count = int(facts.get("num_cat", "0"))
    if not count:
        if categorical.any():
            raise ValueError(f"tree {number} has no categories to decide by")
        return
    bounds, words = _integers(facts["cat_boundaries"]), len(_integers(facts["cat_threshold"]))
    places = np.array(facts["threshold"].split(), dtype=float)[categorical]
    if (
        len(bounds) != count + 1
        or bounds[0] != 0
        or bounds[-1] != words
        or (np.diff(bounds) < 0).any()
    ):
        raise ValueError(f"the categories of tree {number} are not where it says")
    if not ((places >= 0) & (places < count)).all():
        raise ValueError(f"tree {number} refers to categories that do not exist")


def _numbers(text: str) -> Any:
    return np.array(text.split(), dtype=np.float64)


def _integers(text: str) -> Any:
    return np.array(text.split(), dtype=np.int64)
