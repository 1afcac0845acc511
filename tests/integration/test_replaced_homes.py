"""What somebody does to a home while programs have it open: files are deleted, replaced, moved.
What was recorded is found.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Programs

pytestmark = pytest.mark.thorough

# Reads whenever it is told to, and says which runs it found.
NOTEBOOK = """
import sys, fitprint
for line in sys.stdin:
    try:
        print(*sorted(run.name for run in fitprint.search_runs()), flush=True)
    except fitprint.errors.FitprintError as error:
        print("error:", error, flush=True)
"""
TRAIN = """
import sys, fitprint
with fitprint.start_run(sys.argv[1]):
    fitprint.log_metric("loss", 1.0)
"""


class Notebook:
    """A program that reads now and then."""

    def __init__(self, programs: Programs) -> None:
        self.process: subprocess.Popen[str] = programs.start(NOTEBOOK)

    def read(self) -> list[str]:
        """Return the names of the runs that it finds now."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("read\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().split()

    def end(self) -> None:
        """End it, and see that it had nothing to complain of."""
        assert ("", "") == self.process.communicate(timeout=60)


def train(programs: Programs, name: str) -> None:
    assert (0, "", "") == programs.run(TRAIN, name)


def database(home: Path, *suffixes: str) -> list[Path]:
    return [home / f"fitprint.db{suffix}" for suffix in suffixes]


def delete_database(home: Path) -> None:
    for path in database(home, "", "-wal", "-shm"):
        path.unlink()


def delete_database_alone(home: Path) -> None:
    (home / "fitprint.db").unlink()


def delete_home(home: Path) -> None:
    shutil.rmtree(home)


def move_home(home: Path) -> None:
    home.rename(home.with_name("moved"))


def put_another_in_its_place(home: Path) -> None:
    (home.parent / "other.db").rename(home / "fitprint.db")


@pytest.mark.parametrize(
    "do",
    [delete_database, delete_database_alone, delete_home, move_home, put_another_in_its_place],
    ids=lambda do: do.__name__,
)
def test_fault_6_a_notebook_loses_no_run(programs: Programs, do: Callable[[Path], None]) -> None:
    """After the store that a notebook has open is gone, a script trains and ends, and the notebook
    reads: everybody finds the run.
    """
    other = programs.folder / "else"
    assert (0, "", "") == programs.run(TRAIN, "other", FITPRINT_HOME=str(other))
    listed = programs.run(
        "import fitprint\nprint(len(fitprint.search_runs()))", FITPRINT_HOME=str(other)
    )
    assert (0, "1\n", "") == listed
    (other / "fitprint.db").rename(programs.folder / "other.db")
    notebook = Notebook(programs)
    train(programs, "before")
    assert ["before"] == notebook.read()
    do(programs.home)
    train(programs, "after")
    assert "after" in notebook.read()
    assert "after" in programs.runs()
    train(programs, "later")
    assert {"after", "later"} <= set(notebook.read())
    notebook.end()
    assert {"after", "later"} <= set(programs.runs())


@pytest.mark.parametrize("suffixes", [["-wal"], ["-wal", "-shm"]], ids="+".join)
def test_fault_6_a_notebook_whose_log_is_deleted_loses_no_run(
    programs: Programs, suffixes: list[str]
) -> None:
    """What the notebook had put into the deleted log is rescued, and what is recorded afterwards is
    found.
    """
    notebook = Notebook(programs)
    train(programs, "before")
    assert ["before"] == notebook.read()
    for path in database(programs.home, *suffixes):
        path.unlink()
    train(programs, "after")
    assert ["after", "before"] == notebook.read()
    notebook.end()
    assert {"after", "before"} == set(programs.runs())


def test_fault_6_an_older_copy_of_the_store_gets_what_comes(programs: Programs) -> None:
    """A copy that is brought back has the runs of its time and those after its return; what it
    lacks was in the file it replaced.
    """
    notebook = Notebook(programs)
    train(programs, "first")
    assert ["first"] == notebook.read()
    assert set(programs.runs()) == {"first"}
    notebook.end()
    assert set(programs.runs()) == {"first"}
    shutil.copy(programs.home / "fitprint.db", programs.folder / "copy.db")
    notebook = Notebook(programs)
    train(programs, "second")
    assert ["first", "second"] == notebook.read()
    (programs.folder / "copy.db").rename(programs.home / "fitprint.db")
    train(programs, "third")
    assert ["first", "third"] == notebook.read()
    notebook.end()
    assert {"first", "third"} == set(programs.runs())


CLOSES = """
import os, sys, resource, fitprint
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]), resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
run = fitprint.start_run("closes")
run.log_metric("loss", 0.0)
os.closerange(3, int(sys.argv[1]))
files = [open(f"theirs{number}", "w+b") for number in range(20)]
for step in range(1, 5000):
    run.log_metric("loss", step)
run.end()
assert {0} == {os.fstat(file.fileno()).st_size for file in files}
"""  # noqa: E501


@pytest.mark.parametrize("limit", [256, 1024])
@pytest.mark.parametrize("end", [100, 1024])
def test_fault_10_a_program_that_closes_what_is_not_its_own_records_on(
    programs: Programs, end: int, limit: int
) -> None:
    """Not a byte of ours gets into the program's files, and not a point is lost; where our own
    numbers were hit, that is told.
    """
    status, output, errors = programs.run(CLOSES, str(end), str(limit))
    assert (0, "") == (status, output)
    assert ("nothing is lost" in errors) == (end > 100)
    assert list(range(5000)) == programs.steps("closes", "loss")
    assert "FINISHED" == programs.runs()["closes"].status


GOES_ON = """
import sys, fitprint
with fitprint.start_run("goes on"):
    for step in range(2000):
        fitprint.log_metric("loss", step, step)
    print("ready", flush=True)
    sys.stdin.readline()
    for step in range(2000, 4000):
        fitprint.log_metric("loss", step, step)
"""


@pytest.mark.parametrize("do", [delete_home, move_home], ids=lambda do: do.__name__)
def test_fault_6_a_run_that_is_open_survives_what_happens_to_its_home(
    programs: Programs, do: Callable[[Path], None]
) -> None:
    """Deleted, its journal is written anew; moved, it goes along; the program goes on, says so
    once, and every point is found.
    """
    process = programs.start(GOES_ON)
    assert process.stdout is not None
    assert "ready\n" == process.stdout.readline()
    do(programs.home)
    _, errors = process.communicate("\n", timeout=60)
    assert (0, 1) == (process.returncode, errors.count("\n"))
    if do is move_home:
        assert not programs.home.exists()
        programs.home = programs.home.with_name("moved")
    assert list(range(4000)) == programs.steps("goes on", "loss")
    assert "FINISHED" == programs.runs()["goes on"].status
