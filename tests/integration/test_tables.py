"""Runs as a data frame."""

from __future__ import annotations

import math
from datetime import datetime, timezone

import pandas as pd

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
    fixed = ["run_id", "name", "experiment", "status", "start_time", "end_time"]
    keys = ["params.C", "params.kind", "params.layers", "params.n", "metrics.acc", "metrics.loss", "tags.team"]
    assert [*fixed, *keys] == list(table.columns)
    assert [second.id, first.id] == list(table["run_id"])
    assert ("float64", "int64", "float64") == tuple(str(table[key].dtype) for key in ("params.C", "params.n", "metrics.loss"))
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
    assert (0, 6) == frame().shape
