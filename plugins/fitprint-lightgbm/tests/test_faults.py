"""Faults of other trackers that are excluded here, each by a test that is named after it."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import threading
import tracemalloc
import weakref

import lightgbm as lgb
import numpy as np
import pytest
from lightgbm import train as imported_before
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fitprint
from fitprint.testing.capture import captured_runs

X, y = load_breast_cancer(return_X_y=True)
QUIET = {"objective": "binary", "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5}


def classifier(**options):
    return lgb.LGBMClassifier(**{"n_estimators": 3, "verbosity": -1, "n_jobs": 1, **options})


def points(run, key):
    return len(run.history(key).value)


# -- the user's objects ----------------------------------------------------------------------------


def test_a_reused_list_of_callbacks_does_not_grow(tracked, data):
    """Two trainings with one list: two complete runs, and the list is what it was."""
    train, held_out = data(free_raw_data=False)
    recorded = {}
    callbacks = [lgb.record_evaluation(recorded), lgb.log_evaluation(0)]
    before = list(callbacks)
    for rounds in (3, 4):
        lgb.train(QUIET, train, rounds, [held_out], callbacks=callbacks)
    assert callbacks == before
    assert [(run.status, points(run, "valid_0-binary_logloss")) for run in tracked.roots()] == [
        ("FINISHED", 3),
        ("FINISHED", 4),
    ]
    assert len(recorded["valid_0"]["binary_logloss"]) == 4


@pytest.mark.parametrize("kind", [None, list, tuple, set])
def test_callbacks_of_any_kind(tracked, data, kind):
    """None, and collections other than lists, are fine."""
    train, held_out = data()
    recorded = {}
    callbacks = None if kind is None else kind([lgb.record_evaluation(recorded)])
    lgb.train(QUIET, train, 3, [held_out], callbacks=callbacks)
    run = tracked.one()
    assert (run.status, points(run, "valid_0-binary_logloss")) == ("FINISHED", 3)


def test_the_order_of_callbacks_is_the_users(tracked, data):
    """LightGBM numbers callbacks by their place from the end: ours takes part in none of that."""
    calls = []

    def first(environment):
        calls.append("first")

    def second(environment):
        calls.append("second")

    train, _ = data()
    lgb.train(QUIET, train, 1, callbacks=[first, second])
    assert calls == ["first", "second"]
    assert (first.order, second.order) == (-2, -1)


def test_arguments_by_position(tracked, data):
    """The fourth argument is the data to evaluate, with or without its name; all callbacks come by
    position, too.
    """
    train, held_out = data()
    recorded = {}
    names = list(lgb.train.__wrapped__.__code__.co_varnames)
    given = [QUIET, train, 3, [held_out], ["mine"]]
    rest = {
        "feval": None,
        "init_model": None,
        "keep_training_booster": True,
        "callbacks": [lgb.record_evaluation(recorded)],
    }
    given += [rest.get(name, "auto") for name in names[5 : names.index("callbacks") + 1]]
    lgb.train(*given)
    run = tracked.one()
    assert (run.params["num_boost_round"], run.params["keep_training_booster"]) == (3, True)
    assert points(run, "mine-binary_logloss") == 3


def test_parameters_are_not_changed(tracked, data):
    """The dict of parameters is what it was, and so are data sets."""
    params = {**QUIET, "metric": ["auc"], "num_iterations": 2}
    before = copy.deepcopy(params)
    train, held_out = data()
    attributes = vars(train).keys()
    lgb.train(params, train, valid_sets=[held_out])
    assert params == before
    assert vars(train).keys() == attributes


def test_nothing_of_ours_stays_on_the_model(tracked, data):
    """Neither in the booster's attributes nor in its pickle nor in an estimator's."""
    train, held_out = data()
    booster = lgb.train(QUIET, train, 3, [held_out], keep_training_booster=True)
    model = classifier().fit(X, y)
    assert "fitprint" not in str(vars(booster)) + str(vars(model))
    assert b"fitprint" not in pickle.dumps(booster) + pickle.dumps(model)


def test_pickles_are_the_same(tracked):
    """A fitted estimator's pickle has the bytes that it has without tracking."""
    tracked_dump = pickle.dumps(classifier().fit(X, y))
    with fitprint.off():
        assert pickle.dumps(classifier().fit(X, y)) == tracked_dump


def test_functions_pickle_by_name(tracked):
    """``train`` and methods of estimators can be sent to other processes."""
    assert pickle.loads(pickle.dumps(lgb.train)) is lgb.train
    assert pickle.loads(pickle.dumps(classifier().fit)).__func__ is lgb.LGBMClassifier.fit


def test_a_random_state_of_the_user_is_not_drawn_from(tracked):
    """The estimator draws its seed from a generator; predicting for the training metrics does not
    draw again.
    """
    states = []
    for observed in (True, False):
        generator = np.random.RandomState(0)
        with fitprint.autolog(models=False) if observed else fitprint.off():
            classifier(random_state=generator, subsample=0.5, subsample_freq=1).fit(X, y)
        states.append(generator.randint(1 << 30))
    assert states[0] == states[1]


def test_data_are_freed(tracked):
    """Raw data, data sets and models die with the user's last reference."""
    features = X.copy()
    train = lgb.Dataset(features, y, free_raw_data=True)
    booster = lgb.train(QUIET, train, 2)
    assert train.data is None
    model = classifier().fit(features, y)
    references = [weakref.ref(item) for item in (features, train, booster, model)]
    del features, train, booster, model
    gc.collect()
    assert [reference() for reference in references] == [None] * 4


def test_data_are_not_constructed_before_their_time(tracked):
    """A data set that LightGBM refuses for its parameters is not constructed by our
    looking at it.
    """
    train = lgb.Dataset(X, y)
    with pytest.raises(lgb.basic.LightGBMError):
        lgb.train({**QUIET, "objective": "no such thing"}, train, 1)
    with pytest.raises(ValueError, match="greater than 0"):
        lgb.train(QUIET, lgb.Dataset(X, y), -1)
    assert [run.status for run in tracked.roots()] == ["FAILED", "FAILED"]


@pytest.mark.parametrize("interface", ["native", "estimator"])
def test_sparse_data_are_not_densified(tracked, interface):
    """A matrix of 2000 x 3000 costs no memory of its size."""

    def train(rounds):
        if interface == "native":
            lgb.train(QUIET, lgb.Dataset(features, target), rounds)
        else:
            classifier(n_estimators=rounds).fit(features, target)

    features = sparse.random(2000, 3000, density=0.001, format="csr", random_state=0)
    target = np.arange(2000) % 2
    peaks = []
    for observed in (False, True):
        with fitprint.off() if not observed else fitprint.autolog(models=False):
            train(1)  # what is imported now does not count
            tracemalloc.start()
            train(2)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] - peaks[0] < 2e6


# -- failures --------------------------------------------------------------------------------------


def test_a_training_that_raises_in_round_5(tracked, data):
    """All rounds before are kept, the run is FAILED, and the exception is the user's own."""
    train, held_out = data()
    error = RuntimeError("round 5")

    def fail(environment):
        if environment.iteration == 4:
            raise error

    with pytest.raises(RuntimeError) as caught:
        lgb.train(QUIET, train, 10, [train, held_out], callbacks=[fail])
    run = tracked.one()
    assert caught.value is error
    assert (
        run.status,
        points(run, "valid_1-binary_logloss"),
        points(run, "training-binary_logloss"),
    ) == ("FAILED", 5, 5)


def test_a_system_exit_in_a_callback(tracked, data):
    """The program ends, the run is not left open."""
    train, held_out = data()

    def leave(environment):
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        lgb.train(QUIET, train, 10, [held_out], callbacks=[leave])
    run = tracked.one()
    assert run.status in {"FAILED", "KILLED"}
    assert points(run, "valid_0-binary_logloss") == 1


def test_labels_with_nan(tracked):
    """The user gets what LightGBM gives: a model from the native interface, an error from an
    estimator.
    """
    labels = y.astype(float)
    labels[3] = np.nan
    given = []
    for observed in (True, False):
        with fitprint.autolog(models=False) if observed else fitprint.off():
            given.append(lgb.train(QUIET, lgb.Dataset(X, labels), 2).model_to_string())
            with pytest.raises(ValueError, match="NaN") as caught:
                lgb.LGBMRegressor(verbosity=-1).fit(X, labels)
            given.append(str(caught.value))
    assert given[:2] == given[2:]
    assert [run.status for run in tracked.roots()] == ["FINISHED", "FAILED"]


def test_calls_that_do_not_fit(tracked, data):
    """Wrong arguments raise what LightGBM raises."""
    with pytest.raises(TypeError, match="missing"):
        lgb.train()
    with pytest.raises(TypeError, match="Dataset"):
        lgb.train(QUIET, X)
    with pytest.raises((AttributeError, TypeError)):
        lgb.train(QUIET, data()[0], 2, callbacks=["no callback"])
    with pytest.raises(TypeError):
        lgb.train(
            QUIET, data()[0], 2, callbacks=(callback for callback in (lgb.log_evaluation(0),))
        )


def test_a_failure_of_ours_does_not_fail_the_run(data):
    """A model that is too large is a line of the capture report; the training has succeeded."""
    with captured_runs(strict=False, model_limit_mb=0.0001) as runs:
        fitprint.autolog()
        lgb.train(QUIET, data()[0], 2)
        run = runs.one()
        assert run.status == "FINISHED"
        assert "model_limit_mb" in run.capture["failed"]["model"]


# -- log lines -------------------------------------------------------------------------------------

_SCRIPT = """
import sys
import lightgbm as lgb
from sklearn.datasets import load_breast_cancer
if len(sys.argv) > 1:
    import fitprint
    fitprint.configure(home=sys.argv[1], notice=False, context=False, strict=True)
    fitprint.autolog()
X, y = load_breast_cancer(return_X_y=True)
lgb.LGBMClassifier(n_estimators=3, lambda_l1=1.0, n_jobs=1, force_row_wise=True).fit(X, y)
train = lgb.Dataset(X[:400], y[:400])
held_out = lgb.Dataset(X[400:], y[400:], reference=train)
booster = lgb.train({"objective": "binary", "force_row_wise": True, "num_threads": 1}, train, 3, [held_out],
                    callbacks=[lgb.log_evaluation(1)], keep_training_booster=True)
for _ in range(3):
    booster.update()
quiet = lgb.train({"objective": "binary", "verbosity": -1, "min_data_in_leaf": 300}, lgb.Dataset(X, y), 3, keep_training_booster=True)
quiet.update()
print(booster.eval_valid())
"""  # noqa: E501


def test_log_lines_are_the_same(tmp_path):
    """LightGBM says neither more nor less, whatever was predicted and saved meanwhile."""
    bare, tracked = (
        subprocess.run(
            [sys.executable, "-W", "error", "-c", _SCRIPT, *home],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
        )
        for home in ([], [str(tmp_path / "home")])
    )
    assert "[LightGBM] [Warning] lambda_l1 is set" in bare.stdout + bare.stderr

    def without_times(text):
        return [
            line
            for line in text.splitlines()
            if "seconds" not in line and "overhead of testing" not in line
        ]

    assert (without_times(bare.stdout), without_times(bare.stderr)) == (
        without_times(tracked.stdout),
        without_times(tracked.stderr),
    )


# -- composed --------------------------------------------------------------------------------------


def test_a_search_is_one_parent_with_its_candidates(tracked):
    """Not a run for every fit, none of them FAILED."""
    GridSearchCV(classifier(), {"num_leaves": [3, 7, 15]}, cv=2).fit(X, y)
    run = tracked.one()
    assert (run.kind, run.status) == ("search", "FINISHED")
    children = run.children()
    assert [child.status for child in children] == ["FINISHED"] * 3
    assert sorted(child.params["num_leaves"] for child in children) == [3, 7, 15]
    assert all(points(child, "test_score") == 2 for child in children)


def test_a_search_records_its_model(data, runs):
    """The best estimator is kept as a pickle under the user's seal."""
    fitprint.autolog()
    search = GridSearchCV(classifier(), {"num_leaves": [3, 7]}, cv=2).fit(X, y)
    run = runs.one()
    assert (run.status, run.models[0].flavor, run.models[0].facts["serialization"]) == (
        "FINISHED",
        "lightgbm",
        "pickle",
    )
    loaded = fitprint.load_model(f"runs:/{run.id}/model")
    np.testing.assert_array_equal(loaded.predict_proba(X), search.predict_proba(X))


def test_a_search_with_this_plugin_alone(runs):
    """Where the settings want LightGBM only, a search around it is still one run."""
    fitprint.autolog(include_frameworks=["lightgbm"], models=False)
    GridSearchCV(classifier(), {"num_leaves": [3, 7]}, cv=2).fit(X, y)
    LogisticRegression(max_iter=5000).fit(X, y)
    assert [run.kind for run in runs.roots()] == ["search"]


def test_cross_validation_is_one_run(tracked):
    """Not a run for every fold."""
    cross_val_score(classifier(), X, y, cv=3)
    run = tracked.one()
    assert (run.kind, points(run, "test_score")) == ("cross-validation", 3)


@pytest.mark.parametrize("depth", [1, 2])
def test_a_pipeline_has_the_rounds_of_its_estimator(tracked, depth):
    """The rounds of the training inside are the pipeline's."""
    model = classifier()
    for _ in range(depth):
        model = make_pipeline(StandardScaler(), model)
    last = "__".join(["pipeline"] * (depth - 1) + ["lgbmclassifier"])
    evaluated = (
        {f"{last}__eval_set": [(X, y)]}
        if "eval_X" not in lgb.LGBMClassifier.fit.__wrapped__.__code__.co_varnames
        else {f"{last}__eval_X": X, f"{last}__eval_y": y}
    )
    model.fit(X, y, **evaluated)
    run = tracked.one()
    assert points(run, "valid_0-binary_logloss") == 3
    assert run.record.documents["lightgbm_config"]["num_iterations"] == 3


def test_one_classifier_for_each_class_is_one_run(tracked):
    """The trainings inside are parts of one."""
    features, target = load_iris(return_X_y=True)
    OneVsRestClassifier(classifier()).fit(features, target)
    documents = tracked.one().record.documents
    assert {"booster", "booster_part2", "booster_part3"} <= documents.keys()


@pytest.mark.parametrize(
    "compose",
    [
        lambda: StackingClassifier(
            [("a", classifier()), ("b", LogisticRegression(max_iter=5000))], cv=2
        ),
        lambda: CalibratedClassifierCV(classifier(), cv=2),
    ],
    ids=["stacking", "calibrated"],
)
def test_compositions_are_one_run(tracked, compose):
    """Stacking and calibration fit many times, and are one run."""
    compose().fit(X, y)
    assert (tracked.one().status, tracked.one().children()) == ("FINISHED", [])


def test_two_fits_in_one_run_of_the_user(tracked):
    """The first is recorded on it, the second on a child: no parameter or metric of one is taken
    for the other's.
    """
    with fitprint.start_run() as run:
        classifier(num_leaves=5).fit(X, y)
        classifier(num_leaves=9).fit(X, y)
    assert tracked.one().params["num_leaves"] == 5
    (child,) = run.children()
    assert child.params["num_leaves"] == 9
    assert {"training_log_loss", "fit_time"} <= child.metrics.keys()


def test_six_threads(tracked, data):
    """Six runs, all of them complete."""
    sets = [data() for _ in range(6)]

    def train(number):
        lgb.train({**QUIET, "num_leaves": number + 3}, sets[number][0], 6, [sets[number][1]])

    threads = [threading.Thread(target=train, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {
        run.params["num_leaves"]: (run.status, points(run, "valid_0-binary_logloss"))
        for run in tracked.roots()
    }
    assert found == dict.fromkeys(range(3, 9), ("FINISHED", 6))


def test_names_imported_before(data, runs):
    """``from lightgbm import train`` before ``autolog()`` is observed."""
    fitprint.autolog(models=False)
    imported_before(QUIET, data()[0], 1)
    assert runs.one().name == "lightgbm.train"


_WORKERS = """
import sys
import fitprint
fitprint.configure(home=sys.argv[1], notice=False, context=False, models=False, strict=True)
fitprint.autolog()
from lightgbm import LGBMClassifier
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV
X, y = load_breast_cancer(return_X_y=True)
search = GridSearchCV(LGBMClassifier(n_estimators=2, verbosity=-1, n_jobs=1), {"num_leaves": [3, 7]}, cv=2, n_jobs=2)
search.fit(X, y)
runs = fitprint.search_runs(children=True)
print(sorted((run.kind, run.status) for run in runs))
"""  # noqa: E501


def test_a_search_in_worker_processes(tmp_path):
    """One parent and its candidates, none of the workers' fits besides."""
    (tmp_path / "program.py").write_text(_WORKERS, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "program.py", str(tmp_path / "home")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == [
        str([("candidate", "FINISHED"), ("candidate", "FINISHED"), ("search", "FINISHED")])
    ], done.stderr


_DASK = """
import sys
import fitprint
fitprint.configure(home=sys.argv[1], notice=False, context=False, strict=True)
fitprint.autolog()
import dask.array
import lightgbm as lgb
from distributed import Client, LocalCluster
from sklearn.datasets import load_breast_cancer
X, y = (dask.array.from_array(part, chunks=(150,) + part.shape[1:]) for part in load_breast_cancer(return_X_y=True))
with LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster, Client(cluster) as client:
    lgb.DaskLGBMClassifier(n_estimators=3, client=client, verbosity=-1, n_jobs=1).fit(X, y)
(run,) = fitprint.search_runs()
print(run.name, run.status, run.params["n_estimators"], type(fitprint.load_model(f"runs:/{run.id}/model")).__name__)
"""  # noqa: E501


def test_a_training_spread_by_dask(tmp_path):
    """One run, not one for each worker; its model loads without Dask."""
    done = subprocess.run(
        [sys.executable, "-c", _DASK, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == ["DaskLGBMClassifier FINISHED 3 LGBMClassifier"], (
        done.stderr
    )
