"""CatBoost inside scikit-learn's pipelines and searches."""

from __future__ import annotations

import catboost
import pytest
from sklearn import datasets

import fitprint

QUIET = {
    "logging_level": "Silent",
    "allow_writing_files": False,
    "random_seed": 0,
    "thread_count": 1,
}


@pytest.fixture
def recorded(runs):
    """Autologging is on, models are not recorded."""
    fitprint.autolog(models=False)
    return runs


def test_rounds_in_a_pipeline_are_the_pipelines(recorded):
    """One run, with the pipeline's parameters and CatBoost's curve."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = datasets.load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), catboost.CatBoostClassifier(iterations=4, **QUIET))
    model.fit(X, y)
    run = recorded.one()
    assert ("Pipeline", 4) == (run.name, run.params["catboostclassifier__iterations"])
    assert [0, 1, 2, 3] == list(run.history("learn-MultiClass").step)
    assert 0 == len(run.children())


def test_a_search_has_one_child_for_each_candidate(recorded):
    """The fits of folds are no runs of their own."""
    from sklearn.model_selection import GridSearchCV

    X, y = datasets.load_iris(return_X_y=True)
    GridSearchCV(
        catboost.CatBoostClassifier(iterations=2, **QUIET),
        {"depth": [1, 2]},
        cv=2,
        scoring="accuracy",
    ).fit(X, y)
    run = recorded.one()
    assert ("search", ["candidate"] * 2) == (run.kind, [child.kind for child in run.children()])


def test_metrics_of_scikit_learn_find_the_run(recorded):
    """Predictions of a recorded CatBoost model are judged on its run."""
    from sklearn.metrics import accuracy_score

    X, y = datasets.load_iris(return_X_y=True)
    model = catboost.CatBoostClassifier(iterations=2, **QUIET).fit(X, y)
    expected = accuracy_score(y, model.predict(X))
    assert expected == recorded.one().metrics["accuracy_score"]


def test_compositions_count_as_ours(runs):
    """Where the settings want CatBoost alone, a pipeline with it is recorded, and one without it is
    not.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fitprint.autolog(models=False, training_metrics=False, include_frameworks=["catboost"])
    X, y = datasets.load_iris(return_X_y=True)
    make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    make_pipeline(StandardScaler(), catboost.CatBoostClassifier(iterations=2, **QUIET)).fit(X, y)
    assert (2, 2) == (
        runs.one().params["catboostclassifier__iterations"],
        len(runs.one().history("learn-MultiClass")),
    )
