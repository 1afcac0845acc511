"""Trainings that Dask spreads over workers, in this process and in others: one run for each call,
complete.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import sys
import fitprint
fitprint.configure(home=sys.argv[1], notice=False, context=False, strict=True)
fitprint.autolog()
import dask.array
from distributed import Client, LocalCluster
from sklearn.datasets import load_breast_cancer
import xgboost
from xgboost import dask as dxgb

if __name__ == "__main__":
    X, y = (dask.array.from_array(part, chunks=(150,) + part.shape[1:]) for part in load_breast_cancer(return_X_y=True))
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "processes": sys.argv[2] == "processes"}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        data = dxgb.DaskDMatrix(client, X, y)
        params = {"objective": "binary:logistic", "nthread": 1}
        out = dxgb.train(client, params, data, num_boost_round=30, evals=[(data, "train")], early_stopping_rounds=2, verbose_eval=False)
        estimator = dxgb.DaskXGBClassifier(n_estimators=3, n_jobs=1)
        estimator.client = client
        estimator.fit(X, y, eval_set=[(X, y)], verbose=False)
    native, fitted = fitprint.search_runs(order_by=["attributes.start_time"])
    assert ("xgboost.dask.train", "FINISHED") == (native.name, native.status)
    assert out["history"]["train"]["logloss"] == list(native.history("train-logloss").value)
    assert {"objective": "binary:logistic", "nthread": 1, "num_boost_round": 30, "early_stopping_rounds": 2} == {
        name: native.params[name] for name in ("objective", "nthread", "num_boost_round", "early_stopping_rounds")
    }
    assert "client" not in native.params
    assert out["booster"].best_iteration == native.metrics["best_iteration"]
    loaded = fitprint.load_model(f"runs:/{native.id}/model")
    assert out["booster"].get_dump() == loaded.get_dump()
    assert ("DaskXGBClassifier", "FINISHED") == (fitted.name, fitted.status)
    assert estimator.evals_result()["validation_0"]["logloss"] == list(fitted.history("validation_0-logloss").value)
    assert ([569, 30], [569]) == tuple(data.facts["shape"] for data in sorted(fitted.datasets, key=lambda data: data.name))
    local = fitprint.load_model(f"runs:/{fitted.id}/model")
    assert ("XGBClassifier", 3) == (type(local).__name__, local.n_estimators)
    X, y = load_breast_cancer(return_X_y=True)
    assert list(local.predict(X)) == list((estimator.get_booster().predict(xgboost.DMatrix(X)) > 0.5).astype(int))
    assert not any(run.capture.get("failed") for run in (native, fitted))
    print("done")
"""  # noqa: E501


@pytest.mark.parametrize("where", ["threads", "processes"])
def test_a_training_spread_by_dask_is_one_run(tmp_path, where):
    """That of the client, with the rounds; the workers add none."""
    assert "done" == last_line_of(_PROGRAM, tmp_path, where)


_ASYNCHRONOUS = """
import asyncio, sys
import fitprint
fitprint.configure(home=sys.argv[1], notice=False, context=False, strict=True)
fitprint.autolog()
import dask.array
from distributed import Client, LocalCluster
from sklearn.datasets import load_breast_cancer
from xgboost import dask as dxgb

async def main():
    X, y = (dask.array.from_array(part, chunks=(150,) + part.shape[1:]) for part in load_breast_cancer(return_X_y=True))
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "processes": False, "asynchronous": True}
    async with LocalCluster(**options) as cluster, Client(cluster, asynchronous=True) as client:
        data = await dxgb.DaskDMatrix(client, X, y)
        out = await dxgb.train(client, {"objective": "binary:logistic", "nthread": 1}, data, num_boost_round=3)
        assert 3 == out["booster"].num_boosted_rounds()
        estimator = await dxgb.DaskXGBClassifier(n_estimators=3, n_jobs=1)
        estimator.client = client
        await estimator.fit(X, y)
        assert 3 == estimator.get_booster().num_boosted_rounds()

asyncio.run(main())
runs = fitprint.search_runs(order_by=["attributes.start_time"])
assert ["xgboost.dask.train", "DaskXGBClassifier"] == [run.name for run in runs]
assert all("asynchronous" in run.capture["skipped"]["training"] for run in runs)
print("done")
"""  # noqa: E501


def test_an_asynchronous_client_gets_what_it_waits_for(tmp_path):
    """Such a call returns before the training; its run says so."""
    assert "done" == last_line_of(_ASYNCHRONOUS, tmp_path)


_IN_A_TASK = """
import sys
import fitprint
fitprint.configure(home=sys.argv[1], notice=False, context=False, strict=True)
fitprint.autolog()
import dask.array
import xgboost
from distributed import Client, LocalCluster
from sklearn.datasets import load_breast_cancer
from xgboost import dask as dxgb

X, y = load_breast_cancer(return_X_y=True)

def task():
    data = xgboost.DMatrix(X, y)
    xgboost.train({"nthread": 1}, data, 2, evals=[(data, "train")], verbose_eval=False)
    xgboost.XGBClassifier(n_estimators=2, n_jobs=1).fit(X, y, eval_set=[(X, y)], verbose=False)

options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None, "processes": False}
with LocalCluster(**options) as cluster, Client(cluster) as client:
    client.submit(task).result()
    data = dxgb.DaskDMatrix(client, dask.array.from_array(X), dask.array.from_array(y))
    dxgb.train(client, {"nthread": 1}, data, num_boost_round=2, evals=[(data, "train")], verbose_eval=False)
runs = fitprint.search_runs(order_by=["attributes.start_time"])
assert ["xgboost.train", "XGBClassifier", "xgboost.dask.train"] == [run.name for run in runs], runs
assert [2, 2, 2] == [len(run.history(key)) for run, key in zip(runs, ["train-rmse", "validation_0-logloss", "train-rmse"])]
print("done")
"""  # noqa: E501


def test_trainings_inside_tasks_of_the_users_own_are_runs(tmp_path):
    """Only what a worker trains for ``xgboost.dask`` is the client's to record,
    one worker or many.
    """
    assert "done" == last_line_of(_IN_A_TASK, tmp_path)


def last_line_of(script, folder, *arguments):
    """Run a program that records into a home of its own,
    and return the last line that it prints.
    """
    (folder / "program.py").write_text(script, encoding="utf-8")
    command = [sys.executable, "program.py", str(folder / "home"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    return (done.stdout.splitlines() or [done.stderr])[-1] if done.returncode == 0 else done.stderr
