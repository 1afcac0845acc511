"""Which columns a table has for mixtures of runs: each run's own metric is there, and what tells
the runs apart comes first.
"""

from __future__ import annotations

import math
from itertools import count

import pytest

from fitprint.entities import Experiment, MetricSummary, Param, RunRecord
from fitprint.ids import new_id
from fitprint.query.goals import goal_of
from fitprint.views.columns import Key, telling
from fitprint.views.ranking import Goals, own_metric

_times = count()


def run(
    name="swift-otter",
    metrics=None,
    params=None,
    defaults=None,
    *,
    kind="fit",
    experiment="Default",
):
    """Return a record; params are set by the user, defaults by the framework."""
    told = {key: Param(value) for key, value in (params or {}).items()} | {
        key: Param(value, "default") for key, value in (defaults or {}).items()
    }
    summaries = {
        key: MetricSummary(value, 0, 0, value, 0, value, 0, value, 1, goal_of(key))
        for key, value in (metrics or {}).items()
    }
    return RunRecord(
        new_id(),
        name,
        experiment,
        "FINISHED",
        next(_times),
        kind=kind,
        params=told,
        metrics=summaries,
    )


def titles(runs, goals=None):
    """Return kind and name of each column."""
    return [(key.kind, key.name) for key in telling(runs, goals)]


def logistic(C, solver, score):
    """A fit whose user has computed the accuracy on other data."""
    return run(
        "LogisticRegression",
        {
            "training_score": 0.99,
            "training_log_loss": 0.1 * C,
            "accuracy_score": score,
            "fit_time": C,
        },
        {"C": C, "solver": solver},
        {"tol": 1e-4, "random_state": None},
    )


ONE_FAMILY = [
    logistic(C, solver, 0.9 + C / 100) for C in (0.1, 1.0, 10.0) for solver in ("lbfgs", "saga")
]
FORESTS = [
    run(
        "RandomForestClassifier",
        {"training_score": 1.0, "accuracy_score": 0.9},
        {"n_estimators": n, "random_state": 1},
        {"max_depth": None},
    )
    for n in (10, 100)
]
BOOSTERS = [
    run("xgboost.train", {"train-auc": 0.99, "valid-auc": value}, {"eta": value})
    for value in (0.1, 0.3)
]
KERAS = [
    run(
        "Sequential",
        {"loss": 0.1, "accuracy": 0.9, "val_loss": value, "val_accuracy": 0.8},
        {"epochs": 3},
    )
    for value in (0.2, 0.4)
]
SEARCH = [
    run(
        "GridSearchCV",
        {"best_cv_score": 0.9, "training_score": 1.0, "score": 0.8},
        {"cv": 3},
        kind="search",
    )
]
FOLDS = [
    run(
        "cross_val_score",
        {"test_score": 0.9, "mean_test_score": 0.91, "std_test_score": 0.01},
        kind="cross-validation",
    )
]


def test_one_family_shows_its_score_and_what_was_varied():
    """First what the user computed on other data, then the parameters, of which those that vary
    most first; no default, no time.
    """
    assert [("metrics", "accuracy_score"), ("params", "C"), ("params", "solver")] == titles(
        ONE_FAMILY
    )[:3]
    assert ("params", "tol") not in titles(ONE_FAMILY)
    assert ("metrics", "fit_time") == titles(ONE_FAMILY)[-1]


def test_five_families_have_a_metric_in_each_row():
    """A column for what most are judged by, and one for all others, which says what it is."""
    runs = [*ONE_FAMILY, *FORESTS, *BOOSTERS, *KERAS, *SEARCH, *FOLDS]
    first, second, *rest = telling(runs)
    assert (("metrics", "accuracy_score"), ("own", "other metric")) == (
        (first.kind, first.name),
        (second.kind, second.name),
    )
    assert all(first.is_in(each) or second.is_in(each) for each in runs)
    told = {each.name: second.metric_of(each) for each in [*BOOSTERS, *KERAS, *SEARCH, *FOLDS]}
    assert {
        "xgboost.train": "valid-auc",
        "Sequential": "val_accuracy",
        "GridSearchCV": "score",
        "cross_val_score": "mean_test_score",
    } == told
    names = [key.name for key in rest]
    # set to the same value in all forests: it tells nothing of them
    assert names.index("C") < names.index("random_state")
    assert {"C", "solver", "n_estimators", "eta"} <= set(names[:6])


def test_where_no_metric_is_that_of_most_each_row_says_its_own():
    """One column, with the name in each cell."""
    runs = [*BOOSTERS, *KERAS, *SEARCH, *FOLDS]
    assert ("own", "metric") == titles(runs)[0]
    assert all(telling(runs)[0].is_in(each) for each in runs)


def test_two_families_have_a_column_each():
    """Where one more metric covers the rest, it has a title of its own."""
    assert [("metrics", "accuracy_score"), ("metrics", "valid-auc")] == titles(
        [*ONE_FAMILY, *BOOSTERS]
    )[:2]


def test_only_training_metrics_are_better_than_none():
    """They come first where there is nothing else."""
    runs = [
        run("Ridge", {"training_score": value, "fit_time": 0.1}, {"alpha": value})
        for value in (0.1, 0.2)
    ]
    assert [("metrics", "training_score"), ("params", "alpha")] == titles(runs)[:2]


def test_two_hundred_metrics_do_not_hide_the_one_that_counts():
    """Nor the parameters."""
    runs = [
        run(
            "a",
            {f"layer_{n}_norm": n * value for n in range(200)} | {"val_loss": value},
            {"lr": value},
        )
        for value in (0.1, 0.2)
    ]
    assert [("metrics", "val_loss"), ("params", "lr")] == titles(runs)[:2]
    assert 201 == len(titles(runs))  # layer_0_norm is 0 in both


@pytest.mark.parametrize(
    "noise", ["verbose", "fit__verbose", "config.train.n_jobs", "model/verbosity"]
)
def test_how_a_training_ran_tells_least(noise):
    """What it printed and on how many cores it ran comes behind what says something about the
    model, though it was set.
    """
    runs = [
        run("a", {"score": value}, {noise: value, "lr": min(value, 2)}, {"tol": min(value, 2)})
        for value in (1, 2, 3)
    ]
    assert [("metrics", "score"), ("params", "lr"), ("params", "tol"), ("params", noise)] == titles(
        runs
    )
    assert [("params", "lr"), ("params", noise)] == titles([run("a", params={noise: 1, "lr": 1})])


def test_a_parameter_that_varies_much_comes_before_one_that_varies_once():
    """Many values that were set beat a default that is None twice."""
    runs = [
        run("a", {"score": n}, {"lr": n}, {"warm": None} if n % 2 else {"warm": False})
        for n in range(8)
    ]
    runs.append(run("a", {"score": 9}, {"lr": 0, "seed": 1}))
    assert ["lr", "seed", "warm"] == [name for kind, name in titles(runs) if kind == "params"]


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ({"loss": 1.0, "val_loss": 2.0}, "val_loss"),
        (
            {"training_accuracy_score": 1.0, "accuracy_score": 0.9, "roc_auc_score": 0.8},
            "accuracy_score",
        ),
        ({"best_cv_score": 1.0, "score": 0.9}, "score"),
        ({"accuracy": 0.9, "epoch": 3.0, "lr": 0.1}, "accuracy"),
        ({"learn-Logloss": 0.1, "validation-Logloss": 0.2}, "validation-Logloss"),
        ({"val_loss": math.nan, "loss": 1.0}, "loss"),
        ({"val_loss": math.nan}, "val_loss"),
        ({"system/cpu": 1.0}, None),
        ({"x" * 100_000: 1.0}, "x" * 100_000),
        ({}, None),
    ],
)
def test_the_metric_by_which_a_run_is_judged(metrics, expected):
    """Data held out first, the verdict after a training before a curve, what is no number last, the
    machine never.
    """
    assert expected == own_metric(run(metrics=metrics))


def test_a_goal_unites_what_is_the_same_under_several_names():
    """One column, called as the first name, for runs that have any of them."""
    runs = [*ONE_FAMILY, *KERAS]
    first = telling(runs, Goals(("accuracy_score", "val_accuracy")))[0]
    assert Key("metrics", "accuracy_score", ("val_accuracy",)) == first
    assert 0.8 == first.of(KERAS[0])


def test_an_experiment_has_goals_of_its_own():
    """Its tag counts more than the setting."""
    iris = Experiment("1", 1, "iris", 0, tags={"metric": "val_f1, f1"})
    goals = Goals.told(["auc"], [iris])
    assert ("val_f1", "f1") == goals.of(run(experiment="iris"))
    assert "f1" == goals.metric_of(run(metrics={"f1": 1.0, "auc": 1.0}, experiment="iris"))
    assert "auc" == goals.metric_of(run(metrics={"f1": 1.0, "auc": 1.0}))


def test_runs_without_metrics_and_params_have_no_columns():
    """Nor does nothing."""
    assert [] == telling([run(), run()]) == telling([])


def test_each_run_says_its_own_where_they_are_judged_by_different_ones():
    """A time that all have is not what they are judged by, nor a score on training data where some
    have a better one.
    """
    runs = [
        run("Pipeline", {"fit_time": 1.0, "training_score": 1.0, "score": 0.9}),
        run(
            "GridSearchCV",
            {"fit_time": 1.0, "training_score": 1.0, "best_cv_score": 0.8},
            kind="search",
        ),
        *[run("NearestMean", {"fit_time": value}) for value in (1.0, 2.0)],
        run("MLPClassifier", {"fit_time": 1.0, "training_score": 1.0}),
    ]
    (first, *_) = telling(runs)
    assert ("own", ["score", "best_cv_score", "fit_time", "fit_time", "training_score"]) == (
        first.kind,
        [first.metric_of(each) for each in runs],
    )


def test_a_run_is_shown_by_the_goal_of_its_own_experiment():
    """Also where it has the metric that counts in another one."""
    goals = Goals.told(
        (),
        [
            Experiment("1", 1, "a", 0, tags={"metric": "acc"}),
            Experiment("2", 2, "b", 0, tags={"metric": ",auc,"}),
        ],
    )
    first, second = (
        run(metrics={"acc": 0.9}, experiment="a"),
        run(metrics={"acc": 0.8, "auc": 0.7}, experiment="b"),
    )
    keys = telling([first, second], goals)
    assert {"acc", "auc"} == {
        key.metric_of(each) for key in keys[:2] for each in (first, second)
    } - {None}
    assert "auc" in {key.metric_of(second) for key in keys[:2]}
