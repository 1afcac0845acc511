"""What is recorded of CatBoost's training calls."""

from __future__ import annotations

import json
import threading

import catboost
import numpy as np
import pytest
from sklearn import datasets

import fitprint

QUIET = {
    "logging_level": "Silent",
    "allow_writing_files": False,
    "random_seed": 0,
    "thread_count": 1,
}


@pytest.fixture(scope="module")
def cancer():
    """Two classes, 569 rows, 30 features."""
    return datasets.load_breast_cancer(return_X_y=True)


@pytest.fixture
def recorded(runs):
    """Autologging is on, models are not recorded."""
    fitprint.autolog(models=False)
    return runs


class Noting:
    """A callback of the user's that notes rounds, and can fail or stop."""

    def __init__(self, fail_at=None, stop_at=None):
        self.rounds = []
        self.fail_at = fail_at
        self.stop_at = stop_at

    def after_iteration(self, info):
        self.rounds.append(info.iteration)
        if info.iteration == self.fail_at:
            raise ValueError("the user's own")
        return info.iteration != self.stop_at


class Share:
    """A metric of the user's: the share of rows that are right."""

    def is_max_optimal(self):
        return True

    def evaluate(self, approxes, target, weight):
        return float(np.mean((np.array(approxes[0]) > 0) == np.array(target))), 1.0

    def get_final_error(self, error, weight):
        return error


class Logistic:
    """An objective of the user's."""

    def calc_ders_range(self, approxes, targets, weights):
        share = 1 / (1 + np.exp(-np.array(approxes)))
        return list(zip(np.array(targets) - share, -share * (1 - share), strict=True))


def test_every_round_of_every_set_is_there(recorded, cancer):
    """Curves have base 0, the names that CatBoost gives, and a goal."""
    X, y = cancer
    model = catboost.CatBoostClassifier(iterations=6, custom_metric=["AUC"], **QUIET)
    model.fit(X[:400], y[:400], eval_set=[(X[400:500], y[400:500]), (X[500:], y[500:])])
    run = recorded.one()
    for name, metrics in model.get_evals_result().items():
        for metric, values in metrics.items():
            history = run.history(f"{name}-{metric}")
            assert (list(range(6)), values) == (list(history.step), list(history.value))
    assert ("min", "max") == (
        run.summary("validation_0-Logloss").goal,
        run.summary("validation_1-AUC").goal,
    )


def test_rounds_that_are_left_out_leave_no_holes(recorded, cancer):
    """With a period, steps are the rounds that were looked at, the last one included."""
    catboost.CatBoostClassifier(iterations=8, metric_period=3, **QUIET).fit(*cancer)
    assert [0, 3, 6, 7] == list(recorded.one().history("learn-Logloss").step)


def test_early_stopping_is_told_in_facts(recorded, cancer):
    """The best round and the last one have base 0, and no point is invented."""
    X, y = cancer
    model = catboost.CatBoostClassifier(iterations=500, learning_rate=0.9, **QUIET)
    model.fit(X[:300], y[:300], eval_set=(X[300:], y[300:]), early_stopping_rounds=4)
    run = recorded.one()
    curve = list(run.history("validation-Logloss").value)
    assert model.best_iteration_ == run.metrics["best_iteration"]
    assert min(curve) == curve[model.best_iteration_] == run.metrics["best_score"]
    assert "min" == run.summary("best_score").goal
    assert len(curve) - 1 == run.metrics["stopped_iteration"]
    assert [0] * 3 == [
        len(run.history(name)) - 1 for name in ("best_iteration", "best_score", "stopped_iteration")
    ]


def test_a_training_to_the_end_was_not_stopped(recorded, cancer):
    """Then there is no last round to tell, and without an evaluation set no best one."""
    catboost.CatBoostClassifier(iterations=4, **QUIET).fit(*cancer)
    assert {"learn-Logloss", "fit_time"} == set(recorded.one().metrics)


def test_params_are_told_apart(recorded, cancer):
    """What the user set, under the name that was used, and what CatBoost made of the rest;
    arguments by position too.
    """
    X, y = cancer
    catboost.CatBoostClassifier(n_estimators=3, max_depth=2, **QUIET).fit(
        X, y, None, None, None, None, np.ones(len(y))
    )
    params = recorded.one().record.params
    assert ((3, "set"), (2, "set")) == tuple(
        (params[name].value, params[name].provenance) for name in ("n_estimators", "max_depth")
    )
    assert ((2, "resolved"), (3, "resolved")) == tuple(
        (params[name].value, params[name].provenance) for name in ("depth", "iterations")
    )
    assert params["learning_rate"].provenance == "resolved"


def test_weights_and_targets_are_data(recorded, cancer):
    """Each is described, evaluation sets by the name of their metrics, and no parameter is made of
    them.
    """
    X, y = cancer
    catboost.CatBoostClassifier(iterations=2, **QUIET).fit(
        X, y, sample_weight=np.ones(len(y)), eval_set=[(X, y), (X[:50], y[:50])]
    )
    run = recorded.one()
    assert {"learn", "sample_weight", "validation_1"} == {data.name for data in run.datasets}
    assert not [name for name in run.params if name.startswith("fit__")]


def test_pools_tell_what_they_know(recorded):
    """Shape, names and kinds of features, without a look at the values."""
    frame = {"colour": ["red", "green"] * 20, "size": list(range(40))}
    import pandas as pd

    pool = catboost.Pool(pd.DataFrame(frame), [0, 1] * 20, cat_features=["colour"])
    catboost.CatBoostClassifier(iterations=2, **QUIET).fit(pool)
    (data,) = recorded.one().datasets
    assert {
        "type": "catboost.Pool",
        "shape": [40, 2],
        "feature_names": ["colour", "size"],
        "cat_features": [0],
        "target": True,
        "quantized": False,
    } == dict(data.facts)


def test_the_users_own_are_named(recorded, cancer):
    """Objectives and metrics are recorded by name, not by address,
    and their goal is asked of them.
    """
    model = catboost.CatBoostClassifier(
        iterations=3, loss_function=Logistic(), eval_metric=Share(), **QUIET
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *a, **k: None)
        X, y = cancer
        model.fit(X, y, eval_set=(X[:200], y[:200]))
    run = recorded.one()
    assert (f"{__name__}.Logistic", f"{__name__}.Share") == (
        run.params["loss_function"],
        run.params["eval_metric"],
    )
    assert "max" == run.summary("validation-Share").goal
    assert max(run.history("validation-Share").value) == run.metrics["best_score"]
    assert "max" == run.summary("best_score").goal


def test_callbacks_list_is_the_users(recorded, cancer):
    """A list that is used again holds what it held, and each fit is one run."""
    callback = Noting()
    callbacks = [callback]
    for _ in range(2):
        catboost.CatBoostClassifier(iterations=3, **QUIET).fit(*cancer, callbacks=callbacks)
    assert [callback] == callbacks
    assert [1, 2, 3, 1, 2, 3] == callback.rounds
    assert [3, 3] == [len(run.history("learn-Logloss")) for run in recorded.roots()]
    assert [f"{__name__}.Noting"] == recorded.roots()[0].params["fit__callbacks"]


def test_curves_survive_a_callback_that_raises(recorded, cancer):
    """What was written before is kept, the run is FAILED, and the error is CatBoost's own."""
    with pytest.raises((catboost.CatBoostError, SystemError)):
        catboost.CatBoostClassifier(iterations=30, **QUIET).fit(
            *cancer, callbacks=[Noting(fail_at=5)]
        )
    run = recorded.one()
    assert ("FAILED", [0, 1, 2, 3, 4]) == (run.status, list(run.history("learn-Logloss").step))


def test_curves_are_live_where_that_is_asked_for(runs, cancer):
    """The setting writes each round as it ends, though the user has no callbacks."""
    fitprint.autolog(models=False, catboost={"live": True})
    catboost.CatBoostClassifier(iterations=5, **QUIET).fit(*cancer)
    run = runs.one()
    assert [0, 1, 2, 3, 4] == list(run.history("learn-Logloss").step)
    assert "fit__callbacks" not in run.params


def test_a_callback_that_stops_is_a_stop(recorded, cancer):
    """The last round that was trained is told."""
    catboost.CatBoostClassifier(iterations=30, **QUIET).fit(*cancer, callbacks=[Noting(stop_at=4)])
    assert 3 == recorded.one().metrics["stopped_iteration"]


def test_nothing_is_written_beside_catboosts_own_files(recorded, cancer, tmp_path, monkeypatch):
    """The training folder holds exactly what CatBoost alone writes."""
    monkeypatch.chdir(tmp_path)
    options = {"iterations": 3, "logging_level": "Silent", "thread_count": 1}
    with fitprint.off():
        catboost.CatBoostClassifier(train_dir="alone", **options).fit(*cancer)
    catboost.CatBoostClassifier(train_dir="observed", **options).fit(*cancer)
    alone, observed = (
        sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
        for folder in (tmp_path / "alone", tmp_path / "observed")
    )
    assert alone == observed
    assert (
        {"alone", "observed"}
        <= {path.name for path in tmp_path.iterdir()}
        <= {"alone", "observed", "home", ".fitprint"}
    )


def test_importances_are_those_that_catboost_computed(recorded, cancer):
    """In percent, by the names of the features."""
    model = catboost.CatBoostClassifier(iterations=4, **QUIET).fit(*cancer)
    told = json.loads(recorded.one().read("plots/feature_importances.json"))
    assert list(model.feature_names_) == told["features"]
    assert pytest.approx(list(model.feature_importances_), rel=1e-6) == told["values"]


def test_sparse_data_stay_sparse(recorded):
    """A sparse matrix is described as it is."""
    from scipy import sparse

    X = sparse.random(200, 50, density=0.05, format="csr", random_state=0)
    catboost.CatBoostRegressor(iterations=2, **QUIET).fit(X, np.arange(200.0))
    (data,) = recorded.one().datasets
    assert ("csr", [200, 50], X.nnz) == (
        data.facts["format"],
        data.facts["shape"],
        data.facts["nonzero"],
    )


def test_a_continued_training_names_its_parent(recorded, cancer):
    """The run of the model that it goes on from, and how many rounds that had."""
    first = catboost.CatBoostClassifier(iterations=3, **QUIET).fit(*cancer)
    catboost.CatBoostClassifier(iterations=2, **QUIET).fit(*cancer, init_model=first)
    parent, child = recorded.roots()
    assert parent.id == child.tags["continues_run"]
    assert {"model": "CatBoostClassifier", "rounds": 3, "run": parent.id} == child.record.documents[
        "continuation"
    ]
    assert 2 == len(child.history("learn-Logloss"))


def test_catboost_train_is_one_run(recorded, cancer):
    """The function is a fit inside."""
    catboost.train(catboost.Pool(*cancer), {"iterations": 3, "loss_function": "Logloss", **QUIET})
    assert ("CatBoost", 3) == (recorded.one().name, len(recorded.one().history("learn-Logloss")))


def test_cross_validation_has_mean_and_deviation(recorded, cancer):
    """For each round, with the best round and no model."""
    result = catboost.cv(
        catboost.Pool(*cancer),
        {"iterations": 5, "loss_function": "Logloss", "custom_metric": "AUC", **QUIET},
        fold_count=3,
        as_pandas=False,
    )
    run = recorded.one()
    assert "cross-validation" == run.kind
    for name in ("test-Logloss-mean", "train-Logloss-std", "test-AUC-mean"):
        assert result[name] == list(run.history(name).value)
    assert (4, result["test-Logloss-mean"][4]) == (
        run.metrics["best_iteration"],
        run.metrics["best_score"],
    )
    assert "min" == run.summary("best_score").goal
    assert ("min", "max") == (
        run.summary("test-Logloss-mean").goal,
        run.summary("test-AUC-mean").goal,
    )


def test_folds_of_the_user_are_not_gone_through(recorded, cancer):
    """A generator of folds yields what it would without us."""
    folds = ((np.arange(0, 569, 2), np.arange(1, 569, 2)) for _ in range(2))
    catboost.cv(
        catboost.Pool(*cancer), {"iterations": 2, "loss_function": "Logloss", **QUIET}, folds=folds
    )
    assert ("FINISHED", "generator") == (recorded.one().status, recorded.one().params["folds"])


def test_catboosts_own_search_is_one_run(recorded, cancer):
    """With the grid, the best candidate, its cross-validation,
    and what the refitted model tells.
    """
    model = catboost.CatBoostClassifier(iterations=3, **QUIET)
    result = model.grid_search(
        {"depth": [1, 2], "learning_rate": [0.1, 0.3]}, *cancer, cv=2, verbose=False
    )
    run = recorded.one()
    assert "search" == run.kind
    assert result["params"] == {
        name: run.params[f"best_{name}"] for name in ("depth", "learning_rate")
    }
    assert [{"depth": [1, 2], "learning_rate": [0.1, 0.3]}] == run.params["param_grid"]
    assert result["cv_results"]["test-Logloss-mean"] == list(run.history("test-Logloss-mean").value)
    assert 3 == run.record.documents["booster"]["trees"]


def test_feature_selection_tells_what_remains(recorded, cancer):
    """As an artifact, with the number of features."""
    X, y = cancer
    model = catboost.CatBoostClassifier(iterations=3, **QUIET)
    model.select_features(
        X[:, :4],
        y,
        features_for_select=[0, 1, 2, 3],
        num_features_to_select=2,
        steps=1,
        train_final_model=True,
    )
    run = recorded.one()
    assert ("feature-selection", 2) == (run.kind, run.metrics["selected_features"])
    assert 2 == len(json.loads(run.read("feature_selection.json"))["eliminated_features"])


def test_later_judgements_join_the_run(recorded, cancer):
    """Scores and metrics of predictions of a recorded model;
    strangers' predictions are nobody's.
    """
    X, y = cancer
    from catboost import utils

    model = catboost.CatBoostClassifier(iterations=3, **QUIET).fit(X[:400], y[:400])
    score = model.score(X[400:], y[400:])
    raw = model.predict(X[400:], prediction_type="RawFormulaVal")
    (auc,) = utils.eval_metric(y[400:], raw, "AUC")
    told = model.eval_metrics(catboost.Pool(X[400:], y[400:]), ["Logloss"])
    utils.eval_metric(y[400:], np.zeros(169), "Accuracy")
    run = recorded.one()
    assert (score, auc) == (run.metrics["score"], run.metrics["AUC"])
    assert told["Logloss"][-1] == run.metrics["eval_Logloss"]
    assert "Accuracy" not in run.metrics


def test_threads_give_whole_runs(recorded, cancer):
    """Six at once: six runs, each with its own curve."""
    threads = [
        threading.Thread(
            target=lambda depth=depth: catboost.CatBoostClassifier(
                iterations=4, depth=depth, **QUIET
            ).fit(*cancer)
        )
        for depth in range(1, 7)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(range(1, 7)) == {run.params["depth"] for run in recorded.roots()}
    assert {4} == {len(run.history("learn-Logloss")) for run in recorded.roots()}


def test_two_fits_in_one_run(recorded, cancer):
    """The first is recorded on the user's run, the second on a child of it."""
    with fitprint.start_run(name="mine"):
        for depth in (1, 2):
            catboost.CatBoostClassifier(iterations=3, depth=depth, **QUIET).fit(*cancer)
    run = recorded.one()
    (child,) = run.children()
    assert (1, 2) == (run.params["depth"], child.params["depth"])


def test_a_subclass_is_observed(recorded, cancer):
    """The user's own class, defined after autologging began."""

    class Mine(catboost.CatBoostClassifier):
        pass

    Mine(iterations=2, **QUIET).fit(*cancer)
    assert ("Mine", f"{__name__}.test_a_subclass_is_observed.<locals>.Mine") == (
        recorded.one().name,
        recorded.one().tags["estimator_class"],
    )


def test_an_error_of_the_users_is_catboosts(recorded):
    """The same error as without us, and a FAILED run."""
    with pytest.raises(catboost.CatBoostError, match="y has not initialized|y may be None"):
        catboost.CatBoostClassifier(iterations=2, **QUIET).fit([[1.0], [2.0]])
    assert "FAILED" == recorded.one().status


def test_models_of_a_sampled_process_belong_to_one_run(recorded):
    """The trainings inside are no runs of their own."""
    if not hasattr(catboost, "sample_gaussian_process"):
        pytest.skip("this CatBoost does not have it")
    X = np.linspace(0, 1, 40).reshape(-1, 1)
    catboost.sample_gaussian_process(
        X, np.sin(X[:, 0]), samples=2, posterior_iterations=3, prior_iterations=2, random_seed=1
    )
    assert ("sample_gaussian_process", 2) == (recorded.one().name, recorded.one().params["samples"])
