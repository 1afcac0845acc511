"""Files of XGBoost's whose form is right, and whose trees lead where there is nothing."""

import json

import numpy as np
import pandas as pd
import pytest
import xgboost
from xgboost import XGBClassifier, XGBRegressor

from fitprint.errors import IntegrityError
from fitprint.models.loading import load_directory
from fitprint_xgboost.flavor import XGBoostFlavor
from fitprint_xgboost.integrity import problem_of


def table():
    return pd.DataFrame({"colour": pd.Categorical(list("abcd") * 30), "size": np.arange(120.0)})


def categorical():
    model = XGBClassifier(
        n_estimators=3,
        max_depth=3,
        enable_categorical=True,
        max_cat_to_onehot=1,
        tree_method="hist",
        n_jobs=1,
    )
    return model.fit(table(), np.tile([0, 1, 2, 1], 30)).get_booster()


def numeric(**params):
    features = np.random.RandomState(0).normal(size=(120, 3))
    return (
        XGBRegressor(n_estimators=3, max_depth=3, n_jobs=1, **params)
        .fit(features, features[:, 0])
        .get_booster()
    )


MODELS = {
    "categories": categorical,
    "numbers": numeric,
    "exact": lambda: numeric(tree_method="exact", gamma=1.0),
    "leaf by leaf": lambda: numeric(grow_policy="lossguide", max_leaves=5, tree_method="hist"),
}


@pytest.mark.parametrize("form", ["json", "ubj", "state"])
@pytest.mark.parametrize("name", MODELS)
def test_honest_models_are_whole(name, form):
    """In every form."""
    booster = MODELS[name]()
    data = booster.__getstate__()["handle"] if form == "state" else booster.save_raw(form)
    assert problem_of(bytes(data)) is None


def tree(change):
    """Change the first tree that asks for categories."""
    return lambda model: change(
        next(
            tree
            for tree in model["learner"]["gradient_booster"]["model"]["trees"]
            if tree["categories_nodes"]
        )
    )


def put(name, place, value):
    return tree(lambda found: found[name].__setitem__(place, value))


CHANGES = {
    "a child outside": put("left_children", 0, 1 << 20),
    "a negative child": put("right_children", 0, -7),
    "a child that is the root": put("left_children", 0, 0),
    "a circle": tree(
        lambda found: (found["left_children"].__setitem__(1, 1), found["parents"].__setitem__(1, 1))
    ),
    "one child twice": tree(
        lambda found: found["right_children"].__setitem__(0, found["left_children"][0])
    ),
    "a parent that is another": put("parents", 2, 1),
    "no root": put("parents", 0, 2),
    "a feature that there is not": put("split_indices", 0, 1 << 30),
    "a negative feature": put("split_indices", 0, -1),
    "a short list of nodes": tree(lambda found: found["split_conditions"].pop()),
    "more nodes than there are": tree(lambda found: found["tree_param"].update(num_nodes="100000")),
    "a vector for a leaf": tree(lambda found: found["tree_param"].update(size_leaf_vector="1000")),
    "a split of no kind": put("split_type", 0, 2),
    "categories of a node that there is not": put("categories_nodes", 0, 1 << 20),
    "categories outside": put("categories_segments", 0, 1 << 20),
    "more categories than there are": put("categories_sizes", 0, 1 << 30),
    "a vast category": put("categories", 0, 1 << 30),
    "categories that nobody has": tree(
        lambda found: [
            found[name].clear()
            for name in ("categories_nodes", "categories_segments", "categories_sizes")
        ]
    ),
    "a class that there is not": lambda model: model["learner"]["gradient_booster"]["model"][
        "tree_info"
    ].__setitem__(0, 1 << 20),
    "fewer trees than it says": lambda model: model["learner"]["gradient_booster"]["model"][
        "trees"
    ].pop(),
    "features that do not exist": lambda model: model["learner"]["learner_model_param"].update(
        num_feature="1"
    ),
    "vastly many features": lambda model: model["learner"]["learner_model_param"].update(
        num_feature="99999999999"
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_fault_2_every_index_is_followed(name, tmp_path):
    """A file whose trees lead astray is refused before XGBoost reads it, whatever the directory
    says of its size.
    """
    model = json.loads(bytes(categorical().save_raw("json")))
    CHANGES[name](model)
    text = json.dumps(model)
    (tmp_path / "model.json").write_text(text)
    (tmp_path / "MLmodel").write_text(
        f"flavors:\n  xgboost: {{data: model.json, size: {len(text)}}}\n"
    )
    with pytest.raises(IntegrityError, match="is damaged"):
        load_directory(tmp_path, [XGBoostFlavor()], ["xgboost"])


def test_fault_2_a_member_that_is_told_twice():
    """Of two readers each could take another."""
    data = bytes(numeric().save_raw("ubj"))
    member = b"L" + (2).to_bytes(8, "big") + b"idi\x00"
    place = data.index(b"L" + (2).to_bytes(8, "big") + b"id")
    assert "twice" in str(problem_of(data[:place] + member + data[place:]))


def test_a_model_of_a_new_version_loads(tmp_path):
    """Members that nobody knows yet are no matter."""
    booster = numeric()
    model = json.loads(bytes(booster.save_raw("json")))
    model["learner"]["gradient_booster"]["model"]["novelty"] = [1]
    (tmp_path / "model.json").write_text(json.dumps(model))
    (tmp_path / "MLmodel").write_text("flavors:\n  xgboost: {data: model.json}\n")
    loaded = load_directory(tmp_path, [XGBoostFlavor()])
    data = xgboost.DMatrix(np.zeros((2, 3)))
    assert loaded.predict(data).tolist() == booster.predict(data).tolist()
