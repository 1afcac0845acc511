"""``fitprint query``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import fitprint
from fitprint.stores.views import VIEWS


@pytest.fixture
def recorded(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs in a store with SQL."""
    monkeypatch.delenv("FITPRINT_STORE")
    for number in (1, 2):
        with fitprint.start_run(f"run {number}"):
            fitprint.log_params({"C": number / 2, "text": "a|b\x1b[31m", "far": float("inf")})


@pytest.mark.usefixtures("recorded")
class TestQuery:
    """Statements over two runs."""

    def test_a_table_shows_the_rows(self, command):
        """Titles, then a line each."""
        done = command("query", "SELECT name, status FROM runs ORDER BY name")
        assert (0, "name   status\nrun 1  FINISHED\nrun 2  FINISHED\n", "") == (
            done.status,
            done.out,
            done.err,
        )

    def test_json_has_an_object_for_each_row(self, command):
        """Numbers are numbers, infinities are texts."""
        done = command(
            "query",
            "SELECT key, value FROM params WHERE key <> 'text' ORDER BY key, value",
            "--json",
        )
        rows = [("C", 0.5), ("C", 1.0), ("far", "Infinity"), ("far", "Infinity")]
        assert [{"key": key, "value": value} for key, value in rows] == json.loads(done.out)

    def test_csv_and_markdown(self, command):
        """With full precision, and with what would break the table escaped."""
        statement = "SELECT value FROM params WHERE key = 'text' LIMIT 1"
        assert "value\na|b\x1b[31m\n" == command("query", statement, "--csv").out
        assert (
            "| value |\n| --- |\n| a\\|b\\\\x1b[31m |\n" == command("query", statement, "--md").out
        )

    def test_control_characters_steer_no_terminal(self, command):
        """Neither in cells nor in names of columns."""
        assert (
            "\x1b"
            not in command(
                "query", "SELECT value, 1 AS \"a\x1b[0m\" FROM params WHERE key = 'text'"
            ).out
        )

    def test_top_says_that_there_are_more(self, command):
        """On standard error; data stay data."""
        done = command("query", "SELECT name FROM runs ORDER BY name", "--top", "1")
        assert ("name\nrun 1\n", "fitprint: these are the first 1 rows; --top N gives more\n") == (
            done.out,
            done.err,
        )

    def test_an_error_is_status_1(self, command):
        """With what is near."""
        done = command("query", "SELECT nmae FROM runs")
        assert (1, "") == (done.status, done.out)
        assert "there is no column nmae; did you mean name" in done.err

    @pytest.mark.parametrize(
        "words",
        [
            ("--top", "0"),
            ("--timeout", "0"),
            ("--timeout", "nan"),
            ("--timeout", "x"),
            ("--json", "--csv"),
        ],
    )
    def test_arguments_that_make_no_sense_are_status_2(self, command, words):
        """And nothing is asked."""
        assert 2 == command("query", "SELECT 1", *words).status

    def test_a_statement_is_stopped(self, command):
        """After the seconds that are given."""
        endless = (
            "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT COUNT(*) FROM t"
        )
        done = command("query", endless, "--timeout", "0.1")
        assert 1 == done.status
        assert "stopped after 0.1 seconds" in done.err

    def test_the_verb_in_python_gives_the_same(self):
        """As rows, which can be gone through."""
        found = fitprint.sql("SELECT name, 1 AS n FROM runs ORDER BY name")
        assert (("name", "n"), [("run 1", 1), ("run 2", 1)]) == (found.columns, list(found))
        assert "QueryResult(2 rows: name, n)" == repr(found)

    @pytest.mark.parametrize(
        "options",
        [
            {"limit": -1},
            {"limit": "1"},
            {"timeout": 0},
            {"timeout": "1"},
            {"timeout": float("nan")},
        ],
    )
    def test_wrong_arguments_of_the_verb_are_told(self, options):
        """Before anything is asked."""
        with pytest.raises(fitprint.FitprintError, match=next(iter(options))):
            fitprint.sql("SELECT 1", **options)


@pytest.mark.parametrize("form", [(), ("--md",), ("--csv",), ("--json",)])
def test_without_sql_the_views_are_shown(command, form):
    """With all their columns, in each form, also where nothing is recorded yet."""
    done = command("query", *form)
    assert (0, "") == (done.status, done.err)
    assert [] == [
        name for view in VIEWS for name in (view.name, *view.columns) if name not in done.out
    ]


def test_the_example_that_is_shown_runs(command, recorded):
    """As it stands there."""
    statement = command("query").out.partition("fitprint query ")[2].strip().strip('"')
    assert 0 == command("query", statement).status


def test_a_store_without_sql_says_so(command):
    """And that filters work there."""
    fitprint.start_run("one").end()
    done = command("query", "SELECT name FROM runs")
    assert 1 == done.status
    assert "has no SQL; filters work on every store" in done.err
