"""Files of CatBoost's whose form is right, and whose trees lead where there is nothing."""

import json
import pickle
import struct

import numpy as np
import pandas as pd
import pytest
from catboost import CatBoostClassifier, CatBoostRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fitprint.errors import FitprintError, IntegrityError
from fitprint.models.loading import load_directory
from fitprint.models.trust import Trust
from fitprint_catboost.flatbuffers import root
from fitprint_catboost.flavor import CatBoostFlavor
from fitprint_catboost.structure import problem_of
from fitprint_sklearn.flavor import SklearnFlavor

QUIET = {
    "verbose": False,
    "allow_writing_files": False,
    "thread_count": 1,
    "iterations": 4,
    "depth": 3,
}
X = np.random.RandomState(0).normal(size=(120, 3))
TABLE = pd.DataFrame({"c": list("abcd") * 30, "x": X[:, 0], "d": list("xyz") * 40})
THREE = np.tile([0, 1, 2, 1], 30)


def number(**params):
    return CatBoostRegressor(**{**QUIET, **params}).fit(X, X[:, 0])


MODELS = {
    "numbers": number,
    "leaf by leaf": lambda: number(grow_policy="Lossguide"),
    "by depth": lambda: number(grow_policy="Depthwise"),
    "missing numbers": lambda: CatBoostRegressor(**QUIET).fit(np.where(X > 1, np.nan, X), X[:, 0]),
    "several targets": lambda: CatBoostRegressor(loss_function="MultiRMSE", **QUIET).fit(
        X, X[:, :2]
    ),
    "counters": lambda: CatBoostClassifier(cat_features=["c", "d"], **QUIET).fit(TABLE, THREE),
    "one column for each category": lambda: CatBoostClassifier(
        cat_features=["c", "d"], one_hot_max_size=9, **QUIET
    ).fit(TABLE, THREE),
    "other counters": lambda: CatBoostRegressor(
        cat_features=["c"], simple_ctr=["Counter", "BinarizedTargetMeanValue", "Buckets"], **QUIET
    ).fit(TABLE[["c", "x"]], X[:, 0]),
    "texts": lambda: CatBoostClassifier(text_features=["t"], **QUIET).fit(
        pd.DataFrame({"t": ["some words", "other words", "text"] * 40, "x": X[:, 0]}), THREE > 1
    ),
}


def saved(model, folder, form="cbm"):
    model.save_model(str(folder / f"model.{form}"), format=form)
    return (folder / f"model.{form}").read_bytes()


@pytest.mark.parametrize("form", ["cbm", "json"])
@pytest.mark.parametrize("name", MODELS)
def test_honest_models_are_whole(name, form, tmp_path):
    """In either format, where CatBoost writes both."""
    if (name, form) == ("texts", "json"):
        pytest.skip("CatBoost writes no texts as JSON")
    assert problem_of(saved(MODELS[name](), tmp_path, form), form) is None


def trees_of(data):
    """Return the table of trees, and where it lies in the file."""
    core = data[8 : 8 + struct.unpack_from("<I", data, 4)[0]]
    return root(core).table(1)


def put(field, place, value, form="<i"):
    """Put a number into an array of the trees."""

    def change(data):
        table = trees_of(data)
        begun, _ = table._vector(table._field(field))
        struct.pack_into(form, data, 8 + begun + place * struct.calcsize(form), value)

    return change


def single(field, value):
    """Put another number into a field of the trees."""
    return lambda data: struct.pack_into("<i", data, 8 + trees_of(data)._field(field), value)


CHANGES = {
    "a split that there is not": ("numbers", put(1, 0, 1 << 20)),
    "a negative split": ("numbers", put(1, 0, -1)),
    "a larger tree": ("numbers", put(2, 0, 9)),
    "a vast tree": ("numbers", put(2, 0, 1 << 30)),
    "a negative tree": ("numbers", put(2, 0, -1)),
    "a tree elsewhere": ("numbers", put(3, 1, 1 << 20)),
    "no dimension": ("several targets", single(0, 0)),
    "more dimensions": ("numbers", single(0, 1 << 19)),
    "a step out of a tree": ("leaf by leaf", put(10, 0, 0xFFFF, "<H")),
    "a leaf that there is not": ("leaf by leaf", lambda data: _leaf(data)),
    "a table of counters that is cut": (
        "counters",
        lambda data: data.__delitem__(slice(-40, None)),
    ),
    "more tables than there are": (
        "counters",
        lambda data: struct.pack_into("<I", data, 8 + struct.unpack_from("<I", data, 4)[0], 99),
    ),
    "a value of a counter that there is not": ("counters", lambda data: _bucket(data)),
}


def _leaf(data):
    table = trees_of(data)
    values = table.array(11, "<u4")
    put(11, int(np.flatnonzero(values != 0xFFFFFFFF)[0]), 1 << 20, "<I")(data)


def _bucket(data):
    begun = 8 + struct.unpack_from("<I", data, 4)[0] + 4
    table = root(bytes(data[begun + 4 : begun + 4 + struct.unpack_from("<I", data, begun)[0]]))
    place, count = table._vector(table._field(1))
    for bucket in range(place, place + count, 16):
        if data[begun + 4 + bucket : begun + 12 + bucket] != b"\xff" * 8:
            struct.pack_into("<I", data, begun + 4 + bucket + 8, 1 << 30)


@pytest.mark.parametrize("name", CHANGES)
def test_fault_2_every_index_is_followed(name, tmp_path):
    """A file whose trees lead astray is refused before CatBoost reads it."""
    model, change = CHANGES[name]
    data = bytearray(saved(MODELS[model](), tmp_path))
    change(data)
    (tmp_path / "model.cb").write_bytes(data)
    (tmp_path / "MLmodel").write_text(
        "flavors:\n  catboost: {data: model.cb, model_type: CatBoost, save_format: cbm}\n"
    )
    with pytest.raises(IntegrityError, match="it is damaged"):
        load_directory(tmp_path, [CatBoostFlavor()], ["catboost"])


JSON = {
    "a split that there is not": lambda model: model["oblivious_trees"][0]["splits"][0].update(
        split_index=1 << 20
    ),
    "a feature that there is not": lambda model: model["oblivious_trees"][0]["splits"][0].update(
        float_feature_index=99
    ),
    "a leaf too few": lambda model: model["oblivious_trees"][0]["leaf_values"].pop(),
    "features in another order": lambda model: model["features_info"]["float_features"][0].update(
        flat_feature_index=1 << 30
    ),
    "another dimension": lambda model: model.update(scale_and_bias=[1, [0, 0, 0]]),
}


@pytest.mark.parametrize("name", JSON)
def test_fault_2_every_index_is_followed_in_json(name, tmp_path):
    """The same in the other format."""
    model = json.loads(saved(number(), tmp_path, "json"))
    JSON[name](model)
    assert problem_of(json.dumps(model).encode(), "json") is not None


def test_fault_2_a_model_in_a_pipeline_is_looked_at(tmp_path):
    """As a part of another framework's model."""
    model = make_pipeline(StandardScaler(), CatBoostRegressor(**QUIET)).fit(X, X[:, 0])
    data = pickle.dumps(model)
    whole = model[-1].__getstate__()["__model"]
    changed = bytearray(whole)
    put(1, 0, 1 << 20)(changed)
    (tmp_path / "model.pkl").write_bytes(data.replace(whole, bytes(changed)))
    with pytest.raises(IntegrityError, match="a split that there is not"):
        SklearnFlavor().load(tmp_path, {"pickled_model": "model.pkl"}, Trust())


def of_vectors(folder):
    rows = pd.DataFrame({"v": X.tolist(), "x": X[:, 0]})
    model = CatBoostClassifier(embedding_features=["v"], **QUIET).fit(rows, THREE > 1)
    model.save_model(str(folder / "model.cb"), format="cbm")
    (folder / "MLmodel").write_text(
        "flavors:\n  catboost:\n    data: model.cb\n    model_type: CatBoostClassifier\n"
    )


def test_fault_2_vectors_need_trust(tmp_path):
    """CatBoost reads behind a vector that is shorter than those of the training."""
    of_vectors(tmp_path)
    with pytest.raises(FitprintError, match='takes vectors.*"catboost" in trust'):
        load_directory(tmp_path, [CatBoostFlavor()])


def test_a_trusted_model_of_vectors_loads(tmp_path):
    of_vectors(tmp_path)
    model = load_directory(tmp_path, [CatBoostFlavor()], ["catboost"])
    assert model.get_embedding_feature_indices() == [0]
