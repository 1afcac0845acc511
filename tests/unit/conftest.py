"""Runs that tests of several rooms look at."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import fitprint
from fitprint.entities import Dataset, LoggedModel
from fitprint.events import ModelLogged
from fitprint.recording.workspace import current


@pytest.fixture
def family(home: Path) -> tuple[str, str]:
    """A run with something of everything, and a child below it; return their ids."""
    run = fitprint.start_run(name="parent", experiment="e", tags={"team": "a"})
    run.log_params(
        {
            "C": 1.0,
            "n": 3,
            "none": None,
            "layers": [1, "a"],
            "nan": math.nan,
            "large": "x" * 20_000,
        },
        defaults=["n"],
    )
    run.log_history(
        "loss",
        [2.0, math.nan, -math.inf, 1.0],
        steps=[5, 6, 7, 9],
        epochs=[0.5, math.nan, 1.0, 1.5],
        times=[1, 2, 3, 4],
    )
    run.log_metric("odd key/µ", 0.1, goal="max")
    run.log_input(Dataset("X", "train", "sha256:" + "ab" * 32, {"shape": [10, 2]}))
    run.log_text("m", "model/MLmodel")
    current().writer.append(
        ModelLogged(
            run.id, 1, LoggedModel("model", "pickle", "sha256:" + "cd" * 32, {"class": "A"})
        )
    )
    run.log_document("capture", {"cost_ms": 1.5})
    child = fitprint.start_run(name="child")
    child.log_metric("loss", 0.5)
    child.log_text("x", "x.txt")
    child.end("KILLED")
    run.note = "what it is about"
    run.end("FAILED", error="Traceback")
    return run.id, child.id
