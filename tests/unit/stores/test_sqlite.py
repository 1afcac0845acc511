"""What only the SQLite store has: a file, other processes, versions, damage."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import sqlite3
import subprocess
import sys
import threading
from array import array
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fitprint.entities import History, Param
from fitprint.errors import CorruptStoreError, StoreError, StoreVersionError
from fitprint.events import (
    Batch,
    ChangesFollowed,
    DocumentLogged,
    Event,
    MetricPoints,
    ParamsLogged,
    RunEnded,
    RunStarted,
    TagsSet,
)
from fitprint.query.grammar import parse
from fitprint.stores.sql.schema import STEPS
from fitprint.stores.sql.sqlite import SqliteDriver, open_sqlite
from fitprint.stores.sql.store import SqlStore

RUN = "1" * 32


def forks(test: Any) -> Any:
    """Mark a test that forks; Python 3.12 warns of doing so where threads run, as they do below
    pytest-xdist.
    """
    test = pytest.mark.filterwarnings(
        "ignore:This process .* is multi-threaded:DeprecationWarning"
    )(test)
    return pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")(test)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fitprint.db"


@pytest.fixture
def sqlite(path: Path) -> Iterator[SqlStore]:
    store = open_sqlite(f"sqlite:///{path}")
    yield store
    store.close()


def some_run(run: str = RUN) -> list[Event]:
    return [
        RunStarted(run, 1, "iris", "name"),
        ParamsLogged(run, 2, {"C": Param(1.0)}),
        DocumentLogged(run, 3, "d", {"a": ["b" * 500]}),
    ]


def test_uris_are_relative_or_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three slashes lead to a relative path, four to an absolute one."""
    monkeypatch.chdir(tmp_path)
    open_sqlite("sqlite:///here.db").close()
    open_sqlite(f"sqlite:///{tmp_path}/there.db").close()
    assert {file.name for file in tmp_path.iterdir()} == {"here.db", "there.db"}


@pytest.mark.parametrize(
    "uri", ["sqlite://", "sqlite:///", "sqlite://host/file.db", "sqlite:file.db"]
)
def test_uris_that_name_no_file(uri: str) -> None:
    """A URI without a path says how one looks."""
    with pytest.raises(StoreError, match=r"sqlite:///relative/path\.db"):
        open_sqlite(uri)


def test_everything_is_there_after_reopening(sqlite: SqlStore, path: Path) -> None:
    """Another connection sees what was appended."""
    sqlite.append(Batch("j", 0, 3, some_run()))
    again = open_sqlite(f"sqlite:///{path}")
    assert again.run(RUN) == sqlite.run(RUN)
    assert again.position("j") == 3
    again.close()


def test_records_can_be_pickled(sqlite: SqlStore) -> None:
    """A record travels to other processes although its parts are read lazily."""
    sqlite.append(Batch("j", 0, 3, some_run()))
    run = sqlite.run(RUN)
    assert pickle.loads(pickle.dumps(run)) == run


def test_a_batch_that_fails_leaves_nothing(sqlite: SqlStore) -> None:
    """All of a batch is kept or none of it, and the next one is folded as if it had never been."""
    bad = ParamsLogged(RUN, 2, {"new key": Param(object())})
    with pytest.raises(TypeError):
        sqlite.append(Batch("j", 0, 4, [*some_run(), bad]))
    assert (sqlite.position("j"), sqlite.search_runs(parse()).runs) == (0, [])
    sqlite.append(Batch("j", 0, 4, [*some_run(), ParamsLogged(RUN, 2, {"new key": Param(3)})]))
    assert {key: param.value for key, param in sqlite.run(RUN).params.items()} == {
        "C": 1.0,
        "new key": 3,
    }


def test_a_closed_store_opens_again(sqlite: SqlStore) -> None:
    """Closing releases the file; using the store afterwards opens it anew."""
    sqlite.append(Batch("j", 0, 3, some_run()))
    sqlite.close()
    assert sqlite.run(RUN).id == RUN


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """A file that cannot be made is an error that asks the right question."""
    with pytest.raises(StoreError, match="does the folder exist"):
        open_sqlite(f"sqlite:///{tmp_path}/no/such/fitprint.db")


@pytest.mark.parametrize(
    "content",
    [b"this is a text file, not a database\n" * 50, os.urandom(5000)],
    ids=["text", "noise"],
)
def test_a_file_of_another_kind_is_left_alone(path: Path, content: bytes) -> None:
    """What is no database is refused with advice, and not touched."""
    path.write_bytes(content)
    with pytest.raises(CorruptStoreError, match="Move it away"):
        open_sqlite(f"sqlite:///{path}")
    assert path.read_bytes() == content


@pytest.mark.parametrize("version", [0, 1, 99])
def test_a_database_of_another_program_is_left_alone(path: Path, version: int) -> None:
    """A foreign database is refused and not changed, whatever version it claims."""
    foreign = sqlite3.connect(path)
    foreign.execute("CREATE TABLE theirs (x)")
    foreign.execute(f"PRAGMA user_version = {version}")
    foreign.commit()
    foreign.close()
    before = path.read_bytes()
    with pytest.raises(CorruptStoreError, match="another program"):
        open_sqlite(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_damage_is_told_with_advice(sqlite: SqlStore, path: Path) -> None:
    """Pages that were overwritten are reported as damage of this file."""
    for number in range(50):
        sqlite.append(Batch(f"j{number}", 0, 3, some_run(f"{number:032x}")))
    sqlite.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(CorruptStoreError, match=r"fitprint\.db .*recover"):
        open_sqlite(f"sqlite:///{path}").search_runs(parse())


def test_a_newer_schema_is_refused(path: Path) -> None:
    """An older fitprint says that it is the older one and changes nothing."""
    SqliteDriver(path, "", [*STEPS, [f"UPDATE facts SET value = '{len(STEPS) + 1}'"]]).close()
    with pytest.raises(StoreVersionError, match="cannot be read by this one: upgrade fitprint"):
        open_sqlite(f"sqlite:///{path}")


LATER = [
    ["CREATE TABLE later (x {text})"],
    [f"UPDATE facts SET value = '{len(STEPS) + 2}' WHERE name = 'writers'"],
]


def test_fault_24_a_newer_store_that_may_only_be_read_is_read(path: Path) -> None:
    """Where a newer version says so, this one reads, and refuses to write with advice, whoever was
    here first.
    """
    early = open_sqlite(f"sqlite:///{path}")
    early.append(Batch("j", 0, 3, some_run()))
    SqliteDriver(path, "", [*STEPS, *LATER]).close()
    early.close()
    for store in (early, open_sqlite(f"sqlite:///{path}")):
        with pytest.raises(
            StoreVersionError, match="can only be read by this one: upgrade fitprint"
        ):
            store.append(Batch("j", 3, 4, [RunEnded(RUN, 9, "FINISHED")]))
        assert (3, "RUNNING") == (store.position("j"), store.run(RUN).status)
        store.close()


def test_fault_24_an_open_store_that_is_upgraded_is_noticed(path: Path) -> None:
    """A program that had the store open before a newer version came writes nothing that this must
    not.
    """
    store = open_sqlite(f"sqlite:///{path}")
    store.append(Batch("j", 0, 3, some_run()))
    SqliteDriver(path, "", [*STEPS, *LATER]).close()
    with pytest.raises(StoreVersionError, match="can only be read by this one: upgrade fitprint"):
        store.append(Batch("j", 3, 4, [RunEnded(RUN, 9, "FINISHED")]))
    store.close()


def test_fault_24_a_newer_store_that_is_like_ours_is_written(path: Path) -> None:
    """What a newer version only added is no reason to refuse."""
    SqliteDriver(path, "", [*STEPS, LATER[0]]).close()
    store = open_sqlite(f"sqlite:///{path}")
    store.append(Batch("j", 0, 3, some_run()))
    assert RUN == store.run(RUN).id
    store.close()


def test_the_id_of_a_store_outlives_its_upgrades(path: Path) -> None:
    """A store of the first version gets an id, and keeps it."""
    SqliteDriver(path, "", STEPS[:1]).close()
    store = open_sqlite(f"sqlite:///{path}")
    given = store.id
    SqliteDriver(path, "", [*STEPS, *LATER]).close()
    assert given == store.id
    store.close()


def test_an_older_schema_is_upgraded_after_a_backup(path: Path) -> None:
    """Steps that are new are applied to the data that is there, and the file of before is kept
    beside it.
    """
    old = open_sqlite(f"sqlite:///{path}")
    old.append(Batch("j", 0, 3, some_run()))
    steps = [
        *STEPS,
        ["CREATE TABLE later (x {text})"],
        ["ALTER TABLE later ADD COLUMN y {text}", "INSERT INTO later VALUES ('1', '2')"],
    ]
    # while the old one still has the file open
    new = SqlStore(SqliteDriver(path, f"sqlite:///{path}", steps))
    assert new.run(RUN) == old.run(RUN)
    with new.driver.reading() as transaction:
        assert transaction.rows("SELECT x, y FROM later") == [("1", "2")]
    new.close()
    old.close()
    backup = path.with_name(f"fitprint.db.v{len(STEPS)}.backup")
    saved = open_sqlite(f"sqlite:///{backup}")
    assert saved.run(RUN).id == RUN
    saved.close()


def test_an_upgrade_that_fails_changes_nothing(path: Path) -> None:
    """A step that breaks is undone together with those before it."""
    open_sqlite(f"sqlite:///{path}").close()
    with pytest.raises(StoreError, match="nonsense"):
        SqliteDriver(path, "", [*STEPS, ["CREATE TABLE later (x {text})"], ["nonsense"]])
    store = open_sqlite(f"sqlite:///{path}")
    store.append(Batch("j", 0, 3, some_run()))
    store.close()


def test_steps_keep_their_number() -> None:
    """What is released stays: whoever edits a step breaks every store that exists."""
    assert len(STEPS) == 9


def test_a_disk_that_is_full_is_told(sqlite: SqlStore) -> None:
    """A store that cannot grow says so and keeps nothing of the batch."""
    connection: Any = sqlite.driver._connected()  # type: ignore[attr-defined]
    connection.execute("PRAGMA max_page_count = 40")
    noise = os.urandom(400_000).hex()
    with pytest.raises(StoreError, match="the disk is full"):
        sqlite.append(Batch("j", 0, 4, [*some_run(), TagsSet(RUN, 3, {"noise": noise})]))
    connection.execute("PRAGMA max_page_count = 100000")
    assert sqlite.position("j") == 0


def test_threads_share_a_store(sqlite: SqlStore) -> None:
    """Threads may append and read through one object."""

    def work(number: int) -> None:
        for turn in range(20):
            sqlite.append(
                Batch(f"j{number}", 3 * turn, 3 * turn + 3, some_run(f"{number:016x}{turn:016x}"))
            )
            sqlite.search_runs(parse("params.C >= 1"), limit=5)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(sqlite.search_runs(parse(), limit=1000).runs) == 160


def remove(*paths: Path) -> None:
    for path in paths:
        path.unlink()


def beside(path: Path) -> list[Path]:
    """Return log and index of a database."""
    return [path.with_name(f"{path.name}{suffix}") for suffix in ("-wal", "-shm")]


@pytest.mark.parametrize("with_log", [True, False])
def test_fault_6_a_deleted_file_is_forgotten(
    sqlite: SqlStore, path: Path, *, with_log: bool
) -> None:
    """After its file was deleted, the store that was open is an empty one, and what it keeps then
    lies at the path.
    """
    sqlite.append(Batch("j", 0, 3, some_run()))
    remove(path, *(beside(path) if with_log else ()))
    assert (0, []) == (sqlite.position("j"), sqlite.search_runs(parse()).runs)
    sqlite.append(Batch("j", 0, 3, some_run("2" * 32)))
    again = open_sqlite(f"sqlite:///{path}")
    assert ["2" * 32] == [run.id for run in again.search_runs(parse()).runs]
    again.close()


@pytest.mark.parametrize("closed", [True, False])
def test_fault_6_another_file_in_its_place_is_read(
    sqlite: SqlStore, path: Path, tmp_path: Path, *, closed: bool
) -> None:
    """A store that was renamed over the open one is what is asked from then on; numbers of keys are
    those of its own.
    """
    other = open_sqlite(f"sqlite:///{tmp_path}/other.db")
    other.append(
        Batch(
            "k",
            0,
            3,
            [
                RunStarted(RUN, 1, "iris", "other"),
                ParamsLogged(RUN, 2, {"first": Param(1), "C": Param(7)}),
            ],
        )
    )
    other.close()
    sqlite.append(Batch("j", 0, 3, some_run()))
    sqlite.run(RUN)
    if closed:
        sqlite.close()
    (tmp_path / "other.db").rename(path)
    run = sqlite.run(RUN)
    assert ("other", {"first": 1, "C": 7}) == (
        run.name,
        {key: param.value for key, param in run.params.items()},
    )
    sqlite.append(Batch("k", 3, 4, [ParamsLogged(RUN, 3, {"C": Param(8)})]))
    assert {"first": 1, "C": 8} == {
        key: param.value for key, param in sqlite.run(RUN).params.items()
    }
    assert (0, 4) == (sqlite.position("j"), sqlite.position("k"))


@pytest.mark.parametrize("names", [["-wal"], ["-wal", "-shm"]])
def test_fault_6_a_log_that_was_deleted_loses_nothing(
    sqlite: SqlStore, path: Path, names: list[str]
) -> None:
    """What the open store has of a log that somebody deleted goes into the database, and others see
    it.
    """
    sqlite.append(Batch("j", 0, 3, some_run()))
    remove(*(path.with_name(f"{path.name}{name}") for name in names))
    assert 3 == sqlite.position("j")
    sqlite.append(Batch("j", 3, 4, [RunEnded(RUN, 9, "FINISHED")]))
    again = open_sqlite(f"sqlite:///{path}")
    assert (4, "FINISHED") == (again.position("j"), again.run(RUN).status)
    again.close()


@forks
@pytest.mark.skipif(
    sys.version_info < (3, 12), reason="the connection cannot be told to leave the database alone"
)
def test_fault_6_a_log_that_was_deleted_undoes_nothing_of_others(
    sqlite: SqlStore, path: Path
) -> None:
    """Where another process has written since, its runs stay."""
    sqlite.append(Batch("j", 0, 3, some_run()))
    sqlite.close()
    sqlite.append(Batch("j", 3, 4, [TagsSet(RUN, 3, {"in": "the log"})]))
    remove(*beside(path))
    process = multiprocessing.get_context("spawn").Process(target=_write_and_die, args=(path,))
    process.start()
    process.join()
    sqlite.position("j")
    sqlite.close()
    again = open_sqlite(f"sqlite:///{path}")
    assert {RUN, "c" * 32} == {run.id for run in again.search_runs(parse()).runs}
    again.close()


def _write_and_die(path: Path) -> None:
    store = open_sqlite(f"sqlite:///{path}")
    store.append(Batch("child", 0, 3, some_run("c" * 32)))
    os._exit(0)


def test_fault_6_a_relative_path_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that changes its directory goes on with the file that it opened."""
    monkeypatch.chdir(tmp_path)
    store = open_sqlite("sqlite:///here.db")
    store.append(Batch("j", 0, 3, some_run()))
    store.close()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert 3 == store.position("j")
    store.close()


CLOSED = """
import os, sys
from fitprint.errors import StoreError
from fitprint.events import Batch, RunStarted
from fitprint.stores.sql.sqlite import open_sqlite
store = open_sqlite(sys.argv[1])
store.append(Batch("j", 0, 1, [RunStarted("a" * 32, 1, "iris", "name")]))
os.closerange(3, 100)
files = [open(f"{sys.argv[2]}/file{number}", "w+b") for number in range(20)]
for again in range(2):
    try:
        store.append(Batch("j", 1, 2, [RunStarted("b" * 32, 1, "iris", "name")]))
    except StoreError as error:
        print("closed its files" in str(error))
    store.close()
"""


def test_fault_10_closed_descriptors_do_no_harm_to_other_files(path: Path, tmp_path: Path) -> None:
    """Where something closed the database's files, nothing is written to files that have their
    numbers now; others go on.
    """
    done = subprocess.run(
        [sys.executable, "-c", CLOSED, f"sqlite:///{path}", tmp_path],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ("True\nTrue\n", "") == (done.stdout, done.stderr)
    assert {0} == {file.stat().st_size for file in tmp_path.glob("file*")}
    store = open_sqlite(f"sqlite:///{path}")
    assert 1 == store.position("j")
    store.close()


def _append(path: Path, number: int, batches: int, gate: Any) -> None:
    gate.wait(60)
    store = open_sqlite(f"sqlite:///{path}")
    run = f"{number:032x}"
    store.append(Batch(f"j{number}", 0, 1, some_run(run)))
    for batch in range(1, batches):
        steps = array("q", range(batch * 100, batch * 100 + 100))
        values = array("d", steps)
        events = [
            MetricPoints(key_run, 5, "loss", History(steps, steps, values, values))
            for key_run in (run, "shared")
        ]
        store.append(Batch(f"j{number}", batch, batch + 1, events))
    store.append(Batch(f"j{number}", batches, batches + 1, [RunEnded(run, 9, "FINISHED")]))
    store.close()


@pytest.mark.thorough
@forks
def test_many_processes_make_and_fill_one_store(path: Path) -> None:
    """32 processes create the file at the same moment and append to it: no error, nothing lost,
    runs that they share included.
    """
    context = multiprocessing.get_context("fork")
    gate = context.Barrier(32)
    processes = [
        context.Process(target=_append, args=(path, number, 6, gate)) for number in range(32)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 32
    store = open_sqlite(f"sqlite:///{path}")
    runs = store.search_runs(parse(), limit=100).runs
    assert [(run.status, run.metrics["loss"].count) for run in runs] == [("FINISHED", 500)] * 32
    store.append(Batch("late", 0, 1, [RunStarted("shared", 1, "iris", "name")]))
    assert store.run("shared").metrics["loss"].count == 32 * 500
    history = store.metric_history("shared", "loss")
    assert sorted(history.value) == sorted([float(step) for step in range(100, 600)] * 32)
    store.close()


@forks
def test_a_fork_while_another_thread_uses_the_store(sqlite: SqlStore, path: Path) -> None:
    """The child does not wait for a thread that only its parent has."""
    with sqlite._lock, ThreadPoolExecutor(1) as pool:
        process = multiprocessing.get_context("fork").Process(
            target=_from_child, args=(sqlite, path)
        )
        pool.submit(process.start).result()
    process.join(60)
    assert process.exitcode == 0


def _from_child(store: SqlStore, path: Path) -> None:
    store.append(Batch("child", 0, 3, some_run("c" * 32)))
    os._exit(0 if store.run("c" * 32).id == "c" * 32 else 1)


@forks
def test_a_forked_child_has_a_connection_of_its_own(sqlite: SqlStore, path: Path) -> None:
    """Parent and child may both go on with a store that was open before the fork."""
    sqlite.append(Batch("j", 0, 3, some_run()))
    process = multiprocessing.get_context("fork").Process(target=_from_child, args=(sqlite, path))
    process.start()
    process.join()
    assert process.exitcode == 0
    sqlite.append(Batch("j", 3, 4, [RunEnded(RUN, 9, "FINISHED")]))
    assert {run.id for run in sqlite.search_runs(parse()).runs} == {RUN, "c" * 32}


def test_documents_are_compressed(sqlite: SqlStore, path: Path) -> None:
    """A long document takes little room."""
    content = {f"package-{number}": "1.0.0" for number in range(2000)}
    sqlite.append(
        Batch(
            "j",
            0,
            2,
            [RunStarted(RUN, 1, "iris", "name"), DocumentLogged(RUN, 3, "packages", content)],
        )
    )
    with sqlite.driver.reading() as transaction:
        ((size,),) = transaction.rows("SELECT LENGTH(content) FROM fp_documents")
    assert size < 15_000
    assert sqlite.run(RUN).documents["packages"] == content


@pytest.mark.parametrize("value", ["text", b"x", 1.5, 2**63 - 1])
@pytest.mark.parametrize(
    "place",
    [
        "runs.change",
        "packs.low",
        "packs.generation",
        "chunks.start",
        "consumers.until",
        "journals.position",
    ],
)
def test_odd_cells_where_a_batch_is_kept_are_damage(
    sqlite: SqlStore, place: str, value: object
) -> None:
    """Nothing of the batch is kept, and the error says what it is; or the cell did not matter."""
    many = History(
        array("q", range(3000)),
        array("q", range(3000)),
        array("d", [0.5] * 3000),
        array("d", [0.0] * 3000),
    )
    few = History(array("q", [1]), array("q", [1]), array("d", [0.5]), array("d", [0.0]))
    asked = ChangesFollowed(1, "hooks", "me", 60.0)
    sqlite.append(
        Batch(
            "j",
            0,
            4,
            [
                *some_run(),
                MetricPoints(RUN, 3, "long", many),
                MetricPoints(RUN, 3, "short", few),
                asked,
            ],
        )
    )
    table, _, column = place.partition(".")
    connection: Any = sqlite.driver._connected()  # type: ignore[attr-defined]
    connection.execute(f"UPDATE fp_{table} SET {column} = ?", (value,))
    told = "nothing is lost"
    try:
        sqlite.append(
            Batch(
                "j",
                4,
                5,
                [MetricPoints(RUN, 4, "long", many), MetricPoints(RUN, 4, "short", few), asked],
            )
        )
    except StoreError as error:
        told = str(error)
    assert "nothing is lost" in told or "is damaged" in told


@pytest.mark.thorough
def test_threads_that_make_a_file_at_once_have_descriptors_of_their_own(tmp_path: Path) -> None:
    """What one opens while it makes the tables is not taken for another's, which would be told that
    its files were closed as soon as the first is done.
    """

    def record(number: int, path: Path, together: threading.Barrier) -> None:
        together.wait(60)
        store = open_sqlite(f"sqlite:///{path}")
        for offset in range(3):
            run = RunStarted(f"{number}-{offset}", 1, "e", "r")
            store.append(Batch(f"j{number}", offset, offset + 1, [run]))
        store.close()

    with ThreadPoolExecutor(6) as pool:
        for attempt in range(40):
            path, together = tmp_path / f"{attempt}.db", threading.Barrier(6)
            for done in [pool.submit(record, number, path, together) for number in range(6)]:
                done.result()
