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

QUIET = {
    "logging_level": "Silent",
    "allow_writing_files": False,
    "random_seed": 0,
    "thread_count": 1,
}


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
    model = getattr(catboost, kind)(
        {"iterations": 3, **QUIET} if kind == "CatBoost" else None,
        **({} if kind == "CatBoost" else QUIET),
    )
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
    assert [("colour", "string"), ("size", "float64")] == [
        (field["name"], field["type"]) for field in signature["inputs"]["fields"]
    ]
    assert ["int64"] == [field["type"] for field in signature["outputs"]["fields"]]


@pytest.mark.parametrize(
    ("names", "container", "labels"), [(None, "array", [None]), (["a", "b"], "table", ["a", "b"])]
)
def test_a_pool_of_numbers_gives_a_signature(recorded, names, container, labels):
    """A table where features have names, an array where they have none; what comes out is told by
    five rows.
    """
    pool = catboost.Pool(np.arange(20.0).reshape(10, 2), [0, 1] * 5, feature_names=names)
    catboost.CatBoostClassifier(iterations=2, **QUIET).fit(pool)
    (model,) = recorded.one().models
    signature = model.facts["signature"]
    assert (container, labels) == (
        signature["inputs"]["container"],
        [field["name"] for field in signature["inputs"]["fields"]],
    )
    assert "int64" == signature["outputs"]["fields"][0]["type"]


def fields_of(run):
    (model,) = run.models
    return {field["name"]: field["type"] for field in model.facts["signature"]["inputs"]["fields"]}


def test_fault_21_a_pool_with_categories_gives_a_signature(recorded):
    """A pool does not tell what its categories were made of: they may be any object, and what the
    model was given is taken.
    """
    rows = [["a", 1], ["b", 2]] * 5
    model = catboost.CatBoostClassifier(iterations=2, **QUIET).fit(
        catboost.Pool(rows, [0, 1] * 5, cat_features=[0])
    )
    run = recorded.one()
    assert {None: "object"} == fields_of(run)
    assert (
        model.predict(rows).tolist()
        == fitprint.load_predictor(f"runs:/{run.id}/model").predict(rows).tolist()
    )


@pytest.mark.parametrize(
    ("kind", "values", "word"), [("cat", "xy", "object"), ("text", ["a b", "b c"], "string")]
)
def test_fault_21_a_pool_with_names_tells_kinds(recorded, kind, values, word):
    """Categories and texts of a frame, by the names and kinds that the pool has."""
    import pandas as pd

    frame = pd.DataFrame({"size": np.arange(40.0), "other": list(values) * 20})
    pool = catboost.Pool(frame, [0, 1] * 20, **{f"{kind}_features": ["other"]})
    model = catboost.CatBoostClassifier(iterations=2, **QUIET).fit(pool)
    run = recorded.one()
    assert {"size": "float64", "other": word} == fields_of(run)
    assert (
        model.predict(frame).tolist()
        == fitprint.load_predictor(f"runs:/{run.id}/model").predict(frame).tolist()
    )


def test_fault_21_a_pool_with_embeddings_tells_kinds(recorded):
    """Embeddings are lists."""
    import pandas as pd

    frame = pd.DataFrame(
        {"size": np.arange(40.0), "place": [[float(row % 7), 1.0] for row in range(40)]}
    )
    catboost.CatBoostClassifier(iterations=2, **QUIET).fit(
        catboost.Pool(frame, [0, 1] * 20, embedding_features=["place"])
    )
    assert {"size": "float64", "place": "object"} == fields_of(recorded.one())


@pytest.mark.parametrize("size", [1, 3, 20, 60, 2000])
@pytest.mark.parametrize("pairs", [False, True], ids=["groups", "pairs"])
def test_fault_21_groups_are_not_cut(recorded, capfd, size, pairs):
    """A pool in groups has a signature, whatever their size,
    and nothing is said on standard error.
    """
    rows = max(60, 2 * size)
    X = np.random.default_rng(0).normal(size=(rows, 2))
    groups = np.arange(rows) // size
    if pairs and size == 1:
        pytest.skip("a pair has two members")
    options = {"pairs": [[first, first + 1] for first in range(0, rows - 1, size)]} if pairs else {}
    pool = catboost.Pool(X, X[:, 0], group_id=groups, **options)
    catboost.CatBoostRanker(
        iterations=2, **({"loss_function": "PairLogit"} if pairs else {}), **QUIET
    ).fit(pool)
    run = recorded.one()
    (model,) = run.models
    assert [-1, 2] == model.facts["signature"]["inputs"]["fields"][0]["shape"]
    assert (model.facts["signature"]["outputs"] is None) == (size == 2000)
    assert "failed" not in run.capture
    assert "failed" not in capfd.readouterr().err


def test_fault_21_data_without_a_signature_are_told(recorded, tmp_path):
    """A file is not read once more: the capture report says why there is no signature."""
    np.savetxt(tmp_path / "data.tsv", np.arange(40.0).reshape(20, 2) % 7, delimiter="\t")
    catboost.CatBoostRegressor(iterations=2, **QUIET).fit(str(tmp_path / "data.tsv"))
    run = recorded.one()
    assert run.models[0].facts["signature"] is None
    assert "signature" in run.capture["skipped"]


def test_fault_21_sparse_data_have_a_signature(recorded):
    """Rows of a sparse matrix are counted by its shape."""
    from scipy import sparse

    catboost.CatBoostClassifier(iterations=2, **QUIET).fit(
        sparse.csr_matrix(np.eye(20)), [0, 1] * 10
    )
    run = recorded.one()
    assert "sparse" == run.models[0].facts["signature"]["inputs"]["container"]


def test_fault_13b_a_predict_of_the_users_own_is_not_called(recorded, capsys):
    """What a model gives out is not asked of the user's own method."""

    class Telling(catboost.CatBoostClassifier):
        def predict(self, *args, **kwargs):
            print("predicting")
            return super().predict(*args, **kwargs)

    Telling(iterations=2, **QUIET).fit(np.eye(20), [0, 1] * 10)
    signature = recorded.one().models[0].facts["signature"]
    assert ("", None) == (capsys.readouterr().out, signature["outputs"])
    assert [-1, 20] == signature["inputs"]["fields"][0]["shape"]


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
    entry = CatBoostFlavor().save(
        catboost.CatBoostClassifier(iterations=1, **QUIET).fit(*iris), tmp_path
    )
    from fitprint.models.trust import Trust

    with pytest.raises(IntegrityError, match="'Pool', which is none of CatBoost's"):
        CatBoostFlavor().load(tmp_path, {**entry.options, "model_type": "Pool"}, Trust([]))


def test_a_pipeline_with_catboost_needs_no_trust(iris, tmp_path):
    """scikit-learn's flavor stores the pipeline, CatBoost's model in it included."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from fitprint_sklearn import flavor

    X, y = iris
    model = make_pipeline(StandardScaler(), catboost.CatBoostClassifier(iterations=2, **QUIET)).fit(
        X, y
    )
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
        assert np.array_equal(
            model.predict(X), mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(X)
        )


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
