"""What these tests ask PostgreSQL itself, and what they record."""

from array import array
from math import nan

import psycopg

from fitprint.entities import History
from fitprint.events import RunStarted


def schema_of(uri):
    return uri.rpartition("%3D")[2]


def admin(server):
    return psycopg.connect(server.uri(), autocommit=True)


def ask(store, statement, *arguments):
    with store.driver.reading() as transaction:
        return transaction.rows(statement, arguments)


def history(values):
    count = len(values)
    return History(
        array("q", range(count)),
        array("q", range(count)),
        array("d", values),
        array("d", [nan] * count),
    )


def started(write, run="r", name="one"):
    write(RunStarted(run, 1, "e", name))
