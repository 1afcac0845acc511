"""Models at home: pickles under their owner's seal, and what becomes of them elsewhere."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import fitprint
from fitprint.bundles import export_runs, import_runs
from fitprint.errors import FitprintError, IntegrityError, UntrustedModelError
from fitprint.hooks.manager import hooks
from fitprint.recording.workspace import current

X = np.random.default_rng(0).normal(size=(40, 3))
y = (X[:, 0] > 0).astype(int)


class Counted(TransformerMixin, BaseEstimator):
    """Counts how often it is written and read."""

    written = 0
    read = 0

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X

    def __getstate__(self):
        type(self).written += 1
        return {}

    def __setstate__(self, state):
        type(self).read += 1


@pytest.fixture
def tracked(untracked):
    """Autologging is on, models included."""
    fitprint.autolog()
    return untracked


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function from which on the user is another."""
    return lambda: monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "stranger"))


def test_fault_13_a_class_of_the_user_is_written_once_and_not_loaded_back(untracked):
    model = make_pipeline(Counted(), LogisticRegression()).fit(X, y)
    Counted.written = Counted.read = 0
    with fitprint.start_run() as run:
        run.log_model(model)
    assert (Counted.written, Counted.read) == (1, 0)


def test_fault_13_a_model_takes_the_bytes_of_its_pickle(tracked):
    """Nothing is added to it that grows with the model."""
    model = RandomForestClassifier(30, random_state=0)
    run = tracked.of(lambda: model.fit(X, y))
    (kept,) = [artifact for artifact in run.artifacts if artifact.path == "model/model.pkl"]
    assert kept.size == len(pickle.dumps(model, 5))


def test_a_stranger_is_asked_for_what_the_owner_is_not(tracked, stranger):
    """The refusal says that the seal is not the reader's."""
    run = tracked.of(lambda: make_pipeline(Counted(), LogisticRegression()).fit(X, y))
    uri = f"runs:/{run.id}/model"
    assert type(fitprint.load_model(uri)[0]) is Counted
    stranger()
    with pytest.raises(UntrustedModelError, match="loads as a stranger's does"):
        fitprint.load_model(uri)
    assert type(fitprint.load_model(uri, trust=[f"{__name__}.Counted"])[0]) is Counted


def test_a_stranger_needs_no_trust_in_models_of_the_framework(tracked, stranger):
    model = RandomForestClassifier(3, random_state=0)
    run = tracked.of(lambda: model.fit(X, y))
    stranger()
    assert (
        fitprint.load_model(f"runs:/{run.id}/model").predict(X).tolist()
        == model.predict(X).tolist()
    )


def test_bytes_that_were_exchanged_are_not_unpickled(tracked):
    run = tracked.of(lambda: LogisticRegression().fit(X, y))
    (kept,) = [artifact for artifact in run.artifacts if artifact.path == "model/model.pkl"]
    current().staging.path_of(kept.digest).write_bytes(pickle.dumps(Counted()))
    Counted.read = 0
    with pytest.raises(IntegrityError):
        fitprint.load_model(f"runs:/{run.id}/model")
    assert Counted.read == 0


def test_a_class_that_is_gone_is_named(tracked, monkeypatch):
    run = tracked.of(lambda: make_pipeline(Counted(), LogisticRegression()).fit(X, y))
    monkeypatch.delattr(sys.modules[__name__], "Counted")
    with pytest.raises(FitprintError, match=r"Counted.*define or import it under the same name"):
        fitprint.load_model(f"runs:/{run.id}/model")


@pytest.mark.skipif(os.name == "nt", reason="there are no such modes")
def test_the_files_are_private(tracked):
    run = tracked.of(lambda: LogisticRegression().fit(X, y))
    modes = {
        current().staging.path_of(artifact.digest).stat().st_mode & 0o777
        for artifact in run.artifacts
    }
    assert modes == {0o600}


def test_a_model_of_a_script_loads_in_another_program(tracked, tmp_path):
    """What the script defined comes back by value."""
    (tmp_path / "script.py").write_text(
        "import fitprint, numpy\n"
        "from sklearn.base import BaseEstimator, ClassifierMixin\n"
        "class Mine(ClassifierMixin, BaseEstimator):\n"
        "    def fit(self, X, y):\n"
        "        self.classes_ = numpy.unique(y)\n"
        "        return self\n"
        "    def predict(self, X):\n"
        "        return numpy.full(len(X), 1)\n"
        "fitprint.autolog()\n"
        "Mine().fit([[0], [1]], [0, 1])\n"
    )
    environ = {**os.environ, "FITPRINT_STORE": ""}
    subprocess.run(
        [sys.executable, str(tmp_path / "script.py")], check=True, env=environ, timeout=120
    )
    code = "import fitprint; print(fitprint.load_model('runs:/@last/model').predict([[5]]))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env=environ,
        timeout=120,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "[1]\n"


# -- elsewhere -------------------------------------------------------------------------------------


def exported(run, tmp_path):
    """Return the run as it is in another home, to which a bundle was brought."""
    export_runs(current(), [run.id], tmp_path / "bundle")
    fitprint.configure(home=tmp_path / "elsewhere", store=f"memory://{tmp_path}/elsewhere")
    import_runs(current(), tmp_path / "bundle")
    return fitprint.get_run(run.id)


def test_an_exported_model_needs_neither_seal_nor_trust(tracked, tmp_path, stranger):
    """It is skops, keeps signature and example, and the digest of what was recorded."""
    model = LogisticRegression().fit(X, y)
    with fitprint.start_run() as run:
        run.log_model(model, inputs=X, input_example=X)
    (before,) = fitprint.get_run(run.id).models
    found = exported(run, tmp_path)
    stranger()
    (after,) = found.models
    assert (before.facts["serialization"], after.facts["serialization"], after.facts["safe"]) == (
        "pickle",
        "skops",
        True,
    )
    assert (after.facts["recorded"], after.facts["signature"]) == (
        before.digest,
        before.facts["signature"],
    )
    assert {artifact.path for artifact in found.artifacts} >= {
        "model/model.skops",
        "model/input_example.json",
    }
    assert "model/model.pkl" not in {artifact.path for artifact in found.artifacts}
    assert (
        fitprint.load_model(f"runs:/{run.id}/model").predict(X).tolist()
        == model.predict(X).tolist()
    )


def test_a_model_of_somebody_else_leaves_as_it_is(tracked, tmp_path, stranger):
    """Nothing of it is loaded for that."""
    run = tracked.of(lambda: make_pipeline(Counted(), LogisticRegression()).fit(X, y))
    stranger()
    Counted.read = 0
    (model,) = exported(run, tmp_path).models
    assert (model.facts["serialization"], Counted.read) == ("pickle", 0)


def test_a_model_whose_class_is_gone_leaves_as_it_is_and_this_is_told(
    tracked, tmp_path, monkeypatch, caplog
):
    run = tracked.of(lambda: make_pipeline(Counted(), LogisticRegression()).fit(X, y))
    monkeypatch.delattr(sys.modules[__name__], "Counted")
    monkeypatch.setattr(hooks(), "strict", False)
    (model,) = exported(run, tmp_path).models
    assert model.facts["serialization"] == "pickle"
    assert "leaves as a pickle" in caplog.text
