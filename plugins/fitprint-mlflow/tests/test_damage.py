"""A folder ``mlruns`` with damaged files: each costs its own run, or its own experiment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import fitprint
from fitprint.testing import isolated

pytest.importorskip("mlflow")


@pytest.fixture
def recorded(tmp_path, monkeypatch) -> Iterator[Path]:
    """A folder with three runs in one experiment and one in another."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=(tmp_path / "mlruns").as_uri())
    for name, count in (("first", 3), ("other", 1)):
        experiment = client.create_experiment(name)
        for number in range(count):
            run = client.create_run(experiment, run_name=f"{name}-{number}").info.run_id
            client.log_metric(run, "loss", number)
            client.log_param(run, "lr", number)
            client.set_tag(run, "owner", "ada")
            client.set_terminated(run)
    with isolated(tmp_path / "home", context=False):
        yield tmp_path / "mlruns"


def folder_of(recorded: Path, name: str) -> Path:
    """Return the folder of the run with this name."""
    (found,) = (
        path.parents[1]
        for path in recorded.glob("*/*/tags/mlflow.runName")
        if path.read_text() == name
    )
    return found


def imported() -> list[str]:
    return sorted(run.name for run in fitprint.search_runs())


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("meta.yaml", b"\xff: ["),
        ("meta.yaml", b""),
        ("meta.yaml", b"- a list"),
        ("meta.yaml", b"run_id: cut o"),
        ("metrics/loss", b"\xff\xff"),
        ("metrics/loss", b""),
        ("metrics/loss", b"1 two 3\n"),
        ("params/lr", b"\xff\xff"),
        ("tags/owner", b"\xff\xff"),
    ],
)
def test_a_damaged_file_costs_its_own_run(recorded, file, content):
    damaged = folder_of(recorded, "first-1")
    (damaged / file).write_bytes(content)

    report = fitprint.import_from("mlflow", str(recorded))

    assert ["first-0", "first-2", "other-0"] == imported()
    assert [damaged.name] == [*report.failed]
    assert "it cannot be read" in report.failed[damaged.name]


@pytest.mark.parametrize("content", [b"\xff: [", b"- a list"])
def test_a_damaged_experiment_costs_its_own_runs(recorded, content):
    damaged = folder_of(recorded, "first-1").parent
    (damaged / "meta.yaml").write_bytes(content)

    report = fitprint.import_from("mlflow", str(recorded))

    assert ["other-0"] == imported()
    assert any(str(damaged) in problem for problem in report.problems), report.problems
