"""Folders of neptune-exporter, made with Arrow by the schema that it publishes: counts and values
are equal.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

import fitprint
from fitprint import cli
from fitprint.errors import StoreError
from fitprint.recording.workspace import current
from fitprint.testing import isolated

SCHEMA = pa.schema(
    [
        ("project_id", pa.string()),
        ("run_id", pa.string()),
        ("attribute_path", pa.string()),
        ("attribute_type", pa.string()),
        ("step", pa.decimal128(18, 6)),
        ("timestamp", pa.timestamp("ms", tz="UTC")),
        ("int_value", pa.int64()),
        ("float_value", pa.float64()),
        ("string_value", pa.string()),
        ("bool_value", pa.bool_()),
        ("datetime_value", pa.timestamp("ms", tz="UTC")),
        ("string_set_value", pa.list_(pa.string())),
        ("file_value", pa.struct([("path", pa.string())])),
        (
            "histogram_value",
            pa.struct(
                [
                    ("type", pa.string()),
                    ("edges", pa.list_(pa.float64())),
                    ("values", pa.list_(pa.float64())),
                ]
            ),
        ),
    ]
)
START = datetime(2025, 1, 2, 3, 4, 5, 678000, tzinfo=timezone.utc)
MICROS = round(START.timestamp() * 1e6)


@pytest.fixture(autouse=True)
def home(tmp_path) -> Iterator[Path]:
    """A home of the test's own."""
    with isolated(tmp_path / "home", context=False):
        yield tmp_path / "home"


def value(path: str, kind: str, content, column: str | None = None):
    """A row of a single value."""
    return {
        "attribute_path": path,
        "attribute_type": kind,
        column or f"{kind}_value": content,
    }


def series(path: str, *points, kind: str = "float_series", column: str = "float_value"):
    """The rows of a series, of pairs of step and value."""
    return [
        {
            "attribute_path": path,
            "attribute_type": kind,
            "step": None if step is None else Decimal(str(step)),
            "timestamp": START + timedelta(seconds=place),
            column: content,
        }
        for place, (step, content) in enumerate(points)
    ]


@pytest.fixture
def exports(tmp_path) -> Path:
    """A folder of exports."""
    return tmp_path / "exports"


@pytest.fixture
def export(exports):
    """What exports a run, each list of rows into a part."""

    def write(run: str, *parts, project: str = "team/digits", schema=SCHEMA, end: str = "") -> Path:
        folder = exports / "data" / "team_digits-1234"
        folder.mkdir(parents=True, exist_ok=True)
        for number, rows in enumerate(parts):
            about = {"project_id": project, "run_id": run}
            table = pa.Table.from_pylist([{**about, **row} for row in rows], schema=schema)
            path = folder / f"{run}-abcd_part_{number}.parquet{end}"
            parquet.write_table(table, path, compression="snappy")
        return folder / f"{run}-abcd_part_0.parquet{end}"

    return write


def imported(folder: Path, **options):
    """What importing the folder says."""
    return fitprint.import_from("neptune", str(folder), **options)


def record_of(name: str):
    """The record of the run of this name."""
    (run,) = (run for run in fitprint.search_runs(children=True) if run.name == name)
    return current().store.run(run.id)


SYSTEM = [
    value("sys/custom_run_id", "string", "RUN-1"),
    value("sys/name", "string", "first"),
    value("sys/creation_time", "datetime", START - timedelta(seconds=10)),
    value("sys/tags", "string_set", ["t1", "t2"]),
    value("sys/group_tags", "string_set", ["g1", "g2"]),
    value("sys/description", "string", "a note"),
    value("sys/owner", "string", "ada"),
    value("sys/diagnostics/attributes/int_count", "int", 3),
]


def test_values_have_their_types(exports, export):
    """Parameters, tags, the note, and what Neptune says of the run."""
    wanted = {"lr": 0.1, "n": 3, "flag": True, "name": "x", "set": ["a", "b"], "inf": math.inf}
    export(
        "RUN-1",
        [
            *SYSTEM,
            value("lr", "float", 0.1), value("n", "int", 3), value("flag", "bool", True),
            value("name", "string", "x"), value("set", "string_set", ["a", "b"]),
            value("inf", "float", math.inf), value("when", "datetime", START),
        ],
    )  # fmt: skip
    done = imported(exports)
    assert (1, {}, []) == (len(done.added), done.failed, done.problems)
    record = record_of("first")
    params = {key: param.value for key, param in record.params.items()}
    assert {**wanted, "when": START.isoformat()} == params
    assert [float, int, bool] == [type(params[key]) for key in ("lr", "n", "flag")]
    assert ("team/digits", "FINISHED") == (record.experiment, record.status)
    assert MICROS - 10_000_000 == record.start_time
    assert {
        "t1": "true", "t2": "true", "neptune.group_tags": "g1, g2", "neptune.owner": "ada",
        "neptune.run_id": "RUN-1", "neptune.custom_run_id": "RUN-1",
    } == dict(record.tags)  # fmt: skip
    assert "a note" == record.documents["note"]


def test_series_are_whole_over_all_parts(exports, export):
    """With steps, times, NaN and infinities; other series are files."""
    numbers = [0.5, math.nan, math.inf, 1e300, None]
    export(
        "RUN-1",
        [*SYSTEM, *series("loss", *enumerate(numbers[:2]))],
        series("loss", *enumerate(numbers[2:], 2)),
        [
            *series("log", (1, "one"), (2, "two"), kind="string_series", column="string_value"),
            *series(
                "sizes",
                (3, {"type": "COUNTING", "edges": [0, 1, 2], "values": [5, 6]}),
                kind="histogram_series", column="histogram_value",
            ),
        ],
    )  # fmt: skip
    done = imported(exports)
    assert ({}, []) == (done.failed, done.problems)
    history = current().store.metric_history(done.added[0], "loss")
    assert [0, 1, 2, 3, 4] == list(history.step)
    assert ["0.5", "nan", "inf", "1e+300", "nan"] == [str(each) for each in history.value]
    assert [MICROS, MICROS + 1_000_000] == list(history.timestamp)[:2]
    assert all(map(math.isnan, history.epoch))
    run = fitprint.get_run(done.added[0])
    lines = [json.loads(line) for line in run.read("series/log.jsonl").splitlines()]
    assert [(1, "one"), (2, "two")] == [(line["step"], line["value"]) for line in lines]
    assert [5, 6] == json.loads(run.read("series/sizes.jsonl"))["value"]["values"]


def test_steps_that_are_parted_are_epochs(exports, export):
    """Points are counted, nothing is rounded, and it is told."""
    export("RUN-1", [*SYSTEM, *series("loss", (0, 3.0), (0.5, 2.0), (1, 1.0))])
    done = imported(exports)
    assert ["RUN-1: steps of loss are no whole numbers"] == [
        problem.partition(":")[0] + ":" + problem.split(":")[1] for problem in done.problems
    ]
    history = current().store.metric_history(done.added[0], "loss")
    assert ([0, 1, 2], [0.0, 0.5, 1.0]) == (list(history.step), list(history.epoch))


def test_forks_are_below_the_run_that_they_came_from(exports, export):
    """With the step, through generations, whatever their order."""
    for run, parent in (("A-child", "B-parent"), ("B-parent", "C-root"), ("C-root", None)):
        forking = [
            value("sys/forking/parent", "string", parent),
            value("sys/forking/step", "float", 5.0),
            value("sys/forking/depth", "int", 1),
        ]
        export(run, [value("sys/name", "string", run), *(forking if parent else [])])
    done = imported(exports)
    assert (3, []) == (len(done.added), done.problems)
    child, parent, root = map(record_of, ("A-child", "B-parent", "C-root"))
    assert (parent.id, root.id, None) == (child.parent_id, parent.parent_id, root.parent_id)
    assert ("B-parent", "5.0") == (
        child.tags["neptune.forking.parent"], child.tags["neptune.forking.step"],
    )  # fmt: skip


def test_a_fork_of_a_run_that_was_not_exported_keeps_its_name(exports, export):
    """As a tag."""
    export("RUN-1", [value("sys/forking/parent", "string", "gone")])
    done = imported(exports)
    record = current().store.run(done.added[0])
    assert (None, "gone") == (record.parent_id, record.tags["neptune.forking.parent"])


def test_failed_and_trashed_runs_are_those(exports, export):
    """A failed run is FAILED, and a trashed one is in the trash."""
    export("RUN-1", [value("sys/failed", "bool", True), value("sys/trashed", "bool", True)])
    record = current().store.run(imported(exports).added[0])
    assert ("FAILED", True) == (record.status, record.deleted_time is not None)


def test_files_come_from_beside_the_data(exports, export):
    """Single ones, those of a series, and folders; what is not there, or elsewhere, is told."""
    files = exports / "files" / "team_digits-1234"
    for name in ("RUN-1/conf.yaml", "RUN-1/image/s.png", "RUN-1/set/a.txt", "RUN-1/set/b/c.txt"):
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        (files / name).write_text(name, encoding="utf-8")
    (exports / "secret").write_text("secret", encoding="utf-8")
    places = {"conf": "RUN-1/conf.yaml", "gone": "RUN-1/gone", "out": "../../secret"}
    export(
        "RUN-1",
        [
            *(value(path, "file", {"path": place}) for path, place in places.items()),
            *series(
                "image", (1.5, {"path": "RUN-1/image/s.png"}),
                kind="file_series", column="file_value",
            ),
            value("set", "file_set", {"path": "RUN-1/set"}, "file_value"),
        ],
    )  # fmt: skip
    done = imported(exports)
    run = fitprint.get_run(done.added[0])
    assert [
        "files/conf.yaml", "files/image/1.5.png", "files/set/a.txt", "files/set/b/c.txt",
    ] == sorted(file.path for file in current().store.run(run.id).artifacts)  # fmt: skip
    assert b"RUN-1/conf.yaml" == run.read("files/conf.yaml")
    (problem,) = done.problems
    assert problem.startswith("RUN-1: 2 files are not in ")


def test_importing_again_adds_what_is_new(exports, export, capsys):
    """Also from another place, the data alone, and by the command."""
    export("RUN-1", [*SYSTEM, *series("loss", (0, 1.0))])
    first = imported(exports)
    export("RUN-2", [*series("loss", (0, 1.0))])
    exports.rename(exports.parent / "moved")
    folder = exports.parent / "moved" / "data"
    assert 0 == cli.main(["import", "--from", "neptune", str(folder), "--json"])
    again = json.loads(capsys.readouterr().out)
    assert (1, 1) == (len(again["added"]), again["present"])
    assert 1 == len(current().store.metric_history(first.added[0], "loss"))


def test_a_dry_run_makes_nothing(exports, export, home):
    """Not even a store."""
    export("RUN-1", SYSTEM)
    assert 1 == len(imported(exports, dry_run=True).added)
    assert not (home / "fitprint.db").exists()


def test_a_run_that_was_not_exported_to_its_end_is_told(exports, export):
    """As the exporter tells it: the first part gets its name last."""
    export("RUN-1", SYSTEM)
    export("RUN-2", SYSTEM, SYSTEM, end=".tmp")
    export("RUN-3", SYSTEM, SYSTEM).unlink()
    done = imported(exports)
    assert 1 == len(done.added)
    assert ["RUN-2-abcd was not exported", "RUN-3-abcd was not exported"] == [
        problem.partition(" to its end")[0] for problem in done.problems
    ]


def test_a_damaged_part_costs_itself(exports, export):
    """What the others have is taken; a first part that is damaged costs the run."""
    parts = [[*series(key, (0, 1.0))] for key in ("a", "b", "c")]
    first = export("RUN-1", *parts)
    cut = first.with_name("RUN-1-abcd_part_1.parquet")
    cut.write_bytes(cut.read_bytes()[:-20])
    odd = export("RUN-2", SYSTEM)
    odd.write_bytes(b"no Parquet")
    hurt = bytearray(export("RUN-3", [*series("a", *((step, 1.0) for step in range(2000)))])
                     .read_bytes())  # fmt: skip
    hurt[200:600] = b"\xff" * 400
    odd.with_name("RUN-3-abcd_part_0.parquet").write_bytes(hurt)
    done = imported(exports)
    told = "\n".join([*done.problems, *done.failed.values()])
    assert "a run is left out: RUN-2-abcd_part_0.parquet cannot be read" in told
    assert "RUN-1: RUN-1-abcd_part_1.parquet cannot be read" in told
    assert "RUN-3-abcd_part_0.parquet cannot be read" in told
    (run,) = (run for run in fitprint.search_runs() if run.name == "RUN-1")
    assert {"a", "c"} == set(run.metrics)


def test_a_missing_part_is_told(exports, export):
    """With the numbers of those that are there."""
    first = export("RUN-1", SYSTEM, SYSTEM, SYSTEM)
    first.with_name("RUN-1-abcd_part_1.parquet").unlink()
    assert "there are the parts [0, 2], and others are missing" in imported(exports).problems[0]


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (pa.schema([("a", pa.string())]), "it has no column 'attribute_path'"),
        (
            pa.schema([
                field if field.name != "step" else pa.field("step", pa.list_(pa.string()))
                for field in SCHEMA
            ]),
            "cannot be read",
        ),
    ],
    ids=["others", "of-another-type"],
)  # fmt: skip
def test_other_columns_are_told(exports, export, schema, reason):
    """And cost nothing else."""
    export("RUN-1", SYSTEM)
    folder = exports / "data" / "team_digits-1234"
    table = pa.Table.from_pylist([{"a": "x", "run_id": "RUN-2"}], schema=schema)
    parquet.write_table(table, folder / "RUN-2-abcd_part_0.parquet")
    done = imported(exports)
    assert any(reason in told for told in [*done.problems, *done.failed.values()])
    assert "first" in {run.name for run in fitprint.search_runs()}


def test_odd_values_are_taken_or_told(exports, export):
    """Types that are unknown, values without content, names with control characters, far times."""
    rows = [
        value("a", "unknown", "x", "string_value"),
        value("b", "int", None),
        value("n\x00\x1b[2J", "int", 2**63 - 1),
        *series("loss", (None, 1.0), (999999999999.0, 2.0)),
    ]
    rows[-1]["timestamp"] = datetime(9999, 1, 1, tzinfo=timezone.utc)
    export("RUN-1", rows)
    done = imported(exports)
    assert [
        "RUN-1: values of the type unknown (1) stay behind",
        "RUN-1: values without content of the type int (1) stay behind",
    ] == sorted(done.problems)
    history = current().store.metric_history(done.added[0], "loss")
    assert [0, 999999999999] == list(history.step)
    assert [MICROS, MICROS] == list(history.timestamp)


def test_registered_models_are_told(exports, export):
    """They are in folders of their own."""
    export("RUN-1", SYSTEM)
    folder = exports / "model_data" / "team_digits-1234" / "models"
    folder.mkdir(parents=True)
    (folder / "MOD_part_0.parquet").write_bytes(
        (exports / "data" / "team_digits-1234" / "RUN-1-abcd_part_0.parquet").read_bytes()
    )
    done = imported(exports)
    assert ["1 models and versions of Neptune's model registry stay behind"] == done.problems


def test_what_is_no_export_is_told(tmp_path):
    """With what to give instead."""
    with pytest.raises(
        StoreError, match="is not a folder: give the one into which neptune-exporter"
    ):
        imported(tmp_path / "nothing")
    with pytest.raises(StoreError, match="there are no runs of neptune-exporter in"):
        imported(tmp_path)


def test_without_arrow_it_is_said_how_to_get_it(exports, export):
    """Which no other import needs."""
    export("RUN-1", SYSTEM)
    program = f"""
import sys
import fitprint
from fitprint import cli
from fitprint.errors import StoreError
assert cli.main(["ls"]) == 0
assert not [name for name in sys.modules if name.startswith("pyarrow")]
sys.modules["pyarrow"] = None
try:
    fitprint.import_from("neptune", {str(exports)!r})
except StoreError as error:
    assert "pip install 'fitprint-neptune[framework]'" in str(error), error
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_a_file_with_damaged_names_or_texts_costs_itself(exports, export):
    """Arrow raises what Python has then, and not what is its own; the others are taken."""
    export("RUN-1", [*SYSTEM, *series("loss", (1, 1.0))])
    for run, old, new in (
        ("RUN-2", b"attribute_path", b"attribute_\xff\xff\xff\xff"),
        ("RUN-3", b"RUN-3", b"\xff" * 5),
    ):
        part = export(run, [*SYSTEM, *series("loss", (1, 1.0))])
        part.write_bytes(part.read_bytes().replace(old, new))
    part = export("RUN-4", [*SYSTEM])
    table = parquet.read_table(part)
    parquet.write_table(table.append_column("run_id", table["run_id"]), part)
    done = imported(exports)
    assert (1, {}) == (len(done.added), done.failed)
    assert 3 == len(done.problems)
    assert all(each.startswith("a run is left out: ") for each in done.problems)


def test_odd_values_of_neptune_itself_are_passed_over(exports, export):
    """Tags that are none, and places that no file can have; the run comes with all else."""
    odd = {"path": "a\0b"}
    export(
        "RUN-1",
        [value("sys/name", "string", "a"), value("sys/tags", "string_set", ["t", None]),
         value("model", "file", odd), *series("loss", (1, 1.0))],
    )  # fmt: skip
    export("RUN-2", [value("sys/name", "string", "b"), value("sys/tags", "int", 5)])
    done = imported(exports)
    assert (2, {}) == (len(done.added), done.failed)
    assert ["t"] == [name for name in record_of("a").tags if not name.startswith("neptune.")]
    (problem,) = done.problems
    assert "1 files are not in" in problem


def few_texts(path: Path, rows: int) -> None:
    """Write rows with one long text, which the file has once."""
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), ["x" * 100_000])
    columns = {
        "project_id": ["p"] * rows,
        "run_id": ["r"] * rows,
        "attribute_path": ["note"] * rows,
        "attribute_type": ["string_series"] * rows,
        "string_value": texts,
    }
    empty = {field.name: pa.nulls(rows, field.type) for field in SCHEMA}
    parquet.write_table(pa.table({**empty, **columns}), path)


def many_rows(path: Path, _rows: int) -> None:
    """Write rows without values: a million are some bytes."""
    columns = {field.name: pa.nulls(2_000_000, field.type) for field in SCHEMA}
    with parquet.ParquetWriter(path, SCHEMA) as writer:
        writer.write_table(pa.table(columns, schema=SCHEMA))


def long_page(path: Path, _rows: int) -> None:
    """Write a text that is packed well."""
    columns = {field.name: pa.nulls(1, field.type) for field in SCHEMA}
    columns["string_value"] = pa.array(["x" * (30 << 20)])
    table = pa.table(columns, schema=SCHEMA)
    parquet.write_table(table, path, compression="zstd", use_dictionary=False)


@pytest.mark.parametrize("write", [few_texts, many_rows, long_page])
def test_a_small_part_that_unpacks_to_much_costs_itself(exports, export, monkeypatch, write):
    """It is refused before that is in memory; others are taken."""
    monkeypatch.setattr("fitprint_neptune.parts._MOST", 16 << 20)
    export("RUN-1", [value("sys/name", "string", "good")])
    part = export("RUN-2", [value("sys/name", "string", "bad")])
    write(part, 1000)
    assert part.stat().st_size < 150_000

    before = pa.total_allocated_bytes()
    done = imported(exports)

    assert ["good"] == [run.name for run in fitprint.search_runs()]
    told = [*done.problems, *done.failed.values()]
    assert any("unpacks to more than 16 MiB" in each for each in told), told
    assert pa.total_allocated_bytes() - before < 16 << 20
