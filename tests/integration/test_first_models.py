"""The first model that a program records: what it costs the program beside its own framework."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, os, random, sys, warnings
warnings.simplefilter("ignore")
os.environ["CUDA_VISIBLE_DEVICES"], os.environ["OMP_NUM_THREADS"] = "", "1"
import numpy as np
X = np.random.default_rng(0).normal(size=(60, 3))
y = (X[:, 0] > 0).astype(int)
{prepare}
import fitprint
fitprint.configure(context=False, notice=False)
if {tracked}:
    fitprint.autolog()
states = random.getstate(), str(np.random.get_state())
{train}
report = {{"same": states == (random.getstate(), str(np.random.get_state()))}}
report["modules"] = sorted(name for name in sys.modules if name.partition(".")[0] not in sys.stdlib_module_names)
if {tracked}:
    run = fitprint.get_run("@last")
    report["models"] = [model.flavor for model in run.models]
    report["failed"] = run.capture.get("failed")
print(json.dumps(report))
"""  # noqa: E501
OWN_CLASS = """
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
class Own(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self
    def transform(self, X):
        return X
"""
STACK = """
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
forests = [(str(number), RandomForestClassifier(3, random_state=0)) for number in range(2)]
"""
KERAS = """
import keras
net = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])
net.compile("sgd", "mse")
net.summary(print_fn=lambda *texts, **options: None)  # which is recorded too; Keras renders it with more of rich
"""  # noqa: E501
CASES = {
    "sklearn": (
        "from sklearn.linear_model import LogisticRegression",
        "LogisticRegression().fit(X, y)",
        "sklearn",
    ),
    "sklearn stack": (STACK, "StackingClassifier(forests, cv=2).fit(X, y)", "sklearn"),
    "sklearn own class": (
        OWN_CLASS,
        "make_pipeline(Own(), LogisticRegression()).fit(X, y)",
        "sklearn",
    ),
    "lightgbm estimator": (
        "import lightgbm",
        "lightgbm.LGBMClassifier(n_estimators=2, verbose=-1, n_jobs=1).fit(X, y)",
        "lightgbm",
    ),
    "lightgbm": (
        "import lightgbm",
        "lightgbm.train({'verbose': -1, 'num_threads': 1}, lightgbm.Dataset(X, y), 2)",
        "lightgbm",
    ),
    "xgboost estimator": (
        "import xgboost",
        "xgboost.XGBClassifier(n_estimators=2, n_jobs=1).fit(X, y)",
        "xgboost",
    ),
    "xgboost": (
        "import xgboost",
        "xgboost.train({'nthread': 1}, xgboost.DMatrix(X, y), 2)",
        "xgboost",
    ),
    "catboost": (
        "import catboost",
        "catboost.CatBoostClassifier(iterations=2, verbose=0, thread_count=1).fit(X, y)",
        "catboost",
    ),
    "keras": (KERAS, "net.fit(X, y, verbose=0)", "keras"),
}


def told(folder: Path, prepare: str, train: str, *, tracked: bool) -> dict[str, object]:
    folder.mkdir()
    environ = {
        **os.environ,
        "FITPRINT_HOME": str(folder / "home"),
        "XDG_STATE_HOME": str(folder / "state"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    program = PROGRAM.format(prepare=prepare, train=train, tracked=tracked)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return report


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=[] if flavor == "sklearn" else pytest.mark.together)
        for case, (_, _, flavor) in CASES.items()
    ],
)
def test_fault_13_a_first_model_imports_nothing_and_draws_nothing(
    tmp_path: Path, case: str
) -> None:
    """Recording it imports no module of any distribution that the program alone does not, and
    leaves the generators as they were.
    """
    prepare, train, flavor = CASES[case]
    alone = told(tmp_path / "alone", prepare, train, tracked=False)
    recorded = told(tmp_path / "recorded", prepare, train, tracked=True)
    assert (recorded["models"], recorded["failed"]) == ([flavor], None)
    ours = {
        name
        for name in recorded["modules"]
        if name.partition(".")[0].startswith(("fitprint", "wrapt", "pluggy"))
    }
    assert set(recorded["modules"]) - ours - set(alone["modules"]) == set()
    assert recorded["same"] == alone["same"]
