"""Nothing about the user's program changes; every way of running in parallel gives
the right runs.
"""

from __future__ import annotations

import copy
import gc
import inspect
import json
import pickle
import random
import subprocess
import sys
import threading
import types
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import fitprint

X, y = load_diabetes(return_X_y=True)


class Early(RegressorMixin, BaseEstimator):
    """A class of the user's own, defined before autologging is switched on."""

    def __init__(self, shift=0.0):
        self.shift = shift

    def fit(self, X, y):
        self.mean_ = float(np.mean(y)) + self.shift
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


def shape_of_classes() -> dict[str, object]:
    """Return what every class and module of scikit-learn holds."""
    found: dict[str, object] = {}
    for name, module in sorted(sys.modules.items()):
        if name.partition(".")[0] not in ("sklearn", "joblib", "warnings"):
            continue
        for key, value in list(vars(module).items()):
            if isinstance(value, types.FunctionType):
                found[f"{name}.{key}"] = value
            if isinstance(value, type) and value.__module__ == name:
                for attribute, held in vars(value).items():
                    found[f"{name}.{key}.{attribute}"] = getattr(held, "fn", held)
    return found


# -- import order ----------------------------------------------------------------------------------


def test_names_imported_before(tracked):
    """Functions and classes imported before ``autolog()`` are observed."""
    model = Ridge().fit(X[:200], y[:200])
    cross_val_score(Ridge(), X, y)
    iris = load_iris(return_X_y=True)
    classifier = DecisionTreeClassifier().fit(iris[0][:-1], iris[1][:-1])
    accuracy_score(iris[1], classifier.predict(iris[0]))
    assert [run.name for run in tracked.runs()] == [
        "Ridge",
        "cross_val_score Ridge",
        "DecisionTreeClassifier",
    ]
    assert "accuracy_score" in tracked.runs()[2].metrics
    assert model.coef_.shape == (10,)


def test_own_classes_defined_before_and_after(tracked):
    """The user's own classes are observed, whenever they were defined."""

    class Late(Early):
        def fit(self, X, y):
            return super().fit(X, y)

    class WithoutFit(Early):
        pass

    Early(shift=1).fit(X, y)
    Late(shift=2).fit(X, y)
    WithoutFit(shift=3).fit(X, y)
    assert [(run.name, run.params) for run in tracked.runs()] == [
        ("Early", {"shift": 1}),
        ("Late", {"shift": 2}),
        ("WithoutFit", {"shift": 3}),
    ]


def test_framework_imported_after_in_a_program(tmp_path):
    """A program that switches autologging on before it imports scikit-learn records everything."""
    script = f"""
import fitprint
fitprint.configure(home={str(tmp_path)!r}, notice=False, context=False, models=False, strict=True)
fitprint.autolog()
import sys
assert "sklearn" not in sys.modules and "numpy" not in sys.modules
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score
from sklearn.datasets import load_diabetes
Ridge().fit(*load_diabetes(return_X_y=True))
cross_val_score(Ridge(), *load_diabetes(return_X_y=True))
fitprint.autolog(disable=True)
print([run.name for run in fitprint.search_runs(order_by=["start_time"])])
"""
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (output.stdout, output.stderr) == ("['Ridge', 'cross_val_score Ridge']\n", "")


# -- undo ------------------------------------------------------------------------------------------


def test_undo_leaves_no_residue(untracked):
    """Switched off again, every class and module of scikit-learn is what it was."""
    before = shape_of_classes()
    fitprint.autolog(models=False)
    assert shape_of_classes() != before
    Ridge().fit(X, y)
    fitprint.autolog(disable=True)
    after = shape_of_classes()
    assert {
        name for name in before.keys() | after.keys() if before.get(name) is not after.get(name)
    } == set()


def test_with_block(untracked):
    """Only what is inside the block is recorded."""
    with fitprint.autolog(models=False):
        Ridge().fit(X, y)
    Ridge().fit(X, y)
    assert len(untracked.runs()) == 1


# -- identity, pickles, repr -----------------------------------------------------------------------


def test_functions_keep_what_they_are(untracked):
    """Signatures, docstrings, names and types are the originals'."""

    def facts():
        return {
            name: (
                str(inspect.signature(member)),
                member.__doc__,
                member.__qualname__,
                type(member),
                pickle.dumps(member),
            )
            for name, member in {
                "Ridge.fit": Ridge.fit,
                "Ridge.score": Ridge.score,
                "cross_val_score": cross_val_score,
                "accuracy_score": accuracy_score,
                "KFold.split": KFold.split,
            }.items()
        }

    before = facts()
    fitprint.autolog()
    assert facts() == before
    model = Ridge()
    assert type(model.fit) is types.MethodType
    assert model.fit.__func__ is Ridge.fit
    assert pickle.loads(pickle.dumps(model.fit)).__self__.get_params() == model.get_params()
    assert copy.deepcopy({"f": model.fit})["f"].__func__ is Ridge.fit


def test_pickles_are_the_same(untracked):
    """A fitted model's pickle has the bytes that it has without tracking, and nothing of ours."""
    models = [
        Ridge(),
        LogisticRegression(max_iter=300),
        RandomForestClassifier(3, random_state=0),
        make_pipeline(StandardScaler(), Ridge()),
    ]
    bare = [pickle.dumps(clone(model).fit(X, y > 100)) for model in models]
    fitprint.autolog()
    tracked = [pickle.dumps(clone(model).fit(X, y > 100)) for model in models]
    assert tracked == bare
    assert not any(b"fitprint" in dump for dump in tracked)


def test_repr_params_and_clones_are_the_same(tracked):
    """repr, params, attributes and clones of a fitted model are the user's."""
    model = Ridge(alpha=2).fit(X, y)
    with fitprint.off():
        bare = Ridge(alpha=2).fit(X, y)
    assert repr(model) == repr(bare)
    assert vars(model).keys() == vars(bare).keys()
    assert clone(model).get_params() == bare.get_params()


def test_conditional_methods(tracked):
    """``hasattr`` tells the truth about methods that depend on the last step."""
    assert hasattr(make_pipeline(StandardScaler()), "fit_transform")
    assert not hasattr(make_pipeline(StandardScaler(), Ridge()), "fit_predict")
    assert not hasattr(make_pipeline(StandardScaler()), "predict")
    assert not hasattr(GridSearchCV(Ridge(), {}), "predict_proba")


def test_guarded_estimators(tracked):
    """Estimators that refuse foreign attributes, or have slots, can be fitted."""

    class Strict(Ridge):
        def __setattr__(self, name, value):
            if name not in {
                "alpha",
                "fit_intercept",
                "copy_X",
                "max_iter",
                "tol",
                "solver",
                "positive",
                "random_state",
            } and not name.endswith("_"):
                raise AttributeError(name)
            super().__setattr__(name, value)

    class Slotted(RegressorMixin, BaseEstimator):
        __slots__ = ("mean_",)

        def fit(self, X, y):
            self.mean_ = y.mean()
            return self

        def predict(self, X):
            return np.full(len(X), self.mean_)

    Strict().fit(X, y)
    Slotted().fit(X, y)
    assert [run.status for run in tracked.runs()] == ["FINISHED", "FINISHED"]


def test_mixin_that_overrides_score(tracked):
    """A mixin behind the estimator in the class statement, with a ``score`` of its own, keeps its
    place in the method resolution.
    """

    class MyScore(RegressorMixin):
        def score(self, X, y, sample_weight=None):
            return 42.0

    class Mixed(Ridge, MyScore):
        pass

    model = Mixed().fit(X, y)
    assert model.score(X, y) == 42.0
    assert tracked.run().metrics["training_score"] == 42.0


def test_what_fit_returns(tracked):
    """The very object that ``fit`` returns is returned."""

    class Odd(BaseEstimator):
        def fit(self, X):
            return X

    data = [[1]]
    assert Odd().fit(data) is data


# -- random state ----------------------------------------------------------------------------------


class Noisy(ClassifierMixin, BaseEstimator):
    """Predictions draw from every generator there is."""

    def __init__(self, generator=None):
        self.generator = generator

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.calls = 0
        return self

    def predict(self, X):
        self.calls += 1
        random.random()
        np.random.random()
        return self.classes_[self.generator.integers(0, 2, len(X))]


def draw(model):
    """Return what the generators give after a fit."""
    random.seed(0)
    np.random.seed(0)
    model.fit(*load_breast_cancer(return_X_y=True))
    predicted = model.predict(load_breast_cancer().data)
    return [random.random(), np.random.random(), *predicted, getattr(model, "calls", 0)]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Noisy(np.random.default_rng(0)),
        lambda: make_pipeline(StandardScaler(), Noisy(np.random.default_rng(0))),
        lambda: DummyClassifier(strategy="stratified"),
        lambda: DummyClassifier(strategy="uniform", random_state=np.random.RandomState(0)),
        lambda: RandomForestClassifier(3),
        lambda: SGDClassifier(),
    ],
    ids=["own", "pipeline", "dummy", "dummy with a generator", "forest", "sgd"],
)
def test_random_numbers_are_the_same(untracked, make):
    """Global generators and those that an estimator holds give the same numbers, and its
    predictions are not counted.
    """
    bare = draw(make())
    fitprint.autolog(training_metrics_code=["*"])
    assert draw(make()) == bare
    assert untracked.run().metrics["training_accuracy_score"] > 0


# -- data ------------------------------------------------------------------------------------------


def test_data_and_model_are_freed(tracked):
    """Neither the data nor the model is kept alive."""
    data, target = X.copy(), y.copy()
    model = Ridge().fit(data, target)
    cross_val_score(model, data, target)
    references = [weakref.ref(item) for item in (data, target, model)]
    del data, target, model
    gc.collect()
    assert [reference() for reference in references] == [None, None, None]


def test_data_of_a_search_are_freed(tracked):
    """The same for searches and sequences."""
    data, target = load_iris(return_X_y=True)
    search = GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}).fit(data, target)
    sequence = SGDClassifier().partial_fit(data, target, classes=[0, 1, 2])
    references = [weakref.ref(item) for item in (data, target, search, sequence)]
    del data, target, search, sequence
    gc.collect()
    assert [reference() for reference in references] == [None] * 4


def test_read_only_memory_maps(tracked, tmp_path):
    """Data in a read-only memory map are read where they are."""
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    Ridge().fit(mapped, y)
    assert tracked.run().datasets[0].facts["shape"] == [442, 10]


def test_sparse_data_cost_no_memory(tracked):
    """A matrix that would take 8 GB if it were dense is tracked without."""
    import tracemalloc

    # Made from its parts: sparse.random would draw from all 10**9 places.
    draw = np.random.RandomState(0)
    places = draw.randint(2000, size=10_000), draw.randint(500_000, size=10_000)
    data = sparse.csr_matrix((draw.rand(10_000), places), shape=(2000, 500_000))
    model = Ridge(solver="lsqr", max_iter=1)
    tracemalloc.start()
    try:
        model.fit(data, np.arange(2000.0))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100e6


def test_data_are_not_changed(tracked):
    """Frames, arrays and targets are as they were."""
    frame, target = load_iris(return_X_y=True, as_frame=True)
    before = frame.copy(), target.copy()
    LogisticRegression(max_iter=1000).fit(frame, target)
    assert frame.equals(before[0])
    assert target.equals(before[1])


# -- in parallel -----------------------------------------------------------------------------------


def test_eight_threads(tracked):
    """Fits in eight threads at once are a run each, complete."""

    def train(alpha):
        return Ridge(alpha=alpha).fit(X, y)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(train, range(1, 33)))
    runs = tracked.runs()
    assert sorted(run.params["alpha"] for run in runs) == list(range(1, 33))
    assert all(
        run.status == "FINISHED" and "training_r2_score" in run.metrics and len(run.datasets) == 2
        for run in runs
    )


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_workers_inside_a_fit(tracked, backend):
    """A fit that uses threads or processes is one run."""
    with parallel_config(backend=backend):
        RandomForestClassifier(4, n_jobs=2, random_state=0).fit(*load_iris(return_X_y=True))
        cross_val_score(DecisionTreeClassifier(), *load_iris(return_X_y=True), n_jobs=2)
    assert [run.name for run in tracked.all()] == [
        "RandomForestClassifier",
        "cross_val_score DecisionTreeClassifier",
    ]


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_fits_in_workers(tracked, backend):
    """Fits that the user hands to joblib are a run each, in processes too."""
    with parallel_config(backend=backend):
        models = Parallel(n_jobs=2)(delayed(Ridge(alpha=alpha).fit)(X, y) for alpha in (1, 2, 3, 4))
    assert [model.alpha for model in models] == [1, 2, 3, 4]
    assert sorted(run.params["alpha"] for run in tracked.runs()) == [1, 2, 3, 4]
    assert all("training_r2_score" in run.metrics for run in tracked.runs())


def test_fits_in_workers_inside_a_run(tracked):
    """Inside a run of the user's they are its children."""
    with fitprint.start_run("all"):
        Parallel(n_jobs=2)(delayed(Ridge(alpha=alpha).fit)(X, y) for alpha in (1, 2))
    assert sorted(run.params["alpha"] for run in tracked.run().children()) == [1, 2]


def test_forked_child(tmp_path):
    """A forked child's fit is a run of its own, and its parent's go on."""
    script = f"""
import os, warnings
import fitprint
from sklearn.linear_model import Ridge
from sklearn.datasets import load_diabetes
warnings.simplefilter("ignore", DeprecationWarning)
fitprint.configure(home={str(tmp_path)!r}, notice=False, context=False, models=False, strict=True)
fitprint.autolog()
data = load_diabetes(return_X_y=True)
Ridge(alpha=1).fit(*data)
child = os.fork()
if not child:
    Ridge(alpha=2).fit(*data)
    os._exit(0)
os.waitpid(child, 0)
Ridge(alpha=3).fit(*data)
print(sorted((run.params["alpha"], run.status, len(run.metrics) > 3) for run in fitprint.search_runs()))
"""  # noqa: E501
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (output.stdout, output.stderr) == (
        "[(1, 'FINISHED', True), (2, 'FINISHED', True), (3, 'FINISHED', True)]\n",
        "",
    )


def test_fit_inside_a_fit_of_ones_own(tracked):
    """Fits inside a user's own estimator belong to its run."""

    class Stack(BaseEstimator):
        def fit(self, X, y):
            self.models_ = [Ridge(alpha=alpha).fit(X, y) for alpha in (1, 2)]
            return self

        def predict(self, X):
            return np.mean([model.predict(X) for model in self.models_], axis=0)

    Stack().fit(X, y)
    assert [run.name for run in tracked.all()] == ["Stack"]


def test_threads_inside_a_fit_of_ones_own(tracked):
    """A plain thread that a fit starts may fit, too; nothing breaks."""

    class Threaded(BaseEstimator):
        def fit(self, X, y):
            thread = threading.Thread(target=lambda: Ridge().fit(X, y))
            thread.start()
            thread.join()
            return self

    Threaded().fit(X, y)
    assert "Threaded" in [run.name for run in tracked.all()]


def test_off(tracked):
    """Where it is switched off, nothing is recorded."""
    with fitprint.off():
        Ridge().fit(X, y)
    assert tracked.all() == []


_SCRIPT = """
import fitprint
fitprint.configure(home={home!r}, notice=False, context=False, models=False, strict=True)
fitprint.autolog()
import cloudpickle
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator
class Own(BaseEstimator):
    def __init__(self, a=1):
        self.a = a
    def fit(self, X, y=None):
        self.b_ = self.a
        return self
if __name__ == "__main__":
    models = Parallel(n_jobs=2)(delayed(Own(a).fit)([[1]]) for a in range(1, 7))  # each worker gets the class more than once
    with open("model.pkl", "wb") as file:
        cloudpickle.dump(models[0], file)
    {main}
"""  # noqa: E501


def test_classes_of_a_script_in_workers(tmp_path):
    """Fits of a script's own classes in workers are recorded."""
    path = Path(tmp_path / "script.py")
    path.write_text(
        _SCRIPT.format(
            home=str(tmp_path),
            main="print(sorted(run.params['a'] for run in fitprint.search_runs()))",
        ),
        encoding="utf-8",
    )
    output = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (output.stdout, output.stderr) == ("[1, 2, 3, 4, 5, 6]\n", "")


def test_classes_of_a_script(tmp_path):
    """Classes of a script's own go through loky, and pickles of them load where fitprint is not."""
    path = Path(tmp_path / "script.py")
    path.write_text(
        _SCRIPT.format(home=str(tmp_path), main="print([model.b_ for model in models])"),
        encoding="utf-8",
    )
    output = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (output.stdout, output.stderr) == ("[1, 2, 3, 4, 5, 6]\n", "")
    load = (
        "import pickle, sys; sys.modules['fitprint'] = None; "
        "print(pickle.load(open('model.pkl', 'rb')).fit([[1]]).b_)"
    )
    output = subprocess.run(
        [sys.executable, "-c", load], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (output.stdout, output.stderr) == ("1\n", "")


def test_user_runs(tracked):
    """The first fit inside a run of the user's is recorded on it, further ones on children."""
    with fitprint.start_run("mine") as mine:
        Ridge(alpha=1).fit(X, y)
        Ridge(alpha=2).fit(X, y)
    assert mine.params["alpha"] == 1
    assert [child.params["alpha"] for child in mine.children()] == [2]


def test_digits_are_quick(tracked):
    """The capture report tells what recording cost."""
    LogisticRegression(max_iter=3, tol=1).fit(*load_digits(return_X_y=True))
    assert json.dumps(tracked.run().capture)
    assert tracked.run().capture["cost_ms"] > 0


def test_everything_at_once(tmp_path):
    """Eight threads, four processes and a forked child with a search in it: exactly the expected
    runs, each complete.
    """
    path = Path(tmp_path / "script.py")
    path.write_text(
        f"""
import fitprint
fitprint.configure(home={str(tmp_path / "home")!r}, notice=False, context=False, strict=True)
fitprint.autolog()
import os, warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from joblib import Parallel, delayed
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier
if __name__ == "__main__":
    X, y = load_iris(return_X_y=True)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda alpha: Ridge(alpha=alpha).fit(X, y), range(16)))
    Parallel(n_jobs=4)(delayed(DecisionTreeClassifier(max_depth=depth).fit)(X, y) for depth in range(1, 9))
    warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads, in newer Pythons
    child = os.fork()
    if not child:
        GridSearchCV(LogisticRegression(max_iter=2000), {{"C": [0.1, 1, 10]}}, cv=3).fit(X, y)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    runs = fitprint.search_runs(children=True)
    print(sorted(Counter((run.name if run.parent_id is None else "candidate", run.status) for run in runs).items()))
    tops = [run for run in runs if run.parent_id is None]
    print(sorted(run.params["alpha"] for run in tops if run.name == "Ridge") == list(range(16)))
    print(all(run.metrics["training_score"] > 0.5 and len(run.datasets) == 2 and len(run.models) == 1 for run in tops))
    print([len(run.children()) for run in tops if run.kind == "search"])
""",  # noqa: E501
        encoding="utf-8",
    )
    output = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    counts = [(("DecisionTreeClassifier", "FINISHED"), 8), (("GridSearchCV", "FINISHED"), 1)]
    counts += [(("Ridge", "FINISHED"), 16), (("candidate", "FINISHED"), 3)]
    assert (output.stdout.splitlines(), output.stderr) == ([str(counts), "True", "True", "[3]"], "")


def test_parameters_that_are_drawn_when_they_are_asked_for(untracked):
    """Asking an estimator for parameters that it draws leaves its generator as it was, deep inside
    others, too.
    """

    class Drawing(ClassifierMixin, BaseEstimator):
        def __init__(self, random_state=None):
            self.random_state = random_state

        def get_params(self, deep=True):
            return {"random_state": self.random_state.randint(1000)}

        def fit(self, X, y):
            self.seed_ = self.get_params()["random_state"]
            self.classes_ = np.unique(y)
            return self

        def predict(self, X):
            return np.zeros(len(X), dtype=int)

    def train():
        X, y = load_iris(return_X_y=True)
        model = make_pipeline(StandardScaler(), Drawing(np.random.RandomState(0)))
        return model.fit(X, y)[-1].seed_

    bare = train()
    fitprint.autolog(models=False)
    assert train() == bare
