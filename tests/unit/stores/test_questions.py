"""Statements of SQL over the views of the SQLite store: what they see, and that they can do nothing
else.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from array import array
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fitprint.entities import Dataset, History, LoggedModel, Param
from fitprint.errors import CorruptStoreError, FitprintError, QueryError
from fitprint.events import (
    Batch,
    DatasetLogged,
    DocumentLogged,
    MetricPoints,
    ModelLogged,
    ParamsLogged,
    RunEnded,
    RunStarted,
    TagsSet,
)
from fitprint.stores.memory import MemoryStore
from fitprint.stores.sql.sqlite import open_sqlite
from fitprint.stores.sql.store import SqlStore
from fitprint.stores.views import VIEWS

RUN = "1" * 32
ENDLESS = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT COUNT(*) FROM t"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a folder? with #signs%41" / "fitprint.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqlStore]:
    """A store with one run."""
    path.parent.mkdir()
    opened = open_sqlite(f"sqlite:///{path}")
    values = {
        "C": 0.5,
        "n": 3,
        "huge": 10**30,
        "flag": True,
        "none": None,
        "nan": float("nan"),
        "list": [1, "a"],
        "name": "ü",
    }
    points = History(
        array("q", [0, 1]),
        array("q", [1, 2]),
        array("d", [2.0, float("nan")]),
        array("d", [0.0, 0.0]),
    )
    events = [
        RunStarted(RUN, 1_790_000_000_123_456, "iris", "one"),
        ParamsLogged(RUN, 2, {key: Param(value) for key, value in values.items()}),
        TagsSet(RUN, 2, {"team": "a"}),
        MetricPoints(RUN, 3, "loss", points, "min"),
        DatasetLogged(RUN, 3, Dataset("X", "train", "", {"shape": [150, 4], "names": ["a" * 400]})),
        ModelLogged(RUN, 3, LoggedModel("model", "sklearn", "sha256:0", {"size": 3})),
        DocumentLogged(RUN, 3, "capture", {"more": "y" * 400}),
    ]
    opened.append(Batch("j", 0, 1, events))
    yield opened
    opened.close()


def refused(store: SqlStore, statement: str, **options: Any) -> str:
    with pytest.raises(QueryError) as caught:
        store.query(statement, **options)
    return str(caught.value)


def test_parameters_keep_their_types(store: SqlStore) -> None:
    """Numbers are numbers, None and NaN are null, all else is text."""
    rows = dict(store.query("SELECT key, value FROM params").rows)
    assert {
        "C": 0.5,
        "n": 3,
        "huge": 1e30,
        "flag": "True",
        "none": None,
        "nan": None,
        "list": '[1, "a"]',
        "name": "ü",
    } == rows
    assert [("integer",)] == store.query("SELECT typeof(value) FROM params WHERE key = 'n'").rows


def test_times_are_texts_that_sql_reads(store: SqlStore) -> None:
    """ISO 8601 in UTC, to the millisecond; SQL's functions go on from there."""
    rows = store.query(
        "SELECT start_time, end_time, unixepoch(start_time), date(start_time) FROM runs"
    ).rows
    assert [("2026-09-21T14:13:20.123Z", None, 1_790_000_000, "2026-09-21")] == rows


def test_packed_facts_are_json(store: SqlStore) -> None:
    """Short ones and deflated ones, of data, models and documents."""
    facts = (
        "SELECT json_extract(facts, '$.shape[0]') FROM datasets UNION ALL SELECT "
        "json_extract(facts, '$.size') FROM models"
    )
    assert [(150,), (3,)] == store.query(facts).rows
    assert [(400,)] == store.query(
        "SELECT length(json_extract(content, '$.more')) FROM documents WHERE name = 'capture'"
    ).rows
    assert [("shape",), ("names",)] == store.query(
        "SELECT each.key FROM datasets, json_each(facts) AS each"
    ).rows


def test_a_run_without_its_start_is_in_no_view(store: SqlStore) -> None:
    """As everywhere: it shows once its start has come."""
    store.append(
        Batch(
            "k",
            0,
            1,
            [ParamsLogged("2" * 32, 2, {"C": Param(1)}), TagsSet("2" * 32, 2, {"team": "b"})],
        )
    )
    counts = [
        store.query(f"SELECT COUNT(*) FROM {name}").rows for name in ("runs", "params", "tags")
    ]
    assert [[(1,)], [(8,)], [(1,)]] == counts


def test_views_need_nothing_of_ours_but_json(store: SqlStore, path: Path) -> None:
    """Another program reads all views but those with packed facts."""
    with closing(sqlite3.connect(path)) as connection:
        for view in VIEWS:
            if view.name not in ("datasets", "models", "documents", "model_versions"):
                connection.execute(f"SELECT * FROM {view.name}").fetchall()


def test_columns_have_each_a_name_of_their_own(store: SqlStore) -> None:
    """A name that comes again gets a number, one that nobody else has."""
    assert ("id", "id_3", "id_2") == store.query("SELECT id, id, id AS id_2 FROM runs").columns


REFUSED = [
    "DELETE FROM runs", "DELETE FROM fp_runs", "UPDATE fp_runs SET name = 'x'",
    "INSERT INTO fp_purged VALUES ('x', 1)", "DROP VIEW runs", "DROP TABLE fp_runs",
    "CREATE TABLE mine (x)", "CREATE TEMP TABLE mine (x)", "CREATE VIEW mine AS SELECT 1",
    "ALTER TABLE fp_runs RENAME TO runs2",
    "CREATE TRIGGER t INSTEAD OF DELETE ON runs BEGIN SELECT 1; END",
    "CREATE VIRTUAL TABLE v USING fts5(x)", "ATTACH 'other.db' AS other", "DETACH main", "VACUUM",
    "VACUUM INTO 'copy.db'", "REINDEX", "ANALYZE", "PRAGMA query_only = OFF",
    "PRAGMA writable_schema = ON", "PRAGMA journal_mode = DELETE", "PRAGMA user_version = 0",
    "SELECT * FROM pragma_table_info('runs')", "SELECT * FROM pragma_user_version", "BEGIN",
    "BEGIN IMMEDIATE", "COMMIT", "SAVEPOINT s", "SELECT * FROM fp_runs", 'SELECT * FROM "fp_runs"',
    "SELECT * FROM [FP_RUNS]", "SELECT * FROM main.fp_runs", "SELECT * FROM 'fp_runs'",
    "SELECT/**/*/**/FROM/**/fp_runs", "WITH runs AS (SELECT * FROM fp_runs) SELECT * FROM runs",
    "TABLE fp_runs", "WITH runs AS (SELECT * FROM facts) SELECT * FROM runs", "SELECT * FROM facts",
    "SELECT (SELECT value FROM facts LIMIT 1)", "SELECT COUNT(*) FROM facts", "SELECT 1 FROM FACTS",
    "SELECT 1 FROM SQLITE_SCHEMA", "SELECT COUNT(*) FROM sqlite_master",
    "SELECT COUNT(*) FROM fp_runs", "SELECT COUNT(*) FROM dbstat", "SELECT * FROM sqlite_master",
    "SELECT * FROM sqlite_schema", "SELECT sql FROM main.sqlite_master",
    "SELECT * FROM sqlite_temp_master",
    "WITH runs AS (SELECT * FROM sqlite_master) SELECT * FROM runs", "SELECT * FROM sqlite_dbpage",
    "SELECT * FROM dbstat", "SELECT load_extension('x')", "SELECT readfile('/etc/passwd')",
    "SELECT writefile('x', 'y')", "SELECT fts3_tokenizer('x')", "SELECT zeroblob(1000000000)",
    "SELECT randomblob(1000000000)", "SELECT edit('x')", "SELECT replace('a', 'a', 'b')",
    "SELECT fitprint_json(x'00')", "SELECT lowered('A')", "SELECT sqlite_version()",
    "SELECT 1; SELECT 2", "SELECT 1; DROP VIEW runs", "", " ", ";", "-- nothing", "/* nothing",
    "SELECT", "SELECT \0 1", "SELECT '\ud800'", "SELECT ?", "SELECT :a", "SELEC 1", "(" * 5000,
    "SELECT " + "-" * 1 + "(" * 2000 + "1" + ")" * 2000,
    "SELECT " + ", ".join("1" for _ in range(3000)), "EXPLAIN DELETE FROM fp_runs",
]  # fmt: skip


@pytest.mark.parametrize("statement", REFUSED, ids=range(len(REFUSED)))
def test_what_does_not_read_the_views_is_refused(
    store: SqlStore, path: Path, statement: str
) -> None:
    """With words, and without any effect on the files around."""
    before = sorted(
        (file.name, file.read_bytes())
        for file in path.parent.iterdir()
        if not file.name.endswith("-shm")
    )
    assert refused(store, statement)
    assert before == sorted(
        (file.name, file.read_bytes())
        for file in path.parent.iterdir()
        if not file.name.endswith("-shm")
    )


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("SELECT lst FROM metrics", "did you mean last (of metrics)"),
        ("SELECT m.bets FROM metrics m", "did you mean best (of metrics)"),
        ("SELECT * FROM metric", "did you mean metrics"),
        ("SELECT zzz FROM runs", "the columns of the views: runs, params"),
        ("SELECT avgg(duration) FROM runs", "did you mean avg"),
        ("SELECT name FORM runs", 'near "runs"'),
        ("DROP VIEW runs", "something else than read"),
        ("SELECT * FROM fp_runs", "fp_runs is a table of fitprint's own"),
        ("SELECT * FROM sqlite_master", "sqlite_master is none of the views"),
        ("SELECT 1; SELECT 2", "one at a time"),
        ("", "SELECT name, status FROM runs"),
    ],
)
def test_an_error_names_what_is_wrong_and_what_is_near(
    store: SqlStore, statement: str, words: str
) -> None:
    """The columns and views that a mistyped word may have meant, the others where there is none."""
    assert words in refused(store, statement)


def test_a_statement_without_end_is_stopped(store: SqlStore) -> None:
    """The error says after how long; the store goes on."""
    assert "stopped after 0.1 seconds" in refused(store, ENDLESS, timeout=0.1)
    assert [("one",)] == store.query("SELECT name FROM runs").rows


HUNGRY = """
import sys
from fitprint.errors import QueryError
from fitprint.stores.sql.sqlite import open_sqlite
store = open_sqlite(sys.argv[1])
many = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t LIMIT 100000000)"
long = "WITH RECURSIVE t(x) AS (SELECT 'a' UNION ALL SELECT x || x FROM t LIMIT 21)"
for statement in (
    many + " SELECT group_concat('0123456789') FROM t",
    many + " SELECT json_group_array(n) FROM t",
    "WITH RECURSIVE t(x) AS (SELECT 'ab' UNION ALL SELECT x || x FROM t) SELECT length(x) FROM t",
    long + " SELECT " + ", ".join(f"x || {number}" for number in range(99)) + " FROM t WHERE length(x) = 1048576",
    long + " SELECT hex(x) FROM t",
    many + ", big AS (SELECT group_concat(n) AS x FROM (SELECT n FROM t LIMIT 200000)) SELECT x || n FROM big, t",
):
    try:
        store.query(statement, timeout=1)
    except QueryError:
        pass
store.close()
from fitprint.platform.processes import own_peak, usage
print(own_peak(usage()) >> 20)  # not that of the program that runs the tests
"""  # noqa: E501


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the connection cannot be limited")
@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured in other units")
def test_a_statement_cannot_eat_all_memory(store: SqlStore, path: Path) -> None:
    """Values, columns and rows are limited, whatever makes them large."""
    command = [sys.executable, "-c", HUNGRY, f"sqlite:///{path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert "" == done.stderr
    assert int(done.stdout) < 700  # MB; one text of SQLite's own limit takes a thousand


def test_rows_are_limited(store: SqlStore) -> None:
    """As many as were asked for, and whether there are more."""
    found = store.query("VALUES (1), (2), (3)", limit=2)
    assert ([(1,), (2,)], True, 2) == (list(found), found.more, len(found))
    assert not store.query("VALUES (1), (2), (3)", limit=3).more


def test_texts_that_are_none_are_shown(store: SqlStore) -> None:
    """A statement may make a text of bytes: that is no damage of the store."""
    assert [("�",)] == store.query("SELECT CAST(x'ff' AS TEXT)").rows


def test_packed_facts_that_are_damaged_are_told(store: SqlStore, path: Path) -> None:
    """As damage of the store, with advice."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE fp_documents SET content = x'78ff'")
    with pytest.raises(CorruptStoreError, match="damaged"):
        store.query("SELECT content FROM documents")


def test_who_asks_sees_what_others_write_meanwhile(store: SqlStore, path: Path) -> None:
    """A connection that writes all the time keeps nobody from asking, and each answer is whole."""
    other = open_sqlite(f"sqlite:///{path}")
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            run = f"{number:032x}"
            number += 1
            events = [
                RunStarted(run, 1, "wine", "w"),
                ParamsLogged(run, 2, {"C": Param(1)}),
                RunEnded(run, 3, "FINISHED"),
            ]
            other.append(
                Batch("w", number, number + 1, events) if number > 1 else Batch("w", 0, 2, events)
            )

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = 0
        while seen < 20:
            ((runs, params),) = store.query(
                "SELECT (SELECT COUNT(*) FROM runs WHERE name = 'w'), (SELECT COUNT(*) FROM params "
                "p JOIN runs r ON r.id = p.run_id"
                " WHERE r.name = 'w')"
            ).rows
            assert runs == params
            seen = max(seen, runs)
    finally:
        stop.set()
        writer.join()
        other.close()


def test_a_store_without_sql_says_so() -> None:
    """And what to do instead."""
    with pytest.raises(FitprintError, match="has no SQL; filters work on every store"):
        MemoryStore("memory://x").query("SELECT 1")


def test_a_file_that_was_replaced_is_asked(store: SqlStore, path: Path, tmp_path: Path) -> None:
    """The answer is that of the database which is at the path now."""
    other = open_sqlite(f"sqlite:///{tmp_path}/other.db")
    other.append(Batch("k", 0, 1, [RunStarted("3" * 32, 1, "iris", "other")]))
    other.close()
    (tmp_path / "other.db").rename(path)
    assert [("other",)] == store.query("SELECT name FROM runs").rows


def test_a_result_becomes_a_frame_of_pandas(store: SqlStore) -> None:
    """Numbers are numbers, null is missing."""
    pytest.importorskip("pandas")
    frame = store.query(
        "SELECT key, value FROM params WHERE type IN ('float', 'int') ORDER BY key"
    ).to_pandas()
    assert ["key", "value"] == list(frame.columns)
    assert "float64" == str(frame["value"].dtype)
    assert [False, False, False, True] == list(frame["value"].isna())
    assert ["key"] == list(
        store.query("SELECT key FROM params WHERE key = 'none of these'").to_pandas().columns
    )


def test_a_result_becomes_a_frame_of_polars(store: SqlStore) -> None:
    """A column of several types becomes one of texts; nothing is lost."""
    polars = pytest.importorskip("polars")
    frame = store.query(
        "SELECT key, value FROM params WHERE key IN ('C', 'n', 'none', 'name') ORDER BY key"
    ).to_polars()
    assert ["0.5", "3", "ü", None] == frame["value"].to_list()
    assert (
        polars.Float64
        == store.query("SELECT value FROM params WHERE key IN ('C', 'n')")
        .to_polars()["value"]
        .dtype
    )
    assert ["key"] == store.query(
        "SELECT key FROM params WHERE key = 'none of these'"
    ).to_polars().columns


def test_a_library_that_is_missing_is_named(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With how to get it."""
    for name in ("pandas", "polars"):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(FitprintError, match=f"pip install {name}"):
            getattr(store.query("SELECT 1"), f"to_{name}")()
