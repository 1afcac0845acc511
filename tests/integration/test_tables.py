"""Runs as a data frame."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone

import pandas as pd
import pytest

import fitprint


def frame():
    """Return all runs."""
    return fitprint.search_runs(output_format="pandas")


def test_a_row_for_each_run(home):
    """Newest first, with a column for each key, typed."""
    with fitprint.start_run(name="a", experiment="e", tags={"team": "x"}) as first:
        first.log_params({"C": 1.5, "n": 3, "kind": "l2"})
        first.log_metric("loss", 0.25)
    with fitprint.start_run(name="b", experiment="e") as second:
        second.log_params({"C": 2.5, "n": 4, "layers": [1, 2]})
        second.log_metric("acc", math.inf)
    table = frame()
    fixed = [
        "run_id",
        "name",
        "experiment",
        "status",
        "kind",
        "parent_id",
        "start_time",
        "end_time",
        "duration",
    ]
    keys = [
        "params.C",
        "params.kind",
        "params.layers",
        "params.n",
        "metrics.acc",
        "metrics.loss",
        "tags.team",
    ]
    assert [*fixed, *keys] == list(table.columns)
    assert [second.id, first.id] == list(table["run_id"])
    assert ("float64", "int64", "float64") == tuple(
        str(table[key].dtype) for key in ("params.C", "params.n", "metrics.loss")
    )
    assert [[1, 2], None] == list(table["params.layers"])
    assert math.inf == table["metrics.acc"][0]
    assert math.isnan(table["metrics.acc"][1])
    assert "datetime64[us, UTC]" == str(table["start_time"].dtype).replace("[ns", "[us")


def test_times_are_utc(home):
    """A run that goes on has no end."""
    with fitprint.start_run(name="open"):
        row = frame().iloc[0]
    assert row["end_time"] is pd.NaT
    assert abs((row["start_time"] - datetime.now(timezone.utc)).total_seconds()) < 60


def test_no_value_changes_its_type(home):
    """Where values are of several types, or some are missing, they stay as they are."""
    values = [1, 1.5, True, "x", None, 1 << 70]
    for value in values:
        with fitprint.start_run() as run:
            run.log_param("p", value)
    with fitprint.start_run() as run:
        run.log_param("q", 1)
    column = list(frame()["params.p"])[:0:-1]
    assert [(type(value), value) for value in values] == [(type(value), value) for value in column]


def test_no_runs(home):
    """An empty table with the fixed columns."""
    assert (0, 9) == frame().shape


def test_numbers_are_numbers(home):
    """Also where some runs lack them, or where whole numbers stand beside fractions; duration is in
    seconds.
    """
    for params in ({"C": 1, "n": 3, "flag": True}, {"C": 0.5}, {"C": None, "n": 4, "flag": False}):
        with fitprint.start_run() as run:
            run.log_params(params)
    table = frame()
    assert ("float64", "Int64", "boolean") == tuple(
        str(table[f"params.{key}"].dtype) for key in ("C", "n", "flag")
    )
    assert [0.5, 1.0] == list(table["params.C"])[1:]
    assert "float64" == str(table["duration"].dtype)
    pl = pytest.importorskip("polars")
    polars = fitprint.search_runs().to_polars()
    assert {"C": pl.Float64, "n": pl.Int64, "flag": pl.Boolean} == {
        key: polars.schema[f"params.{key}"] for key in ("C", "n", "flag")
    }
    assert [4, None, 3] == polars["params.n"].to_list()


def test_polars_has_the_same_columns(home):
    """Values of several types are texts, what a run lacks is null, a NaN stays one."""
    pytest.importorskip("polars")
    with fitprint.start_run(name="a", tags={"team": "x"}) as run:
        run.log_params({"p": [1, 2]})
        run.log_metric("loss", math.nan)
    with fitprint.start_run(name="b") as other:
        other.log_params({"p": "x"})
    assert (0, 9) == fitprint.search_runs(max_results=0, output_format="polars").shape
    table = fitprint.search_runs(output_format="polars")
    assert list(frame().columns) == table.columns
    assert ["x", "[1, 2]"] == table["params.p"].to_list()
    assert table["metrics.loss"].is_null().to_list() == [True, False]
    assert table["metrics.loss"].is_nan()[1]
    assert [other.end_time, run.end_time] == table["end_time"].to_list()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_history_is_a_data_frame(home, library):
    """With whole steps, times and numbers; an epoch that was not given is missing."""
    pytest.importorskip(library)
    with fitprint.start_run() as run:
        run.log_metric("loss", 1.0, step=3)
        run.log_metric("loss", math.nan, step=7, epoch=1.5)
    table = getattr(run.history("loss"), f"to_{library}")()
    assert ["step", "timestamp", "value", "epoch"] == list(table.columns)
    assert [3, 7] == list(table["step"])
    assert [1.0, 1.5] == [table["value"][0], table["epoch"][1]]
    missing = table["epoch"].isna() if library == "pandas" else table["epoch"].is_null()
    assert [True, False] == list(missing)
    assert datetime.now(timezone.utc).date() - table["timestamp"][0].date() <= timedelta(days=1)
