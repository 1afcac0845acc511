"""What is recorded of XGBoost's estimators, alone and inside scikit-learn's."""

from __future__ import annotations

import pickle
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier, XGBRanker, XGBRegressor, XGBRFClassifier
from xgboost.callback import EarlyStopping, LearningRateScheduler, TrainingCallback

import fitprint


def classifier(**params):
    return XGBClassifier(**{"n_estimators": 5, "max_depth": 2, "n_jobs": 1, **params})


def fitted(split, **params):
    """A classifier that was fitted with an evaluation set."""
    return classifier(**params).fit(*split[0], eval_set=[split[1]], verbose=False)


def paths(run):
    return {artifact.path for artifact in run.record.artifacts}


# -- one estimator ---------------------------------------------------------------------------------


def test_a_classifier(runs, split):
    """One run with parameters, curves, training metrics, importances,
    configuration and the model.
    """
    fitprint.autolog()
    model = fitted(split)
    run = runs.one()
    assert (run.name, run.status) == ("XGBClassifier", "FINISHED")
    assert (
        list(run.history("validation_0-logloss").value)
        == model.evals_result()["validation_0"]["logloss"]
    )
    assert run.metrics["training_accuracy_score"] == model.score(*split[0])
    assert [(dataset.name, dataset.role) for dataset in run.record.datasets] == [
        ("X", "train"),
        ("y", "train"),
        ("validation_0", "eval"),
    ]
    assert {
        "plots/feature_importances.json",
        "plots/feature_importances_by_type.json",
        "model/model.ubj",
    } <= paths(run)
    assert (
        run.record.documents["xgboost_config"]["learner"]["objective"]["name"] == "binary:logistic"
    )


def test_nothing_that_is_left_at_none_counts_as_set(runs, split):
    """Most parameters are None by default, and are marked as defaults."""
    fitprint.autolog()
    fitted(split, learning_rate=0.2)
    params = runs.one().record.params
    assert {name for name, entry in params.items() if entry.provenance == "set"} == {
        "fit__verbose",
        "learning_rate",
        "max_depth",
        "n_estimators",
        "n_jobs",
    }
    assert all(
        entry.value is None
        for name, entry in params.items()
        if entry.provenance == "default" and name == "reg_alpha"
    )


@pytest.mark.parametrize("how", ["argument", "callback"])
def test_early_stopping(runs, split, how):
    """Base 0, as the model tells."""
    fitprint.autolog()
    options = (
        {"early_stopping_rounds": 2}
        if how == "argument"
        else {"callbacks": [EarlyStopping(rounds=2)]}
    )
    model = fitted(split, n_estimators=300, **options)
    metrics = runs.one().metrics
    assert (metrics["best_iteration"], metrics["best_score"]) == (
        model.best_iteration,
        model.best_score,
    )
    assert metrics["stopped_iteration"] == len(runs.one().history("validation_0-logloss")) - 1


def test_callbacks_of_the_estimator_stay_as_they_are(runs, split):
    """Nothing of ours is in the estimator, its list of callbacks, its parameters or its pickle."""
    schedule = LearningRateScheduler([0.3] * 5)
    callbacks = [schedule]
    bare = len(pickle.dumps(fitted(split)))
    fitprint.autolog()
    model = fitted(split, callbacks=callbacks)
    assert model.callbacks is callbacks
    assert callbacks == [schedule]
    assert len(pickle.dumps(fitted(split))) == bare
    assert len(runs.roots()[0].history("learning_rate")) == 5


_NO_GENERATORS = int(xgboost.__version__.partition(".")[0]) < 3


@pytest.mark.parametrize(
    "make",
    [
        np.random.RandomState,
        pytest.param(
            np.random.default_rng,
            marks=pytest.mark.skipif(_NO_GENERATORS, reason="XGBoost takes none"),
        ),
    ],
)
def test_a_generator_is_not_drawn_from(runs, split, make):
    """XGBoost draws its seed when it is asked for parameters; that we ask changes nothing, alone or
    in a pipeline.
    """

    def train(generator):
        model = classifier(subsample=0.5, random_state=generator).fit(*split[0])
        piped = make_pipeline(
            StandardScaler(), classifier(subsample=0.5, random_state=generator)
        ).fit(*split[0])
        return (
            model.get_booster().get_dump(),
            piped[-1].get_booster().get_dump(),
            generator.bytes(8),
        )

    bare = train(make(3))
    fitprint.autolog()
    assert train(make(3)) == bare


class Raising(TrainingCallback):
    """Raises in round 2."""

    def after_iteration(self, model, epoch, evals_log):
        if epoch == 2:
            raise SystemExit(3)
        return False


def test_system_exit_inside_fit(runs, split):
    """The run has ended, its points are kept, and the next fit is a run of its own."""
    fitprint.autolog()
    with pytest.raises(SystemExit):
        fitted(split, callbacks=[Raising()])
    fitted(split)
    first, second = runs.roots()
    assert (first.status, second.status) == ("FAILED", "FINISHED")
    assert list(first.history("validation_0-logloss").step)[:2] == [0, 1]


def test_labels_that_are_missing(runs, split):
    """XGBoost's or scikit-learn's own error comes out, and the run is FAILED."""
    features, target = split[0]
    target = np.where(np.arange(400) == 3, np.nan, target)

    def train():
        with pytest.raises(Exception) as caught:
            XGBRegressor(n_estimators=2).fit(features, target)
        return type(caught.value), str(caught.value).splitlines()[-1]

    bare = train()
    fitprint.autolog()
    assert train() == bare
    assert runs.one().status == "FAILED"


def test_six_threads(runs, split):
    """Each thread's fit is a complete run."""
    fitprint.autolog()
    start = threading.Barrier(6)

    def one(depth):
        start.wait()
        fitted(split, max_depth=depth)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(one, range(1, 7)))
    assert sorted(run.params["max_depth"] for run in runs.roots()) == [1, 2, 3, 4, 5, 6]
    assert [(run.status, len(run.history("validation_0-logloss"))) for run in runs.roots()] == [
        ("FINISHED", 5)
    ] * 6


def test_two_fits_in_one_run(runs, split):
    """The first is recorded on the user's run, the second on a child of it; neither mixes with the
    other.
    """
    fitprint.autolog()
    with fitprint.start_run("mine"):
        fitted(split, max_depth=1)
        fitted(split, max_depth=3)
    first, second = runs.all()
    assert (first.params["max_depth"], second.params["max_depth"]) == (1, 3)
    assert [len(run.history("validation_0-logloss")) for run in (first, second)] == [5, 5]


def test_continued_fit(runs, split):
    """It is linked to the run of the estimator that it goes on from."""
    fitprint.autolog()
    first = fitted(split)
    classifier().fit(*split[0], xgb_model=first)
    parent, child = runs.roots()
    assert child.tags["continues_run"] == parent.id


def squared(true, predicted):
    """An objective of the user's own."""
    return predicted - true, np.ones_like(true)


def test_objective_of_ones_own(runs, split):
    """It is named."""
    fitprint.autolog()
    XGBRegressor(n_estimators=2, objective=squared).fit(*split[0])
    assert runs.one().params["objective"].endswith("squared")


def test_ranking(runs, split):
    """Groups are counted on the evaluation sets."""
    fitprint.autolog()
    groups = np.repeat(range(40), 10)
    XGBRanker(n_estimators=3).fit(
        *split[0], qid=groups, eval_set=[split[0]], eval_qid=[groups], verbose=False
    )
    run = runs.one()
    assert run.record.datasets[-1].facts["groups"] == 40
    assert any(name.startswith("validation_0-ndcg") for name in run.metrics)


@pytest.mark.filterwarnings("ignore:.*is deprecated:FutureWarning")  # in the newest XGBoost
def test_random_forest(runs, split):
    """A forest is one run, under its own name."""
    fitprint.autolog()
    XGBRFClassifier(n_estimators=5).fit(*split[0])
    assert (runs.one().name, runs.one().params["n_estimators"]) == ("XGBRFClassifier", 5)


def test_several_outputs(runs, split):
    """Targets with several columns are recorded with their metrics."""
    fitprint.autolog()
    features = split[0][0]
    XGBRegressor(n_estimators=3).fit(features, features[:, :2])
    assert runs.one().metrics["training_r2_score"] > 0


def test_categories_in_a_frame(runs):
    """Frames with categories are trained on and recorded as they are."""
    fitprint.autolog()
    frame = pd.DataFrame({"colour": pd.Categorical(["red", "blue"] * 30), "size": np.arange(60.0)})
    classifier(enable_categorical=True, tree_method="hist").fit(frame, np.arange(60) % 2)
    run = runs.one()
    assert run.record.documents["booster"]["feature_names"] == ["colour", "size"]
    assert run.metrics["training_score"] > 0


class Named(XGBClassifier):
    """A user's own subclass."""

    def __init__(self, *, note="", **params):
        super().__init__(**params)
        self.note = note

    def get_xgb_params(self):
        return {name: value for name, value in super().get_xgb_params().items() if name != "note"}


def test_a_subclass_of_the_users(runs, split):
    """It is one run under its own name, with its parameters and what it inherits."""
    fitprint.autolog()
    Named(note="mine", n_estimators=3, n_jobs=1).fit(*split[0])
    run = runs.one()
    assert (run.name, run.params["note"], run.params["n_estimators"]) == ("Named", "mine", 3)
    assert run.record.params["max_depth"].provenance == "default"


# -- inside scikit-learn's -------------------------------------------------------------------------


@pytest.mark.parametrize("frameworks", [["*"], ["xgboost"]])
def test_a_search_is_one_run_with_true_children(runs, split, frameworks):
    """Not a run for each fit; also where scikit-learn itself is left out."""
    fitprint.autolog(include_frameworks=frameworks)
    GridSearchCV(classifier(), {"max_depth": [1, 2], "learning_rate": [0.1, 0.3]}, cv=2).fit(
        *split[0]
    )
    search = runs.one()
    children = [run for run in runs.all() if run.parent_id == search.id]
    assert (search.record.kind, search.status, len(children), len(runs)) == (
        "search",
        "FINISHED",
        4,
        5,
    )
    assert sorted((run.params["max_depth"], run.params["learning_rate"]) for run in children) == [
        (1, 0.1),
        (1, 0.3),
        (2, 0.1),
        (2, 0.3),
    ]
    assert all(run.status == "FINISHED" and "mean_test_score" in run.metrics for run in children)


def test_a_search_in_workers(runs, split):
    """The same with the fits in processes."""
    fitprint.autolog()
    GridSearchCV(classifier(), {"max_depth": [1, 2]}, cv=2, n_jobs=2).fit(*split[0])
    search = runs.one()
    assert [run.parent_id for run in runs.all() if run.id != search.id] == [search.id] * 2


def test_a_cross_validation_is_one_run(runs, split):
    """Its folds are points."""
    fitprint.autolog()
    cross_val_score(classifier(), *split[0], cv=3)
    assert (runs.one().record.kind, len(runs.one().history("test_score"))) == (
        "cross-validation",
        3,
    )


def test_a_pipeline_has_the_rounds_of_its_last_step(runs, split):
    """One run, with curves and importances of the booster inside."""
    fitprint.autolog()
    pipeline = make_pipeline(
        StandardScaler(), classifier(callbacks=[LearningRateScheduler([0.3] * 5)])
    )
    pipeline.fit(*split[0], xgbclassifier__eval_set=[split[1]], xgbclassifier__verbose=False)
    run = runs.one()
    assert (run.name, len(run.history("validation_0-logloss"))) == ("Pipeline", 5)
    assert "plots/feature_importances_by_type.json" in paths(run)
    assert run.params["xgbclassifier__max_depth"] == 2


@pytest.mark.parametrize(
    "around",
    [
        lambda model: StackingClassifier(
            [("first", model), ("second", classifier(max_depth=1))], LogisticRegression(), cv=2
        ),
        lambda model: VotingClassifier([("first", model), ("second", classifier(max_depth=1))]),
        OneVsRestClassifier,
        lambda model: CalibratedClassifierCV(model, cv=2),
    ],
    ids=["stacking", "voting", "one against the rest", "calibrated"],
)
def test_ensembles_are_one_run(runs, split, around):
    """Whatever they fit inside."""
    fitprint.autolog()
    around(classifier()).fit(*split[0])
    assert (len(runs), runs.one().status) == (1, "FINISHED")


def test_members_of_an_ensemble_have_curves_of_their_own(runs, split):
    """Those of the second member begin with its number."""
    fitprint.autolog()
    evaluated = [Evaluated(n_estimators=rounds, n_jobs=1) for rounds in (3, 4)]
    for model in evaluated:
        model.evaluation = split[1]
    Both(evaluated).fit(*split[0])
    metrics = runs.one().metrics
    assert {"validation_0-logloss", "part2_validation_0-logloss"} <= set(metrics)
    assert len(runs.one().history("part2_validation_0-logloss")) == 4


class Evaluated(XGBClassifier):
    """Evaluates on data that it knows."""

    def fit(self, X, y):
        return super().fit(X, y, eval_set=[self.evaluation], verbose=False)


class Both(LogisticRegression):
    """Fits two members."""

    def __init__(self, members=()):
        super().__init__()
        self.members = members

    def fit(self, X, y):
        for member in self.members:
            member.fit(X, y)
        return super().fit(X[:, :1], y)

    def predict(self, X):
        return self.members[0].predict(X)

    def predict_proba(self, X):
        return self.members[0].predict_proba(X)


def test_sparse_and_missing_values(runs, split):
    """Data with gaps, and sparse data, are recorded with metrics."""
    from scipy import sparse

    fitprint.autolog()
    features = sparse.csr_matrix(np.where(split[0][0] > 1, split[0][0], 0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier(missing=0.0).fit(features, split[0][1])
    run = runs.one()
    assert (run.params["missing"], run.record.datasets[0].facts["format"]) == (0.0, "csr")
    assert "training_score" in run.metrics
