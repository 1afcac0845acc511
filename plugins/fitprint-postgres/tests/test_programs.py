"""Programs that record into PostgreSQL, and others that look from elsewhere."""

import os
import subprocess
import sys

import pytest

from fitprint_postgres.server import Server

TRAIN = """
import fitprint

with fitprint.start_run(name="first", experiment="team") as run:
    fitprint.log_params({"C": 0.5})
    for step in range(300):
        fitprint.log_metric("loss", 1.0 / (step + 1), step=step)
"""
LOOK = """
import fitprint

(run,) = fitprint.search_runs(filter_string="metrics.loss < 0.1 and params.C = 0.5")
print(run.name, run.status, len(run.history("loss")), fitprint.sql("SELECT name FROM runs").rows)
"""


@pytest.fixture
def program(tmp_path):
    """Return a function that runs a program in a home of the name given, with a store."""

    def program(home, store, *arguments):
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("FITPRINT_", "PG"))
        }
        environment = {
            **kept,
            "FITPRINT_HOME": str(tmp_path / home),
            "FITPRINT_STORE": store,
            "FITPRINT_CONTEXT": "false",
        }
        return subprocess.run(
            [sys.executable, *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    return program


def test_one_records_and_another_looks(program, uri, tmp_path):
    assert 0 == program("ada", uri, "-c", TRAIN).returncode
    looked = program("bob", uri, "-c", LOOK)
    assert "first FINISHED 300 [('first',)]\n" == looked.stdout, looked.stderr
    listed = program("bob", uri, "-m", "fitprint", "ls", "--json")
    assert '"first"' in listed.stdout
    status = program("bob", uri, "-m", "fitprint", "db", "status")
    assert (0, True) == (status.returncode, "the tables are of version" in status.stderr)


def test_what_is_recorded_while_the_server_is_down_is_delivered_later(program):
    server = Server(fsync="off")
    try:
        server.stop()
        trained = program("ada", server.uri(), "-c", TRAIN)
        assert (0, True) == (trained.returncode, "cannot be reached" in trained.stderr)
        server.start()
        assert 0 == program("ada", server.uri(), "-m", "fitprint", "sync").returncode
        assert (
            "first FINISHED 300 [('first',)]\n" == program("bob", server.uri(), "-c", LOOK).stdout
        )
    finally:
        server.remove()


def test_no_password_is_left_in_a_home(program, tmp_path):
    assert (
        0 == program("ada", "postgresql://ada:sesame-open@127.0.0.1:1/runs", "-c", TRAIN).returncode
    )
    found = [
        path
        for path in (tmp_path / "ada").rglob("*")
        if path.is_file() and b"sesame-open" in path.read_bytes()
    ]
    assert [] == found
