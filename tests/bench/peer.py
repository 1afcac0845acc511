"""The same measured of MLflow, with the same units, where it has the feature."""

from __future__ import annotations

import json
import logging
import os
import random
import sqlite3
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trainings
from cases import Figures, _cpu_of_process, _one_thread


def import_alone() -> Figures:
    bare = [_cpu_of_process("pass") for _ in range(3)]
    theirs = [_cpu_of_process("import mlflow") for _ in range(3)]
    return {"bare": statistics.median(bare), "theirs": statistics.median(theirs)}


def switch_on() -> Figures:
    before = time.process_time()
    import mlflow

    mlflow.sklearn.autolog(silent=True)
    return {"theirs": (time.process_time() - before) * 1000}


def _use(folder: str) -> None:
    import mlflow

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    os.chdir(folder)
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.set_experiment("bench")


def log_metric() -> Figures:
    import mlflow

    with tempfile.TemporaryDirectory() as folder:
        _use(folder)
        costs = []
        with mlflow.start_run():
            for step in range(300):
                before = time.perf_counter_ns()
                mlflow.log_metric("loss", 0.5, step=step)
                costs.append(time.perf_counter_ns() - before)
    return {
        "p50_us": statistics.median(costs) / 1000,
        "p99_us": statistics.quantiles(costs, n=100)[-1] / 1000,
    }


def _added(
    train: Callable[[], Any],
    repeat: int,
    framework: str,
    clock: Callable[[], float],
    **options: bool,
) -> Figures:
    import mlflow

    with tempfile.TemporaryDirectory() as folder:
        _use(folder)
        bare, theirs = [], []
        train()
        for _ in range(repeat):
            before = clock()
            train()
            bare.append(clock() - before)
        getattr(mlflow, framework).autolog(silent=True, **options)
        for _ in range(repeat):
            before = clock()
            train()
            theirs.append(clock() - before)
    return {
        "bare": statistics.median(bare) * 1000,
        "added": (statistics.median(theirs[1:]) - statistics.median(bare)) * 1000,
    }


def _cpu() -> float:
    return sum(os.times()[:4])  # model logging starts child processes, which count


def fit_without_model() -> Figures:
    return _one_thread(lambda: _added(trainings.logistic(), 8, "sklearn", _cpu, log_models=False))


def fit_with_model() -> Figures:
    return _one_thread(lambda: _added(trainings.logistic(), 4, "sklearn", _cpu))


def xgboost_without_model() -> Figures:
    return _added(trainings.xgboost(), 6, "xgboost", _cpu, log_models=False)


def xgboost_with_model() -> Figures:
    return _added(trainings.xgboost(), 3, "xgboost", _cpu)


def lightgbm_without_model() -> Figures:
    return _added(trainings.lightgbm(), 6, "lightgbm", _cpu, log_models=False)


def lightgbm_with_model() -> Figures:
    return _added(trainings.lightgbm(), 3, "lightgbm", _cpu)


def keras_epochs() -> Figures:
    return _added(trainings.keras(), 4, "keras", time.perf_counter, log_models=False)


def search() -> Figures:
    """10 000 runs written straight into the peer's tables, then the same question (its params are
    text: the metric filter alone).
    """
    import mlflow

    with tempfile.TemporaryDirectory() as folder:
        _use(folder)
        experiment = mlflow.get_experiment_by_name("bench").experiment_id
        with mlflow.start_run() as run:
            mlflow.log_metric("m0", 0.0)
        table = sqlite3.connect(Path(folder) / "mlflow.db")
        table.row_factory = sqlite3.Row
        row = dict(
            table.execute("select * from runs where run_uuid = ?", (run.info.run_id,)).fetchone()
        )
        last = dict(table.execute("select * from latest_metrics limit 1").fetchone())
        for number in range(10_000):
            run_id = f"{number:032x}"
            new = {
                **row,
                "run_uuid": run_id,
                "name": f"run-{number}",
                "start_time": number,
                "end_time": number + 1,
            }
            table.execute(
                f"insert into runs ({','.join(new)}) values ({','.join('?' * len(new))})",
                tuple(new.values()),
            )
            params = [
                (f"p{index}", str((number * (index + 7)) % 1000 / 10), run_id)
                for index in range(40)
            ]
            params += [
                (f"s{index}", f"value-{(number + index) % 17}", run_id) for index in range(10)
            ]
            table.executemany("insert into params (key, value, run_uuid) values (?, ?, ?)", params)
            rows = [
                {
                    **last,
                    "key": f"m{index}",
                    "value": (number * 7919 + index * 104729) % 100_003 / 100_003,
                    "run_uuid": run_id,
                }
                for index in range(20)
            ]
            table.executemany(
                f"insert into latest_metrics ({','.join(last)}) values "
                f"({','.join('?' * len(last))})",
                [tuple(item.values()) for item in rows],
            )
        table.commit()
        table.close()
        costs = []
        for _ in range(3):
            before = time.perf_counter()
            found = mlflow.search_runs(
                [experiment],
                "metrics.m1 > 0.25",
                order_by=["metrics.m0 DESC"],
                max_results=100,
                output_format="list",
            )
            costs.append(time.perf_counter() - before)
        assert len(found) == 100
        return {"search_ms": statistics.median(costs) * 1000}


def million_points() -> Figures:
    """A tenth of the points: reading 1 000 000 takes the peer half a minute. Figures are for 1
    000 000.
    """
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    draw = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        _use(folder)
        client = MlflowClient()
        import mlflow

        with mlflow.start_run() as run:
            run_id = run.info.run_id
        size = (Path(folder) / "mlflow.db").stat().st_size
        before = time.perf_counter()
        for start in range(0, 100_000, 1000):
            client.log_batch(
                run_id,
                metrics=[
                    Metric("loss", 1 / (1 + step / 1000) + draw.random() * 0.01, step, step)
                    for step in range(start, start + 1000)
                ],
            )
        deliver = time.perf_counter() - before
        before = time.perf_counter()
        history = client.get_metric_history(run_id, "loss")
        read = time.perf_counter() - before
        assert len(history) == 100_000
        grown = (Path(folder) / "mlflow.db").stat().st_size - size
        return {"deliver_s": deliver * 10, "read_s": read * 10, "bytes_a_point": grown / 1e5}


if __name__ == "__main__":
    if sys.argv[1] == "switch_on":
        import sklearn.ensemble
        import sklearn.linear_model
        import sklearn.model_selection
        import sklearn.pipeline  # noqa: F401 - the point is that it is loaded
    print(json.dumps(globals()[sys.argv[1]]()))
