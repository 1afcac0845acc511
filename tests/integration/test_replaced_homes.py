"""What somebody does to a home while programs have it open: files are deleted, replaced, moved. What was recorded is found."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Programs

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
    "do", [delete_database, delete_database_alone, delete_home, move_home, put_another_in_its_place], ids=lambda do: do.__name__
)
def test_fault_6_a_notebook_loses_no_run(programs: Programs, do: Callable[[Path], None]) -> None:
    """After the store that a notebook has open is gone, a script trains and ends, and the notebook reads: everybody finds the run."""
    other = programs.folder / "else"
    assert (0, "", "") == programs.run(TRAIN, "other", FITPRINT_HOME=str(other))
    listed = programs.run("import fitprint\nprint(len(fitprint.search_runs()))", FITPRINT_HOME=str(other))
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
def test_fault_6_a_notebook_whose_log_is_deleted_loses_no_run(programs: Programs, suffixes: list[str]) -> None:
    """What the notebook had put into the deleted log is rescued, and what is recorded afterwards is found."""
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
    """A copy that is brought back has the runs of its time and those after its return; what it lacks was in the file it replaced."""
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
