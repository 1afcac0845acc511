"""Databases whose bytes or cells were changed: every look gives a result or an error that says what
to do.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from math import nan
from pathlib import Path

import pytest

import fitprint
from fitprint import events
from fitprint.cli import main
from fitprint.entities import Dataset, LoggedModel
from fitprint.errors import CorruptStoreError, FitprintError
from fitprint.recording.workspace import current, use

CELLS = [
    None,
    -1,
    2**62,
    -(2**63),
    1.5,
    1e308,
    "text",
    "",
    "{",
    "[1]",
    '"x"',
    b"",
    b"x\x9c",
    b"\xff\xfe",
    b"[" * 5000,
    b"{}",
    b"\0" * 200,
    "\0",
]
VERBS: list[list[str]] = [
    ["ls", "--all"],
    ["ls", "--json"],
    ["show", "run 0"],
    ["show", "--json", "run 2"],
    ["doctor"],
    ["rm", "child 3"],
]


@pytest.fixture
def database(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runs with everything that a run can have, delivered to a database; return it."""
    monkeypatch.delenv("FITPRINT_STORE")
    for number in range(6):
        with fitprint.start_run(f"run {number}", tags={"team": "a"}) as run:
            run.log_params(
                {
                    "C": 1.5,
                    "n": number,
                    "solver": "lbfgs",
                    "layers": [1, 2],
                    "flag": True,
                    "none": None,
                    "long": "x" * 9000,
                }
            )
            run.log_metrics({"loss": 0.5, "acc": 1.0}, step=1)
            run.log_history("curve", [0.1 * step for step in range(400)])
            run.log_history("gaps", [nan, nan])
            run.log_text("text", "a.txt")
            run.log_input(
                Dataset("X", "train", "", {"shape": [1, 2], "names": ["a" * 200, "b" * 200]})
            )
            run.log_document("capture", {"captured": ["params"], "more": "y" * 400})
            run.workspace.writer.append(
                events.ModelLogged(
                    run.id, 9, LoggedModel("model", "sklearn", "sha256:0", {"size": 3})
                )
            )
            with fitprint.start_run(f"child {number}"):
                fitprint.log_metric("loss", number)
    fitprint.start_run("failed").end("FAILED", error="traceback")
    fitprint.search_runs()
    path = home / "fitprint.db"
    let_go()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(path, home / "sound.db")
    return path


def let_go() -> None:
    """Let go of journal and store, as a program that ends does."""
    current().close()
    use(None)


def damage_bytes(path: Path, chosen: random.Random) -> None:
    """Change bytes anywhere, zero or repeat a page, or cut the file."""
    content = bytearray(path.read_bytes())
    kind = chosen.randrange(6)
    page = 4096 * chosen.randrange(len(content) // 4096)
    if kind == 0:
        content[page : page + 4096] = bytes(4096)
    elif kind == 1:
        other = 4096 * chosen.randrange(len(content) // 4096)
        content[page : page + 4096] = content[other : other + 4096]
    elif kind == 2:
        del content[chosen.randrange(len(content)) :]
    else:
        first, last = (0, len(content)) if kind == 3 else (page, page + 4096)
        for _ in range(chosen.choice([1, 10, 100])):
            content[chosen.randrange(first, last)] = chosen.randrange(256)
    path.write_bytes(content)


def damage_cells(path: Path, chosen: random.Random) -> None:
    """Put a value of another kind into cells, constraints or not."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        tables = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            )
        ]
        for _ in range(chosen.choice([1, 1, 5])):
            table = chosen.choice(tables)
            column = chosen.choice(
                [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            )
            some = "" if chosen.random() < 0.5 else " WHERE abs(random()) % 3 = 0"
            try:
                connection.execute(
                    f"UPDATE {table} SET {column} = ?{some}", (chosen.choice(CELLS),)
                )
            except sqlite3.Error:
                connection.execute("VACUUM")  # a constraint held: the table is as it was
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def look(bundle: Path) -> Iterator[Callable[[], object]]:
    """Yield every way to look at runs, and two that add some."""
    for words in VERBS:
        yield lambda words=words: main(words)  # type: ignore[misc]
    yield lambda: [
        (dict(run.record.params), dict(run.record.metrics), run.capture)
        for run in fitprint.search_runs()
    ]
    yield lambda: fitprint.search_runs(
        filter_string="params.C = 1.5 and metrics.loss < 2", order_by=["params.n"], max_results=2
    )
    yield lambda: [run.history("curve").value for run in fitprint.search_runs()]
    yield lambda: [
        run.history(key, max_points=10) for run in fitprint.search_runs() for key in run.metrics
    ]
    yield lambda: [
        (run.start_time, run.end_time, run.children(), run.params, run.environment)
        for run in fitprint.search_runs()
    ]
    yield lambda: [
        run.download("", bundle.parent / run.id)
        for run in fitprint.search_runs(filter_string="name like 'run%'", max_results=2)
    ]
    yield fitprint.experiments
    yield lambda: main(["export", "run 1", "run 0", "-o", str(bundle)])
    yield lambda: fitprint.start_run(run_id=fitprint.get_run("run 4").id).end()
    yield lambda: fitprint.start_run("another").log_metric("curve", 1.0)
    yield lambda: main(["sync"])


def look_everywhere(database: Path) -> list[str]:
    """Look at runs in every way, and return the errors that say what to do; any other error is
    raised.
    """
    bundle = database.parent / "bundle.zip"
    told = []
    for verb in look(bundle):
        try:
            verb()
        except FitprintError as error:
            told.append(str(error))
        finally:
            while fitprint.active_run() is not None:
                fitprint.end_run()
    let_go()
    bundle.unlink(missing_ok=True)
    return told


def restore(database: Path) -> None:
    for leftover in ("fitprint.db-wal", "fitprint.db-shm"):
        (database.parent / leftover).unlink(missing_ok=True)
    shutil.rmtree(database.parent / "journal", ignore_errors=True)
    shutil.copy(database.parent / "sound.db", database)


def attack(database: Path, seeds: range) -> int:
    """Damage the database once for each seed, and return how many of them could not be read in one
    way or another.
    """
    unreadable = 0
    for seed in seeds:
        restore(database)
        chosen = random.Random(seed)
        (damage_bytes if seed % 2 else damage_cells)(database, chosen)
        try:
            unreadable += bool(look_everywhere(database))
        except Exception as error:
            raise AssertionError(
                f"the database of seed {seed} makes a raw error: {error!r}"
            ) from error
    return unreadable


def test_looking_at_a_sound_database_is_no_error(database: Path) -> None:
    """Nothing is told where nothing is damaged."""
    assert [] == look_everywhere(database)


@pytest.mark.parametrize("first", range(0, 30, 10))
def test_fault_9_a_damaged_database_never_gives_a_raw_error(database: Path, first: int) -> None:
    """Bytes, pages, lengths and cells are changed at random: all looks end, in a result or in an
    error of ours.
    """
    assert attack(database, range(first, first + 10))


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("runs", "start_time", "text"), ("runs", "status", "GONE"), ("runs", "name", b"\xff"),
        ("params", "type", "complex"), ("params", "text", b"1"), ("tags", "value", b"a"),
        ("metrics", "last_step", "x"), ("metrics", "goal", "up"), ("metrics", "last", "x"),
        ("datasets", "facts", b"["), ("models", "facts", b"[1]"),
        ("documents", "content", b"x\x9c"), ("chunks", "content", b"\xff" * 40),
        ("packs", "content", b"\xff" * 40), ("chunks", "outline", b"\xff" * 40),
        ("chunks", "points", 0), ("chunks", "points", "x"), ("artifacts", "size", "big"),
        ("keys", "name", b"C"), ("experiments", "name", b"a"),
    ],
)  # fmt: skip
def test_fault_9_a_cell_of_the_wrong_kind_is_told(
    database: Path, table: str, column: str, value: object
) -> None:
    """The error says that the store is damaged, and what to do."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute(f"UPDATE OR IGNORE fp_{table} SET {column} = ?", (value,))
    with pytest.raises(CorruptStoreError, match="damaged"):
        for run in fitprint.search_runs():
            (
                dict(run.record.params),
                dict(run.record.metrics),
                dict(run.record.documents),
                run.history("curve"),
            )
            run.history("loss"), run.history("curve", max_points=10)
