"""What any version wrote stays readable: homes with a database and an undelivered journal, and
bundles, as they were written then.

``formats/1`` was written before experiments had ids and chunks had a codec, ``formats/2`` before
metrics with few points shared rows and long ones had outlines, ``formats/3`` before tables had
names of their own and changes had numbers, ``formats/4`` before models could be registered,
``formats/5`` before the last values of metrics had ranks, ``formats/6`` since then. A folder that
is there is never changed; whoever changes a format gives it a new number and writes the next folder
with ``present_format.py``.
"""

from __future__ import annotations

import importlib.util
import json
import math
import sqlite3
import zipfile
from contextlib import closing
from dataclasses import fields
from hashlib import sha256
from pathlib import Path

import pytest

import fitprint
from fitprint.entities import Artifact, Change, Dataset, History, LoggedModel, Param
from fitprint.journal import codec, frames
from fitprint.recording import workspace
from fitprint.stores.sql.schema import STEPS
from fitprint.stores.sql.sqlite import SqliteDriver

FORMATS = Path(__file__).parent / "formats"
_spec = importlib.util.spec_from_file_location(
    "present_format", FORMATS.parent / "present_format.py"
)
assert _spec is not None
assert _spec.loader is not None
present_format = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(present_format)

RUN, LATE, CHILD = (f"18ebd00000000000000000000000000{last}" for last in "abc")
START = 1_790_000_000_000_000


@pytest.fixture
def own_store(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home with its own store."""
    monkeypatch.delenv("FITPRINT_STORE")
    return home


def check_whole_run() -> None:
    run = fitprint.get_run(RUN)
    assert (run.name, run.experiment, run.status, run.kind) == (
        "swift-otter-1",
        "iris",
        "FINISHED",
        "fit",
    )
    assert run.record.start_time == START
    assert math.isnan(run.params.pop("odd"))
    assert {key: value for key, value in run.params.items() if key != "odd"} == {
        "C": 0.5,
        "solver": "lbfgs",
        "list": [1, "a", None],
    }
    assert run.tags == {"team": "a", "café": "ü"}
    loss = run.history("loss")
    assert list(loss.value) == [1 / (index + 1) for index in range(300)]
    assert list(loss.timestamp) == [START + index * 1000 + index % 7 for index in range(300)]
    assert list(loss.step) == list(range(300))
    assert all(map(math.isnan, loss.epoch))
    assert repr(list(run.history("acc").value)) == "[nan, inf, -0.0, 0.5]"
    assert (run.summary("acc").goal, run.summary("once").last, run.summary("loss").count) == (
        "max",
        0.25,
        300,
    )
    assert [(dataset.name, dataset.facts) for dataset in run.datasets] == [
        ("X", {"shape": [150, 4]})
    ]
    assert run.read("notes/a.txt") == b"hello\n"
    assert [(model.path, model.flavor) for model in run.models] == [("model", "sklearn")]
    assert run.capture["captured"] == ["params"]


@pytest.mark.parametrize("written", sorted(folder.name for folder in FORMATS.iterdir()))
def test_a_home_of_any_version_is_read_and_goes_on(written: str, own_store: Path) -> None:
    """All that is in its database and in the journal that nobody had delivered; what comes now is
    added.
    """
    with zipfile.ZipFile(FORMATS / written / "home.zip") as archive:
        archive.extractall(own_store)
    with closing(sqlite3.connect(own_store / "fitprint.db")) as connection:
        ((schema,),) = connection.execute("PRAGMA user_version")
    check_whole_run()
    child, late = fitprint.get_run(CHILD), fitprint.get_run(LATE)
    assert (child.status, child.error, child.parent_id, child.record.deleted_time) == (
        "FAILED",
        "Traceback\nValueError: bad\n",
        RUN,
        None,
    )
    assert (late.status, late.params, late.tags) == ("KILLED", {"C": 2}, {"kept": "x"})
    if "long" in child.metrics:
        curve, few = child.history("long"), child.history("long", max_points=4)
        assert list(curve.value) == [(index * 37 % 256) / 256 for index in range(5000)]
        assert (list(few.step), list(few.value)) == (
            [0, 83, 256, 4999],
            [0.0, 255 / 256, 0.0, 131 / 256],
        )
    assert (list(late.history("loss").value), len(late.history("curve"))) == (
        [1 / (index + 1) for index in range(5)],
        50,
    )
    with fitprint.start_run("new", experiment="wine"):
        fitprint.log_metric("loss", 0.5)
    assert {RUN, CHILD, LATE} <= {run for (run,) in fitprint.sql("SELECT id FROM runs")}
    assert [("C", 0.5), ("list", '[1, "a", null]'), ("odd", None), ("solver", "lbfgs")] == [
        *fitprint.sql(f"SELECT key, value FROM params WHERE run_id = '{RUN}' ORDER BY key")
    ]
    counts = {experiment.name: experiment.run_count for experiment in fitprint.experiments()}
    if written == "1":
        assert counts == {"iris": 2, "wine": 2}
    else:
        assert (counts, late.name, late.note) == (
            {"iris": 1, "made": 1, "wine": 2},
            "renamed",
            "# Note",
        )
        assert fitprint.get_experiment("made").tags == {"team": "a"}
    assert all(len(experiment.id) == 32 for experiment in fitprint.experiments())
    registry = workspace.current().store.registry
    assert registry is not None
    churn = [
        (model.latest, dict(model.aliases), model.note, dict(model.rules))
        for model in registry.models()
    ]
    assert churn == (
        [] if written < "5" else [(2, {"champion": 1}, "# About", {"champion": {"approvals": 1}})]
    )
    fitprint.rename_experiment("iris", "flowers")
    assert fitprint.get_run(RUN).experiment == "flowers"
    with fitprint.start_run("newer", experiment="iris") as run:
        pass
    assert fitprint.get_run(run.id).experiment == "flowers"
    assert bool(list(own_store.glob("fitprint.db.v*.backup"))) == (schema < len(STEPS))


@pytest.mark.parametrize("written", sorted(folder.name for folder in FORMATS.iterdir()))
def test_fault_8_a_home_of_any_version_tells_its_runs_as_changes(
    written: str, own_store: Path
) -> None:
    """Who follows a store begins with all that was in it before it numbered changes, and goes on
    with what comes.
    """
    with zipfile.ZipFile(FORMATS / written / "home.zip") as archive:
        archive.extractall(own_store)
    told: list[Change] = []
    fitprint.follow_changes("hooks", told.append)
    kinds = {change.id: change.kinds for change in told}
    runs, experiments = fitprint.search_runs(children=True), fitprint.experiments()
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


def _newest() -> Path:
    return max(FORMATS.iterdir(), key=lambda folder: int(folder.name))


def _database(path: Path) -> dict[str, object]:
    """Return what a database says of its form, and what it holds: what was drawn at random left
    out, and of packed bytes their heads.
    """
    with closing(sqlite3.connect(path)) as connection:
        connection.create_function("fitprint_json", 1, str)
        names = sorted(
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
            )
        )
        columns = {
            name: [row[1:] for row in connection.execute(f"PRAGMA table_info({name})")]
            for name in names
        }
        indexes = sorted(
            connection.execute("SELECT name, tbl_name FROM sqlite_master WHERE type = 'index'")
        )
        rows = {
            name: connection.execute(f"SELECT * FROM {name}").fetchall()
            for name in names
            if name.startswith("fp_")
        }
        rows["fp_experiments"] = [row[:3] for row in rows["fp_experiments"]]
        facts = dict(connection.execute("SELECT name, value FROM facts WHERE name <> 'id'"))
        version = connection.execute("PRAGMA user_version").fetchall()
    heads = {
        name: [
            [cell[:4] if isinstance(cell, bytes) else cell for cell in row] for row in rows[name]
        ]
        for name in ("fp_chunks", "fp_packs")
    }
    return {
        "version": version,
        "columns": columns,
        "indexes": indexes,
        "facts": facts,
        **rows,
        **heads,
    }


def _records(home: Path) -> list[bytes]:
    """Return the frames of the one journal of a home; the first, which has its id, left out."""
    (segment,) = home.glob("journal/*/*.log")
    return segment.read_bytes().split(frames.MAGIC)[2:]


def _members(bundle: Path) -> dict[str, object]:
    with zipfile.ZipFile(bundle) as archive:
        members: dict[str, object] = {name: archive.read(name) for name in archive.namelist()}
        manifest = json.loads(archive.read("manifest.json"))
    return {
        **members,
        "manifest.json": {key: value for key, value in manifest.items() if key != "fitprint"},
    }


@pytest.mark.parametrize("what", ["journal", "database"])
def test_what_is_written_now_is_the_newest_format(what: str, tmp_path: Path) -> None:
    """Record by record and row by row; if it is another, a number must say so, and the next folder
    must hold it.
    """
    with zipfile.ZipFile(_newest() / "home.zip") as archive:
        archive.extractall(tmp_path / "then")
    present_format.write_home(tmp_path / "now")
    look = _records if what == "journal" else lambda home: _database(home / "fitprint.db")
    assert look(tmp_path / "then") == look(tmp_path / "now")


def test_a_bundle_that_is_written_now_is_of_the_newest_format(tmp_path: Path) -> None:
    """Member by member."""
    present_format.write_home(tmp_path / "home")
    present_format.write_bundle(tmp_path / "home", tmp_path / "now.zip")
    assert _members(_newest() / "run.fitprint.zip") == _members(tmp_path / "now.zip")


def test_the_fixture_has_every_event() -> None:
    """Each kind that a journal may have is in the one that nobody has delivered, or in the database
    beside it; two are told to stores alone.
    """
    kinds = {
        type(event).__name__ for event in (*present_format.delivered(), *present_format.waiting())
    }
    assert codec._FIELDS.keys() - {"ArtifactStoreChosen", "BytesFreed"} == kinds - {"MetricPoints"}


FROZEN = {
    ("schema", 9): "cbf97ca8639af0ff",
    ("journal", 1): "aad464548f1a43fe",
}
"""The number of each format, and a digest of what it says. A digest that is another asks for a new
number (a new step, in the schema); with these exceptions: an event of a new name, and a field that
a known event gets at its end, where versions without it may do without.
"""


def test_no_format_changes_without_a_number() -> None:
    """The statements of the schema's steps, the names and fields of events, and the forms of
    frames.
    """
    driver = SqliteDriver.types
    said = {
        ("schema", len(STEPS)): [
            [" ".join(statement.format(**driver, id="ID").split()) for statement in step]
            for step in STEPS
        ],
        ("journal", frames.FORMAT): [
            {
                name: [[field.name, str(field.type)] for field in fields(codec._BY_NAME[name])]
                for name in sorted(codec._BY_NAME)
            },
            {
                name: repr(getattr(frames, name))
                for name in ("MAGIC", "POINT", "SERIES", "EVENT", "POINTS", "START", "END")
            },
            [frames.HEADER.format, frames.POINT_BODY.format, frames.POINTS_BODY.format],
            [
                [field.name, str(field.type)]
                for cls in (Param, Dataset, Artifact, LoggedModel, History)
                for field in fields(cls)
            ],
        ],
    }
    assert FROZEN == {
        number: sha256(json.dumps(content).encode()).hexdigest()[:16]
        for number, content in said.items()
    }
