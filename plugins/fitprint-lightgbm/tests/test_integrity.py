"""Texts of boosters whose trees have the right form, and whose numbers are none: LightGBM ends the
process over them.
"""

import lightgbm
import numpy as np
import pytest

from fitprint.errors import IntegrityError
from fitprint_lightgbm.integrity import check_text

X = np.random.RandomState(0).normal(size=(120, 3))
QUIET = {"verbosity": -1, "num_threads": 1, "min_data_in_leaf": 3, "num_leaves": 5}


def text(target=X[:, 0], **params):
    return lightgbm.train({**QUIET, **params}, lightgbm.Dataset(X, target), 2).model_to_string()


WHOLE = {
    "numbers": text(),
    "classes": text(np.arange(120) % 3, objective="multiclass", num_class=3),
    "linear leaves": text(linear_tree=True),
    "dropped trees": text(boosting="dart"),
    "single leaves": text(min_data_in_leaf=500),
    "stumps": text(num_leaves=2),
}


@pytest.mark.parametrize("name", WHOLE)
def test_honest_boosters_are_whole(name):
    """As they are, and read and written again."""
    check_text(WHOLE[name], "model.lgb")
    check_text(lightgbm.Booster(model_str=WHOLE[name]).model_to_string(), "model.lgb")


def first(name, changed):
    """Put something in the place of the first number of a line; the tree is as long as before."""

    def change(whole):
        begun = whole.index(f"\n{name}=") + len(name) + 2
        return whole[:begun] + changed(whole[begun:])

    return change


def spoil(rest):
    return "x" + rest[1:]


CHANGES = {
    **{
        name: first(name, spoil)
        for name in (
            "leaf_value leaf_weight leaf_count split_gain threshold internal_value "
            "internal_weight internal_count shrinkage"
        ).split()
    },
    "a field by another name": lambda whole: whole.replace("split_gain", "split_gaim"),
    "two numbers made one": first("leaf_weight", lambda rest: rest.replace(" ", "0", 1)),
    "a field told twice": lambda whole: whole.replace(
        "\nnum_class=1\n", "\nnum_class=1\nnum_class=1\n"
    ),
    "no classes": lambda whole: whole.replace("\nnum_class=1\n", "\nnum_class=0\n"),
    "trees for more classes": lambda whole: whole.replace(
        "num_tree_per_iteration=1", "num_tree_per_iteration=7"
    ),
    "a name too few": lambda whole: whole.replace(
        "feature_names=Column_0 ", "feature_names=Column_0_"
    ),
    "a control character": lambda whole: whole.replace("[num_leaves: 5]", "[num_leaves: \x005]"),
    "an unknown parameter": lambda whole: whole.replace("[num_leaves:", "[num_leafes:"),
    "a parameter of another form": lambda whole: whole.replace("[num_leaves: 5]", "[num_leaves 5]"),
    "parameters without an end": lambda whole: whole.replace(
        "end of parameters", "end of parametres"
    ),
    "parameters without a beginning": lambda whole: whole.replace(
        "\nparameters:\n", "\nparametres:\n"
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_fault_2_every_number_is_read_first(name):
    """Here it is an error."""
    whole = WHOLE["numbers"]
    changed = CHANGES[name](whole)
    assert changed != whole
    with pytest.raises(IntegrityError, match=r"model\.lgb is damaged"):
        check_text(changed, "model.lgb")
