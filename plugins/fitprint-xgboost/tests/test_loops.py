"""Hand-written training loops, and what is done with a booster later."""

from __future__ import annotations

import numpy as np
import xgboost
from sklearn.metrics import roc_auc_score

import fitprint

PARAMS = {"objective": "binary:logistic", "eval_metric": "logloss", "max_depth": 3, "nthread": 1}


def test_a_loop_of_updates(runs, matrices):
    """One run with a point for each round, although the loop tells no iteration, and with what
    XGBoost made of the parameters.
    """
    fitprint.autolog()
    train, test = matrices
    booster = xgboost.Booster(PARAMS, [train, test])
    told = []
    for number in fitprint.loop(range(4), name="round"):
        booster.update(train, number)
        told.append(float(booster.eval_set([(train, "train"), (test, "test")]).rpartition(":")[2]))
    run = runs.one()
    assert list(run.history("test-logloss").value) == told
    assert list(run.history("test-logloss").step) == [0, 1, 2, 3]
    assert (run.params["max_depth"], run.record.params["max_depth"].provenance) == (3, "resolved")
    assert "learner" in run.record.documents["xgboost_config"]
    assert [dataset.name for dataset in run.record.datasets] == ["train", "test"]


def test_a_loop_inside_a_run(runs, matrices):
    """Without `fitprint.loop`, the iteration that the user tells is the step."""
    fitprint.autolog()
    booster = xgboost.Booster(PARAMS, [matrices[0]])
    with fitprint.start_run("mine"):
        for number in range(3):
            booster.update(matrices[0], number)
            booster.eval(matrices[1], "test", number)
    assert list(runs.one().history("test-logloss").step) == [0, 1, 2]


def test_a_loop_without_a_run(runs, matrices):
    """It leaves no trace."""
    fitprint.autolog()
    booster = xgboost.Booster(PARAMS, [matrices[0]])
    booster.update(matrices[0], 0)
    booster.eval(matrices[0])
    assert len(runs) == 0


def test_a_loop_with_an_objective_of_ones_own(runs, matrices):
    """It is told of by its evaluations like any other; what is recorded once is recorded once."""
    fitprint.autolog()
    booster = xgboost.Booster({"nthread": 1}, [matrices[0]])
    for number in fitprint.loop(range(2)):
        booster.update(
            matrices[0],
            number,
            lambda predicted, data: (predicted - data.get_label(), np.ones_like(predicted)),
        )
        booster.eval(matrices[0], "train")
    assert len(runs.one().history("train-rmse")) == 2
    assert len(runs.one().record.datasets) == 1


def test_a_model_trained_on_in_a_loop(runs, matrices):
    """It is linked to the run that made it."""
    fitprint.autolog()
    booster = xgboost.train(PARAMS, matrices[0], 2)
    for number in fitprint.loop(range(2)):
        booster.update(matrices[0], number)
        booster.eval(matrices[0])
    made, gone_on = runs.roots()
    assert gone_on.tags["continues_run"] == made.id


def test_evaluation_later(runs, matrices):
    """It adds no point to the curves of the training, not even inside the same run."""
    fitprint.autolog()
    with fitprint.start_run():
        booster = xgboost.train(
            PARAMS, matrices[0], 3, evals=[(matrices[1], "eval")], verbose_eval=False
        )
        booster.eval(matrices[1])
    booster.eval(matrices[1])
    run = runs.one()
    assert len(run.history("eval-logloss")) == 3
    assert list(run.history("evaluation_eval-logloss").value) == [run.metrics["eval-logloss"]] * 2


def test_predictions_judged_later(runs, matrices, split):
    """Metrics of scikit-learn find the run of the booster that predicted."""
    fitprint.autolog()
    booster = xgboost.train(PARAMS, matrices[0], 3)
    score = roc_auc_score(split[1][1], booster.predict(matrices[1]))
    assert runs.one().metrics["roc_auc_score"] == score
