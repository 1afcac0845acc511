"""What is nothing of MLflow's is told before MLflow makes something of it."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing

import pytest

import fitprint
from fitprint.errors import FitprintError, StoreError
from fitprint.testing import isolated


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty folder and a home of the test's own."""
    monkeypatch.chdir(tmp_path)
    with isolated(tmp_path / "home", context=False):
        yield


@pytest.mark.parametrize("uri", ["sqlite:///nothing.db", "nothing.db", "mlruns", "file:mlruns"])
def test_what_is_not_there_is_not_made(uri, tmp_path):
    """A mistyped name is an error, and leaves no file behind."""
    with pytest.raises(StoreError, match=r"nothing\.db|mlruns"):
        fitprint.import_from("mlflow", uri)
    assert [] == [path.name for path in tmp_path.iterdir() if path.name != "home"]


@pytest.mark.parametrize("content", [b"", b"something else", b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_file_that_is_no_database_is_told(content, tmp_path):
    """Or a damaged one."""
    (tmp_path / "mlflow.db").write_bytes(content)
    with pytest.raises(StoreError, match="not an MLflow database, or it is damaged"):
        fitprint.import_from("mlflow", "sqlite:///mlflow.db")


def test_another_database_is_told(tmp_path):
    """It stays as it is."""
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE runs (id)")
        connection.commit()
    before = (tmp_path / "other.db").read_bytes()
    with pytest.raises(StoreError, match="it has no runs and experiments"):
        fitprint.import_from("mlflow", "other.db")
    assert before == (tmp_path / "other.db").read_bytes()


def test_a_database_with_a_damaged_schema_is_told(tmp_path):
    """Also where what SQLite says of it is no text."""
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        connection.execute("CREATE TABLE a_name (id)")
        connection.commit()
    path = tmp_path / "mlflow.db"
    damaged = path.read_bytes().replace(b"TABLE a_name", b"TABLX a_name")
    path.write_bytes(damaged.replace(b"a_name", b"a_\xff\xff\xffe"))
    with pytest.raises(StoreError, match="is not an MLflow database, or it is damaged"):
        fitprint.import_from("mlflow", "mlflow.db")


def test_without_mlflow_it_is_said_how_to_get_it(tmp_path, monkeypatch):
    """The records are there, and who reads them is not."""
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        for table in ("runs", "experiments", "alembic_version"):
            connection.execute(f"CREATE TABLE {table} (id)")
        connection.commit()
    with pytest.raises(StoreError, match=r"pip install 'fitprint-mlflow\[framework\]'"):
        fitprint.import_from("mlflow", "mlflow.db")


def test_an_importer_that_there_is_not_is_told():
    """With those that there are."""
    with pytest.raises(
        FitprintError, match="no installed plugin imports from 'mlflo'; there are: .*mlflow"
    ):
        fitprint.import_from("mlflo", "mlflow.db")


def test_a_dry_run_into_the_store_of_a_server_makes_no_file(tmp_path):
    """And asks no server; the second one, into a store that is there, tells what it has."""
    source, target = f"sqlite:///{tmp_path / 'source.db'}", "mlflow+http://127.0.0.1:9"
    with isolated(tmp_path / "home", context=False):
        fitprint.configure(store=source)
        with fitprint.start_run():
            pass
        fitprint.search_runs()
        assert 1 == len(fitprint.copy_runs(source, target, dry_run=True).added)
        assert not any((tmp_path / "home").glob("mlflow-*"))
        fitprint.copy_runs(source, target)
        assert 0 == len(fitprint.copy_runs(source, target, dry_run=True).added)
