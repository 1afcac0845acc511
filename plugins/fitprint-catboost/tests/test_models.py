"""CatBoost's models, saved and loaded."""

from __future__ import annotations

import catboost
import numpy as np
import pytest
from sklearn import datasets

import fitprint
from fitprint.errors import FitprintError, IntegrityError
from fitprint.models.directory import pack
from fitprint.models.loading import load_directory
from fitprint_catboost.flavor import CatBoostFlavor

QUIET = {"logging_level": "Silent", "allow_writing_files": False, "random_seed": 0, "thread_count": 1}


@pytest.fixture(scope="module")
def iris():
    """Three classes, as a frame."""
    return datasets.load_iris(return_X_y=True, as_frame=True)


@pytest.fixture
def recorded(runs):
    """Autologging is on."""
    fitprint.autolog()
    return runs


@pytest.mark.parametrize("kind", ["CatBoostClassifier", "CatBoostRegressor", "CatBoost"])
def test_a_recorded_model_comes_back_as_what_it_was(recorded, iris, kind):
    """The same class, the same predictions, and no trust is asked for."""
    X, y = iris
    model = getattr(catboost, kind)({"iterations": 3, **QUIET} if kind == "CatBoost" else None, **({} if kind == "CatBoost" else QUIET))
    if kind != "CatBoost":
        model.set_params(iterations=3)
    model.fit(X, y)
    loaded = fitprint.load_model(f"runs:/{recorded.one().id}/model")
    assert type(loaded) is type(model)
    assert np.array_equal(model.predict(X), loaded.predict(X))


def test_the_signature_has_names_and_kinds(recorded):
    """Columns by name, categories and text as strings, and the output."""
    import pandas as pd

    X = pd.DataFrame({"colour": ["red", "green"] * 20, "size": np.arange(40.0)})
    catboost.CatBoostClassifier(iterations=2, cat_features=["colour"], **QUIET).fit(X, [0, 1] * 20)
    (model,) = recorded.one().models
    signature = model.facts["signature"]
    assert [("colour", "string"), ("size", "float64")] == [(field["name"], field["type"]) for field in signature["inputs"]["fields"]]
    assert ["int64"] == [field["type"] for field in signature["outputs"]["fields"]]


@pytest.mark.parametrize(("names", "container", "labels"), [(None, "array", [None]), (["a", "b"], "table", ["a", "b"])])
def test_a_pool_of_numbers_gives_a_signature(recorded, names, container, labels):
    """A table where features have names, an array where they have none; what comes out is told by five rows."""
    pool = catboost.Pool(np.arange(20.0).reshape(10, 2), [0, 1] * 5, feature_names=names)
    catboost.CatBoostClassifier(iterations=2, **QUIET).fit(pool)
    (model,) = recorded.one().models
    signature = model.facts["signature"]
    assert (container, labels) == (signature["inputs"]["container"], [field["name"] for field in signature["inputs"]["fields"]])
    assert "int64" == signature["outputs"]["fields"][0]["type"]


def test_a_pool_with_categories_gives_none(recorded):
    """A pool does not tell what its categories were made of."""
    pool = catboost.Pool([["a", 1], ["b", 2]] * 5, [0, 1] * 5, cat_features=[0])
    catboost.CatBoostClassifier(iterations=2, **QUIET).fit(pool)
    (model,) = recorded.one().models
    assert model.facts.get("signature") is None


def test_a_users_metric_does_not_hinder_saving(recorded, iris):
    """The model holds trees, not the user's code."""

    class Share:
        def is_max_optimal(self):
            return True

        def evaluate(self, approxes, target, weight):
            return 0.5, 1.0

        def get_final_error(self, error, weight):
            return error

    X, y = iris
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *a, **k: None)
        model = catboost.CatBoostClassifier(iterations=2, eval_metric=Share(), **QUIET).fit(X, y)
    loaded = fitprint.load_model(f"runs:/{recorded.one().id}/model")
    assert np.array_equal(model.predict_proba(X), loaded.predict_proba(X))


def test_a_subclass_comes_back_with_trust_alone(iris, tmp_path):
    """CatBoost's format knows no classes of the user's, so another flavor keeps them."""

    class Mine(catboost.CatBoostClassifier):
        pass

    assert not CatBoostFlavor().accepts(Mine())


def test_an_unfitted_model_is_told(tmp_path):
    """With what to do."""
    with pytest.raises(FitprintError, match="is not fitted.*call fit first"):
        CatBoostFlavor().save(catboost.CatBoostClassifier(), tmp_path)


def test_a_class_that_is_none_of_catboosts_is_refused(iris, tmp_path):
    """A name in the description makes no class."""
    entry = CatBoostFlavor().save(catboost.CatBoostClassifier(iterations=1, **QUIET).fit(*iris), tmp_path)
    from fitprint.models.trust import Trust

    with pytest.raises(IntegrityError, match="'Pool', which is none of CatBoost's"):
        CatBoostFlavor().load(tmp_path, {**entry.options, "model_type": "Pool"}, Trust([]))


def test_a_pipeline_with_catboost_needs_no_trust(iris, tmp_path):
    """scikit-learn's flavor stores the pipeline, CatBoost's model in it included."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from fitprint_sklearn import flavor

    X, y = iris
    model = make_pipeline(StandardScaler(), catboost.CatBoostClassifier(iterations=2, **QUIET)).fit(X, y)
    with fitprint.testing.captured_runs():
        packed = pack(model, tmp_path, flavors=[flavor.SklearnFlavor(), CatBoostFlavor()])
        assert [] == list(packed.facts["needs"])
        loaded = load_directory(tmp_path, [flavor.SklearnFlavor(), CatBoostFlavor()], ())
    assert np.array_equal(model.predict_proba(X), loaded.predict_proba(X))


@pytest.mark.mlflow
@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_mlflow_loads_what_was_recorded(recorded, iris, tmp_path):
    """Its catboost flavor and its generic one."""
    import mlflow

    X, y = iris
    model = catboost.CatBoostClassifier(iterations=3, **QUIET).fit(X, y)
    with fitprint.off():
        pack(model, tmp_path / "model", flavors=[CatBoostFlavor()])
        theirs = mlflow.catboost.load_model(str(tmp_path / "model"))
        assert type(theirs) is catboost.CatBoostClassifier
        assert np.array_equal(model.predict(X), theirs.predict(X))
        assert np.array_equal(model.predict(X), mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(X))


@pytest.mark.mlflow
@pytest.mark.filterwarnings("ignore")  # MLflow's own
def test_what_mlflow_saved_is_loaded(runs, iris, tmp_path):
    """In either of CatBoost's formats that can be read back."""
    import mlflow

    X, y = iris
    model = catboost.CatBoostRegressor(iterations=3, **QUIET).fit(X, y)
    for form in ("cbm", "json"):
        mlflow.catboost.save_model(model, str(tmp_path / form), format=form)
        loaded = load_directory(tmp_path / form, [CatBoostFlavor()], ())
        assert np.allclose(model.predict(X), loaded.predict(X))
