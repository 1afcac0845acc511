"""Which calls are runs: what the user's code trains, and nothing that scikit-learn or a package of
its family trains for itself.
"""

from __future__ import annotations

import importlib
import inspect
import pickle
import pkgutil
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial, wraps
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClusterMixin, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, LearningCurveDisplay
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, LabelEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import parallel
from sklearn.utils.discovery import all_estimators, all_functions

import fitprint
from fitprint.autologging.framework import Framework, SubclassMethod
from fitprint.testing import Case, FrameworkConformance
from fitprint_sklearn.framework import SklearnFramework

rng = np.random.RandomState(0)
X = np.abs(rng.normal(size=(60, 4)))
y = np.arange(60) % 2
TEXTS = ["one two", "two three", "three four one"] * 20
RECIPES: list[tuple[Any, ...]] = [
    (X, y),
    (X, np.column_stack([y, 1 - y])),
    (X[:, 0], y),
    (y,),
    (TEXTS, y),
    ([["a"], ["b"]] * 30,),
]
RECIPES += [([{"a": 1.0}, {"b": 2.0}] * 30,), (X, X[:, :2])]
FITS = ("fit", "fit_transform", "fit_predict", "partial_fit")
JUDGING = (
    "predict predict_proba predict_log_proba decision_function transform inverse_transform "
    "score score_samples kneighbors"
)
JUDGING += (
    " kneighbors_graph radius_neighbors radius_neighbors_graph staged_predict apply "
    "sample mahalanobis error_norm bic aic"
)
PARTS: dict[str, Any] = {
    "estimator": LogisticRegression(),
    "estimators": [("a", LogisticRegression()), ("b", DecisionTreeClassifier(max_depth=2))],
    "base_estimator": LogisticRegression(),
    "transformers": [("a", StandardScaler(), [0, 1])],
    "transformer_list": [("a", StandardScaler())],
    "steps": [("a", StandardScaler()), ("b", LogisticRegression())],
    "param_grid": {"max_iter": [100, 200]},
    "param_distributions": {"max_iter": [100, 200]},
    "dictionary": np.eye(4),
    "n_components": 2,
}
SMALL = {
    "n_estimators": 3,
    "max_iter": 20,
    "cv": 2,
    "n_init": 1,
    "n_iter": 2,
    "max_time": 1,
    "max_subpopulation": 10,
    "n_quantiles": 10,
}
SMALL |= {
    "n_jobs": None,
    "perplexity": 5,
    "n_restarts_optimizer": 0,
    "degree": 2,
    "random_state": 0,
}


def made(cls: Any) -> Any:
    """Return a small estimator of a class."""
    parameters = inspect.signature(cls).parameters
    required = {
        name for name, parameter in parameters.items() if parameter.default is parameter.empty
    }
    names = {name for name in required if name in PARTS} | (
        parameters.keys() & {"n_components"} if "NMF" in cls.__name__ else set()
    )
    options = {name: PARTS[name] for name in names} | {
        name: SMALL[name] for name in parameters.keys() & SMALL.keys()
    }
    if "Regress" in cls.__name__ and "estimators" in options:
        options["estimators"] = [("a", Ridge()), ("b", LinearRegression())]
    if "Regress" in cls.__name__ and "estimator" in options:
        options["estimator"] = Ridge()
    return cls(**options)


def fitted(cls: Any) -> tuple[Any, tuple[Any, ...]] | None:
    """Return a fitted estimator of a class, and what it was fitted to; None if nobody knows how."""
    for data in RECIPES:
        try:
            return made(cls).fit(*data), data
        except Exception:  # noqa: BLE001 - another recipe may fit
            continue
    return None


def everything() -> list[tuple[str, Any]]:
    found = dict(all_estimators())
    return sorted(found.items())


@pytest.fixture
def quiet() -> Iterator[None]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def names(tracked: Any) -> list[str]:
    return [run.name for run in tracked.runs()]


# -- calls that are no runs ------------------------------------------------------------------------


@pytest.mark.parametrize("kept", ["as it is", "pickled"])
def test_fault_15_predicting_makes_no_run(untracked, kept):
    """A model that was fitted before autologging, or loaded, encodes labels each time that it
    predicts: no run of the user's.
    """
    model = CalibratedClassifierCV(LinearSVC(), cv=3).fit(X, y)
    model = pickle.loads(pickle.dumps(model)) if kept == "pickled" else model
    fitprint.autolog(models=False)
    model.predict(X)
    model.predict_proba(X)
    model.score(X, y)
    assert [] == names(untracked)


def test_fault_15_a_loaded_predictor_makes_no_run(untracked):
    fitprint.autolog()
    CalibratedClassifierCV(LinearSVC(), cv=2).fit(X, y)
    (run,) = untracked.runs()
    fitprint.load_predictor(f"runs:/{run.id}/model").predict(X)
    assert ["CalibratedClassifierCV"] == names(untracked)


def test_fault_15_a_prediction_of_the_users_own_makes_no_run(untracked):
    """Whatever a class of the user's does in its ``predict``, also where nobody saw its ``fit``."""

    class Lazy(BaseEstimator):
        def fit(self, X, y):
            return self

        def predict(self, X):
            return LabelEncoder().fit_transform(X[:, 0] > 1)

    model = Lazy().fit(X, y)
    fitprint.autolog(models=False)
    model.predict(X)
    assert [] == names(untracked)


def test_fault_15_nothing_but_training_makes_a_run(untracked, quiet):
    """Every method of every estimator that was fitted unseen, but those that train."""
    models = [(name, found) for name, cls in everything() if (found := fitted(cls)) is not None]
    fitprint.autolog(models=False, training_metrics=False)
    called, culprits, before = 0, [], 0
    for name, (model, data) in models:
        for method in JUDGING.split():
            try:
                result = getattr(model, method)(
                    *(data if method in ("score", "error_norm") else data[:1])
                )
                called += 1
                list(result) if method == "staged_predict" else None
            except Exception:  # noqa: BLE001 - it has no such method, or wants something else
                continue
        if (count := len(untracked.all())) != before:
            culprits.append(name)
            before = count
    assert [] == culprits
    assert called > 400
    assert len(models) > 150


ARGUMENTS: dict[str, Any] = {
    "X": X,
    "y": y,
    "Y": X,
    "x": X[:, 0],
    "Z": X,
    "y_true": y,
    "y_pred": y,
    "y_score": X[:, 0],
    "labels": y,
    "labels_true": y,
    "labels_pred": y,
    "array": X,
    "arrays": X,
    "S": -(X @ X.T),
    "affinity": X @ X.T,
    "adjacency": X @ X.T,
    "n_clusters": 2,
    "n_neighbors": 3,
    "radius": 1.0,
    "n_components": 2,
    "X_embedded": X[:, :2],
    "alpha": 1.0,
    "eps": 0.5,
    "estimator": LogisticRegression(),
    "classes": [0, 1],
    "u": X,
    "v": X,
    "values": X,
    "dissimilarities": np.abs(X @ X.T),
    "covariance": np.eye(4),
    "emp_cov": np.cov(X.T),
    "n_samples": 20,
    "features": [0],
    "dictionary": np.eye(4),
    "M": X,
    "a": X,
    "b": X.T,
    "percentage": 0.5,
    "y_prob": X[:, 0] / 10,
    "y_proba": X[:, 0] / 10,
    "probas_pred": X[:, 0],
    "param_grid": {"max_iter": [10]},
    "n_splits": 2,
    "y_type": "binary",
    "method": "predict",
    "Xy": X.T @ y,
    "Gram": X.T @ X,
    "tol": None,
    "param_name": "C",
    "param_range": [0.1, 1.0],
    "func": len,
    "loss_func": abs,
    "score_func": max,
    "raw_documents": TEXTS,
    "n_features": 3,
}
OPTIONS = {"permutation_test_score": {"n_permutations": 2}}


def public_functions(package: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield every public function of a package, by its name."""
    seen = set()
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if any(
            part.startswith("_") or part in ("tests", "conftest", "estimator_checks", "externals")
            for part in info.name.split(".")
        ):
            continue
        try:
            module = importlib.import_module(info.name)
        except ImportError:  # it needs what is not installed
            continue
        for name in getattr(module, "__all__", ()):
            function = getattr(module, name, None)
            if (
                inspect.isfunction(function)
                and function not in seen
                and not name.startswith(("fetch_", "load_", "clear_", "check_"))
            ):
                seen.add(function)
                yield f"{module.__name__}.{name}", function


TRAININGS = {
    *("k_means", "dbscan", "mean_shift", "spectral_clustering", "affinity_propagation"),
    *(
        "enet_path",
        "lasso_path",
        "lars_path",
        "orthogonal_mp",
        "ridge_regression",
        "isotonic_regression",
    ),
    *(
        "cross_val_predict",
        "cross_val_score",
        "cross_validate",
        "learning_curve",
        "permutation_test_score",
        "validation_curve",
    ),
}


def test_fault_16_helper_functions_make_no_run(tracked, quiet):
    """Every public function of scikit-learn, but those that train by name: of these each call is
    one run.
    """
    fitprint.configure(training_metrics=False, models=False)
    found = dict(public_functions(sklearn))
    assert {name for name, _ in all_functions()} & TRAININGS <= {
        name.rpartition(".")[2] for name in found
    }
    called, expected = 0, []
    for path, function in found.items():
        name = path.rpartition(".")[2]
        required = [
            parameter
            for parameter in inspect.signature(function).parameters.values()
            if parameter.default is parameter.empty
            and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
        if any(parameter.name not in ARGUMENTS for parameter in required):
            continue
        with np.errstate(all="ignore"):
            try:
                # Through the module: names that were taken before are those of the originals.
                called_now = getattr(importlib.import_module(path.rpartition(".")[0]), name)
                called_now(
                    *(ARGUMENTS[parameter.name] for parameter in required), **OPTIONS.get(name, {})
                )
            except Exception:  # noqa: BLE001 - it wants something else
                continue
        called += 1
        if name in TRAININGS:
            expected.append(name)
    assert expected == [run.name.split()[0] for run in tracked.runs() if run.status == "FINISHED"]
    assert {run.name.split()[0] for run in tracked.runs()} <= TRAININGS
    assert len(expected) > 10
    assert called > 120


def test_fault_16_helpers_of_the_framework_make_no_run(tracked):
    """Those that were found to make some, one by one."""
    from sklearn.cluster import estimate_bandwidth
    from sklearn.datasets import make_multilabel_classification
    from sklearn.decomposition import SparseCoder, dict_learning_online
    from sklearn.feature_selection import mutual_info_classif
    from sklearn.manifold import locally_linear_embedding, trustworthiness
    from sklearn.neighbors import kneighbors_graph

    mutual_info_classif(X, y)
    kneighbors_graph(X, 3)
    trustworthiness(X, X[:, :2])
    estimate_bandwidth(X)
    make_multilabel_classification(n_samples=20)
    locally_linear_embedding(X, n_neighbors=5, n_components=2)
    dict_learning_online(X, n_components=2, max_iter=2)
    SparseCoder(np.eye(4)).transform(X)
    assert [] == names(tracked)


def test_fault_16_what_a_resampler_trains_makes_no_run(tracked, quiet):
    """Every resampler of imbalanced-learn, its report, and an estimator of the user's inside of
    one.
    """
    pytest.importorskip("imblearn")
    from imblearn import combine, over_sampling, under_sampling
    from imblearn.metrics import classification_report_imbalanced

    class Own(LogisticRegression):
        def fit(self, X, y):
            StandardScaler().fit(X)
            return super().fit(X, y)

    unbalanced = (np.arange(60) % 4 == 0).astype(int)
    called = 0
    for module, name in [
        (package, name)
        for package in (combine, over_sampling, under_sampling)
        for name in package.__all__
    ]:
        try:
            getattr(module, name)().fit_resample(X, unbalanced)
            called += 1
        except Exception:  # noqa: BLE001 - it wants other data
            continue
    under_sampling.InstanceHardnessThreshold(estimator=Own(), cv=2).fit_resample(X, unbalanced)
    classification_report_imbalanced(unbalanced, unbalanced)
    assert [] == names(tracked)
    assert called > 15


# -- calls that are --------------------------------------------------------------------------------


def test_every_way_to_train_is_one_run(untracked, quiet):
    """Every estimator by every method that trains, called from here: no more and no fewer runs than
    calls.
    """
    models = [(cls, found[1]) for _, cls in everything() if (found := fitted(cls)) is not None]
    fitprint.autolog(models=False, training_metrics=False)
    expected, started = [], []
    for cls, data in models:
        for method in FITS:
            model = made(cls)
            if not hasattr(model, method):
                continue
            before = len(untracked.runs())
            try:
                getattr(model, method)(
                    *data[
                        : 1 if method == "fit_predict" and isinstance(model, ClusterMixin) else None
                    ]
                )
            except Exception:  # noqa: BLE001
                # such a run has failed, and what the user's call did not fit is none
                continue
            expected.append((cls.__name__, method, 1))
            started.append((cls.__name__, method, len(untracked.runs()) - before))
    assert expected == started
    assert len(expected) > 250


def through_wrapper(function):
    @wraps(function)
    def retried(*args, **kwargs):
        return function(*args, **kwargs)

    return retried


WAYS: dict[str, Callable[[Any], Any]] = {
    "a call": lambda model: model.fit(X, y),
    "a map": lambda model: list(map(model.fit, [X], [y])),
    "a partial": lambda model: partial(model.fit, X)(y),
    "a decorator": lambda model: through_wrapper(model.fit)(X, y),
    "a thread": lambda model: ThreadPoolExecutor(1).submit(model.fit, X, y).result(),
    "a task in threads": lambda model: joblib.Parallel(2, backend="threading")(
        [joblib.delayed(model.fit)(X, y)]
    ),
    "a task in turn": lambda model: joblib.Parallel(1)([joblib.delayed(model.fit)(X, y)]),
    "a task of scikit-learn's": lambda model: parallel.Parallel(2, backend="threading")(
        [parallel.delayed(model.fit)(X, y)]
    ),
    "a script": lambda model: exec(
        "model.fit(X, y)", {"__name__": "__main__", "model": model, "X": X, "y": y}
    ),
    "nameless code": lambda model: exec("model.fit(X, y)", {"model": model, "X": X, "y": y}),
    "code with an odd name": lambda model: exec(
        "model.fit(X, y)", {"__name__": [], "model": model, "X": X, "y": y}
    ),
    "a package of somebody's": lambda model: exec(
        "model.fit(X, y)", {"__name__": "acme.models", "model": model, "X": X, "y": y}
    ),
    "tests of the framework": lambda model: exec(
        "model.fit(X, y)",
        {"__name__": "sklearn.svm.tests.test_svm", "model": model, "X": X, "y": y},
    ),
    "super": lambda model: type(
        "Own", (type(model),), {"fit": lambda self, X, y: LogisticRegression.fit(self, X, y)}
    )().fit(X, y),
    "a function that is transformed with": lambda model: FunctionTransformer(
        lambda X: model.fit(X, y) and X
    ).transform(X),
    "a pipeline": lambda model: make_pipeline(StandardScaler(), model).fit(X, y),
    "a search": lambda model: GridSearchCV(model, {"C": [1.0]}, cv=2).fit(X, y),
    "a curve that is drawn": lambda model: LearningCurveDisplay.from_estimator(model, X, y, cv=2),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_training_by_the_users_hand_is_one_run(tracked, way):
    """Whoever else stands between: the standard library, a decorator, a pool, or a company's
    package.
    """
    if "drawn" in way:
        pytest.importorskip("matplotlib").use("agg")
    WAYS[way](LogisticRegression())
    assert 1 == len(tracked.runs())


def test_a_method_that_the_framework_wraps_is_the_users(tracked):
    """scikit-learn puts a wrapper of its own around ``fit_transform`` of a class that is defined
    later.
    """

    class Own(TransformerMixin, BaseEstimator):
        def fit_transform(self, X, y=None):
            return X

        def transform(self, X):
            return X

    Own().fit_transform(X)
    PCA(2).fit_transform(X)
    assert ["Own", "PCA"] == names(tracked)


@pytest.mark.parametrize(
    "name",
    sorted(
        TRAININGS
        & {"k_means", "dbscan", "mean_shift", "lasso_path", "ridge_regression", "lars_path"}
    ),
)
def test_a_function_that_trains_is_a_run_of_its_name(tracked, name):
    from sklearn import cluster, linear_model

    function = getattr(cluster, name, None) or getattr(linear_model, name)
    others = {
        "k_means": (2,),
        "ridge_regression": (y, 1.0),
        "lasso_path": (y,),
        "lars_path": (y,),
    }.get(name, ())
    function(X, *others)
    run = tracked.run()
    assert (name, "FINISHED", "fit") == (run.name, run.status, run.kind)
    assert not run.capture.get("failed")
    assert ("n_clusters" in run.metrics) == hasattr(cluster, name)
    assert {"k_means": 2, "ridge_regression": 1.0}.get(name) == run.params.get(
        "n_clusters", run.params.get("alpha")
    )


def test_helpers_are_packages_that_nobody_else_has():
    """A name such as ``lightning`` would be that of another framework's."""
    assert {"imblearn", "hdbscan"} <= set(SklearnFramework.helpers)
    assert not {"lightning", "skorch", "kedro", "mapie"} & set(SklearnFramework.helpers)


class Greedy(Framework):
    """A framework whose target is wider than scikit-learn's."""

    name = "greedy"
    distribution = "scikit-learn"

    def __init__(self, target: Any) -> None:
        self.target = target

    def targets(self) -> list[Any]:
        return [self.target]


def observe(fit: Any) -> Iterator[None]:
    fit.params({})
    yield


@pytest.mark.parametrize("is_nearer", [True, False])
def test_fault_18_the_kit_tells_whose_plugin_observed(is_nearer):
    """A plugin that another one takes its calls from fails; aimed at its own class it does not."""
    wider = "sklearn.utils._metadata_requests:_MetadataRequester"
    path = "sklearn.linear_model._ridge:Ridge" if is_nearer else wider

    class Conformance(FrameworkConformance):
        framework = Greedy(SubclassMethod(path, "fit", observe))
        cases = (
            Case("ridge", lambda: {"model": Ridge()}, lambda model: model.fit(X, y), model=None),
        )

    (item,) = [
        item for item in Conformance().items() if item.name == "observed_beside_other_plugins"
    ]
    if is_nearer:
        item.run()
    else:
        with pytest.raises(
            AssertionError, match="observed by the plugin for sklearn, not by that for greedy"
        ):
            item.run()


def test_a_method_that_two_classes_share_stays_one_object(untracked):
    """While autologging is on, and after."""

    class First(LinearRegression):
        def fit(self, X, y, **named):
            return super().fit(X, y, **named)

    original = First.fit
    fitprint.autolog(models=False)

    class Second(BaseEstimator):
        fit = First.fit

    class Third(First):
        fit = First.fit

    assert Third.fit is Second.fit is First.fit
    run = untracked.of(lambda: Third().fit([[1.0], [2.0]], [1.0, 2.0]))
    assert run.name == "Third"
    fitprint.autolog(disable=True)
    assert Third.fit is Second.fit is First.fit is original
