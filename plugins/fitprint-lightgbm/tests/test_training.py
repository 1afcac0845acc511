"""What ``lightgbm.train`` and ``lightgbm.cv`` record."""

from __future__ import annotations

import json
import warnings

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

import fitprint

X, y = load_breast_cancer(return_X_y=True)
QUIET = {"objective": "binary", "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5}


def curve(run, key):
    history = run.history(key)
    return list(history.step), list(history.value)


def test_the_rounds_are_those_that_lightgbm_records(tracked, data):
    """Every metric of every data set, in every round,
    is exactly what ``record_evaluation`` gives.
    """
    train, held_out = data()
    theirs = {}
    params = {**QUIET, "metric": ["auc", "binary_logloss"]}
    lgb.train(
        params,
        train,
        7,
        [train, held_out],
        ["seen", "held_out"],
        callbacks=[lgb.record_evaluation(theirs)],
    )
    run = tracked.one()
    expected = {
        f"{name}-{metric}": (list(range(7)), list(values))
        for name, metrics in theirs.items()
        for metric, values in metrics.items()
    }
    assert expected == {key: curve(run, key) for key in run.metrics if "-" in key}
    assert (run.name, run.kind, run.status) == ("lightgbm.train", "fit", "FINISHED")


def test_more_is_better_where_lightgbm_says_so(tracked, data):
    """The goal of a metric is LightGBM's own word."""
    train, held_out = data()

    def odd(predictions, _data):
        return "odd", float(predictions.mean()), True

    lgb.train(QUIET, train, 3, [held_out], feval=odd)
    run = tracked.one()
    assert [run.summary("valid_0-odd").goal, run.summary("valid_0-binary_logloss").goal] == [
        "max",
        "min",
    ]
    assert run.params["feval"].endswith("odd")


def test_aliases_are_resolved_beside_what_the_user_wrote(tracked, data):
    """``eta`` is recorded as the user's, and as the learning rate; a number of rounds in ``params``
    is the number of rounds.
    """
    with warnings.catch_warnings():
        # LightGBM before 4.6 says that it takes the number from there
        warnings.simplefilter("ignore", UserWarning)
        lgb.train({**QUIET, "eta": 0.3, "n_estimators": 4}, data()[0], 50)
    run = tracked.one()
    names = ("eta", "learning_rate", "n_estimators", "num_iterations", "num_boost_round")
    assert [run.params[name] for name in names] == [0.3, 0.3, 4, 4, 4]
    provenance = {name: run.record.params[name].provenance for name in names}
    assert list(provenance.values()) == ["set", "resolved", "set", "resolved", "resolved"]


def test_defaults_are_marked(tracked, data):
    """An argument that the user left alone is a default."""
    lgb.train(QUIET, data()[0])
    params = tracked.one().record.params
    assert [
        (params[name].value, params[name].provenance)
        for name in ("num_boost_round", "keep_training_booster")
    ] == [
        (100, "default"),
        (False, "default"),
    ]


def test_the_booster_tells_its_parameters(tracked, data):
    """What LightGBM made of the parameters is a document of its own."""
    lgb.train({**QUIET, "eta": 0.25}, data()[0], 3, keep_training_booster=True)
    documents = tracked.one().record.documents
    assert [
        documents["lightgbm_config"][name] for name in ("learning_rate", "num_leaves", "boosting")
    ] == [0.25, 31, "gbdt"]
    assert documents["booster"] == {
        "rounds": 3,
        "trees": 3,
        "trees_per_iteration": 1,
        "features": 30,
    }


def test_early_stopping_is_told_from_zero(tracked, data):
    """LightGBM counts its best iteration from 1; the record counts from 0,
    as the curve's steps do.
    """
    train, held_out = data()
    booster = lgb.train(
        {**QUIET, "learning_rate": 0.5},
        train,
        100,
        [held_out],
        callbacks=[lgb.early_stopping(3, verbose=False)],
    )
    run = tracked.one()
    steps, values = curve(run, "valid_0-binary_logloss")
    best = booster.best_iteration - 1
    assert (run.metrics["best_iteration"], run.metrics["stopped_iteration"]) == (best, best + 3)
    assert steps == list(range(best + 4))
    assert run.metrics["best_score"] == values[best] == min(values)
    assert "min" == run.summary("best_score").goal
    assert [run.params[name] for name in ("early_stopping_round", "first_metric_only")] == [
        3,
        False,
    ]


def test_early_stopping_by_a_parameter(tracked, data):
    """The parameter, under an alias, does the same as the callback."""
    train, held_out = data()
    booster = lgb.train({**QUIET, "early_stopping_rounds": 2, "eta": 0.5}, train, 100, [held_out])
    run = tracked.one()
    assert run.metrics["best_iteration"] == booster.best_iteration - 1
    assert run.params["early_stopping_round"] == 2


def test_first_metric_only(tracked, data):
    """The score is that of the metric that decided."""
    train, held_out = data()
    params = {**QUIET, "metric": ["auc", "binary_logloss"], "learning_rate": 0.5}
    stopping = lgb.early_stopping(2, first_metric_only=True, verbose=False)
    booster = lgb.train(
        params, train, 100, [train, held_out], ["train", "held_out"], callbacks=[stopping]
    )
    run = tracked.one()
    assert run.metrics["best_iteration"] == booster.best_iteration - 1
    assert run.metrics["best_score"] == booster.best_score["held_out"]["auc"]
    assert "max" == run.summary("best_score").goal


def test_dart_does_not_stop_early(tracked, data):
    """Where LightGBM switches early stopping off, there are no facts of it."""
    train, held_out = data()
    with pytest.warns(UserWarning, match="dart"):
        lgb.train(
            {**QUIET, "boosting": "dart"},
            train,
            8,
            [held_out],
            callbacks=[lgb.early_stopping(1, verbose=False)],
        )
    run = tracked.one()
    assert {"best_iteration", "stopped_iteration", "best_score"}.isdisjoint(run.metrics)
    assert len(curve(run, "valid_0-binary_logloss")[0]) == 8


def test_without_early_stopping_nothing_is_invented(tracked, data):
    """No best round is told where nobody asked for one."""
    train, held_out = data()
    lgb.train(QUIET, train, 4, [held_out])
    assert tracked.one().metrics.keys() == {"valid_0-binary_logloss", "fit_time"}


@pytest.mark.parametrize("name", ["learning_rate", "eta", "shrinkage_rate"])
def test_a_schedule_of_learning_rates(tracked, data, name):
    """The learning rate that was in force in each round."""
    train, _ = data()
    rates = [0.3, 0.3, 0.2, 0.1]
    lgb.train({**QUIET, name: 0.3}, train, 4, callbacks=[lgb.reset_parameter(**{name: rates})])
    assert curve(tracked.one(), "learning_rate") == ([0, 1, 2, 3], rates)


def test_a_callback_of_the_user_changes_the_learning_rate(tracked, data):
    """Rounds before the first change are told, too."""
    train, _ = data()

    def halve(environment):
        if environment.iteration == 2:
            environment.model.reset_parameter({"learning_rate": 0.1})

    halve.before_iteration = True
    lgb.train({**QUIET, "learning_rate": 0.2}, train, 4, callbacks=[halve])
    assert curve(tracked.one(), "learning_rate") == ([0, 1, 2, 3], [0.2, 0.2, 0.1, 0.1])


def test_a_training_goes_on_from_a_model(tracked, data):
    """The run of the model that is continued is known, and steps go on counting."""
    train, held_out = data(free_raw_data=False)
    first = lgb.train(QUIET, train, 5)
    lgb.train(QUIET, train, 3, [held_out], init_model=first)
    parent, child = tracked.roots()
    assert child.record.documents["continuation"] == {
        "model": "Booster",
        "rounds": 5,
        "run": parent.id,
    }
    assert child.tags["continues_run"] == parent.id
    assert curve(child, "valid_0-binary_logloss")[0] == [5, 6, 7]


def test_a_training_goes_on_from_a_file(tracked, data, tmp_path):
    """A model in a file is told by its name."""
    train, _ = data(free_raw_data=False)
    lgb.train(QUIET, train, 5).save_model(tmp_path / "first.txt")
    lgb.train(QUIET, train, 3, init_model=str(tmp_path / "first.txt"))
    assert tracked.roots()[1].record.documents["continuation"]["file"] == str(
        tmp_path / "first.txt"
    )


def test_importances_of_every_type(tracked, data):
    """Gain and split of every feature, as LightGBM tells them."""
    booster = lgb.train(QUIET, data()[0], 5)
    run = tracked.one()
    by_type = json.loads(run.read("plots/feature_importances_by_type.json"))
    assert by_type["labels"] == ["gain", "split"]
    assert by_type["features"] == booster.feature_name()
    assert by_type["rows"][1] == booster.feature_importance("split").tolist()
    np.testing.assert_allclose(by_type["rows"][0], booster.feature_importance("gain"), rtol=1e-6)
    shares = json.loads(run.read("plots/feature_importances.json"))["values"]
    assert sum(shares) == pytest.approx(1, abs=1e-5)


def test_custom_objective_is_named(tracked, data):
    """A function in ``params`` is recorded by its name."""

    def own_loss(predictions, train):
        return predictions - train.get_label(), np.ones_like(predictions)

    lgb.train({**QUIET, "objective": own_loss}, data()[0], 2)
    assert tracked.one().params["objective"].endswith("own_loss")


def test_several_classes(tracked):
    """Each round has as many trees as there are classes."""
    features, target = load_iris(return_X_y=True)
    lgb.train(
        {**QUIET, "objective": "multiclass", "num_class": 3}, lgb.Dataset(features, target), 2
    )
    assert tracked.one().record.documents["booster"]["trees"] == 6


def test_ranking(tracked):
    """Groups are facts on the data; metrics keep their places in their names."""
    train = lgb.Dataset(X[:560], y[:560], group=[56] * 10)
    lgb.train({**QUIET, "objective": "lambdarank", "eval_at": [1, 3]}, train, 3, [train])
    run = tracked.one()
    assert {"training-ndcg@1", "training-ndcg@3"} <= run.metrics.keys()
    assert run.datasets[0].facts["group"]["shape"] == [10]


def test_linear_trees_and_categories(tracked):
    """Data frames with categories, and trees with linear leaves."""
    features, target = load_diabetes(return_X_y=True, as_frame=True)
    features = features.assign(
        sex=(features.sex > 0).map({True: "f", False: "m"}).astype("category")
    )
    lgb.train({"linear_tree": True, "verbosity": -1}, lgb.Dataset(features, target), 3)
    run = tracked.one()
    assert run.params["linear_tree"] is True
    assert run.datasets[0].facts["schema"][1]["dtype"] == "category"


def test_facts_on_the_data(tracked):
    """Shape, names, labels, weights and options of a data set are recorded; nothing of it is
    constructed by that.
    """
    names = [f"f{position}" for position in range(30)]
    train = lgb.Dataset(
        X,
        y,
        weight=np.ones(len(y)),
        feature_name=names,
        categorical_feature=["f0"],
        free_raw_data=False,
    )
    lgb.train(QUIET, train, 1)
    (told,) = tracked.one().datasets
    assert (told.name, told.role) == ("train", "train")
    assert told.facts["shape"] == [569, 30]
    assert told.facts["feature_names"] == names
    assert told.facts["categorical_feature"] == ["f0"]
    assert told.facts["target"]["summary"]["counts"] == [212, 357]
    assert told.facts["weight"]["summary"]["mean"] == 1.0
    assert told.facts["free_raw_data"] is False


def test_data_that_were_freed_are_told_by_lightgbm(tracked):
    """Of a data set that has been constructed, the raw data are gone; its shape and labels are
    still there.
    """
    train = lgb.Dataset(X, y, params=QUIET).construct()
    lgb.train(QUIET, train, 1)
    facts = tracked.one().datasets[0].facts
    assert facts["shape"] == [569, 30]
    assert facts["target"]["summary"]["counts"] == [212, 357]


def test_rows_of_other_data(tracked):
    """A subset that is not constructed yet is told by its size."""
    whole = lgb.Dataset(X, y, params=QUIET, free_raw_data=False)
    lgb.train(QUIET, whole.subset(list(range(300))), 1)
    run = tracked.one()
    assert run.datasets[0].facts["shape"] == [300, None]
    assert "failed" not in run.capture


def test_cross_validation(tracked, data):
    """Mean and standard deviation of every round are what ``cv`` returns."""
    train, _ = data()
    result = lgb.cv(QUIET, train, 6, nfold=3, stratified=True, seed=1)
    run = tracked.one()
    assert (run.name, run.kind) == ("lightgbm.cv", "cross-validation")
    (mean,), (deviation,) = (
        [values for name, values in result.items() if name.endswith(end)]
        for end in ("-mean", "-stdv")
    )
    assert curve(run, "valid-binary_logloss-mean") == (list(range(6)), list(mean))
    assert curve(run, "valid-binary_logloss-std") == (list(range(6)), list(deviation))
    assert run.metrics["n_splits"] == 3
    assert run.params["nfold"] == 3


def test_cross_validation_that_stops_early(tracked, data):
    """All rounds that ran are recorded, beside the best."""
    train, _ = data()
    params = {**QUIET, "learning_rate": 0.5}
    result = lgb.cv(
        params,
        train,
        60,
        nfold=3,
        callbacks=[lgb.early_stopping(2, verbose=False)],
        eval_train_metric=True,
    )
    run = tracked.one()
    best = len(next(iter(result.values()))) - 1
    assert (run.metrics["best_iteration"], run.metrics["stopped_iteration"]) == (best, best + 2)
    assert (
        len(curve(run, "valid-binary_logloss-mean")[0])
        == len(curve(run, "train-binary_logloss-mean")[0])
        == best + 3
    )


def test_folds_that_can_be_read_once(tracked, data):
    """A generator of folds is not consumed."""
    train, _ = data()
    order = np.arange(400)
    folds = ((order[order % 2 == part], order[order % 2 != part]) for part in (0, 1))
    lgb.cv(QUIET, train, 2, folds=folds)
    assert tracked.one().metrics["n_splits"] == 2


def test_a_loop_of_updates(tracked, data):
    """Inside ``fitprint.loop`` a hand-written loop is one run, with the parameters, data and
    evaluations at the loop's steps.
    """
    train, held_out = data()
    booster = lgb.Booster({**QUIET, "eta": 0.3}, train)
    booster.add_valid(held_out, "held_out")
    values = []
    for _ in fitprint.loop(range(4), name="round", progress=False):
        booster.update()
        values.append(booster.eval_valid()[0][2])
    run = tracked.one()
    assert curve(run, "held_out-binary_logloss") == ([0, 1, 2, 3], values)
    assert [run.params[name] for name in ("eta", "learning_rate")] == [0.3, 0.3]
    assert [told.name for told in run.datasets] == ["train", "held_out"]


def test_updates_outside_of_a_loop_are_left_alone(tracked, data):
    """Nothing is recorded where nobody asked for it."""
    booster = lgb.Booster(QUIET, data()[0])
    booster.update()
    booster.eval_train()
    assert tracked.all() == []


def test_sparse_and_frame_data(tracked):
    """The schema of a frame is told."""
    lgb.train(QUIET, lgb.Dataset(pd.DataFrame(X[:, :2], columns=["a b", "c"]), y), 1)
    assert tracked.one().datasets[0].facts["feature_names"] == ["a b", "c"]


@pytest.mark.parametrize("how", ["constructed", "subset", "pieces", "file", "arrow"])
def test_fault_21_every_kind_of_data_gives_a_signature(runs, capfd, tmp_path, how):
    """Where the data are freed, in pieces or in a file, the booster tells its features."""
    fitprint.autolog()
    points = np.random.default_rng(0).normal(size=(60, 2))
    target = (points[:, 0] > 0).astype(float)
    if how == "constructed":
        data = lgb.Dataset(points, target).construct()
    elif how == "subset":
        data = lgb.Dataset(points, target).subset(list(range(50)))
    elif how == "pieces":
        data = lgb.Dataset([points[:30], points[30:]], target)
    elif how == "file":
        np.savetxt(tmp_path / "data.tsv", np.c_[target, points], delimiter="\t")
        data = lgb.Dataset(str(tmp_path / "data.tsv"))
    else:
        pyarrow = pytest.importorskip("pyarrow")
        if int(lgb.__version__.split(".")[1]) < 2 and lgb.__version__.startswith("4."):
            pytest.skip("this LightGBM takes no tables of pyarrow's")
        data = lgb.Dataset(pyarrow.table({"a": points[:, 0], "b": points[:, 1]}), target)
    booster = lgb.train({"verbose": -1, "num_leaves": 4}, data, 2)
    run = runs.one()
    fields = run.models[0].facts["signature"]["inputs"]["fields"]
    assert [field["name"] for field in fields] == (["a", "b"] if how == "arrow" else [None])
    assert "failed" not in run.capture
    given = {"a": points[:, 0].tolist(), "b": points[:, 1].tolist()} if how == "arrow" else points
    assert (
        booster.predict(points).tolist()
        == fitprint.load_predictor(f"runs:/{run.id}/model").predict(given).tolist()
    )
