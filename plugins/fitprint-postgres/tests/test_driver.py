"""What PostgreSQL asks for beyond what every store promises: its types, its locks, its connections,
and its errors.
"""

import os
import threading
import time

import psycopg
import pytest
from asking import admin, ask, history, started

from fitprint.cli import main
from fitprint.entities import Param
from fitprint.errors import StoreBusyError, StoreError
from fitprint.events import (
    Batch,
    DocumentLogged,
    MetricPoints,
    ParamsLogged,
    RegisteredModelEdited,
    RunStarted,
    TagsSet,
)
from fitprint.query.grammar import parse
from fitprint.stores.sql import compiler
from fitprint_postgres.statements import insertion, numbered
from fitprint_postgres.store import PostgresStore

# -- what is written -------------------------------------------------------------------------------


def test_statements_are_numbered():
    assert "a = $1 AND b IN ($2, $3)" == numbered("a = ? AND b IN (?, ?)")


def test_an_upsert_is_recognized_and_one_with_a_condition_is_not():
    found = insertion(
        "INSERT INTO t (a, b) VALUES (?, ?) ON CONFLICT (a) DO UPDATE SET b = excluded.b"
    )
    assert ("t", ["a", "b"], [0], True) == found[:4]
    assert (
        insertion(
            "INSERT INTO t (a, b) VALUES (?, ?) ON CONFLICT (a) DO UPDATE SET b = excluded.b WHERE "
            "t.b IS NULL"
        )
        is None
    )


def test_keys_that_are_spelled_alike_once_stored_are_one(store, write):
    """PostgreSQL refuses a statement that meets a row twice."""
    names = {f"k{number}": "x" for number in range(20)}
    write(
        RunStarted("r", 1, "e", "one"),
        TagsSet("r", 1, {**names, "a\0b": "first", "a\\x00b": "second"}),
    )
    assert "second" == store.run("r").tags["a\\x00b"]


def test_nul_in_texts_becomes_its_escape(store, write):
    write(
        RunStarted("r", 1, "e", "a\0b"),
        TagsSet("r", 1, {"t": "x\0y"}),
        ParamsLogged("r", 1, {"p": Param("u\0v")}),
    )
    run = store.run("r")
    assert ("a\\x00b", "x\\x00y", "u\0v") == (run.name, run.tags["t"], run.params["p"].value)


@pytest.mark.parametrize("number", [2**53 + 1, 2**63, -(2**63) - 1, 10**400])
def test_whole_numbers_of_any_size_come_back(store, write, number):
    write(RunStarted("r", 1, "e", "one"), ParamsLogged("r", 1, {"n": Param(number)}))
    assert number == store.run("r").params["n"].value
    assert ["r"] == [
        run.id for run in store.search_runs(parse(f"params.n = {number}")).runs
    ] or number == 10**400


def test_texts_are_compared_by_code_point(store, write):
    for name in ("b", "a", "B", "Z", "é"):
        write(RunStarted(name, 1, "e", name))
    assert ["B", "Z", "a", "b", "é"] == [
        run.name for run in store.search_runs(parse("", order_by=["name"])).runs
    ]


def test_facts_are_json_that_sql_reads_and_chunks_are_not_compressed_again(store, write):
    """What is long is deflated elsewhere, which PostgreSQL's SQL could not undo."""
    document = {"words": [f"word {number}" for number in range(200)]}
    write(RunStarted("r", 1, "e", "one"), DocumentLogged("r", 1, "note", document))
    assert document == store.run("r").documents["note"]
    assert [("word 7",)] == store.query("SELECT content::json -> 'words' ->> 7 FROM documents").rows
    storage = dict(
        ask(
            store,
            "SELECT attname, attstorage::text FROM pg_attribute WHERE attrelid = "
            "'fp_chunks'::regclass AND attnum > 0",
        )
    )
    assert ("e", "e") == (storage["content"], storage["outline"])


def test_postgresql_knows_the_statistics_after_an_import(store, write):
    """Its own look at a table may come much later, and until then its plans are a hundred times
    slower.
    """
    write(
        RunStarted("r", 1, "e", "one"),
        ParamsLogged("r", 1, {f"p{number}": Param(number) for number in range(12_000)}),
    )
    assert [(12_000.0,)] == ask(
        store, "SELECT reltuples FROM pg_class WHERE oid = 'fp_params'::regclass"
    )


def test_summaries_are_updated_in_place(store, write, points):
    """No index is on a column of theirs that changes while the run goes on, and pages have room:
    updates are HOT.
    """
    write(
        RunStarted("r", 1, "e", "one"), *(points("r", f"m{number}", [1.0]) for number in range(100))
    )
    for step in range(1, 10):
        write(*(points("r", f"m{number}", [1.0], start=step) for number in range(100)))
    counts = (
        "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relid = "
        "CAST('fp_metrics' AS regclass)"
    )
    with store.driver.writing() as transaction:
        ((some, hot),) = transaction.rows(counts)
        transaction.rows(
            "UPDATE fp_metrics SET last = 2, best = 2 WHERE key = (SELECT MAX(key) FROM fp_metrics)"
        )
        assert [(some + 1, hot + 1)] == transaction.rows(counts)
    assert [(["fillfactor=70"],)] == ask(
        store, "SELECT reloptions FROM pg_class WHERE oid = 'fp_metrics'::regclass"
    )


def test_a_rare_filter_with_a_sort_finds_what_is_rare_first(store, write, points):
    """Nobody goes through all runs, in the order asked for or in another."""
    runs = [RunStarted(f"r{number:05}", number, "e", "one") for number in range(3000)]
    write(
        *runs,
        *(ParamsLogged(run.run, 1, {"C": Param(float(number))}) for number, run in enumerate(runs)),
    )
    write(*(points(run.run, "loss", [float(number)]) for number, run in enumerate(runs)))
    query = parse("params.C = 1234", order_by=["metrics.loss"])
    with store.driver.writing() as transaction:
        transaction.rows("ANALYZE")
    with store.driver.reading() as transaction:
        numbers = dict(transaction.rows("SELECT name, no FROM fp_keys"))
        statement, arguments = compiler.search(query, 101, None, store.driver, numbers.__getitem__)
        cursor = psycopg.RawCursor(transaction.connection)
        ((plan,),) = cursor.execute(
            "EXPLAIN (FORMAT JSON) " + numbered(statement), arguments
        ).fetchall()
    assert "params_by_number" in str(plan)
    assert ["r01234"] == [run.id for run in store.search_runs(query, limit=5).runs]


def test_a_search_that_ignores_case_stays_in_its_transaction(store, write):
    """The first one asks which rules for letters the server has."""
    write(RunStarted("r", 1, "e", "ÉTÉ"))
    with store.driver.reading() as transaction:
        condition, pattern = store.driver.like("name", "é%", ignore_case=True)
        assert (
            psycopg.pq.TransactionStatus.INTRANS == transaction.connection.info.transaction_status
        )
        assert [("r",)] == transaction.rows(f"SELECT id FROM fp_runs WHERE {condition}", [pattern])


# -- writers, and those who wait -------------------------------------------------------------------


def test_a_writer_waits_as_long_as_it_has_patience(store, write, uri):
    started(write)
    other = PostgresStore(uri)
    other.patience = 0.05
    with store.driver.writing(), pytest.raises(StoreBusyError, match="locked by others"):
        other.append(Batch("other", 0, 1, [RunStarted("s", 1, "e", "two")]))
    other.append(Batch("other", 0, 1, [RunStarted("s", 1, "e", "two")]))
    other.close()
    assert "two" == store.run("s").name


def test_stores_in_two_schemas_do_not_wait_for_each_other(store, write, new_uri):
    other = PostgresStore(new_uri())
    other.patience = 0.05
    started(write)
    with store.driver.writing():
        other.append(Batch("j", 0, 1, [RunStarted("s", 1, "e", "two")]))
    assert "two" == other.run("s").name
    other.close()


def test_two_writers_of_the_same_keys_in_different_orders_both_end(uri):
    keys = [f"key{number}" for number in range(50)]
    stores = [PostgresStore(uri), PostgresStore(uri)]
    stores[0].append(Batch("j", 0, 1, [RunStarted("r", 1, "e", "one")]))

    def work(place):
        for number in range(10):
            points = [
                MetricPoints("r", 1, key, history([float(number)]))
                for key in (keys if place else reversed(keys))
            ]
            stores[place].append(Batch(f"writer{place}", number, number + 1, points))

    threads = [threading.Thread(target=work, args=(place,)) for place in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert dict.fromkeys(keys, 20) == {
        key: metric.count for key, metric in stores[0].run("r").metrics.items()
    }
    for each in stores:
        each.close()


# -- connections -----------------------------------------------------------------------------------


def test_an_idle_connection_is_closed_and_comes_back(store, write, uri, server):
    started(write)
    mine = (
        "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'fitprint' AND query "
        "LIKE '%%' AND pid = ANY(%s)"
    )
    with store.driver.reading() as transaction:
        ((pid,),) = transaction.rows("SELECT pg_backend_pid()")
    with admin(server) as other:
        deadline = threading.Event()
        for _ in range(100):
            if other.execute(mine, ([pid],)).fetchone() == (0,):
                break
            deadline.wait(0.1)
        assert (0,) == other.execute(mine, ([pid],)).fetchone()
    assert "one" == store.run("r").name


def test_a_connection_that_the_server_has_closed_is_opened_again(store, write, server):
    started(write)
    with store.driver.reading() as transaction:
        ((pid,),) = transaction.rows("SELECT pg_backend_pid()")
    with admin(server) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    assert "one" == store.run("r").name


def test_a_connection_that_ends_in_the_middle_of_a_batch_leaves_nothing(store, write, server):
    started(write)
    with pytest.raises(StoreError), store.driver.writing() as transaction:
        ((pid,),) = transaction.rows("SELECT pg_backend_pid()")
        transaction.rows("INSERT INTO fp_keys (name) VALUES ('half')")
        with admin(server) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        transaction.rows("SELECT 1")
    assert [] == ask(store, "SELECT 1 FROM fp_keys WHERE name = 'half'")
    write(TagsSet("r", 2, {"team": "a"}))
    assert {"team": "a"} == store.run("r").tags


def test_a_forked_child_has_a_connection_of_its_own(store, write):
    started(write)
    child = os.fork()
    if child == 0:
        try:
            store.append(Batch("child", 0, 1, [RunStarted("c", 1, "e", "child")]))
            os._exit(0)
        finally:
            os._exit(1)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert "child" == store.run("c").name


# -- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("/postgres?", "/nowhere?"), "no such database|does not exist"),
        (("postgres@", "nobody9@"), "nobody9"),
        (("fp-pg-", "gone-"), "cannot be reached"),
    ],
)
def test_what_cannot_be_opened_says_why(uri, change, told):
    store = PostgresStore(uri.replace(*change))
    with pytest.raises(StoreError, match=told):
        store.position("j")
    store.close()


def test_a_uri_that_cannot_be_read_says_so_at_once():
    with pytest.raises(StoreError, match="cannot be read"):
        PostgresStore("postgresql://ada@host/runs?nonsense=1")


def test_no_message_shows_the_password():
    store = PostgresStore("postgresql://ada:sesame-open@127.0.0.1:1/runs")
    assert "postgresql://ada@127.0.0.1:1/runs" == store.uri
    with pytest.raises(StoreError) as raised:
        store.position("j")
    chain, seen = raised.value, []
    while chain is not None:
        seen.append(str(chain))
        chain = chain.__cause__
    assert not [text for text in seen if "sesame" in text]


def test_a_statement_that_takes_too_long_is_ended(store, write):
    started(write)
    store.driver.timeout = 0.05
    with pytest.raises(StoreError, match="took longer"):
        ask(store, "SELECT pg_sleep(30)")


def test_the_command_is_for_postgresql():
    assert 2 == main(["db", "status", "--store", "sqlite:///runs.db"])


# -- somebody's own SQL ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM fp_runs",
        "SELECT * FROM facts",
        "SELECT * FROM pg_authid",
        "SELECT * FROM pg_catalog.pg_class",
        "SELECT * FROM information_schema.tables",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT pg_sleep(100)",
        "SELECT set_config('transaction_read_only', 'off', false)",
        "SELECT pg_terminate_backend(1)",
        "SELECT query_to_xml('DELETE FROM fp_runs', true, true, '')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT nextval('fp_runs_no_seq')",
        "SELECT name FROM runs WHERE EXISTS (SELECT 1 FROM fp_keys)",
        "WITH gone AS (DELETE FROM fp_runs RETURNING 1) SELECT * FROM gone",
        "SELECT name INTO mine FROM runs",
        "SELECT name FROM runs FOR UPDATE",
        "EXPLAIN ANALYZE SELECT 1",
        "COPY runs TO PROGRAM 'true'",
        "SET ROLE postgres",
        "VALUES (pg_backend_pid())",
        "SELECT 1; SELECT 2",
        "SELECT repeat('x', 1000000000)",
        "SELECT format('%1000000000s', 'x')",
        "DO $$ BEGIN END $$",
    ],
)
def test_a_statement_does_nothing_but_read_the_views(store, write, statement):
    from fitprint.errors import QueryError

    started(write)
    with pytest.raises(QueryError):
        store.query(statement)
    assert [("one",)] == store.query("SELECT name FROM runs").rows


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        (
            (
                "SELECT key, (value)::float * 2 AS twice FROM params WHERE value > '0.1' AND type "
                "= 'float'"
            ),
            [("C", 1.0)],
        ),
        (
            (
                "SELECT r.id, p.run_id AS id FROM runs r JOIN params p ON p.run_id = r.id WHERE "
                "key = 'C' -- as a join"
            ),
            [("r", "r")],
        ),
        ("WITH a AS (SELECT name FROM runs) SELECT upper(name) FROM a", [("ONE",)]),
        ("SELECT COUNT(*), AVG(1), SUM(2) FROM runs", [(1, 1.0, 2)]),
        (
            "SELECT date_trunc('day', start_time::timestamp)::text FROM runs;",
            [("1970-01-01 00:00:00",)],
        ),
        ("SELECT row_number() OVER (ORDER BY name) FROM runs", [(1,)]),
    ],
)
def test_sql_reads_the_views(store, write, statement, rows):
    write(RunStarted("r", 1, "e", "one"), ParamsLogged("r", 1, {"C": Param(0.5), "s": Param("x")}))
    assert rows == store.query(statement).rows


def test_a_column_that_comes_twice_has_two_names(store, write):
    started(write)
    assert ("name", "name_2") == store.query("SELECT a.name, b.name FROM runs a, runs b").columns


def test_signs_of_life_and_decisions_go_by_the_clock_of_the_server(uri, monkeypatch):
    """A machine whose clock is an hour late, or early, takes no run for lost that lives."""
    real = time.time_ns
    here = PostgresStore(uri)
    here.append(Batch("j", 0, 1, [RunStarted("r", 1, "e", "run")]))
    here.append(Batch("j", 1, 1, ()))  # a sign of life
    for hours in (-1, 1):
        monkeypatch.setattr(time, "time_ns", lambda hours=hours: real() + hours * 3600 * 10**9)
        there = PostgresStore(uri)
        assert "RUNNING" == there.run("r").status
        assert ["r"] == [run.id for run in there.search_runs(parse("status = 'RUNNING'")).runs]
        act = RegisteredModelEdited(f"m{hours}", 1, f"act{hours}", "", {"created": True})
        there.append(Batch(f"acts{hours}", 0, 1, [act]))
        decided = there.decision(f"act{hours}").decided_at
        monkeypatch.undo()
        assert abs(decided - real() // 1000) < 600 * 1_000_000
        there.close()
    here.close()
