"""What is recorded of `xgboost.train`, and that nothing of the user's changes."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xgboost
from scipy import sparse
from sklearn.datasets import load_breast_cancer
from xgboost.callback import EarlyStopping, LearningRateScheduler, TrainingCallback

import fitprint
from fitprint.errors import SignatureError

PARAMS = {
    "objective": "binary:logistic",
    "eval_metric": ["auc", "logloss"],
    "max_depth": 2,
    "nthread": 1,
}


def train(matrices, rounds=6, **options):
    data, test = matrices
    options = {"evals": [(data, "train"), (test, "test")], "verbose_eval": False, **options}
    return xgboost.train(PARAMS, data, rounds, **options)


def steps(run, key="test-logloss"):
    return list(run.history(key).step)


def document(run, path):
    """Return a JSON artifact."""
    return json.loads(run.read(path))


class Raising(TrainingCallback):
    """Raises when a round has ended."""

    def __init__(self, error, number):
        super().__init__()
        self.error, self.number = error, number

    def after_iteration(self, model, epoch, evals_log):
        if epoch == self.number:
            raise self.error
        return False


class Ending(TrainingCallback):
    """Ends the training with a round."""

    def after_iteration(self, model, epoch, evals_log):
        return epoch == 3


# -- rounds ----------------------------------------------------------------------------------------


def test_every_round_of_every_evaluation_set(runs, matrices):
    """Histories are what XGBoost itself says, one point for each round, from 0."""
    fitprint.autolog()
    told = {}
    train(matrices, 12, evals_result=told)
    run = runs.one()
    for data, metrics in told.items():
        for metric, values in metrics.items():
            assert list(run.history(f"{data}-{metric}").value) == values
            assert steps(run, f"{data}-{metric}") == list(range(12))


@pytest.mark.parametrize("callbacks", [None, (), []])
def test_no_callbacks(runs, matrices, callbacks):
    """`callbacks=None` and empty lists are nothing special."""
    fitprint.autolog()
    train(matrices, callbacks=callbacks)
    assert runs.one().status == "FINISHED"
    assert steps(runs.one()) == list(range(6))


def test_a_callbacks_list_used_again(runs, matrices):
    """The user's list stays as it was, and each training has its own run with its own points."""
    fitprint.autolog()
    callbacks = [Ending()]
    given = list(callbacks)
    train(matrices, 6, callbacks=callbacks)
    train(matrices, 8, callbacks=callbacks)
    assert callbacks == given
    assert [(run.status, len(steps(run))) for run in runs.roots()] == [
        ("FINISHED", 4),
        ("FINISHED", 4),
    ]


def test_a_callback_that_ends_the_training(runs, matrices):
    """The round with which another callback ends the training is recorded, too."""
    fitprint.autolog()
    told = {}
    train(matrices, 10, callbacks=[Ending()], evals_result=told)
    assert list(runs.one().history("test-auc").value) == told["test"]["auc"]


def test_a_training_that_raises_in_round_5(runs, matrices):
    """The very exception comes out, the points of all rounds are kept, and the run is FAILED."""
    fitprint.autolog()
    error = ValueError("in round 5")
    with pytest.raises(ValueError) as caught:
        train(matrices, 10, callbacks=[Raising(error, 5)])
    assert caught.value is error
    run = runs.one()
    assert run.status == "FAILED"
    assert steps(run)[:5] == list(range(5))  # XGBoost 2.0 calls callbacks in any order


def test_system_exit_inside_training(runs, matrices):
    """The run has ended, and what comes next is a run of its own."""
    fitprint.autolog()
    with pytest.raises(SystemExit):
        train(matrices, 10, callbacks=[Raising(SystemExit(3), 2)])
    train(matrices)
    assert [run.status for run in runs.roots()] == ["FAILED", "FINISHED"]


def test_arguments_by_position(runs, matrices):
    """They are recorded by their names; where XGBoost refuses them, it does as ever."""
    data, test = matrices
    given = (PARAMS, data, 4, [(data, "train"), (test, "test")])

    def call():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            try:
                return xgboost.train(*given)
            except TypeError as error:
                return str(error)

    bare = call()
    fitprint.autolog()
    observed = call()
    assert (bare == observed) if isinstance(bare, str) else steps(runs.one()) == [0, 1, 2, 3]


def test_six_threads(runs, split):
    """Each thread's training is a complete run."""
    fitprint.autolog()
    start = threading.Barrier(6)

    def one(depth):
        data, test = (xgboost.DMatrix(features, target) for features, target in split)
        start.wait()
        xgboost.train(
            {**PARAMS, "max_depth": depth}, data, 8, evals=[(test, "test")], verbose_eval=False
        )

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(one, range(1, 7)))
    assert sorted(run.params["max_depth"] for run in runs.roots()) == [1, 2, 3, 4, 5, 6]
    assert [(run.status, len(steps(run))) for run in runs.roots()] == [("FINISHED", 8)] * 6


def test_two_trainings_in_one_run(runs, matrices):
    """The first is recorded on the user's run, the second on a child of it."""
    fitprint.autolog()
    with fitprint.start_run("mine"):
        train(matrices, 3)
        train(matrices, 5)
    first, second = runs.all()
    assert (first.name, len(steps(first)), first.params["num_boost_round"]) == ("mine", 3, 3)
    assert (second.parent_id, len(steps(second)), second.params["num_boost_round"]) == (
        first.id,
        5,
        5,
    )


# -- early stopping and schedules ------------------------------------------------------------------


@pytest.mark.parametrize("how", ["argument", "callback"])
def test_early_stopping(runs, matrices, how):
    """It is told in three numbers, counted from 0, and no point is added to a curve."""
    fitprint.autolog()
    options = (
        {"early_stopping_rounds": 2}
        if how == "argument"
        else {"callbacks": [EarlyStopping(rounds=2, data_name="test")]}
    )
    booster = train(matrices, 300, **options)
    metrics, count = runs.one().metrics, booster.num_boosted_rounds()
    assert count < 300
    assert metrics["best_iteration"] == booster.best_iteration
    assert metrics["best_score"] == booster.best_score
    assert runs.one().summary("best_score").goal == "min"
    assert metrics["stopped_iteration"] == count - 1
    assert steps(runs.one()) == list(range(count))


def test_the_best_model_kept(runs, matrices):
    """Rounds that the callback takes off the model again have been trained, and are recorded."""
    fitprint.autolog()
    booster = train(matrices, 300, callbacks=[EarlyStopping(rounds=2, save_best=True)])
    metrics = runs.one().metrics
    assert booster.num_boosted_rounds() == metrics["best_iteration"] + 1
    assert metrics["stopped_iteration"] == metrics["best_iteration"] + 2


def test_no_early_stopping(runs, matrices):
    """Without it there are no facts on it, not even where the model that is continued has some."""
    fitprint.autolog()
    first = train(matrices, 300, early_stopping_rounds=2)
    train(matrices, 2, xgb_model=first)
    assert "best_iteration" not in runs.roots()[1].metrics


@pytest.mark.parametrize("rates", [[0.5, 0.25, 0.125, 0.0625], lambda number: 0.5 / 2**number])
def test_learning_rate_schedule(runs, matrices, rates):
    """Each round has the rate that it was trained with: what the schedule says after a round counts
    for the next.
    """
    schedule = LearningRateScheduler(rates)
    before = dict(vars(schedule))
    bare = train(matrices, 4, callbacks=[schedule])
    fitprint.autolog()
    booster = train(matrices, 4, callbacks=[schedule])
    assert np.allclose(list(runs.one().history("learning_rate").value), [0.3, 0.5, 0.25, 0.125])
    assert vars(schedule) == before
    assert booster.get_dump() == bare.get_dump()


# -- what is recorded ------------------------------------------------------------------------------


def test_params_and_what_xgboost_makes_of_them(runs, matrices):
    """The user's own are typed and marked as set; the whole configuration stands beside them."""
    fitprint.autolog()
    train(matrices)
    run = runs.one()
    assert {name: run.params[name] for name in PARAMS} == PARAMS
    assert (
        run.record.params["max_depth"].provenance,
        run.record.params["num_boost_round"].provenance,
    ) == ("set", "set")
    learner = run.record.documents["xgboost_config"]["learner"]
    assert learner["gradient_booster"]["tree_train_param"]["max_depth"] == "2"
    assert "rng_state" not in learner["generic_param"]


def test_rounds_by_default(runs, matrices):
    """What the user did not give is marked so."""
    fitprint.autolog()
    xgboost.train(PARAMS, matrices[0])
    assert (
        runs.one().params["num_boost_round"],
        runs.one().record.params["num_boost_round"].provenance,
    ) == (10, "default")


def test_params_as_pairs(runs, matrices):
    """A name that occurs twice has both values."""
    fitprint.autolog()
    pairs = [("objective", "binary:logistic"), ("eval_metric", "auc"), ("eval_metric", "error")]
    xgboost.train(pairs, matrices[0], 2, evals=[(matrices[1], "test")], verbose_eval=False)
    assert runs.one().params["eval_metric"] == ["auc", "error"]


def squared_log(predicted, matrix):
    """An objective of the user's own."""
    error = predicted - matrix.get_label()
    return error, np.ones_like(error)


def mean_error(predicted, matrix):
    """A metric of the user's own."""
    return "mean-error", float(np.abs(predicted - matrix.get_label()).mean())


def test_objective_and_metric_of_ones_own(runs, matrices):
    """They are named, and the metric's values recorded."""
    fitprint.autolog()
    told = {}
    xgboost.train(
        {"max_depth": 2},
        matrices[0],
        3,
        obj=squared_log,
        custom_metric=mean_error,
        evals=[(matrices[1], "test")],
        evals_result=told,
        verbose_eval=False,
    )
    run = runs.one()
    assert (
        run.params["obj"].rpartition(".")[2],
        run.params["custom_metric"].rpartition(".")[2],
    ) == ("squared_log", "mean_error")
    assert list(run.history("test-mean-error").value) == told["test"]["mean-error"]


def test_facts_on_matrices(runs, split):
    """Shape, names, missing values, a summary of labels and weights; a matrix that is given twice
    is told twice.
    """
    fitprint.autolog()
    features, target = split[0]
    features = features.copy()
    features[:7, 0] = np.nan
    names = [f"column {number}" for number in range(30)]
    data = xgboost.DMatrix(
        features,
        target,
        weight=np.linspace(1, 2, 400),
        feature_names=names,
        base_margin=np.zeros(400),
    )
    xgboost.train(PARAMS, data, 2, evals=[(data, "train")], verbose_eval=False)
    first, second = runs.one().record.datasets
    assert [(dataset.name, dataset.role) for dataset in (first, second)] == [
        ("dtrain", "train"),
        ("train", "eval"),
    ]
    assert first.facts == second.facts
    assert (first.facts["shape"], first.facts["missing"], first.facts["feature_names"]) == (
        [400, 30],
        7,
        names,
    )
    assert (first.facts["target"]["summary"]["n_classes"], first.facts["base_margin"]) == (2, True)
    assert first.facts["weights"]["digest"].startswith("sha256:")


def test_groups_of_a_ranking(runs, split):
    """Ranking has its groups counted, and its metric with what follows the @."""
    fitprint.autolog()
    data = xgboost.DMatrix(*split[0], qid=np.repeat(range(40), 10))
    params = {"objective": "rank:ndcg", "eval_metric": "ndcg@3", "nthread": 1}
    xgboost.train(params, data, 3, evals=[(data, "train")], verbose_eval=False)
    run = runs.one()
    assert run.record.datasets[0].facts["groups"] == 40
    assert steps(run, "train-ndcg@3") == [0, 1, 2]


class Batches(xgboost.DataIter):
    """Two batches of data."""

    def __init__(self, features, target):
        self.parts = [(features[:200], target[:200]), (features[200:], target[200:])]
        self.asked = 0
        self.position = 0
        super().__init__()

    def next(self, input_data):
        if self.position == len(self.parts):
            return 0
        features, target = self.parts[self.position]
        input_data(data=features, label=target)
        self.position += 1
        self.asked += 1
        return 1

    def reset(self):
        self.position = 0


def test_data_from_an_iterator(runs, split):
    """The matrix that was made of it tells its facts; the iterator is not asked again."""
    bare, observed = Batches(*split[0]), Batches(*split[0])
    xgboost.train(PARAMS, xgboost.QuantileDMatrix(bare), 2)
    fitprint.autolog()
    xgboost.train(PARAMS, xgboost.QuantileDMatrix(observed), 2)
    assert observed.asked == bare.asked
    dataset = runs.one().record.datasets[0]
    assert (dataset.facts["type"], dataset.facts["shape"]) == ("xgboost.QuantileDMatrix", [400, 30])


def test_importances_of_every_type(runs, matrices):
    """They stand in the form of the scikit-learn plugin's plots."""
    fitprint.autolog()
    booster = train(matrices)
    run = runs.one()
    by_type = document(run, "plots/feature_importances_by_type.json")
    assert by_type["labels"] == ["gain", "weight", "cover", "total_gain", "total_cover"]
    for kind, row in zip(by_type["labels"], by_type["rows"], strict=True):
        scores = booster.get_score(importance_type=kind)
        assert row == [float(f"{scores.get(name, 0.0):.7g}") for name in by_type["features"]]
    assert sum(document(run, "plots/feature_importances.json")["values"]) == pytest.approx(1)


@pytest.mark.filterwarnings("ignore:.*is deprecated:UserWarning")  # in the newest XGBoost
@pytest.mark.parametrize("classes", [2, 3])
def test_a_linear_booster_has_coefficients(runs, split, classes):
    """One for each feature, or a row for each class."""
    fitprint.autolog()
    features, target = split[0]
    data = xgboost.DMatrix(features, target if classes == 2 else np.arange(400) % 3)
    params = {"booster": "gblinear", "nthread": 1} | (
        {} if classes == 2 else {"objective": "multi:softprob", "num_class": 3}
    )
    xgboost.train(params, data, 2)
    plot = document(runs.one(), "plots/feature_coefficients.json")
    assert plot["kind"] == "coefficients"
    assert len(plot["values"] if classes == 2 else plot["rows"]) == (30 if classes == 2 else 3)


@pytest.mark.filterwarnings("ignore:.*is deprecated:UserWarning")  # in the newest XGBoost
def test_dart_with_a_schedule(runs, matrices):
    """Its learning rate is found, too."""
    fitprint.autolog()
    params = {**PARAMS, "booster": "dart", "rate_drop": 0.1, "eta": 0.4}
    xgboost.train(
        params,
        matrices[0],
        2,
        evals=[(matrices[1], "test")],
        callbacks=[LearningRateScheduler([0.2, 0.1])],
        verbose_eval=False,
    )
    assert np.allclose(list(runs.one().history("learning_rate").value), [0.4, 0.2])


def test_several_outputs(runs, split):
    """Targets with several columns are recorded."""
    fitprint.autolog()
    features, target = split[0]
    data = xgboost.DMatrix(features, np.column_stack([target, features[:, 0]]))
    xgboost.train(
        {"tree_method": "hist", "nthread": 1}, data, 2, evals=[(data, "train")], verbose_eval=False
    )
    run = runs.one()
    assert (run.status, steps(run, "train-rmse")) == ("FINISHED", [0, 1])


def test_continued_training(runs, matrices, tmp_path):
    """It is linked to the run of the model that it goes on from, or to the file."""
    fitprint.autolog()
    first = train(matrices, 3)
    train(matrices, 2, xgb_model=first)
    first.save_model(tmp_path / "first.json")
    train(matrices, 2, xgb_model=tmp_path / "first.json")
    parent, child, from_file = runs.roots()
    assert child.tags["continues_run"] == parent.id
    assert child.record.documents["continuation"] == {
        "model": "Booster",
        "rounds": 3,
        "run": parent.id,
    }
    assert child.record.documents["booster"]["rounds"] == 5
    assert steps(child) == [0, 1]
    assert from_file.tags["continues_file"] == "first.json"


# -- nothing changes -------------------------------------------------------------------------------


def test_pickles_of_the_function_and_of_the_model(runs, matrices):
    """The function is pickled by its name, and nothing of ours is in the model."""
    bare = train(matrices)
    before = pickle.dumps(xgboost.train)
    fitprint.autolog()
    booster = train(matrices)
    assert pickle.dumps(xgboost.train) == before
    assert pickle.loads(before) is xgboost.train
    assert len(pickle.dumps(booster)) == len(pickle.dumps(bare))
    assert b"fitprint" not in pickle.dumps(booster)


def test_sparse_data_stay_sparse(runs):
    """Facts on a sparse matrix with 2000 rows and 3000 columns take less than 2 MB."""
    import tracemalloc

    data = sparse.random(2000, 3000, density=0.001, format="csr", random_state=0)
    matrix = xgboost.DMatrix(data, np.arange(2000) % 2)

    def peak():
        tracemalloc.start()
        try:
            xgboost.train(
                {"nthread": 1, "max_depth": 2},
                matrix,
                2,
                evals=[(matrix, "train")],
                verbose_eval=False,
            )
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    bare = peak()
    fitprint.autolog()
    xgboost.train({"nthread": 1, "max_depth": 2}, matrix, 2)
    assert peak() - bare < 2 << 20
    assert runs.roots()[1].record.datasets[0].facts["present"] == data.nnz


def test_what_is_no_list_of_callbacks(runs, matrices):
    """XGBoost says what it says without us."""
    fitprint.autolog()
    with pytest.raises(TypeError, match="not iterable"):
        train(matrices, callbacks=3)
    with pytest.raises(TypeError, match="TrainingCallback"):
        train(matrices, callbacks=[print])
    assert [run.status for run in runs.roots()] == ["FAILED", "FAILED"]


_LINEAR = """
import sys, warnings
import fitprint
fitprint.configure(home=sys.argv[1], notice=False, context=False, strict=True)
if sys.argv[2] == "recorded":
    fitprint.autolog()
import xgboost
from sklearn.datasets import load_breast_cancer
X, y = load_breast_cancer(return_X_y=True)
data = xgboost.DMatrix(X, y)
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    booster = xgboost.train({"booster": "gblinear", "nthread": 1}, data, 2)
    model = xgboost.XGBRegressor(booster="gblinear", n_estimators=2, n_jobs=1).fit(X, y)
    trained = len(told)
    numbers = booster.predict(data).tolist(), model.predict(X).tolist(), booster.get_dump()
print(trained, len(told), hash(str(numbers)))
"""


def test_a_linear_booster_warns_when_it_is_used(tmp_path):
    """The newest XGBoost warns of it whenever a booster gets its configuration: where it would
    have.
    """
    outputs = []
    for how in ("bare", "recorded"):
        command = [sys.executable, "-c", _LINEAR, str(tmp_path), how]
        environment = os.environ | {"PYTHONHASHSEED": "0"}
        outputs.append(
            subprocess.run(
                command, capture_output=True, text=True, check=True, env=environment
            ).stdout
        )
    assert outputs[0] == outputs[1]
    assert outputs[0]


def test_warnings_come_from_where_they_came(runs, matrices):
    """XGBoost warns when it first looks at its parameters: that is still in the training, not in
    what we ask.
    """
    first = train(matrices, 1)

    def told():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for options in (
                {},
                {"callbacks": [LearningRateScheduler([0.3] * 3)]},
                {"xgb_model": first, "early_stopping_rounds": 2},
            ):
                xgboost.train(
                    {"no_such": 1},
                    matrices[0],
                    3,
                    evals=[(matrices[1], "test")],
                    verbose_eval=False,
                    **options,
                )
        return [(warning.category, warning.filename, warning.lineno) for warning in caught]

    bare = told()
    fitprint.autolog()
    assert bare
    assert told() == bare


def test_the_signature_is_told_by_the_features(runs):
    """A frame's columns by name and type, an array's by number; what a booster was trained on can
    be predicted for.
    """
    frame = load_breast_cancer(as_frame=True).data.iloc[:, :3].assign(count=range(569))
    target = load_breast_cancer().target
    fitprint.autolog()
    for data, taken in ((frame, ("table", 4)), (frame.to_numpy(), ("array", 1))):
        xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(data, target), 2)
        run = runs.roots()[-1]
        predictor = fitprint.load_predictor(f"runs:/{run.id}/model")
        assert (
            predictor.signature.inputs.container,
            len(predictor.signature.inputs.fields),
        ) == taken
        assert len(predictor.predict(data)) == 569
    with pytest.raises(SignatureError, match="count"):
        fitprint.load_predictor(f"runs:/{runs.roots()[0].id}/model").predict(
            frame.drop(columns="count")
        )
