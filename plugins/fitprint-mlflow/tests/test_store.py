"""What fitprint records is on an MLflow server, where the unmodified client of MLflow finds it."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

import fitprint
from fitprint.recording.workspace import current
from fitprint.testing import isolated

pytestmark = [pytest.mark.mlflow, pytest.mark.filterwarnings("ignore")]

X, Y = load_iris(return_X_y=True, as_frame=True)


def forward() -> None:
    """Do what ``fitprint sync`` does, and find nothing that is left."""
    current().sync()
    done = current().forward()
    assert ((), ()) == (done.problems, done.left)


@pytest.fixture(scope="module")
def mlflow(server) -> Iterator[Any]:
    """MLflow's own package, which asks the server."""
    patch = pytest.MonkeyPatch()
    patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow

    mlflow.set_tracking_uri(server.uri)
    yield mlflow
    mlflow.set_tracking_uri(None)
    patch.undo()


@pytest.fixture
def home(server, tmp_path) -> Iterator[Any]:
    """A home whose store is the server, in an experiment of the test's own."""
    with isolated(tmp_path / "home", context=False):
        fitprint.configure(store=server.store)
        name = f"experiment-{tmp_path.name}-{os.getpid()}"
        fitprint.set_experiment(name)
        yield SimpleNamespace(path=tmp_path / "home", experiment=name)


def theirs(client: Any, home: Any) -> dict[str, Any]:
    """Return the runs that the server has of the test's experiment, by name."""
    found = client.get_experiment_by_name(home.experiment)
    runs = client.search_runs([found.experiment_id], run_view_type=3)
    names = [run.info.run_name for run in runs]
    assert len(set(names)) == len(names), names
    return dict(zip(names, runs, strict=True))


def test_values_are_there(mlflow, home):
    """Params as MLflow writes them, tags, the note, and how the run ended."""
    client = mlflow.MlflowClient()
    with fitprint.start_run("values") as run:
        run.log_params({"lr": 0.1, "depth": 3, "flag": True, "none": None, "list": [1, 2]})
        run.set_tags({"owner": "ada", "gone": "soon"})
        with fitprint.start_run("child"):
            pass
    with pytest.raises(RuntimeError), fitprint.start_run("failing"):
        raise RuntimeError("no luck")
    fitprint.get_run(run.id).note = "what it is about"
    forward()
    found = theirs(client, home)
    assert {"values", "child", "failing"} == found.keys()
    data, info = found["values"].data, found["values"].info
    assert {"lr": "0.1", "depth": "3", "flag": "True", "none": "None", "list": "[1, 2]"} == dict(
        data.params
    )
    assert ("ada", "what it is about", run.id) == (
        data.tags["owner"],
        data.tags["mlflow.note.content"],
        data.tags["fitprint.run"],
    )
    ours = current().store.run(run.id)
    assert ("FINISHED", ours.start_time // 1000, ours.end_time // 1000) == (
        info.status,
        info.start_time,
        info.end_time,
    )
    assert found["child"].data.tags["mlflow.parentRunId"] == info.run_id
    assert "FAILED" == found["failing"].info.status
    assert "no luck" in found["failing"].data.tags["fitprint.error"]


def test_histories_are_equal(mlflow, home):
    """Every point, over several requests, with steps, times in milliseconds, NaN and infinities."""
    client = mlflow.MlflowClient()
    values = [1 / (step + 1) for step in range(2500)] + [math.nan, 1.0]
    with fitprint.start_run("histories") as run:
        for value in values:
            run.log_metric("loss", value)
        for value in (math.inf, -math.inf):
            run.log_metric("infinite", value)
    forward()
    (id_,) = [each.info.run_id for each in theirs(client, home).values()]
    points = sorted(client.get_metric_history(id_, "loss"), key=lambda point: point.step)
    ours = current().store.metric_history(run.id, "loss")
    assert list(ours.step) == [point.step for point in points]
    assert np.array_equal(ours.value, [point.value for point in points], equal_nan=True)
    assert [time // 1000 for time in ours.timestamp] == [point.timestamp for point in points]
    # MLflow's database keeps an infinity as the largest number
    infinite = sorted(client.get_metric_history(id_, "infinite"), key=lambda point: point.step)
    assert [1.7976931348623157e308, -1.7976931348623157e308] == [point.value for point in infinite]


def test_what_is_recorded_later_is_added(mlflow, home):
    """Point by point, nothing twice; a tag that is removed goes, a param that changes is told."""
    client = mlflow.MlflowClient()
    with fitprint.start_run("later") as run:
        run.log_metric("loss", 1.0)
        run.log_param("lr", 0.1)
        run.set_tags({"a": "1", "b": "1"})
        forward()
        assert "RUNNING" == theirs(client, home)["later"].info.status
        run.log_metric("loss", 0.5)
        run.log_param("lr", 0.2)
        run.set_tags({"a": "2", "b": None})
    forward()
    found = theirs(client, home)["later"]
    history = client.get_metric_history(found.info.run_id, "loss")
    assert [1.0, 0.5] == [point.value for point in history]
    assert ({"lr": "0.1"}, "0.2") == (dict(found.data.params), found.data.tags["fitprint.param.lr"])
    assert ("2", False) == (found.data.tags["a"], "b" in found.data.tags)
    assert 0 == current().forward().done


def test_what_mlflow_does_not_take_is_kept(mlflow, home):
    """Odd names get a mark, long texts an ending that says where the whole is."""
    client = mlflow.MlflowClient()
    long, key = "x" * 9000, "k" * 300
    with fitprint.start_run("odd") as run:
        run.log_params({"long": long, "a@b": 1, "../up": 2, key: 3})
        run.log_metrics({"loss@k=5": 1.0, "loss_k_5": 2.0, "a//b": 3.0})
        run.set_tags({"long": long, "odd#tag": "yes"})
        run.log_text("hello", "notes/100%#1.txt")
    forward()
    found = theirs(client, home)["odd"]
    data = found.data
    assert (4, 3) == (len(data.params), len(data.metrics))
    assert {1.0, 2.0, 3.0} == set(data.metrics.values())
    spilled = current().store.run(run.id).params["long"]
    assert spilled.value == data.params["long"]
    assert long in mlflow.artifacts.load_text(f"{found.info.artifact_uri}/{spilled.spilled}")
    assert 8000 == len(data.tags["long"])
    assert "whole in fitprint/record.json" in data.tags["long"]
    path = client.download_artifacts(found.info.run_id, "fitprint/record.json")
    with open(path, encoding="utf-8") as file:
        record = json.load(file)
    assert long == record["tags"]["long"]
    names = {name: key for name, key in record["other_names"].items() if name in data.params}
    assert {"a@b", "../up", key} == set(names.values())
    (file,) = client.list_artifacts(found.info.run_id, "notes")
    assert "notes/100%#1.txt" == record["other_names"][file.path]


def test_a_training_is_there(mlflow, home):
    """Data sets, files, the model, the registered version and its alias."""
    client = mlflow.MlflowClient()
    name = f"iris-{home.experiment}"
    fitprint.autolog()
    try:
        with fitprint.start_run("training") as run:
            model = LogisticRegression(max_iter=200).fit(X, Y)
            run.log_text("hello", "notes/hello.txt")
    finally:
        fitprint.autolog(disable=True)
    fitprint.register_model(run, name, alias="champion")
    forward()
    found = theirs(client, home)["training"]
    inputs = {each.dataset.name: each for each in found.inputs.dataset_inputs}
    assert {"X", "y"} == inputs.keys()
    ours = {each.name: each for each in current().store.run(run.id).datasets}
    assert ours["X"].digest.removeprefix("sha256:").startswith(inputs["X"].dataset.digest)
    assert "training" == inputs["X"].tags[0].value
    assert [*X.columns] == [
        column["name"] for column in json.loads(inputs["X"].dataset.schema)["mlflow_colspec"]
    ]
    text = mlflow.artifacts.load_text(f"{found.info.artifact_uri}/notes/hello.txt")
    assert "hello" == text
    (output,) = found.outputs.model_outputs
    expected = model.predict(X)
    for uri in (
        f"models:/{output.model_id}",
        f"runs:/{found.info.run_id}/model",
        f"models:/{name}/1",
        f"models:/{name}@champion",
    ):
        assert np.array_equal(expected, mlflow.pyfunc.load_model(uri).predict(X)), uri
    logged = client.get_logged_model(output.model_id)
    assert ("READY", "model", found.info.run_id) == (
        logged.status.value,
        logged.name,
        logged.source_run_id,
    )
    there = client.get_model_version_by_alias(name, "champion")
    assert ("1", found.info.run_id) == (there.version, there.run_id)
    assert there.tags["fitprint.version"]
