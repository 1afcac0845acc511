"""The unmodified MLflow loads what we packed, and we load what it saved.

MLflow runs in a process of its own: in the Python named by ``FITPRINT_MLFLOW_PYTHON``, or else in
this one, which must have it.
"""

import contextlib
import importlib.util
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.cluster import Birch
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from fitprint.errors import UntrustedModelError
from fitprint.models import yaml_text
from fitprint.models.directory import pack, read_manifest
from fitprint.models.loading import load_directory
from fitprint.models.pickle_flavor import PickleFlavor
from fitprint.models.signature import infer_signature
from fitprint_sklearn.flavor import SklearnFlavor

pytestmark = pytest.mark.mlflow

FLAVORS = [SklearnFlavor(), PickleFlavor()]

WORKER = """
import json, logging, pickle, sys, warnings
warnings.simplefilter("ignore")
out, sys.stdout = sys.stdout, sys.stderr
import mlflow, numpy, yaml
import mlflow.pyfunc, mlflow.sklearn
from mlflow.models import Model, infer_signature
logging.disable(logging.CRITICAL)

def listed(value):
    return numpy.asarray(value).tolist()

def answer(do, **given):
    data = pickle.load(open(given["data"], "rb")) if given.get("data") else None
    if do == "version":
        return mlflow.__version__
    if do == "pyfunc":
        return listed(mlflow.pyfunc.load_model(given["directory"]).predict(data))
    if do == "flavor":
        return listed(mlflow.sklearn.load_model(given["directory"]).predict(data))
    if do == "signature":
        return bool(Model.load(given["directory"]).signature)
    if do == "example":
        found = Model.load(given["directory"]).load_input_example(given["directory"])
        if hasattr(found, "columns"):
            return {"columns": found.columns.tolist(), "rows": found.values.tolist()}
        return {key: listed(value) for key, value in found.items()} if isinstance(found, dict) else listed(found)
    if do == "serve":
        with open(f"{given['directory']}/serving_input_example.json") as file:
            return listed(mlflow.models.validate_serving_input(given["directory"], file.read()))
    if do == "requirements":
        return open(mlflow.pyfunc.get_model_dependencies(given["directory"])).read()
    if do == "save":
        model, X = data
        mlflow.sklearn.save_model(model, given["directory"], serialization_format=given["format"], pip_requirements=["scikit-learn"],
                                  signature=infer_signature(X, model.predict(X)), input_example=X[:2])
        return None
    if do == "yaml_load":
        return yaml.safe_load(given["text"])
    if do == "yaml_dump":
        return yaml.safe_dump(given["content"], default_flow_style=False)

for line in sys.stdin:
    try:
        reply = {"answer": answer(**json.loads(line))}
    except Exception as error:
        reply = {"error": f"{type(error).__name__}: {error}"}
    out.write(json.dumps(reply) + "\\n")
    out.flush()
"""  # noqa: E501


class MLflow:
    """A process with MLflow in it that answers questions, one line each."""

    def __init__(self, python, folder):
        self._folder = folder
        environment = {
            **os.environ,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
        }
        environment.pop("PYTHONPATH", None)
        self._process = subprocess.Popen(
            [python, "-c", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=folder,
            env=environment,
        )

    def ask(self, do, data=None, **given):
        if data is not None:
            path = self._folder / "data.pkl"
            path.write_bytes(pickle.dumps(data))
            given["data"] = str(path)
        if "directory" in given:
            given["directory"] = str(given["directory"])
        self._process.stdin.write(json.dumps({"do": do, **given}) + "\n")
        self._process.stdin.flush()
        reply = json.loads(self._process.stdout.readline())
        if "error" in reply:
            raise AssertionError(reply["error"])
        return reply["answer"]

    def close(self):
        self._process.communicate()


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory):
    python = os.environ.get("FITPRINT_MLFLOW_PYTHON")
    if python is None:
        if importlib.util.find_spec("mlflow") is None:
            pytest.fail(
                "these tests need MLflow: run `tox -e mlflow`, or set FITPRINT_MLFLOW_PYTHON to a "
                "Python that has it"
            )
        python = sys.executable
    with contextlib.closing(MLflow(python, tmp_path_factory.mktemp("mlflow"))) as process:
        assert process.ask("version").startswith("3.17.")
        yield process


rng = np.random.RandomState(0)
X = rng.normal(size=(80, 4))
y = (X[:, 0] + X[:, 1] > 0).astype(int)
FRAME = pd.DataFrame(X, columns=["a", "b", "c d", "e:f"])
MIXED = FRAME.assign(kind=np.where(y, "left", "right"), count=np.arange(80))

MODELS = {
    "logistic regression": (LogisticRegression(), X),
    "logistic regression on a frame": (LogisticRegression(), FRAME),
    "pipeline": (make_pipeline(StandardScaler(), LogisticRegression()), FRAME),
    "column transformer": (
        make_pipeline(
            make_column_transformer(
                (OneHotEncoder(), ["kind"]),
                (StandardScaler(), ["a", "count"]),
                remainder="passthrough",
            ),
            LogisticRegression(),
        ),
        MIXED,
    ),
    "grid search": (GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2), X),
    "random forest": (RandomForestClassifier(5, random_state=0), FRAME),
    "gradient boosting": (GradientBoostingRegressor(n_estimators=5), X),
    "histogram gradient boosting": (HistGradientBoostingClassifier(max_iter=5), X),
    "neighbours": (KNeighborsClassifier(), X),
    "support vectors": (SVC(), X),
    "linear regression": (LinearRegression(), FRAME),
    "birch, a pickle": (Birch(n_clusters=2), X),
    "sparse": (LogisticRegression(), scipy.sparse.csr_matrix(X)),
}


@pytest.mark.parametrize("name", MODELS)
def test_models_predict_the_same_under_mlflow(mlflow, tmp_path, name):
    """Both of MLflow's loaders predict what the estimator does."""
    model, data = MODELS[name]
    model.fit(data, y)
    pack(
        model,
        tmp_path / "model",
        flavors=FLAVORS,
        signature=infer_signature(data, model.predict(data)),
        input_example=data,
    )

    expected = model.predict(data).tolist()

    assert expected == mlflow.ask("pyfunc", data, directory=tmp_path / "model")
    assert expected == mlflow.ask("flavor", data, directory=tmp_path / "model")
    assert mlflow.ask("signature", directory=tmp_path / "model")


def test_best_estimator_of_a_search_predicts_the_same(mlflow, tmp_path):
    """The best estimator of a search is a model like any other."""
    search = GridSearchCV(make_pipeline(StandardScaler(), SVC()), {"svc__C": [0.1, 1.0]}, cv=2).fit(
        X, y
    )
    pack(search.best_estimator_, tmp_path / "model", flavors=FLAVORS, signature=infer_signature(X))

    assert search.predict(X).tolist() == mlflow.ask("pyfunc", X, directory=tmp_path / "model")


def test_class_of_a_script_predicts_the_same(mlflow, tmp_path):
    """An estimator that a script defines is packed by value and needs no script to load."""
    script = tmp_path / "train.py"
    script.write_text(
        "import sys, numpy\n"
        "from pathlib import Path\n"
        "from sklearn.base import BaseEstimator, ClassifierMixin\n"
        "from fitprint.models.directory import pack\n"
        "from fitprint_sklearn.flavor import SklearnFlavor\n"
        "class Threshold(ClassifierMixin, BaseEstimator):\n"
        "    def fit(self, X, y):\n"
        "        self.cut_ = float(X[:, 0].mean())\n"
        "        return self\n"
        "    def predict(self, X):\n"
        "        return (numpy.asarray(X)[:, 0] > self.cut_).astype(int)\n"
        "X = numpy.arange(12.0).reshape(6, 2)\n"
        "packed = pack(Threshold().fit(X, X[:, 0] > 4), Path(sys.argv[1]), "
        "flavors=[SklearnFlavor()])\n"
        "assert packed.facts['serialization'] == 'cloudpickle' and not packed.facts['safe']\n",
    )
    paths = [path for path in sys.path if path]
    subprocess.run(
        [sys.executable, script, tmp_path / "model"],
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )

    assert [0, 0, 0, 1, 1, 1] == mlflow.ask(
        "pyfunc", np.arange(12.0).reshape(6, 2), directory=tmp_path / "model"
    )
    with pytest.raises(UntrustedModelError, match="can run any code"):
        load_directory(tmp_path / "model", FLAVORS)
    model = load_directory(tmp_path / "model", FLAVORS, trust=["cloudpickle"])
    assert [0, 1] == model.predict(np.array([[0.0, 0.0], [9.0, 0.0]])).tolist()


def test_any_object_with_predict_loads_as_pyfunc(mlflow, tmp_path):
    """The flavor of last resort is readable to MLflow too."""
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    pack(pipeline, tmp_path / "model", flavors=[PickleFlavor()])

    assert pipeline.predict(X).tolist() == mlflow.ask("pyfunc", X, directory=tmp_path / "model")


DATES = pd.date_range("2024-01-01", periods=4)
DATA = {
    "floats": pd.DataFrame({"a": [1.5, np.nan, 2.0, 3.0], "b": np.arange(4, dtype="float32")}),
    "integers": pd.DataFrame(
        {f"i{size}": np.arange(4, dtype=f"int{size}") for size in (8, 16, 32, 64)}
    ),
    "unsigned": pd.DataFrame(
        {f"u{size}": np.arange(4, dtype=f"uint{size}") for size in (8, 16, 32, 64)}
    ),
    "integers with missing values": pd.DataFrame({"a": pd.array([1, None, 3, 4], dtype="Int64")}),
    "small integers with missing values": pd.DataFrame(
        {"a": pd.array([1, None, 3, 4], dtype="Int8")}
    ),
    "objects of integers": pd.DataFrame({"a": pd.Series([1, None, 3, 4], dtype=object)}),
    "booleans": pd.DataFrame({"a": [True, False, True, True]}),
    "booleans with missing values": pd.DataFrame(
        {"a": pd.array([True, None, False, True], dtype="boolean")}
    ),
    "strings": pd.DataFrame(
        {"a": ["x", None, "y", "z"], "b": pd.Series(["x", "y", "z", "z"], dtype=object)}
    ),
    "categories": pd.DataFrame({"a": pd.Categorical(["x", "y", "x", None]), "b": [1, 2, 3, 4]}),
    "dates": pd.DataFrame({"a": DATES, "b": DATES.tz_localize("UTC").tz_localize(None)}),
    "time zones": pd.DataFrame({"a": DATES.tz_localize("Europe/Paris")}),
    "bytes": pd.DataFrame({"a": [b"x", b"y", b"z", b""]}),
    "mixed objects": pd.DataFrame({"a": pd.Series([1, "x", None, 2.5], dtype=object)}),
    "lists": pd.DataFrame({"a": [[1, 2], [3], [], [4]]}),
    "numbered columns": pd.DataFrame(np.eye(4)),
    "odd column numbers": pd.DataFrame(np.eye(4), columns=[3, 0, 7, 1]),
    "repeated columns": pd.DataFrame(np.eye(4), columns=["a", "b", "a", "c"]),
    "column of no name": pd.DataFrame(np.eye(4), columns=["a", "", "b", "c"]),
    "series": pd.Series(["x", "y", "z", "w"], name="text"),
    "floats, one dimension": np.arange(4.0),
    "floats, three dimensions": np.zeros((4, 2, 3)),
    "half floats": np.zeros((4, 2), dtype="float16"),
    "texts": np.array(["x", "yy", "z", "w"]),
    "objects": np.array(["x", 1, None, 2.5], dtype=object),
    "sparse matrix": scipy.sparse.csr_matrix(np.eye(4)),
    "sparse array": scipy.sparse.csr_array(np.eye(4)),
    "list of texts": ["x", "y", "z", "w"],
    "list of rows": [[1, 2.0], [3, 4.0], [5, 6.0], [7, 8.0]],
}


@pytest.mark.parametrize("name", DATA)
def test_mlflow_accepts_the_data_that_a_signature_was_inferred_from(mlflow, tmp_path, name):
    """Whatever a model was fitted with, MLflow lets it through."""
    data = DATA[name]
    model = DummyClassifier(strategy="constant", constant=1).fit(np.zeros((4, 1)), [0, 1, 0, 1])
    pack(model, tmp_path / "model", flavors=FLAVORS, signature=infer_signature(data, np.ones(4)))

    assert [1, 1, 1, 1] == mlflow.ask("pyfunc", data, directory=tmp_path / "model")
    assert mlflow.ask("signature", directory=tmp_path / "model")


@pytest.mark.parametrize(
    "data",
    [
        FRAME,
        MIXED,
        X,
        {"a": np.arange(8.0).reshape(4, 2), "b": np.arange(4)},
        pd.DataFrame(np.eye(4)),
        ["x", "y"],
        FRAME.assign(a=np.nan),
    ],
)
def test_mlflow_reads_the_input_example(mlflow, tmp_path, data):
    """The first rows come back as they were."""
    model = DummyClassifier().fit(X, y)
    pack(
        model,
        tmp_path / "model",
        flavors=FLAVORS,
        signature=infer_signature(data),
        input_example=data,
    )

    found = mlflow.ask("example", directory=tmp_path / "model")

    if isinstance(data, pd.DataFrame):
        pd.testing.assert_frame_equal(
            data.head(), pd.DataFrame(found["rows"], columns=found["columns"]), check_dtype=False
        )
    elif isinstance(data, dict):
        assert {key: value[:5].tolist() for key, value in data.items()} == found
    else:
        assert np.asarray(data)[:5].tolist() == found


@pytest.mark.parametrize(
    "data", [FRAME, X, MIXED[["a", "count"]]], ids=["frame", "array", "integers"]
)
def test_mlflow_serves_the_serving_example(mlflow, tmp_path, data):
    """What MLflow's server would be sent gives what the estimator gives."""
    model = LogisticRegression(max_iter=1000).fit(data, y)
    pack(
        model,
        tmp_path / "model",
        flavors=FLAVORS,
        signature=infer_signature(data),
        input_example=data,
    )

    assert model.predict(data[:5]).tolist() == mlflow.ask("serve", directory=tmp_path / "model")


def test_mlflow_reads_the_requirements(mlflow, tmp_path):
    """The requirements pin what the model is made of, and nothing else."""
    pack(LogisticRegression().fit(X, y), tmp_path / "model", flavors=FLAVORS)

    lines = mlflow.ask("requirements", directory=tmp_path / "model").split()

    assert ["numpy", "scikit-learn", "scipy", "skops"] == [
        line.partition("==")[0] for line in lines
    ]


@pytest.mark.parametrize("form", ["skops", "pickle", "cloudpickle"])
def test_models_that_mlflow_saved_load(mlflow, tmp_path, form):
    """A framework's own classes need no trust, in whichever format MLflow wrote them."""
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(FRAME, y)
    mlflow.ask("save", (model, FRAME), directory=tmp_path / "model", format=form)

    loaded = load_directory(tmp_path / "model", FLAVORS)

    assert model.predict(FRAME).tolist() == loaded.predict(FRAME).tolist()
    signature = read_manifest(tmp_path / "model").signature
    assert FRAME is signature.enforce(FRAME)


@pytest.mark.parametrize("form", ["pickle", "cloudpickle"])
def test_foreign_code_in_what_mlflow_saved_is_refused(mlflow, tmp_path, form):
    """A function that is not the framework's has to be named, and named functions pass."""
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    model.note = os.getcwd  # stands for anything that the environment at hand can import
    mlflow.ask("save", (model, X), directory=tmp_path / "model", format=form)

    with pytest.raises(UntrustedModelError, match=r'trust=\["(posix|nt)\.getcwd"\]'):
        load_directory(tmp_path / "model", FLAVORS)
    assert (
        os.getcwd
        is load_directory(
            tmp_path / "model", FLAVORS, trust=[f"{os.getcwd.__module__}.getcwd"]
        ).note
    )


def test_mlmodel_reads_as_pyyaml_reads_it(mlflow, tmp_path):
    """What we write means the same to PyYAML, and what MLflow writes means the same to us."""
    model = LogisticRegression().fit(FRAME, y)
    pack(
        model,
        tmp_path / "ours",
        flavors=FLAVORS,
        signature=infer_signature(FRAME, y),
        input_example=FRAME,
    )
    mlflow.ask("save", (model, FRAME), directory=tmp_path / "theirs", format="skops")

    for folder in ("ours", "theirs"):
        text = Path(tmp_path / folder / "MLmodel").read_text(encoding="utf-8")
        assert mlflow.ask("yaml_load", text=text) == yaml_text.load(text)


TEXT = (
    st.text(st.characters(codec="utf-8"), max_size=30)
    | st.text("ab :#'\"\n\\-{}[],&*!|>%@`?~0123.eE+_ ", max_size=100)
    | st.sampled_from(
        [
            "true",
            "Null",
            "1e5",
            "1.5e+3",
            "0x1f",
            "012",
            "1_000",
            "- a",
            "a: b",
            "2020-01-01",
            "12:30",
            "=",
            "<<",
            "y",
        ]
    )
)
# PyYAML puts an empty key into a form that we do not read
KEYS = st.text("ab :#'\"-{}[],&*!01.~", min_size=1, max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(content=st.dictionaries(KEYS, VALUES, min_size=1, max_size=4))
def test_yaml_text_agrees_with_pyyaml(mlflow, content):
    """Both ways, for any content."""
    assert content == mlflow.ask("yaml_load", text=yaml_text.dump(content))
    assert content == yaml_text.load(mlflow.ask("yaml_dump", content=content))
