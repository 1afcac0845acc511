"""``fitprint demo``."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec

from fitprint.errors import FitprintError

__all__ = ["COMMAND", "Demonstrating"]

_SCRIPT = """\
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fitprint

fitprint.autolog()

# a pipeline
X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(X_train, y_train)
pipeline.score(X_test, y_test)

# a search: every candidate becomes a run of its own below it
search = GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__C": [0.01, 0.1, 1.0, 10.0]}, cv=3)
search.fit(X_train, y_train)

# a network, with the curve of its loss
X, y = load_digits(return_X_y=True)
MLPClassifier((32,), learning_rate_init=0.01, early_stopping=True, n_iter_no_change=5, random_state=0).fit(X / 16, y)


# an estimator of your own
class NearestMean(RegressorMixin, BaseEstimator):
    def __init__(self, bins=5):
        self.bins = bins

    def fit(self, X, y):
        self.edges_ = np.quantile(X[:, 2], np.linspace(0, 1, self.bins + 1)[1:-1])
        bins = np.digitize(X[:, 2], self.edges_)
        self.means_ = np.array([y[bins == each].mean() for each in range(self.bins)])
        return self

    def predict(self, X):
        return self.means_[np.digitize(X[:, 2], self.edges_)]


X, y = load_diabetes(return_X_y=True)
for bins in (4, 8):
    NearestMean(bins=bins).fit(X, y)
"""  # noqa: E501


class Demonstrating:
    """The script runs on data sets that come with scikit-learn. Its runs are recorded where yours
    would be.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--script", action="store_true", help="print the script instead of running it"
        )

    def run(self, arguments: argparse.Namespace) -> int:
        if arguments.script:
            print(_SCRIPT, end="")
            return 0
        missing = [
            package
            for module, package in (
                ("sklearn", "scikit-learn"),
                ("fitprint_sklearn", "fitprint-sklearn"),
            )
            if not find_spec(module)
        ]
        if missing:
            raise FitprintError(
                f"the demo needs {' and '.join(missing)}: pip install {' '.join(missing)}"
            )
        return _train_and_list()


COMMAND = Demonstrating()


def _train_and_list() -> int:
    from fitprint.api import search_runs
    from fitprint.cli.commands.listing import show_table
    from fitprint.cli.script import run_source
    from fitprint.cli.terminal import tell
    from fitprint.recording.workspace import configure, current
    from fitprint.views.selection import tree

    tell(
        "training with `fitprint.autolog()` on scikit-learn's data sets (`fitprint demo --script` "
        "shows the script) ..."
    )
    configure(notice=False)
    before = {run.id for run in search_runs()}
    status = run_source(_SCRIPT.encode(), "demo.py", lambda: None)
    if status:
        return status
    store = current().store
    runs = [
        run.record for run in search_runs(filter_string="parent_id is null") if run.id not in before
    ]
    if not runs:
        raise FitprintError("nothing was recorded; `fitprint doctor` may know why")
    show_table(store, tree(store, runs, unfold=False))
    tell(
        f"recorded in {current().home}; now try: fitprint show @last, fitprint ls --all, fitprint "
        "ls --sort -best_cv_score"
    )
    sys.stdout.flush()
    return 0
