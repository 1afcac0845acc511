"""The fitted models that fits record."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, StandardScaler

import fitprint
from fitprint.recording import deferred


@pytest.fixture
def recorded(untracked):
    """Autologging is on, models are recorded."""
    fitprint.autolog()
    return untracked


class Own(RegressorMixin, BaseEstimator):
    """A class of the user's own."""

    def fit(self, X, y):
        self.mean_ = y.mean()
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


@pytest.mark.parametrize(
    "model",
    [RandomForestClassifier(3, random_state=0), make_pipeline(StandardScaler(), Ridge())],
    ids=lambda model: type(model).__name__,
)
def test_model_predicts_the_same(recorded, model):
    """The recorded model is loaded without trusting anything, and predicts what the fitted one
    does.
    """
    X, y = load_iris(return_X_y=True, as_frame=True)
    run = recorded.of(lambda: model.fit(X, y))
    loaded = fitprint.load_model(f"runs:/{run.id}/model")
    assert (loaded.predict(X) == model.predict(X)).all()


def test_signature(recorded):
    """The signature knows the columns of the training data and the kind of the predictions."""
    X, y = load_iris(return_X_y=True, as_frame=True)
    run = recorded.of(lambda: Ridge().fit(X, y))
    (model,) = run.models
    assert [field["name"] for field in model.facts["signature"]["inputs"]["fields"]] == list(
        X.columns
    )
    assert model.facts["signature"]["outputs"] is not None


def test_own_class(recorded):
    """A class of the user's own is recorded, and loaded by who trusts it."""
    run = recorded.of(lambda: Own().fit(*load_diabetes(return_X_y=True)))
    (model,) = run.models
    loaded = fitprint.load_model(f"runs:/{run.id}/model", trust=model.facts["needs"])
    assert loaded.mean_ == pytest.approx(load_diabetes().target.mean())


def test_model_of_a_search(recorded):
    """A search's model is its best estimator."""
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 10.0]})
    run = recorded.of(lambda: search.fit(*load_diabetes(return_X_y=True)))
    assert (
        fitprint.load_model(f"runs:/{run.id}/model").get_params()
        == search.best_estimator_.get_params()
    )
    assert all(child.models == () for child in run.children())


def test_input_example(recorded):
    """On wish the first rows of the training data are kept beside the model."""
    fitprint.configure(input_examples=True)
    run = recorded.of(lambda: Ridge().fit(*load_diabetes(return_X_y=True)))
    assert "model/input_example.json" in {artifact.path for artifact in run.artifacts}


def test_model_that_cannot_be_saved(recorded):
    """A model that no format can hold costs the run nothing else, and the report says so."""
    fitprint.configure(strict=False)
    fitprint.hooks.manager.reset()

    class Local(Own):
        def fit(self, X, y):
            self.function_ = (item for item in X)
            return super().fit(X, y)

    run = recorded.of(lambda: Local().fit(*load_diabetes(return_X_y=True)))
    assert (run.status, run.models) == ("FINISHED", ())
    assert "model" in run.capture["failed"]


def test_last_state_of_a_sequence(recorded, tmp_path):
    """A sequence of partial fits ends with the program,
    and its model is what the last call left.
    """
    script = f"""
import fitprint
fitprint.configure(home={str(tmp_path / "home")!r}, notice=False, context=False, strict=True)
fitprint.autolog()
from sklearn.datasets import load_iris
from sklearn.linear_model import SGDClassifier
X, y = load_iris(return_X_y=True)
model = SGDClassifier(random_state=0)
for _ in range(5):
    model.partial_fit(X, y, classes=[0, 1, 2])
print(model.t_)
"""
    database = f"sqlite:///{tmp_path / 'home' / 'fitprint.db'}"
    environment = {**os.environ, "FITPRINT_STORE": database}
    output = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        check=False,
    )
    assert output.stderr == ""
    fitprint.configure(home=tmp_path / "home", store=database)
    (run,) = fitprint.search_runs()
    assert (run.status, len(run.history("rows"))) == ("FINISHED", 5)
    assert fitprint.load_model(f"runs:/{run.id}/model").t_ == float(output.stdout)


def test_models_of_many_partial_fits(recorded):
    """A sequence does not save its model at every call."""
    X, y = load_iris(return_X_y=True)
    model = SGDClassifier(random_state=0)
    for _ in range(30):
        model.partial_fit(X, y, classes=[0, 1, 2])
    (run,) = recorded.runs()
    assert len(run.models) == 1
    assert len(run.history("fit_time")) == 30


@pytest.mark.parametrize(
    ("train", "why"),
    [
        (lambda: LabelEncoder().fit(["a", "b"]), "a target alone"),
        (
            lambda: CountVectorizer().fit(text for text in ["one two", "two three"]),
            "no data whose columns",
        ),
        (lambda: Ridge().fit(memoryview(np.eye(3)), [1.0, 2.0, 3.0]), "could not be inferred"),
    ],
    ids=["target", "generator", "buffer"],
)
def test_fault_21_a_model_without_a_signature_says_why(recorded, train, why):
    """The capture report tells it, whatever the data."""
    run = recorded.of(train)
    assert run.models[0].facts["signature"] is None
    assert why in run.capture["skipped"]["signature"]


def test_fault_21_the_last_state_of_a_sequence_has_the_signature(recorded):
    """A model that is saved when its sequence ends has the signature of the first call."""
    model = SGDClassifier()
    for _ in range(30):
        model.partial_fit(np.eye(3), [0, 1, 1], classes=[0, 1])
    run = recorded.run()
    assert [-1, 3] == run.models[-1].facts["signature"]["inputs"]["fields"][0]["shape"]


def test_fault_13c_fits_of_a_loop_write_what_is_new_and_little_of_that(recorded, monkeypatch):
    """Metrics of one step are one write, a series comes with its first point, and bytes that are
    there are not written again.

    Profiles that are known, of X, y and the prediction, go with that, and nothing is left for the
    background.
    """
    X, y = load_iris(return_X_y=True)
    write, sizes, behind, made, opened = os.write, [], [], [], os.open
    waits = threading.get_ident()

    def count(number, data):
        (sizes if threading.get_ident() == waits else behind).append(len(data))
        return write(number, data)

    def note(path, flags, *more, **options):
        if flags & os.O_CREAT:
            made.append(path)
        return opened(path, flags, *more, **options)

    GaussianNB().fit(X, y)
    deferred.finish(60)
    monkeypatch.setattr(os, "write", count)
    monkeypatch.setattr(os, "open", note)
    GaussianNB().fit(X, y)
    deferred.finish(60)
    monkeypatch.undo()
    first, second = recorded.runs()
    assert ([], True, []) == (made, len(sizes) <= 16, behind), sizes
    assert {artifact.digest for artifact in first.artifacts} == {
        artifact.digest for artifact in second.artifacts
    }
    assert first.metrics.keys() == second.metrics.keys()
