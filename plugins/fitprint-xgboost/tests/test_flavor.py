"""Models of XGBoost's on disk: ours, and MLflow's."""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier, XGBRegressor

import fitprint
from fitprint.errors import FitprintError, IntegrityError, UntrustedModelError
from fitprint.models.directory import pack
from fitprint.models.flavor import choose_flavor
from fitprint.models.loading import load_directory
from fitprint.models.pickle_flavor import PickleFlavor
from fitprint.models.trust import Trust
from fitprint_sklearn.flavor import SklearnFlavor
from fitprint_xgboost.flavor import XGBoostFlavor

FLAVORS = [PickleFlavor(), SklearnFlavor(), XGBoostFlavor()]
BOOSTER = (
    "flavors:\n"
    "  python_function: {{loader_module: mlflow.xgboost, data: {file}}}\n"
    "  xgboost: {{data: {file}{more}}}\n"
)


class Labelled(XGBClassifier):
    """A user's own subclass, with a parameter and a state of its own."""

    def __init__(self, *, unit="", **params):
        super().__init__(**params)
        self.unit = unit

    def get_xgb_params(self):
        return {name: value for name, value in super().get_xgb_params().items() if name != "unit"}

    def fit(self, X, y, **options):
        self.seen = {"rows": len(X)}
        self.shown = object()
        return super().fit(X, y, **options)


def classifier(cls=XGBClassifier, **params):
    features, target = data()
    return cls(**{"n_estimators": 4, "max_depth": 2, "n_jobs": 1, **params}).fit(features, target)


def data():
    draw = np.random.RandomState(0)
    features = draw.normal(size=(80, 3))
    return features, (features[:, 0] > 0).astype(int)


def round_trip(model, folder, trust=()):
    pack(model, folder, flavors=FLAVORS)
    return load_directory(folder, FLAVORS, trust)


def by_mlflow(model, folder, file, more=""):
    """Write a directory in the form of MLflow's."""
    folder.mkdir()
    model.save_model(folder / file)
    (folder / "MLmodel").write_text(BOOSTER.format(file=file, more=more))
    return folder


# -- ours ------------------------------------------------------------------------------------------


def test_the_flavor_is_the_nearest():
    """It takes boosters and estimators, but no pipeline that contains one."""
    assert choose_flavor(classifier(), FLAVORS).name == "xgboost"
    assert choose_flavor(classifier().get_booster(), FLAVORS).name == "xgboost"
    assert (
        choose_flavor(make_pipeline(StandardScaler(), XGBClassifier()), FLAVORS).name == "sklearn"
    )


def test_parameters_come_back(tmp_path):
    """An estimator has the parameters that it had, those that XGBoost's file leaves out, too."""
    model = classifier(
        learning_rate=0.2,
        missing=-1.0,
        random_state=7,
        early_stopping_rounds=None,
        reg_lambda=np.float64(2.0),
    )
    loaded = round_trip(model, tmp_path / "model")
    before, after = model.get_params(), loaded.get_params()
    assert {name: value for name, value in before.items() if value == value} == {
        n: v for n, v in after.items() if v == v
    }
    assert type(loaded) is XGBClassifier
    assert loaded.classes_.tolist() == [0, 1]


def test_further_parameters_come_back(tmp_path):
    """Those that the class does not name are kept as well."""
    loaded = round_trip(classifier(seed_per_iteration=True), tmp_path / "model")
    assert loaded.get_params()["seed_per_iteration"] is True


def metric(true, predicted):
    """A metric of the user's own."""
    return float(np.mean(true != (predicted > 0.5)))


def test_what_json_cannot_hold_is_named(tmp_path):
    """Functions stay away; the description says which parameters do."""
    packed = pack(classifier(eval_metric=metric), tmp_path / "model", flavors=FLAVORS)
    options = json.loads((tmp_path / "model" / "fitprint.json").read_text())["options"]
    assert packed.facts["needs"] == []
    assert options["left_out"] == ["eval_metric"]


def test_best_iteration_and_names_come_back(tmp_path):
    """They are in XGBoost's own file."""
    features, target = data()
    frame = pd.DataFrame(features, columns=["a", "b c", "d"])
    model = XGBClassifier(n_estimators=30, early_stopping_rounds=2, n_jobs=1).fit(
        frame, target, eval_set=[(frame, target)], verbose=False
    )
    loaded = round_trip(model, tmp_path / "model")
    assert (loaded.best_iteration, list(loaded.feature_names_in_)) == (
        model.best_iteration,
        ["a", "b c", "d"],
    )
    assert np.array_equal(loaded.predict_proba(frame), model.predict_proba(frame))


def test_categories(tmp_path):
    """A model of categories predicts the same."""
    frame = pd.DataFrame(
        {"colour": pd.Categorical(["red", "blue", "green"] * 20), "size": np.arange(60.0)}
    )
    model = XGBRegressor(n_estimators=3, enable_categorical=True, tree_method="hist", n_jobs=1).fit(
        frame, np.arange(60) % 3
    )
    loaded = round_trip(model, tmp_path / "model")
    assert np.array_equal(loaded.predict(frame), model.predict(frame))


def test_a_subclass_of_the_users_needs_trust(tmp_path):
    """It is refused with the call that trusts it, and comes back as the class that it was, with
    plain attributes.
    """
    model = classifier(Labelled, unit="cm")
    named = f"{Labelled.__module__}.Labelled"
    sys.modules.setdefault(Labelled.__module__, sys.modules[__name__])
    with pytest.raises(UntrustedModelError, match=rf'trust=\["{named}"\]'):
        round_trip(model, tmp_path / "first")
    loaded = round_trip(model, tmp_path / "second", trust=[named])
    assert type(loaded) is Labelled
    assert (loaded.unit, loaded.max_depth, loaded.seen) == ("cm", 2, {"rows": 80})
    assert np.array_equal(loaded.predict(data()[0]), model.predict(data()[0]))


def test_a_class_that_is_none_of_xgboosts_is_refused(tmp_path):
    """Whatever a description names as the class: nothing is imported or made without trust, and
    nothing else with it.
    """
    pack(classifier(), tmp_path / "model", flavors=FLAVORS)
    options = {"data": "model.ubj", "model_class": "subprocess.Popen"}
    with pytest.raises(UntrustedModelError, match=r"subprocess\.Popen"):
        XGBoostFlavor().load(tmp_path / "model", options, Trust())
    with pytest.raises(IntegrityError, match="no estimator"):
        XGBoostFlavor().load(tmp_path / "model", options, Trust(["subprocess.Popen"]))


def test_a_model_of_a_newer_xgboost(tmp_path):
    """What the installed version cannot read says who wrote it and what helps."""
    pack(classifier(), tmp_path / "model", flavors=FLAVORS)
    path = tmp_path / "model" / "model.ubj"
    path.write_bytes(path.read_bytes().replace(b"gradient_booster", b"gradient_boosted"))
    options = {"data": "model.ubj", "xgb_version": "99.1.0"}
    with pytest.raises(
        FitprintError,
        match=(
            r"saved by XGBoost 99\.1\.0, and XGBoost .* cannot read it .*: install "
            r"xgboost>=99\.1\.0"
        ),
    ):
        XGBoostFlavor().load(tmp_path / "model", options, Trust())


def test_a_logged_model_loads(runs, matrices, split):
    """By the run, as the framework's own object."""
    fitprint.autolog()
    booster = xgboost.train({"nthread": 1}, matrices[0], 3)
    model = XGBClassifier(n_estimators=3, n_jobs=1).fit(*split[0])
    native, wrapped = (fitprint.load_model(f"runs:/{run.id}/model") for run in runs.roots())
    assert np.array_equal(native.predict(matrices[1]), booster.predict(matrices[1]))
    assert np.array_equal(wrapped.predict(split[1][0]), model.predict(split[1][0]))


# -- MLflow's --------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["model.ubj", "model.json"])
def test_a_booster_that_mlflow_saved(tmp_path, file):
    """In any of XGBoost's formats."""
    model = classifier().get_booster()
    loaded = load_directory(by_mlflow(model, tmp_path / "model", file), FLAVORS)
    matrix = xgboost.DMatrix(data()[0])
    assert np.array_equal(loaded.predict(matrix), model.predict(matrix))


# XGBoost's own, on the ending of the file's name
@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_a_booster_that_mlflow_saved_in_the_format_xgb(tmp_path):
    """The ending says nothing of what is in the file."""
    model = classifier().get_booster()
    loaded = load_directory(
        by_mlflow(model, tmp_path / "model", "model.xgb", ", model_format: xgb"), FLAVORS
    )
    matrix = xgboost.DMatrix(data()[0])
    assert np.array_equal(loaded.predict(matrix), model.predict(matrix))


def test_an_estimator_that_mlflow_saved(tmp_path):
    """It is of the class that MLflow names."""
    model = classifier()
    folder = by_mlflow(
        model, tmp_path / "model", "model.ubj", ", model_class: xgboost.sklearn.XGBClassifier"
    )
    loaded = load_directory(folder, FLAVORS)
    assert type(loaded) is XGBClassifier
    assert np.array_equal(loaded.predict(data()[0]), model.predict(data()[0]))


@pytest.mark.parametrize("file", ["model.ubj", "model.json"])
def test_a_damaged_file_that_mlflow_saved(tmp_path, file):
    """Cut at any place, an IntegrityError names it."""
    folder = by_mlflow(classifier().get_booster(), tmp_path / "model", file)
    whole = (folder / file).read_bytes()
    for length in [0, 1, 2, *range(3, len(whole), max(1, len(whole) // 40)), len(whole) - 1]:
        (folder / file).write_bytes(whole[:length])
        with pytest.raises(IntegrityError, match=rf"{file}"):
            load_directory(folder, FLAVORS)
