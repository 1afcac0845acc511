"""What any version wrote stays readable: homes with a database and an undelivered journal, and bundles, as they were written then.

``formats/1`` was written before experiments had ids and chunks had a codec, ``formats/2`` before metrics with few points shared rows and
long ones had outlines, ``formats/3`` since then. A folder that is there is never changed; whoever changes a format adds the next.
"""

from __future__ import annotations

import math
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

import fitprint
from fitprint.entities import Change
from fitprint.recording import workspace
from fitprint.stores.sql.schema import STEPS

FORMATS = Path(__file__).parent / "formats"
RUN, LATE, CHILD = (f"18ebd00000000000000000000000000{last}" for last in "abc")
START = 1_790_000_000_000_000


@pytest.fixture
def own_store(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home with its own store."""
    monkeypatch.delenv("FITPRINT_STORE")
    return home


def check_whole_run() -> None:
    run = fitprint.get_run(RUN)
    assert (run.name, run.experiment, run.status, run.kind) == ("swift-otter-1", "iris", "FINISHED", "fit")
    assert run.record.start_time == START
    assert math.isnan(run.params.pop("odd"))
    assert {key: value for key, value in run.params.items() if key != "odd"} == {"C": 0.5, "solver": "lbfgs", "list": [1, "a", None]}
    assert run.tags == {"team": "a", "café": "ü"}
    loss = run.history("loss")
    assert list(loss.value) == [1 / (index + 1) for index in range(300)]
    assert list(loss.timestamp) == [START + index * 1000 + index % 7 for index in range(300)]
    assert list(loss.step) == list(range(300))
    assert all(map(math.isnan, loss.epoch))
    assert repr(list(run.history("acc").value)) == "[nan, inf, -0.0, 0.5]"
    assert (run.summary("acc").goal, run.summary("once").last, run.summary("loss").count) == ("max", 0.25, 300)
    assert [(dataset.name, dataset.facts) for dataset in run.datasets] == [("X", {"shape": [150, 4]})]
    assert run.read("notes/a.txt") == b"hello\n"
    assert [(model.path, model.flavor) for model in run.models] == [("model", "sklearn")]
    assert run.capture["captured"] == ["params"]


@pytest.mark.parametrize("written", sorted(folder.name for folder in FORMATS.iterdir()))
def test_a_home_of_any_version_is_read_and_goes_on(written: str, own_store: Path) -> None:
    """All that is in its database and in the journal that nobody had delivered; what comes now is added."""
    with zipfile.ZipFile(FORMATS / written / "home.zip") as archive:
        archive.extractall(own_store)
    with closing(sqlite3.connect(own_store / "fitprint.db")) as connection:
        ((schema,),) = connection.execute("PRAGMA user_version")
    check_whole_run()
    child, late = fitprint.get_run(CHILD), fitprint.get_run(LATE)
    assert (child.status, child.error, child.parent_id, child.record.deleted_time) == ("FAILED", "Traceback\nValueError: bad\n", RUN, None)
    assert (late.status, late.params, late.tags) == ("KILLED", {"C": 2}, {"kept": "x"})
    if "long" in child.metrics:
        curve, few = child.history("long"), child.history("long", max_points=4)
        assert list(curve.value) == [(index * 37 % 256) / 256 for index in range(5000)]
        assert (list(few.step), list(few.value)) == ([0, 83, 256, 4999], [0.0, 255 / 256, 0.0, 131 / 256])
    assert (list(late.history("loss").value), len(late.history("curve"))) == ([1 / (index + 1) for index in range(5)], 50)
    with fitprint.start_run("new", experiment="wine"):
        fitprint.log_metric("loss", 0.5)
    counts = {experiment.name: experiment.run_count for experiment in fitprint.experiments()}
    if written == "1":
        assert counts == {"iris": 2, "wine": 2}
    else:
        assert (counts, late.name, late.note) == ({"iris": 1, "made": 1, "wine": 2}, "renamed", "# Note")
        assert fitprint.get_experiment("made").tags == {"team": "a"}
    assert all(len(experiment.id) == 32 for experiment in fitprint.experiments())
    fitprint.rename_experiment("iris", "flowers")
    assert fitprint.get_run(RUN).experiment == "flowers"
    with fitprint.start_run("newer", experiment="iris") as run:
        pass
    assert fitprint.get_run(run.id).experiment == "flowers"
    assert bool(list(own_store.glob("fitprint.db.v*.backup"))) == (schema < len(STEPS))


@pytest.mark.parametrize("written", sorted(folder.name for folder in FORMATS.iterdir()))
def test_fault_8_a_home_of_any_version_tells_its_runs_as_changes(written: str, own_store: Path) -> None:
    """Who follows a store begins with all that was in it before it numbered changes, and goes on with what comes."""
    with zipfile.ZipFile(FORMATS / written / "home.zip") as archive:
        archive.extractall(own_store)
    told: list[Change] = []
    fitprint.follow_changes("hooks", told.append)
    kinds = {change.id: change.kinds for change in told}
    runs, experiments = fitprint.search_runs(), fitprint.experiments()
    assert {run.id for run in runs} | {experiment.id for experiment in experiments} <= kinds.keys()
    assert all("ended" in kinds[run.id] for run in runs)
    told.clear()
    with fitprint.start_run(experiment="iris") as run:
        pass
    fitprint.follow_changes("hooks", told.append)
    assert ("run", run.id) in {(change.subject, change.id) for change in told}
    assert not {change.id for change in told if change.subject == "run"} - {run.id}


@pytest.mark.parametrize("written", sorted(folder.name for folder in FORMATS.iterdir()))
@pytest.mark.usefixtures("own_store")
def test_a_bundle_of_any_version_is_imported(written: str) -> None:
    """With all that the run had."""
    from fitprint.bundles import import_runs

    import_runs(workspace.current(), FORMATS / written / "run.fitprint.zip")
    check_whole_run()
