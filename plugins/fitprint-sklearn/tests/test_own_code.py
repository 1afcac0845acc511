"""Training metrics run none of the user's code once more, and depend on counts alone."""

from __future__ import annotations

import functools
import threading

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_iris, make_classification
from sklearn.ensemble import (
    BaggingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LinearRegression, LogisticRegression, LogisticRegressionCV, Ridge
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import fitprint
from fitprint_sklearn.data import Call
from fitprint_sklearn.work import prediction_steps

X, y = load_iris(return_X_y=True)
_calls: list[str] = []


def told(what):
    """Print and count, as the code of a user may do."""
    print(what)
    _calls.append(what)


def prints(estimator, *_):
    told("replaced")
    return np.zeros(len(X), dtype=int)


class Majority(ClassifierMixin, BaseEstimator):
    """The user's own class."""

    def __init__(self, shift=0):
        self.shift = shift

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        told("predict")
        return np.full(len(X), self.classes_[-1])

    def predict_proba(self, X):
        told("predict_proba")
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


class Scaled(TransformerMixin, BaseEstimator):
    """The user's own transformer."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        told("transform")
        return np.asarray(X) / 2

    def get_feature_names_out(self, names=None):
        return np.asarray(names)


class Deciding(LogisticRegression):
    def decision_function(self, X):
        told("decision_function")
        return super().decision_function(X)


class Probable(DecisionTreeClassifier):
    def predict_proba(self, X):
        told("predict_proba")
        return super().predict_proba(X)


class Scoring(DecisionTreeClassifier):
    def score(self, X, y, sample_weight=None):
        told("score")
        return 0.5


class Searching(GridSearchCV):
    def predict(self, X):
        told("predict")
        return super().predict(X)


class Kernel(RBF):
    def __call__(self, X, Y=None, eval_gradient=False):
        told("kernel")
        return super().__call__(X, Y, eval_gradient)


def halved(X):
    told("halved")
    return np.asarray(X) / 2


def kernel(A, B):
    told("kernel")
    return A @ B.T


def distance(a, b):
    _calls.append("distance")
    return float(abs(a - b).sum())


def words(text):
    told("words")
    return text.split()


def scoring(estimator, X, y):
    told("scoring")
    return float((estimator.predict(X) == y).mean())


def loss(true, predicted):
    told("loss")
    return float((true == predicted).mean())


def with_own_method():
    model = LogisticRegression(max_iter=500)
    predict = model.predict

    def predicting(X):
        told("predict")
        return predict(X)

    model.predict = predicting
    return model


def with_partial():
    model = DecisionTreeClassifier()
    model.predict = functools.partial(told, "predict")
    return model


CLASSES = {
    "alone": Majority,
    "pipeline": lambda: make_pipeline(StandardScaler(), Majority()),
    "deep pipeline": lambda: make_pipeline(
        StandardScaler(), Pipeline([("inner", make_pipeline(Scaled(), LogisticRegression()))])
    ),
    "search": lambda: GridSearchCV(Majority(), {"shift": [0, 1]}, cv=3, scoring="accuracy"),
    "search class": lambda: Searching(LogisticRegression(max_iter=500), {"C": [1.0, 2.0]}, cv=3),
    "search in a pipeline": lambda: make_pipeline(
        StandardScaler(), GridSearchCV(Majority(), {"shift": [0, 1]}, cv=3)
    ),
    "stacking": lambda: StackingClassifier(
        [("own", Majority()), ("tree", DecisionTreeClassifier())], cv=3
    ),
    "voting": lambda: VotingClassifier([("own", Majority()), ("tree", DecisionTreeClassifier())]),
    "calibrated": lambda: CalibratedClassifierCV(Majority(), cv=3),
    "several outputs": lambda: MultiOutputClassifier(Majority()),
    "one against the rest": lambda: OneVsRestClassifier(Majority()),
    "bagging": lambda: BaggingClassifier(Majority(), n_estimators=3),
    "function": lambda: make_pipeline(
        FunctionTransformer(halved), LogisticRegression(max_iter=500)
    ),
    "vectorized function": lambda: make_pipeline(
        FunctionTransformer(np.vectorize(lambda v: told("v") or v)), DecisionTreeClassifier()
    ),
    "ufunc": lambda: make_pipeline(
        FunctionTransformer(np.frompyfunc(lambda v: told("v") or v, 1, 1)),
        StandardScaler(),
        DecisionTreeClassifier(),
    ),
    "partial": lambda: make_pipeline(
        FunctionTransformer(functools.partial(halved)), DecisionTreeClassifier()
    ),
    "columns": lambda: make_pipeline(
        ColumnTransformer([("own", Scaled(), [0, 1]), ("rest", "passthrough", [2, 3])]),
        DecisionTreeClassifier(),
    ),
    "union": lambda: make_pipeline(
        FeatureUnion([("own", Scaled()), ("scaled", StandardScaler())]), DecisionTreeClassifier()
    ),
    "kernel": lambda: SVC(kernel=kernel),
    "metric": lambda: KNeighborsClassifier(metric=distance),
    "weights": lambda: KNeighborsClassifier(weights=halved),
    "kernel class": lambda: TransformedTargetRegressor(
        GaussianProcessRegressor(Kernel(), optimizer=None)
    ),
    "target": lambda: TransformedTargetRegressor(
        LinearRegression(), func=halved, inverse_func=halved, check_inverse=False
    ),
    "decision_function": lambda: Deciding(max_iter=500),
    "predict_proba": Probable,
    "score": Scoring,
    "method of the object": with_own_method,
    "partial of the object": with_partial,
    "scoring": lambda: GridSearchCV(
        LogisticRegression(max_iter=500), {"C": [1.0, 2.0]}, cv=3, scoring=scoring
    ),
    "scorer": lambda: GridSearchCV(
        LogisticRegression(max_iter=500), {"C": [1.0, 2.0]}, cv=3, scoring=make_scorer(loss)
    ),
    "scores": lambda: GridSearchCV(
        Ridge(), {"alpha": [1.0]}, cv=3, scoring={"a": make_scorer(loss), "b": scoring}, refit="a"
    ),
    "scoring of a classifier": lambda: LogisticRegressionCV(
        Cs=2, cv=3, scoring=scoring, max_iter=500
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CLASSES)
def test_fault_13b_own_code_is_called_as_often_as_without_tracking(untracked, capsys, name):
    """What the user's code prints and counts is the same, whatever holds it."""
    target = np.column_stack([y, y]) if name == "several outputs" else y

    def train():
        _calls.clear()
        CLASSES[name]().fit(X, target)
        return list(_calls), capsys.readouterr().out

    bare = train()
    fitprint.autolog(models=False)
    assert train() == bare
    skipped = untracked.run().capture["skipped"]
    assert any("own" in reason for reason in skipped.values())


def test_fault_13b_a_function_for_texts_is_not_called_once_more(tracked, capsys):
    """The same for a tokenizer, whose data are texts."""
    model = make_pipeline(
        CountVectorizer(tokenizer=words, token_pattern=None), LogisticRegression()
    )
    model.fit(["one two", "two three", "three"], [0, 1, 1])
    assert capsys.readouterr().out == "words\n" * 3
    assert "test_own_code.words" in tracked.run().capture["skipped"]["training metrics"]


def test_fault_13b_a_method_put_in_the_place_of_a_class_is_not_called(tracked, monkeypatch):
    """Somebody wraps the method of scikit-learn's class, as a profiler does."""
    original = Ridge.predict
    monkeypatch.setattr(
        Ridge,
        "predict",
        functools.wraps(original)(lambda self, X: told("predict") or original(self, X)),
    )
    _calls.clear()
    Ridge().fit(X, y)
    assert _calls == []
    assert "training_r2_score" not in tracked.run().metrics


def test_own_classes_that_only_fit_are_judged(tracked):
    """A class that defines nothing but its constructor and ``fit`` predicts with scikit-learn's
    code.
    """

    class Careful(DecisionTreeClassifier):
        def __init__(self, max_depth=2):
            super().__init__(max_depth=max_depth)

        def fit(self, X, y):
            told("fit")
            return super().fit(X, y)

    assert "training_accuracy_score" in tracked.of(lambda: Careful().fit(X, y)).metrics


def test_metrics_of_own_code_come_from_later_calls(tracked):
    """The user's own score and metrics are what is recorded."""
    model = Majority().fit(X, y)
    accuracy_score(y, model.predict(X))
    model.score(X, y)
    assert {name for name in tracked.run().metrics if name.startswith("training_")} == {
        "training_accuracy_score",
        "training_score",
    }


def test_own_code_that_is_named_is_called(tracked):
    """A name in the setting lets it be called, and no other."""
    fitprint.configure(training_metrics_code=["*test_own_code.Majority"])
    assert "training_accuracy_score" in tracked.of(lambda: Majority().fit(X, y)).metrics
    assert "training_accuracy_score" not in tracked.of(lambda: Probable().fit(X, y)).metrics


def test_own_scoring_that_is_named_is_called(tracked):
    """The same for a function."""
    fitprint.configure(training_metrics_code=["*.scoring"])
    model = GridSearchCV(LogisticRegression(max_iter=500), {"C": [1.0]}, cv=3, scoring=scoring)
    assert tracked.of(lambda: model.fit(X, y)).metrics["training_score"] > 0.9


# -- how much work ---------------------------------------------------------------------------------


def test_fault_23_equal_fits_on_a_busy_machine_have_equal_metrics(tracked):
    """Ten equal forests, while other threads keep the processor."""
    features, target = make_classification(2000, 20, random_state=0)
    forest = RandomForestClassifier(20, max_depth=8, random_state=0)
    done = threading.Event()

    def burn():
        while not done.is_set():
            sum(range(10_000))

    burning = [threading.Thread(target=burn) for _ in range(2)]
    for thread in burning:
        thread.start()
    try:
        found = [set(tracked.of(lambda: forest.fit(features, target)).metrics) for _ in range(10)]
    finally:
        done.set()
        for thread in burning:
            thread.join()
    assert "training_score" in found[0]
    assert found == found[:1] * 10


def test_fault_23_work_is_told_from_counts(tracked, monkeypatch):
    """Nobody asks a clock whether to predict: one that runs a thousand times as fast changes
    nothing.
    """
    import time

    features, target = make_classification(3000, 20, random_state=0)
    models = [
        RandomForestClassifier(20, random_state=0),
        KNeighborsClassifier(),
        SVC(),
        LogisticRegression(),
    ]
    before = [
        set(tracked.of(lambda model=model: model.fit(features, target)).metrics) for model in models
    ]
    real = time.perf_counter
    monkeypatch.setattr(time, "perf_counter", lambda: real() * 1000)
    assert [
        set(tracked.of(lambda model=model: model.fit(features, target)).metrics) for model in models
    ] == before
    assert [("training_score" in found) for found in before] == [True, False, False, True]


def test_fault_13d_the_reason_names_the_limit_and_what_is_left_of_it(tracked):
    """A second prediction is compared with what the first has left, and the reason says so."""
    with fitprint.off():
        steps = prediction_steps(KNeighborsClassifier().fit(X, y), Call(X, y), len(X))
    fitprint.configure(training_metrics_work=1.5 * steps / 1e6)
    run = tracked.of(lambda: KNeighborsClassifier().fit(X, y))
    assert "training_accuracy_score" in run.metrics
    whole, left = f"{steps / 1e6:.3g}", f"{0.5 * steps / 1e6:.3g}"
    allowed = f"`training_metrics_work` allows {1.5 * steps / 1e6:g}, of which {left} are left"
    expected = f"`predict_proba` takes {whole} million steps of work, {allowed}"
    assert run.capture["skipped"]["training metrics of probabilities"] == expected


@pytest.mark.parametrize(
    ("model", "steps"),
    [
        (LogisticRegression(max_iter=500), 150 * 4 + 150 * 3 * (4 + 50)),
        (DecisionTreeClassifier(max_depth=2), 150 * 4 + 150 * (5 * 2 + 3)),
        (KNeighborsClassifier(), 150 * 4 + 150 * 150 * (4 + 50)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_fault_23_steps(model, steps):
    """The documented counts, and little beside them: intercepts, classes and the like."""
    assert prediction_steps(model.fit(X, y), Call(X, y), 150) == pytest.approx(
        steps, rel=0.02 if steps > 50_000 else 0.5
    )


def test_fault_13c_a_class_that_was_judged_is_judged_again_when_a_method_of_it_is_replaced(
    tracked, monkeypatch
):
    """What is remembered of a framework's class holds for as long as its methods are
    the same ones.
    """
    _calls.clear()
    before = tracked.of(lambda: DecisionTreeClassifier().fit(X, y))
    monkeypatch.setattr(DecisionTreeClassifier, "predict_proba", prints)
    replaced = tracked.of(lambda: DecisionTreeClassifier().fit(X, y))
    monkeypatch.undo()
    after = tracked.of(lambda: DecisionTreeClassifier().fit(X, y))
    assert [] == _calls
    assert "prints" in replaced.capture["skipped"]["training metrics"]
    assert [True, False, True] == [
        "training_score" in run.metrics for run in (before, replaced, after)
    ]


def test_fault_13c_a_method_that_a_base_gets_anew_is_seen(tracked, monkeypatch):
    """So are the members of its bases."""
    tracked.of(lambda: DecisionTreeClassifier().fit(X, y))
    monkeypatch.setattr(ClassifierMixin, "predict_log_proba", prints, raising=False)
    replaced = tracked.of(lambda: DecisionTreeClassifier().fit(X, y))
    assert "prints" in replaced.capture["skipped"]["training metrics"]
