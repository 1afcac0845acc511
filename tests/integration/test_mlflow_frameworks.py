"""Models of all frameworks, pipelines that mix them, and MLflow's own Python models, in both
directions.

MLflow saves and loads in a process of its own; only directories pass between it and the tests.
"""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import fitprint
from fitprint.errors import FitprintError, SignatureError, UntrustedModelError
from fitprint.hooks.manager import hooks
from fitprint.models.directory import pack, read_manifest
from fitprint.models.signature import infer_signature

# Keras saves with a deprecated form of NumPy
pytestmark = [pytest.mark.mlflow, pytest.mark.filterwarnings("ignore")]

ENVIRONMENT = {
    **os.environ,
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "CUDA_VISIBLE_DEVICES": "",
}

SAVE = """
import json, os, sys, warnings
warnings.simplefilter("ignore")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
import cloudpickle, keras, lightgbm, mlflow, numpy as np, pandas as pd, xgboost
import mlflow.keras, mlflow.lightgbm, mlflow.pyfunc, mlflow.sklearn, mlflow.xgboost
from mlflow.models import infer_signature
from pathlib import Path
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

folder = Path(sys.argv[1])
X = pd.DataFrame(np.random.RandomState(0).normal(size=(60, 3)), columns=["a", "b", "c"])
y = (X.a > 0).astype(int)
X.to_pickle(folder / "X.pkl")
expected = {}

def keep(name, module, model, answer, **more):
    expected[name] = np.asarray(answer).tolist()
    module.save_model(model, str(folder / name), signature=infer_signature(X, answer), pip_requirements=["numpy"], **more)

booster = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(X, y), 3)
keep("xgboost booster", mlflow.xgboost, booster, booster.predict(xgboost.DMatrix(X)))
model = xgboost.XGBClassifier(n_estimators=3).fit(X, y)
keep("xgboost estimator", mlflow.xgboost, model, model.predict(X))
booster = lightgbm.train({"objective": "binary", "verbosity": -1, "min_data_in_leaf": 2}, lightgbm.Dataset(X, y), 3)
keep("lightgbm booster", mlflow.lightgbm, booster, booster.predict(X))
model = lightgbm.LGBMClassifier(n_estimators=3, verbosity=-1, min_child_samples=2).fit(X, y)
keep("lightgbm estimator", mlflow.lightgbm, model, model.predict(X))
for form in ("skops", "pickle", "cloudpickle"):
    model = make_pipeline(StandardScaler(), xgboost.XGBClassifier(n_estimators=3)).fit(X, y)
    more = {"skops_trusted_types": ["xgboost.core.Booster", "xgboost.sklearn.XGBClassifier"]} if form == "skops" else {}
    keep(f"pipeline {form}", mlflow.sklearn, model, model.predict(X), serialization_format=form, **more)
keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, "sigmoid")])
model.compile("sgd", "binary_crossentropy")
data = X.to_numpy("float32")
expected["keras"] = model.predict(data, verbose=0).tolist()
told = infer_signature(data, model.predict(data, verbose=0))
mlflow.keras.save_model(model, str(folder / "keras"), signature=told, pip_requirements=["numpy"])

class Doubling(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input["a"] * (params or {}).get("by", 2)

told = infer_signature(X, X["a"], {"by": 2.0})
mlflow.pyfunc.save_model(str(folder / "python model"), python_model=Doubling(), signature=told, pip_requirements=["numpy"])
expected["python model"] = (X["a"] * 2).tolist()

(folder / "own_features.py").write_text('''
import os
os.environ["OWN_FEATURES_RAN"] = "1"
from sklearn.base import BaseEstimator
class Sum(BaseEstimator):
    def fit(self, X, y=None):
        return self
    def predict(self, X):
        return X.sum(axis=1)
''')
(folder / "own_loader.py").write_text('''
import json
class Scaled:
    def __init__(self, by):
        self.by = by
    def predict(self, data):
        return data["a"] * self.by
def _load_pyfunc(path):
    with open(path) as file:
        return Scaled(json.load(file))
''')
(folder / "scale.json").write_text("3")
mlflow.pyfunc.save_model(
    str(folder / "own loader"), loader_module="own_loader", data_path=str(folder / "scale.json"),
    code_paths=[str(folder / "own_loader.py")], pip_requirements=["numpy"],
)
expected["own loader"] = (X["a"] * 3).tolist()
sys.path.insert(0, str(folder))
import own_features
code = [str(folder / "own_features.py")]
mlflow.sklearn.save_model(
    own_features.Sum(), str(folder / "own class"), code_paths=code, serialization_format="pickle", pip_requirements=["numpy"],
)
expected["own class"] = X.sum(axis=1).tolist()
os.remove(folder / "own_features.py"); os.remove(folder / "own_loader.py")
(folder / "expected.json").write_text(json.dumps(expected))
"""  # noqa: E501

LOAD = """
import json, os, pickle, sys, warnings
warnings.simplefilter("ignore")
import mlflow, numpy as np
from mlflow.models import Model
from pathlib import Path
found = {}
for folder in sorted(Path(sys.argv[1]).iterdir()):
    data = pickle.loads((folder / "data.pkl").read_bytes())
    told = Model.load(folder / "model")
    answer = mlflow.pyfunc.load_model(str(folder / "model")).predict(data)
    example = told.load_input_example(str(folder / "model"))
    found[folder.name] = {
        "answer": np.asarray(answer).tolist(),
        "signature": told.signature is not None and told.signature.inputs is not None,
        "example": None if example is None else {key: np.asarray(value).tolist() for key, value in example.items()}
        if hasattr(example, "items") else np.asarray(example).tolist(),
    }
print("ANSWER", json.dumps(found))
"""  # noqa: E501


def run(script, folder):
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Directories that MLflow wrote, what their models predict, and for what."""
    folder = tmp_path_factory.mktemp("saved")
    run(SAVE, folder)
    return (
        folder,
        json.loads((folder / "expected.json").read_text()),
        pd.read_pickle(folder / "X.pkl"),
    )


BOTH = [
    "xgboost booster",
    "xgboost estimator",
    "lightgbm booster",
    "lightgbm estimator",
    "pipeline skops",
    "pipeline pickle",
    "keras",
]


@pytest.mark.parametrize("name", [*BOTH, "pipeline cloudpickle"])
def test_models_that_mlflow_saved_predict_the_same(saved, name):
    """Without any trust; the signature is MLflow's and names what does not fit."""
    folder, expected, X = saved

    predictor = fitprint.load_predictor(str(folder / name))

    data = X.to_numpy("float32") if name == "keras" else X[["c", "b", "a"]].assign(more=1)
    np.testing.assert_allclose(expected[name], predictor.predict(data), rtol=1e-5)
    with pytest.raises(
        SignatureError, match="shape" if name == "keras" else "column 'b' .*is missing"
    ):
        predictor.predict(X[["a"]].to_numpy() if name == "keras" else X[["a", "c"]])


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("python model", ["cloudpickle", "mlflow.pyfunc.model._load_pyfunc"]),
        ("own loader", ["code/own_loader.py", "own_loader._load_pyfunc"]),
    ],
)
def test_python_models_load_for_who_names_their_code(saved, name, needed):
    """The refusal lists it all in the very call that would trust it; nothing has run before."""
    folder, expected, _ = saved
    uri = str(folder / name)

    with pytest.raises(UntrustedModelError) as refusal:
        fitprint.load_predictor(uri)

    assert (
        str(refusal.value).splitlines()[-1].strip()
        == f'fitprint.load_predictor("{uri}", trust={json.dumps(needed)})'
    )
    for missing in needed:
        with pytest.raises(UntrustedModelError):
            fitprint.load_model(uri, trust=[other for other in needed if other != missing])
    assert "own_loader" not in sys.modules or name == "python model"
    # MLflow warns of much at its import
    script = (
        "import fitprint, json, sys, pandas as pd\n"
        f"found = fitprint.load_predictor({uri!r}, "
        f"trust={needed!r}).predict(pd.read_pickle({str(folder / 'X.pkl')!r}))\n"
        "print('ANSWER', json.dumps(found.tolist()))"
    )
    assert expected[name] == json.loads(run(script, folder).partition("ANSWER ")[2])


def test_params_reach_a_python_model(saved):
    """As MLflow calls them."""
    folder, expected, _ = saved
    trust = ["cloudpickle", "mlflow.pyfunc.model._load_pyfunc"]
    script = (
        "import fitprint, json, pandas as pd\n"
        f"found = fitprint.load_predictor({str(folder / 'python model')!r}, trust={trust!r})"
        f".predict(pd.read_pickle({str(folder / 'X.pkl')!r}), by=4)\n"
        "print('ANSWER', json.dumps(found.tolist()))"
    )
    assert [2 * value for value in expected["python model"]] == json.loads(
        run(script, folder).partition("ANSWER ")[2]
    )


def test_code_beside_a_model_is_imported_only_if_it_is_named(saved, monkeypatch):
    """To trust a class is not to trust the file that a directory brings for it."""
    folder, expected, X = saved
    uri = str(folder / "own class")
    monkeypatch.delenv("OWN_FEATURES_RAN", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))

    with pytest.raises(UntrustedModelError, match="own_features.Sum"):
        fitprint.load_model(uri)
    with pytest.raises(
        UntrustedModelError,
        match=(
            r'code/own_features.py +<- can run any code(.|\n)*"code/own_features.py", '
            r'"own_features.Sum"'
        ),
    ):
        fitprint.load_model(uri, trust=["own_features.Sum"])
    assert "OWN_FEATURES_RAN" not in os.environ

    model = fitprint.load_model(uri, trust=["own_features.Sum", "code/own_features.py"])

    assert expected["own class"] == pytest.approx(model.predict(X).tolist())
    del sys.modules["own_features"]


def test_loaders_that_are_not_installed_are_named(saved, tmp_path):
    """With what to install."""
    (tmp_path / "MLmodel").write_text(
        "flavors:\n  python_function:\n    loader_module: no_such_package.loading\n"
    )

    with pytest.raises(
        FitprintError,
        match=(
            "loaded by no_such_package.loading, which cannot be imported(.|\n"
            ")*pip install no_such_package"
        ),
    ):
        fitprint.load_model(str(tmp_path), trust=["no_such_package.loading._load_pyfunc"])


# -- the other direction ---------------------------------------------------------------------------

RNG = np.random.RandomState(0)
FRAME = pd.DataFrame(RNG.normal(size=(60, 3)), columns=["a", "b", "c"])
TARGET = (FRAME.a > 0).astype(int)


def xgboost_booster():
    import xgboost

    booster = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(FRAME, TARGET), 3)
    return booster, FRAME, booster.predict(xgboost.DMatrix(FRAME))


def estimator(make):
    model = make().fit(FRAME, TARGET)
    return model, FRAME, model.predict(FRAME)


def xgboost_estimator():
    import xgboost

    return estimator(lambda: xgboost.XGBClassifier(n_estimators=3))


def lightgbm_booster():
    import lightgbm

    params = {"objective": "binary", "verbosity": -1, "min_data_in_leaf": 2}
    booster = lightgbm.train(params, lightgbm.Dataset(FRAME, TARGET), 3)
    return booster, FRAME, booster.predict(FRAME)


def lightgbm_estimator():
    import lightgbm

    return estimator(
        lambda: lightgbm.LGBMClassifier(n_estimators=3, verbosity=-1, min_child_samples=2)
    )


def pipeline_of_xgboost():
    import xgboost
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return estimator(lambda: make_pipeline(StandardScaler(), xgboost.XGBClassifier(n_estimators=3)))


def stacking():
    import lightgbm
    import xgboost
    from sklearn.ensemble import StackingClassifier
    from sklearn.linear_model import LogisticRegression

    members = [
        ("xgb", xgboost.XGBClassifier(n_estimators=3)),
        ("lgbm", lightgbm.LGBMClassifier(n_estimators=3, verbosity=-1, min_child_samples=2)),
    ]
    return estimator(lambda: StackingClassifier(members, LogisticRegression(), cv=2))


def keras_array():
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, "sigmoid")])
    data = FRAME.to_numpy("float32")
    return model, data, model.predict(data, verbose=0)


def keras_two_inputs():
    import keras

    first, second = keras.Input((2,), name="first"), keras.Input((3,), name="second")
    joined = keras.layers.Dense(1)(keras.layers.Concatenate()([first, second]))
    model = keras.Model({"first": first, "second": second}, joined)
    data = {"first": np.ones((6, 2), "float32"), "second": np.ones((6, 3), "float32")}
    return model, data, model.predict(data, verbose=0)


OURS = [
    xgboost_booster,
    xgboost_estimator,
    lightgbm_booster,
    lightgbm_estimator,
    pipeline_of_xgboost,
    stacking,
    keras_array,
    keras_two_inputs,
]


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What MLflow makes of our directories."""
    folder = tmp_path_factory.mktemp("ours")
    expected = {}
    for make in OURS:
        model, data, answer = make()
        place = folder / make.__name__
        place.mkdir()
        packed = pack(
            model,
            place / "model",
            flavors=list(hooks().registered("register_flavors").values()),
            signature=infer_signature(data, answer),
            input_example=data,
        )
        assert (packed.facts["safe"], []) == (packed.facts["safe"], packed.facts["needs"])
        assert "problems" not in packed.facts
        (place / "data.pkl").write_bytes(pickle.dumps(data))
        expected[make.__name__] = (data, answer)
    return folder, expected, json.loads(run(LOAD, folder).partition("ANSWER ")[2])


@pytest.mark.parametrize("name", [make.__name__ for make in OURS])
def test_mlflow_predicts_with_our_directories(answers, name):
    """Its python_function reads them, with their signature, and the example is what it was."""
    folder, expected, found = answers
    data, answer = expected[name]

    np.testing.assert_allclose(answer, found[name]["answer"], rtol=1e-5)
    assert found[name]["signature"]
    rows = (
        {key: np.asarray(value)[:5].tolist() for key, value in data.items()}
        if hasattr(data, "items")
        else data[:5].tolist()
    )
    example = found[name]["example"]
    assert rows == (
        example
        if not isinstance(data, pd.DataFrame)
        else {key: value[:5] for key, value in example.items()}
    )
    assert read_manifest(folder / name / "model").signature == infer_signature(data, answer)


@pytest.mark.parametrize("name", [make.__name__ for make in OURS])
def test_predictors_take_what_the_model_was_fitted_with(answers, name):
    """And the same as lists, without trust."""
    folder, expected, _ = answers
    data, answer = expected[name]

    predictor = fitprint.load_predictor(str(folder / name / "model"))

    np.testing.assert_allclose(answer, predictor.predict(data), rtol=1e-5)
    lists = (
        {key: np.asarray(value).tolist() for key, value in data.items()}
        if hasattr(data, "items")
        else data.tolist()
    )
    np.testing.assert_allclose(answer, predictor.predict(lists), rtol=1e-5)
