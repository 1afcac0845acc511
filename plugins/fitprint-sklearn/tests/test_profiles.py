"""Profiles of what estimators learn from, and of what they make of it."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LinearRegression, LogisticRegression

import fitprint
from fitprint.recording import deferred

X = np.arange(40.0).reshape(20, 2)
Y = np.repeat([0, 1], 10)


def test_a_fit_leaves_profiles_of_data_and_prediction(tracked):
    """Features, target and weights, and the prediction that the training metrics have made."""
    run = tracked.of(lambda: LogisticRegression().fit(X, Y, sample_weight=np.ones(20)))
    deferred.finish(60)
    run.refresh()
    run = fitprint.get_run(run.id)
    assert [0.0, 38.0] == run.profile("X")["columns"][0]["quantiles"][::32]
    assert (
        [[0, 10], [1, 10]]
        == run.profile("y")["columns"][0]["top"]
        == run.profile("prediction")["columns"][0]["top"]
    )
    assert [[1, 20]] == run.profile("sample_weight")["columns"][0]["top"]


def test_nothing_is_predicted_for_a_profile(tracked):
    """Without training metrics there is none of the prediction."""
    fitprint.configure(training_metrics=False)
    run = tracked.of(lambda: LinearRegression().fit(X, Y))
    deferred.finish(60)
    run = fitprint.get_run(run.id)
    assert run.profile("X")
    assert not run.profile("prediction")


def test_no_profile_of_data_that_are_not_recorded(tracked):
    """The setting `datasets` is about all that is told of data."""
    fitprint.configure(datasets=False)
    run = tracked.of(lambda: LogisticRegression().fit(X, Y))
    deferred.finish(60)
    assert not [
        artifact
        for artifact in fitprint.get_run(run.id).artifacts
        if artifact.path.startswith("profiles/")
    ]
