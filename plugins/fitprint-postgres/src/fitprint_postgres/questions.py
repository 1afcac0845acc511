"""One statement of somebody's own, which reads the views and does nothing else.

What the statement would touch is asked of PostgreSQL itself, not of its text: it becomes a view for
a moment, in a transaction that is undone, and the tree that PostgreSQL keeps of a view names all
relations, functions and operators by their numbers. Then it runs, in a transaction that only reads,
for a limited time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

import psycopg
from psycopg import pq

from fitprint.errors import QueryError
from fitprint.stores.views import HINT, VIEWS, QueryResult, query_result

__all__ = ["answer"]

_FUNCTIONS = frozenset(
    """
    abs acos asin atan atan2 avg bit_length bool_and bool_or btrim ceil ceiling char_length concat
    concat_ws convert_from corr cos cosh cot count covar_pop covar_samp cume_dist date date_part
    date_trunc decode degrees dense_rank div encode every exp extract first_value floor
    generate_series greatest initcap isfinite json_agg json_array_elements json_array_elements_text
    json_array_length json_build_array json_build_object json_each json_each_text json_extract_path
    json_extract_path_text json_object_agg json_object_field json_object_field_text json_object_keys
    json_array_element json_array_element_text json_typeof jsonb_agg jsonb_array_element
    jsonb_array_element_text jsonb_array_elements jsonb_array_elements_text jsonb_array_length
    jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text jsonb_extract_path
    jsonb_extract_path_text jsonb_object_agg jsonb_object_field jsonb_object_field_text
    jsonb_object_keys jsonb_path_exists jsonb_path_query jsonb_path_query_first jsonb_typeof
    justify_hours justify_interval lag last_value lead least left length like ln log log10 lower
    ltrim make_date make_interval make_timestamp max md5 min mod mode notlike nth_value ntile nullif
    numeric now octet_length percent_rank percentile_cont percentile_disc pi position power radians
    random rank regr_r2 regr_slope regr_intercept replace reverse right round row_number rtrim sign
    sin sinh split_part sqrt starts_with stddev stddev_pop stddev_samp string_agg strpos substr
    substring sum tan tanh texticlike texticnlike textlike textnlike timezone to_char to_date
    to_json to_jsonb to_number to_timestamp translate trim trunc unnest upper var_pop var_samp
    variance array_agg array_length bool int2 int4 int8 float4 float8 text interval timestamp
    timestamptz time varchar bpchar boolean array_to_string cardinality
    """.split()
)
"""Those that a statement may call, of PostgreSQL's own; what casts between numbers, texts and times
is among them.
"""
_NAMES = frozenset(view.name for view in VIEWS)
_VIEW = "fp_question"
_PARTS = 500  # rows fetched at a time, at most
_ADVICE = "write one such as SELECT name, status FROM runs"
# what the server, not the statement, is to blame for
_NOT_THE_STATEMENTS = ("08", "25P", "40", "42501", "53", "55P03", "57P", "58", "XX")
_TREE = "SELECT ev_action::text FROM pg_rewrite WHERE ev_class = to_regclass('pg_temp.fp_question')"
_RELATIONS = re.compile(r":relid (\d+)")
_CALLS = re.compile(r":(?:funcid|aggfnoid|winfnoid) (\d+)")
_OPERATORS = re.compile(r":opno (\d+)")


def answer(
    connection: psycopg.Connection[Any], sql: str, *, limit: int, timeout: float
) -> QueryResult:
    """Return what a statement gives, in a transaction that has begun.

    Raises:
        QueryError: it cannot be run, would do something else than read, or takes too long.
        psycopg.Error: something is wrong with the database.
    """
    try:
        names = _judged(connection, sql)
        connection.execute("SET TRANSACTION READ ONLY")
        connection.execute(f"SET LOCAL statement_timeout = {max(int(timeout * 1000), 1)}")
        connection.execute(b"DECLARE fp_answer NO SCROLL CURSOR FOR " + sql.encode())
        return query_result(names, _fetched(connection, min(limit + 1, _PARTS)), limit)
    except UnicodeEncodeError as error:
        raise QueryError(f"this cannot be SQL: {error}") from error
    except psycopg.errors.QueryCanceled as error:
        raise QueryError(
            f"the query was stopped after {timeout:g} seconds; ask for less, or allow it more time "
            "(timeout)"
        ) from error
    except psycopg.Error as error:
        if error.sqlstate is None or error.sqlstate.startswith(_NOT_THE_STATEMENTS):
            raise
        raise QueryError(_told(error)) from error


def _judged(connection: psycopg.Connection[Any], sql: str) -> list[str]:
    """Return the names of a statement's columns, if it does nothing but read the views."""
    if "\0" in sql:
        raise QueryError("this cannot be SQL: it holds a NUL")
    names = _columns(connection, sql)
    numbered = ", ".join(f"c{number}" for number in range(len(names)))
    connection.execute("SAVEPOINT question")
    connection.execute(f"CREATE TEMPORARY VIEW {_VIEW} ({numbered}) AS {sql}".encode())
    ((tree,),) = connection.execute(_TREE).fetchall()
    _refuse(connection, tree)
    connection.execute("ROLLBACK TO question")
    return names


def _columns(connection: psycopg.Connection[Any], sql: str) -> list[str]:
    """Return the names of the columns that a statement gives, without running it; PostgreSQL takes
    one statement at a time here.
    """
    wire = connection.pgconn
    for result in (wire.prepare(b"", sql.encode()), wire.describe_prepared(b"")):
        if result.status == pq.ExecStatus.FATAL_ERROR:
            raise psycopg.errors.error_from_result(result)
    if not result.nfields:
        what = "would do something else than read" if sql.strip(" \n\t;") else "is empty"
        raise QueryError(f"this statement {what}; {_ADVICE}")
    return [(result.fname(column) or b"").decode() for column in range(result.nfields)]


def _refuse(connection: psycopg.Connection[Any], tree: str) -> None:
    """Refuse what reads anything but the views, or calls what is none of the functions above."""
    relations = sorted(set(map(int, _RELATIONS.findall(tree))) - {0})
    for name, kind, ours in connection.execute(
        "SELECT relname, relkind, relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = "
        "to_regclass('facts'))"
        " FROM pg_class WHERE oid = ANY(%s) ORDER BY relname",
        (relations,),
    ):
        if name == _VIEW:
            continue
        if not (ours and kind == "v" and name in _NAMES):
            raise QueryError(f"{name} is none of the views; {HINT}")
    for numbers, table, column, space in (
        (_CALLS, "pg_proc", "proname", "pronamespace"),
        (_OPERATORS, "pg_operator", "oprname", "oprnamespace"),
    ):
        asked = sorted(set(map(int, numbers.findall(tree))) - {0})
        found = connection.execute(
            f"SELECT {column}, {space} = CAST('pg_catalog' AS regnamespace) FROM {table} WHERE oid "  # noqa: S608 - ours
            "= ANY(%s)",
            (asked,),
        )
        for name, builtin in found:
            if not builtin or (table == "pg_proc" and name not in _FUNCTIONS):
                raise QueryError(
                    f"the {'function' if table == 'pg_proc' else 'operator'} {name} may not be "
                    "used here"
                )


def _fetched(connection: psycopg.Connection[Any], part: int) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of the answer, so many of which are fetched at a time."""
    while rows := connection.execute(f"FETCH {part} FROM fp_answer", binary=True).fetchall():
        yield from rows


def _told(error: psycopg.Error) -> str:
    """Return PostgreSQL's own words for what is wrong with a statement, with what to do."""
    text = error.diag.message_primary or str(error)
    if error.sqlstate == "42601" and "multiple commands" in text:
        return "there is more than one statement; give one at a time"
    found = re.fullmatch(r"(relation|column|function) (\S+?)(?:\(.*\))? does not exist", text)
    if found is None:
        return f"SQL: {text}"
    kind, name = found[1], found[2].strip('"')
    known = {
        "relation": list(_NAMES),
        "column": [column for view in VIEWS for column in view.columns],
        "function": list(_FUNCTIONS),
    }[kind]
    near = " or ".join(get_close_matches(name.rpartition(".")[2].lower(), dict.fromkeys(known), 2))
    what = "view" if kind == "relation" else kind
    return f"there is no {what} {name}" + (f"; did you mean {near}?" if near else f"; {HINT}")
