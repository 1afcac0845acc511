"""The tables: who makes them, who changes them, and what is done where they are not as expected."""

import subprocess
import sys
import threading
from contextlib import closing

import pytest
from asking import admin, ask, schema_of, started
from psycopg import sql as composed

import fitprint
from fitprint.cli import main
from fitprint.errors import StoreBusyError, StoreError, StoreVersionError
from fitprint.events import Batch, RunStarted, TagsSet
from fitprint.query.grammar import parse
from fitprint.recording.workspace import current
from fitprint.stores.sql.schema import STEPS
from fitprint.stores.sql.store import SqlStore
from fitprint.testing import isolated
from fitprint_postgres.driver import PostgresDriver
from fitprint_postgres.store import PostgresStore


@pytest.fixture
def uri(new_uri):
    """Tables of a test's own, for it may change them."""
    return new_uri()


def test_help_of_the_command_line_loads_neither_driver_nor_store():
    """It asks each plugin for its commands."""
    code = (
        "import sys, fitprint_postgres as plugin; plugin.register_commands(); "
        "sys.exit(str([name for name in sys.modules if name.startswith(('psycopg', "
        "'fitprint.recording', 'fitprint.stores', 'fitprint.views'))]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "[]\n" == done.stderr


LATER = [
    [
        "CREATE TABLE fp_later (x {text})",
        f"UPDATE facts SET value = '{len(STEPS) + 1}' WHERE name = 'writers'",
    ]
]


@pytest.mark.parametrize("state", ["40P01", "40001"])
def test_a_batch_that_others_undo_is_tried_again(store, write, state):
    """A trigger stands for the other one: it undoes the first two attempts."""
    started(write)
    with store.driver.writing() as transaction:
        transaction.rows("CREATE SEQUENCE attempts")
        transaction.rows(
            "CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF "
            "nextval('attempts') < 3 THEN"
            f" RAISE EXCEPTION 'undone' USING ERRCODE = '{state}'; END IF; RETURN NEW; END $$"
        )
        transaction.rows(
            "CREATE TRIGGER undo BEFORE INSERT ON fp_tags FOR EACH ROW EXECUTE FUNCTION undo()"
        )
    write(TagsSet("r", 2, {"team": "a"}))
    assert {"team": "a"} == store.run("r").tags
    assert [(3,)] == ask(store, "SELECT last_value FROM attempts")


def test_attempts_are_bounded(store, write):
    started(write)
    with store.driver.writing() as transaction:
        transaction.rows(
            "CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
            "'undone' USING ERRCODE = '40001'; END $$"
        )
        transaction.rows(
            "CREATE TRIGGER undo BEFORE INSERT ON fp_tags FOR EACH ROW EXECUTE FUNCTION undo()"
        )
    with pytest.raises(StoreBusyError, match="try again"):
        write(TagsSet("r", 2, {"team": "a"}))
    assert 1 == store.position("journal")


def test_a_full_server_is_asked_again_until_patience_ends(server, new_uri):
    """Connections of a role that may have one."""
    uri = new_uri()
    with admin(server) as other:
        name = composed.Identifier(f"narrow_{schema_of(uri)}")
        other.execute(composed.SQL("CREATE ROLE {} LOGIN CONNECTION LIMIT 1").format(name))
        other.execute(
            composed.SQL("GRANT ALL ON SCHEMA {} TO {}").format(
                composed.Identifier(schema_of(uri)), name
            )
        )
    narrow = uri.replace("postgres@", f"narrow_{schema_of(uri)}@")
    first, second = PostgresStore(narrow), PostgresStore(narrow)
    first.position("j")
    second.patience = 0.1
    with first.driver.reading(), pytest.raises(StoreBusyError, match="no free connection"):
        second.position("j")
    second.patience = 30.0
    assert 0 == second.position("j")  # comes when the first one's was idle for a while
    first.close()
    second.close()


def test_tables_of_another_program_are_left_alone(server, new_uri):
    uri = new_uri()
    with admin(server) as other:
        other.execute(
            composed.SQL("CREATE TABLE {}.runs (x int)").format(composed.Identifier(schema_of(uri)))
        )
    store = PostgresStore(uri)
    with pytest.raises(StoreError, match="another program"):
        store.position("j")
    store.close()


def test_a_schema_that_does_not_exist_is_told(server):
    store = PostgresStore(server.uri("missing"))
    with pytest.raises(StoreError, match="CREATE SCHEMA"):
        store.position("j")
    store.close()


def test_older_tables_are_refused_with_the_command_that_upgrades_them(uri):
    SqlStore(PostgresDriver(uri)).position("j")
    newer = SqlStore(PostgresDriver(uri, [*STEPS, *LATER]))
    with pytest.raises(StoreVersionError, match="fitprint db upgrade"):
        newer.position("j")
    newer.close()


def test_newer_tables_are_read_and_not_written_where_they_say_so(uri):
    newer = SqlStore(PostgresDriver(uri, [*STEPS, *LATER]))
    newer.append(Batch("j", 0, 1, [RunStarted("r", 1, "e", "one")]))
    newer.close()
    store = PostgresStore(uri)
    assert "one" == store.run("r").name
    with pytest.raises(StoreVersionError, match="upgrade fitprint"):
        store.append(Batch("j", 1, 2, [TagsSet("r", 2, {"a": "b"})]))
    store.close()


def test_many_may_make_the_tables_at_once(uri):
    stores = [PostgresStore(uri) for _ in range(8)]
    found = []
    threads = [
        threading.Thread(target=lambda store=store: found.append(store.id)) for store in stores
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (8, 1) == (len(found), len(set(found)))
    for store in stores:
        store.close()


def test_a_store_that_was_made_anew_meanwhile_is_another(store, write, server, uri):
    """What is remembered of the numbers of keys is not true of it."""
    write(RunStarted("r", 1, "e", "one"), TagsSet("r", 1, {"a": "1", "b": "2"}))
    before, schema = store.id, composed.Identifier(schema_of(uri))
    with admin(server) as other:
        other.execute(composed.SQL("DROP SCHEMA {} CASCADE").format(schema))
        other.execute(composed.SQL("CREATE SCHEMA {}").format(schema))
    assert 0 == store.position("journal")
    assert before != store.id
    write(RunStarted("r", 1, "e", "one"), TagsSet("r", 1, {"b": "2"}))
    assert {"b": "2"} == store.run("r").tags


def test_a_copy_of_the_tables_lies_elsewhere(new_uri):
    """By this `fitprint gc` tells a copy, whose id is the same."""
    uri = new_uri()
    with closing(PostgresStore(uri)) as store, closing(PostgresStore(new_uri())) as other:
        place = store.place
        assert place != other.place
    with closing(PostgresStore(uri)) as store:
        assert place == store.place


def test_tables_are_upgraded_by_the_command_only(uri, capsys, monkeypatch):
    SqlStore(PostgresDriver(uri)).append(Batch("j", 0, 1, [RunStarted("r", 1, "e", "one")]))
    monkeypatch.setattr(
        "fitprint_postgres.driver.PostgresDriver",
        lambda given: PostgresDriver(given, [*STEPS, *LATER]),
    )
    assert 1 == main(["db", "status", "--store", uri])
    assert (
        f"version {len(STEPS)}, and this fitprint needs {len(STEPS) + 1}" in capsys.readouterr().err
    )
    assert 1 == main(["db", "upgrade", "--dry-run", "--store", uri])
    assert 'CREATE TABLE fp_later (x TEXT COLLATE "C");' in capsys.readouterr().out
    assert [0, 0, 0] == [
        main(["db", "upgrade", "--store", uri]),
        main(["db", "upgrade", "--store", uri]),
        main(["db", "status", "--store", uri]),
    ]
    newer = SqlStore(PostgresDriver(uri, [*STEPS, *LATER]))
    assert "one" == newer.run("r").name
    newer.close()


def test_runs_that_ended_before_their_metrics_had_ranks_get_them(uri):
    older = PostgresDriver(uri, STEPS[:8])
    with older.writing() as transaction:
        transaction.rows("INSERT INTO fp_experiments (id, name, created) VALUES ('1', 'e', 1)")
        transaction.rows("INSERT INTO fp_keys (name) VALUES ('loss')")
        transaction.rows(
            "INSERT INTO fp_runs (id, name, experiment, status, start_time, last_time, kind, opened"
            ") SELECT 'r' || n, 'r', 1, CASE n WHEN 3 THEN 'RUNNING' ELSE 'FINISHED' END, n, n, "
            "'fit', n FROM generate_series(1, 9) n"
        )
        transaction.rows(
            "INSERT INTO fp_metrics (run, key, last, last_step, last_time, least, least_step, most,"
            " most_step, first, points, goal, best) SELECT no, 1, no, 1, 1, no, 1, no, 1, no, 1, "
            "'min', no FROM fp_runs"
        )
    older.close()
    store = PostgresStore(uri)
    store.driver.upgrade()
    query = parse("", order_by=["metrics.loss"], experiments=["e"])
    assert ["r1", "r2", "r3", "r4"] == [run.id for run in store.search_runs(query, limit=4).runs]
    assert [(8, 1)] == ask(store, "SELECT COUNT(ranked), MIN(experiment) FROM fp_metrics")
    store.close()


def test_a_dry_run_of_a_copy_makes_no_tables(uri, tmp_path):
    """It says what would come; the copy itself makes them, and then there is nothing to do."""
    with isolated(tmp_path / "home", context=False):
        with fitprint.start_run() as run:
            pass
        source = current().store_uri
        assert [run.id] == fitprint.copy_runs(source, uri, dry_run=True).added
        assert PostgresDriver(uri).described().startswith("there are no tables")
        assert [run.id] == fitprint.copy_runs(source, uri).added
        assert 1 == fitprint.copy_runs(source, uri, dry_run=True).present


def test_two_upgrades_at_once_are_one(uri):
    SqlStore(PostgresDriver(uri)).position("j")
    drivers = [PostgresDriver(uri, [*STEPS, *LATER]) for _ in range(4)]
    failed = []

    def upgrade(driver):
        try:
            driver.upgrade()
        except StoreError as error:
            failed.append(str(error))

    threads = [threading.Thread(target=upgrade, args=(driver,)) for driver in drivers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [] == failed
    assert [[]] * 4 == [driver.missing() for driver in drivers]
    for driver in drivers:
        driver.close()


def test_an_upgrade_that_fails_leaves_the_tables_as_they_were(uri):
    SqlStore(PostgresDriver(uri)).position("j")
    broken = PostgresDriver(uri, [*STEPS, ["CREATE TABLE fp_later (x {text})", "SELECT 1 / 0"]])
    with pytest.raises(StoreError, match="division by zero"):
        broken.upgrade()
    broken.close()
    store = PostgresStore(uri)
    assert [(None,)] == ask(store, "SELECT to_regclass('fp_later')::text")
    store.close()
