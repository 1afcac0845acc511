"""Models that are changed by a byte here and there: small ones, of each format, with each kind of
split that it knows.
"""

from __future__ import annotations

import pickle
import random
import struct
from pathlib import Path

import numpy as np

DRAW = np.random.RandomState(0)
X = DRAW.normal(size=(80, 3))
Y = (X[:, 0] > 0).astype(int)


def estimators():
    """Return small models of scikit-learn's whose predictions are compiled code."""
    import scipy.sparse
    from sklearn.cluster import BisectingKMeans, KMeans
    from sklearn.ensemble import (
        GradientBoostingClassifier,
        HistGradientBoostingClassifier,
        IsolationForest,
        RandomForestClassifier,
    )
    from sklearn.feature_extraction import FeatureHasher
    from sklearn.isotonic import IsotonicRegression
    from sklearn.linear_model import LogisticRegression, SGDClassifier
    from sklearn.neighbors import KernelDensity, KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer
    from sklearn.svm import SVC, SVR, OneClassSVM
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    found = [
        DecisionTreeClassifier(max_depth=3, random_state=np.random.RandomState(0)),
        DecisionTreeRegressor(max_depth=2),
        RandomForestClassifier(3, max_depth=2),
        GradientBoostingClassifier(n_estimators=2, max_depth=2),
        HistGradientBoostingClassifier(max_iter=2, max_leaf_nodes=4, categorical_features=[2]),
        IsolationForest(n_estimators=3, max_samples=16),
        KNeighborsClassifier(algorithm="kd_tree", leaf_size=5),
        KNeighborsClassifier(
            algorithm="ball_tree", leaf_size=5, metric="seuclidean", metric_params={"V": np.ones(3)}
        ),
        KernelDensity(leaf_size=5),
        SVC(probability=False, max_iter=20),
        SVR(max_iter=20),
        OneClassSVM(max_iter=20),
        KMeans(2, n_init=1, max_iter=2),
        BisectingKMeans(3, max_iter=2),
        SGDClassifier(max_iter=2, tol=None),
        make_pipeline(SplineTransformer(n_knots=3), LogisticRegression(max_iter=5)),
    ]
    wide = np.abs(X).round()
    fitted = [model.fit(wide, Y) for model in found]
    fitted.append(IsotonicRegression(out_of_bounds="clip").fit(X[:, 0], Y))
    fitted.append(LogisticRegression(max_iter=5).fit(X, Y).sparsify())
    fitted.append(FeatureHasher(n_features=8))
    fitted.append(
        [
            scipy.sparse.random(4, 4, 0.5, form, random_state=0)
            for form in ("csr", "csc", "coo", "bsr", "dia", "lil", "dok")
        ]
    )
    fitted.append(
        [
            np.ma.masked_array(np.arange(3.0), [0, 1, 0]),
            np.array(["a", None], dtype=object),
            np.zeros(2, dtype=[("a", "i4"), ("b", "?")]),
        ]
    )
    fitted.append(
        [
            np.random.RandomState(0),
            np.random.default_rng(0),
            np.random.Generator(np.random.Philox(1)),
            np.random.MT19937(0),
        ]
    )
    return fitted


def pickled():
    """Return honest pickles."""
    return [pickle.dumps(model, protocol) for model in estimators() for protocol in (4, 5)]


def native(kind, folder: Path):
    """Write model directories of a format as MLflow would; return them with the file to change in
    each, and the flavors to load them.
    """
    return {
        "xgboost": _xgboost,
        "catboost": _catboost,
        "lightgbm": _lightgbm,
        "keras": _keras,
        "skops": _skops,
        "savedmodel": _savedmodel,
    }[kind](folder)


def _described(folder, name, flavor, **options):
    told = "".join(f"    {key}: {value}\n" for key, value in options.items())
    (folder / "MLmodel").write_text(f"flavors:\n  {flavor}:\n{told}")
    return folder, folder / name


def _new(folder, name):
    made = folder / name
    made.mkdir()
    return made


def _categories():
    import pandas as pd

    return pd.DataFrame({"c": pd.Categorical(list("abcd") * 20), "x": X[:, 0]}), np.tile(
        [0, 1, 2, 1], 20
    )


def _xgboost(folder):
    import xgboost

    from fitprint_xgboost.flavor import XGBoostFlavor

    frame, three = _categories()
    models = [
        xgboost.XGBClassifier(
            n_estimators=3, max_depth=3, enable_categorical=True, max_cat_to_onehot=1, n_jobs=1
        ).fit(frame, three),
        xgboost.XGBRegressor(n_estimators=3, max_depth=3, n_jobs=1).fit(X, X[:, 0]),
    ]
    found = []
    for number, model in enumerate(models):
        for form in ("ubj", "json"):
            for sized in (True, False):
                made = _new(folder, f"{number}-{form}-{sized}")
                model.get_booster().save_model(made / f"model.{form}")
                size = {"size": (made / f"model.{form}").stat().st_size} if sized else {}
                found.append(
                    _described(made, f"model.{form}", "xgboost", data=f"model.{form}", **size)
                )
    return found, [XGBoostFlavor()]


def _catboost(folder):
    from catboost import CatBoostClassifier, CatBoostRegressor

    from fitprint_catboost.flavor import CatBoostFlavor

    frame, three = _categories()
    frame["c"] = frame["c"].astype(str)
    quiet = {"verbose": False, "allow_writing_files": False, "thread_count": 1}
    models = [
        CatBoostClassifier(iterations=3, depth=3, cat_features=["c"], **quiet).fit(frame, three),
        CatBoostRegressor(iterations=3, depth=3, **quiet).fit(X, X[:, 0]),
        CatBoostRegressor(iterations=3, depth=3, grow_policy="Lossguide", **quiet).fit(X, X[:, 0]),
    ]
    found = []
    for number, model in enumerate(models):
        for form in ("cbm", "json") if number != 2 else ("cbm",):
            made = _new(folder, f"{number}-{form}")
            model.save_model(str(made / "model.cb"), format=form)
            found.append(
                _described(
                    made,
                    "model.cb",
                    "catboost",
                    data="model.cb",
                    model_type=type(model).__name__,
                    save_format=form,
                )
            )
    return found, [CatBoostFlavor()]


def _lightgbm(folder):
    import lightgbm

    from fitprint_lightgbm.flavor import LightGBMFlavor

    frame, three = _categories()
    quiet = {
        "verbose": -1,
        "num_threads": 1,
        "min_data_in_leaf": 2,
        "min_data_per_group": 2,
        "num_leaves": 6,
    }
    models = [
        lightgbm.train(
            {**quiet, "objective": "multiclass", "num_class": 3}, lightgbm.Dataset(frame, three), 2
        ),
        lightgbm.train({**quiet, "linear_tree": True}, lightgbm.Dataset(X, X[:, 0]), 2),
    ]
    found = []
    for number, model in enumerate(models):
        made = _new(folder, str(number))
        model.save_model(made / "model.lgb")
        found.append(
            _described(
                made,
                "model.lgb",
                "lightgbm",
                data="model.lgb",
                model_class="lightgbm.basic.Booster",
            )
        )
    return found, [LightGBMFlavor()]


def _keras(folder):
    import keras

    from fitprint_tensorflow.flavor import KerasFlavor

    model = keras.Sequential(
        [keras.layers.Input((3,)), keras.layers.Dense(2, activation="relu"), keras.layers.Dense(1)]
    )
    made = _new(folder, "model")
    _new(made, "data")
    keras.saving.save_model(model, made / "data" / "model.keras")
    return [_described(made, "data/model.keras", "keras", data="data")], [KerasFlavor()]


def _savedmodel(folder):
    import tensorflow as tf

    from fitprint_tensorflow.savedmodel import TensorFlowFlavor

    class Doubled(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 3])])
        def __call__(self, given):
            return given * 2.0

    made = _new(folder, "model")
    tf.saved_model.save(Doubled(), str(made / "tf2model"))
    return [_described(made, "tf2model/saved_model.pb", "tensorflow", model_type="tf2-module")], [
        TensorFlowFlavor()
    ]


def _skops(folder):
    import skops.io

    from fitprint_sklearn.flavor import SklearnFlavor

    found = []
    for number, model in enumerate(estimators()):
        made = _new(folder, str(number))
        try:
            skops.io.dump(model, made / "model.skops")
        except Exception:  # noqa: BLE001 - skops cannot write it
            continue
        found.append(
            _described(
                made,
                "model.skops",
                "sklearn",
                pickled_model="model.skops",
                serialization_format="skops",
            )
        )
    return found, [SklearnFlavor()]


def mutated(data, draw: random.Random):
    """Change a file: bits, bytes, numbers, and what a text of it says."""
    found = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        place = draw.randrange(len(found))
        what = draw.randrange(8)
        if what <= 1:
            found[place] ^= 1 << draw.randrange(8)
        elif what == 2:
            found[place] = draw.randrange(256)
        elif what == 3:
            found[place : place + 4] = struct.pack(
                draw.choice("<>") + "I",
                draw.choice((0, 1, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 20)),
            )
        elif what == 4:
            found[place : place + 8] = struct.pack(
                draw.choice("<>") + "q", draw.choice((0, -1, 1 << 40, (1 << 63) - 1, -(1 << 63)))
            )
        elif what == 5:
            _renumber(found, place, draw)
        elif what == 6:
            del found[place : place + draw.randrange(1, 9)]
        else:
            found[place:place] = found[place : place + draw.randrange(1, 20)]
    return bytes(found)


def _renumber(found, place, draw):
    """Put another number in the place of the next one that is written in digits."""
    for start in range(place, min(place + 2000, len(found))):
        if 48 <= found[start] <= 57:
            end = start
            while end < len(found) and 48 <= found[end] <= 57:
                end += 1
            found[start:end] = draw.choice(
                (
                    b"0",
                    b"1",
                    b"-1",
                    b"7",
                    b"99999",
                    b"2147483647",
                    b"-2147483648",
                    b"9" * (end - start),
                )
            )
            return


def rezipped(data, draw: random.Random):
    """Change a file inside of an archive, so that its checksums are right again."""
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    victim = draw.choice([name for name, content in members.items() if content])
    members[victim] = mutated(members[victim], draw)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()
