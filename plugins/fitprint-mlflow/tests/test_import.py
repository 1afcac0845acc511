"""A database that MLflow's own API made: counts and values are equal, read by both clients."""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import fitprint
from fitprint import cli
from fitprint.errors import StoreError
from fitprint.recording.workspace import current
from fitprint.testing import isolated
from fitprint_mlflow.opening import open_mlflow

pytestmark = [pytest.mark.mlflow, pytest.mark.filterwarnings("ignore")]

X = np.arange(20.0).reshape(10, 2)
Y = np.arange(10) % 2


@pytest.fixture(scope="module", params=["sqlite", "folder"])
def recorded(request, tmp_path_factory) -> Iterator[Any]:
    """What MLflow recorded: an experiment with a run, one nested in it, a model that is registered
    three times, and a run that goes on.
    """
    patch = pytest.MonkeyPatch()
    folder = tmp_path_factory.mktemp("mlflow")
    patch.chdir(folder)
    patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    import mlflow
    from sklearn.linear_model import LogisticRegression

    uri = (
        f"sqlite:///{folder / 'mlflow.db'}"
        if request.param == "sqlite"
        else (folder / "mlruns").as_uri()
    )
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    client.create_experiment("iris", tags={"team": "a", "mlflow.note.content": "what it is about"})
    mlflow.set_experiment("iris")
    with mlflow.start_run(run_name="parent", description="a note") as parent:
        mlflow.log_params({"lr": 0.1, "depth": 3, "name": "007", "flag": True})
        for step in range(10):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metric("loss", math.nan, step=10)
        mlflow.set_tag("owner", "ada")
        mlflow.log_text("hello", "notes/hello.txt")
        mlflow.log_input(mlflow.data.from_numpy(X, targets=Y, name="xs"), context="training")
        with mlflow.start_run(nested=True, run_name="child") as child:
            model = LogisticRegression().fit(X, Y)
            signature = mlflow.models.infer_signature(X, model.predict(X))
            info = mlflow.sklearn.log_model(
                model, name="model", signature=signature, input_example=X[:2]
            )
            mlflow.log_metric("accuracy", 0.75)
    versions = [mlflow.register_model(info.model_uri, "churn") for _ in range(3)]
    client.delete_model_version("churn", "2")
    client.set_registered_model_alias("churn", "champion", 3)
    client.update_registered_model("churn", description="who leaves")
    client.set_model_version_tag("churn", "3", "checked", "yes")
    removed = client.create_run("0")
    client.set_terminated(removed.info.run_id)
    client.delete_run(removed.info.run_id)
    running = client.create_run("0", run_name="running")
    yield SimpleNamespace(
        uri=uri,
        client=client,
        parent=parent.info.run_id,
        child=child.info.run_id,
        removed=removed.info.run_id,
        running=running.info.run_id,
        model=model,
        versions=versions,
    )
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri(None)
    patch.undo()


@pytest.fixture
def done(recorded, tmp_path) -> Iterator[Any]:
    """What importing all of it into an empty home says."""
    with isolated(tmp_path / "home", context=False):
        yield fitprint.import_from("mlflow", recorded.uri)


def test_every_run_that_has_ended_is_there(recorded, done):
    """Under its id, with what it was; those that go on are told."""
    assert {recorded.parent, recorded.child, recorded.removed} == set(done.added)
    assert ([recorded.running], {}) == (done.open, done.failed)
    # a database has no folder for files before there is one
    bare = [] if recorded.uri.startswith("file:") else ["'Default' are not there: if runs had"]
    assert len(bare) == len(done.problems)
    assert all(part in problem for part, problem in zip(bare, done.problems, strict=True))
    for run_id in done.added:
        info, ours = recorded.client.get_run(run_id).info, current().store.run(run_id)
        assert (info.run_name, info.status) == (ours.name, ours.status)
        assert (info.start_time * 1000, info.end_time * 1000) == (ours.start_time, ours.end_time)
        assert (info.lifecycle_stage == "deleted") == (ours.deleted_time is not None)
    assert recorded.parent == current().store.run(recorded.child).parent_id


def test_values_are_equal(recorded, done):
    """Parameters with a type, metrics point by point, tags, notes, data sets."""
    theirs, ours = (
        recorded.client.get_run(recorded.parent).data,
        current().store.run(recorded.parent),
    )
    assert {"lr": 0.1, "depth": 3, "name": "007", "flag": True} == {
        key: param.value for key, param in ours.params.items()
    }
    assert theirs.params == {key: str(param.value) for key, param in ours.params.items()}
    points = sorted(
        recorded.client.get_metric_history(recorded.parent, "loss"), key=lambda point: point.step
    )
    history = current().store.metric_history(recorded.parent, "loss")
    assert ([point.step for point in points], 11) == (list(history.step), len(history))
    assert [point.timestamp * 1000 for point in points] == list(history.timestamp)
    assert np.array_equal([point.value for point in points], history.value, equal_nan=True)
    assert {key: value for key, value in theirs.tags.items() if not key.startswith("mlflow.")} == {
        key: value for key, value in ours.tags.items() if not key.startswith("mlflow.")
    }
    assert "a note" == ours.documents["note"]
    (given,) = recorded.client.get_run(recorded.parent).inputs.dataset_inputs
    assert [(given.dataset.name, "train", f"mlflow:{given.dataset.digest}")] == [
        (each.name, each.role, each.digest) for each in ours.datasets
    ]


def test_files_are_the_same(recorded, done):
    """Those of runs, and of the model beside one."""
    assert b"hello" == fitprint.get_run(recorded.parent).read("notes/hello.txt")
    assert any(
        file.path == "model/MLmodel" for file in current().store.run(recorded.child).artifacts
    )


def test_a_model_loads_here(recorded, done):
    """With its signature; it predicts the same."""
    (model,) = current().store.run(recorded.child).models
    assert ("model", "sklearn") == (model.path, model.flavor)
    assert model.facts["signature"]
    assert model.facts["mlflow"]["model_id"].startswith("m-")
    loaded = fitprint.load_predictor(f"runs:/{recorded.child}/model")
    assert np.array_equal(recorded.model.predict(X), loaded.predict(X))


def test_the_registry_has_its_numbers(recorded, done):
    """Versions, the gap of one that was deleted, aliases, tags and descriptions."""
    assert [(1, 1), (3, 3)] == [(each.origin, each.version) for each in done.versions]
    theirs = recorded.client.get_registered_model("churn")
    model = fitprint.get_registered_model("churn")
    assert (
        {alias: int(version) for alias, version in theirs.aliases.items()},
        theirs.description,
    ) == (dict(model.aliases), model.note)
    assert [1, 3] == sorted(version.version for version in model.versions())
    version = fitprint.get_model_version("models:/churn@champion")
    assert ({"checked": "yes"}, recorded.child) == (dict(version.tags), version.run_id)
    assert np.array_equal(
        recorded.model.predict(X), fitprint.load_predictor("models:/churn/1").predict(X)
    )


def test_experiments_are_described(recorded, done):
    """By tags and a note."""
    found = fitprint.get_experiment("iris")
    assert ("a", "what it is about") == (found.tags["team"], found.note)


def test_importing_again_adds_what_is_new(recorded, done, capsys):
    """Nothing here; also by the command, which has all as JSON."""
    assert 0 == cli.main(["import", "--from", "mlflow", recorded.uri, "--json"])
    told = json.loads(capsys.readouterr().out)
    assert ([], 3, []) == (told["added"], told["present"], told["versions"])
    assert 11 == len(current().store.metric_history(recorded.parent, "loss"))


def test_a_dry_run_takes_nothing_in(recorded, tmp_path):
    """It says what there is."""
    with isolated(tmp_path / "home", context=False):
        assert 3 == len(fitprint.import_from("mlflow", recorded.uri, dry_run=True).added)
        assert [] == list(fitprint.search_runs(children=True))
        assert not any(Path(tmp_path / "home" / "blobs").glob("??/*"))


def test_the_program_is_left_as_it_was(recorded, tmp_path, monkeypatch):
    """MLflow's settings and the levels of loggers are other ones for as long as the import."""
    for name in ("MLFLOW_DISABLE_TELEMETRY", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"):
        monkeypatch.delenv(name, raising=False)
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    for logger in loggers:
        monkeypatch.setattr(logger, "level", logging.INFO)
    before = dict(os.environ)
    with closing(open_mlflow(recorded.uri)):
        assert "true" == os.environ["MLFLOW_DISABLE_TELEMETRY"]
        assert [logging.WARNING] * 2 == [logger.level for logger in loggers]
    assert before == dict(os.environ)
    assert [logging.INFO] * 2 == [logger.level for logger in loggers]
    with pytest.raises(StoreError, match="MLflow cannot read"):
        open_mlflow("postgresql+nothing://user@host/database")
    assert before == dict(os.environ)


@pytest.fixture
def copied(recorded, tmp_path) -> Iterator[Path]:
    """A copy of the SQLite file, and a home to import it into."""
    if not recorded.uri.startswith("sqlite:"):
        pytest.skip("the folder has no SQLite file")
    shutil.copy(recorded.uri.removeprefix("sqlite:///"), tmp_path / "copied.db")
    with isolated(tmp_path / "home", context=False):
        yield tmp_path / "copied.db"


def change(database: Path, *statements: str) -> None:
    """Change a SQLite file."""
    with closing(sqlite3.connect(database)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_an_odd_run_is_left_out_and_told(recorded, copied):
    """Here one with a time that no record can have."""
    change(copied, f"UPDATE metrics SET timestamp = {2**62} WHERE run_uuid = '{recorded.parent}'")
    done = fitprint.import_from("mlflow", str(copied))
    assert [recorded.parent] == list(done.failed)
    assert done.failed[recorded.parent].startswith("it cannot be read: OverflowError")
    assert {recorded.child, recorded.removed} == set(done.added)


def test_folders_that_are_not_there_are_told(recorded, copied, tmp_path):
    """Those of runs that had models, and of experiments; runs come without files."""
    change(
        copied,
        f"UPDATE runs SET artifact_uri = '{tmp_path}/gone/artifacts'",
        f"UPDATE experiments SET artifact_location = '{tmp_path}/gone'",
        "INSERT INTO tags (key, value, run_uuid) VALUES ('mlflow.log-model.history', '[]', "
        f"'{recorded.parent}')",
    )
    done = fitprint.import_from("mlflow", str(copied))
    assert 3 == len(done.added)
    told = "\n".join(done.problems)
    assert f"the files of the run {recorded.parent} are not there: {tmp_path}/gone" in told
    assert "the folders of files of the experiments 'Default', 'iris' are not there" in told


def test_an_mlflow_that_is_gone_ends_the_import(recorded, copied):
    """With what to do; no run is blamed for it."""
    with closing(open_mlflow(str(copied))) as origin:
        runs = [each.id for each in origin.runs()]
        record = origin.run(recorded.parent)
        assert recorded.parent in runs
        change(copied, *(f"DROP TABLE {name}" for name in ("metrics", "experiments", "runs")))
        with pytest.raises(StoreError, match="MLflow gives no answer at .* importing again"):
            list(origin.points(record))
        with pytest.raises(StoreError, match="MLflow gives no answer at .* importing again"):
            list(origin.runs())
