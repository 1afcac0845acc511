"""A reader that is stopped (^Z) while it delivers: others wait for a moment, are told who it is,
and go on with what is delivered.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from fitprint.errors import StoreBusyError
from fitprint.events import Batch
from fitprint.journal.delivery import deliver
from fitprint.stores.memory import MemoryStore

if TYPE_CHECKING:
    from conftest import Programs

pytestmark = pytest.mark.thorough

DELIVERING = """
import os, sys
from pathlib import Path
from fitprint.journal.delivery import deliver
from fitprint.stores.sql.sqlite import open_sqlite
class Store:
    def __init__(self, store):
        self.store = store
    def __getattr__(self, name):
        return getattr(self.store, name)
    def append(self, batch):
        if not told:
            told.append(print("in the middle", flush=True))
            sys.stdin.readline()
        self.store.append(batch)
told = []
home = Path(os.environ["FITPRINT_HOME"])
deliver(home / "journal", Store(open_sqlite(f"sqlite:///{home}/fitprint.db")))
print("delivered", flush=True)
"""
WRITING = """
import os, sqlite3, sys
connection = sqlite3.connect(os.environ["FITPRINT_HOME"] + "/fitprint.db", isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("in the middle", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
print("delivered", flush=True)
"""
TRAINING = """
import fitprint
with fitprint.start_run("training") as run:
    for step in range(3):
        fitprint.log_metric("loss", step)
        print(run.metrics.get("loss") if run_is_known(run) else None)
print(sorted(run.name for run in fitprint.search_runs()))
"""
KNOWN = """
from fitprint.errors import RunNotFoundError
def run_is_known(run):
    try:
        return bool(run.record)
    except RunNotFoundError:
        return False
"""


@contextmanager
def stopped(programs: Programs, script: str) -> Iterator[subprocess.Popen[str]]:
    """A process that was stopped in the middle of a delivery, and that goes on afterwards."""
    process = programs.start(script)
    assert process.stdin
    assert process.stdout
    try:
        assert "in the middle\n" == process.stdout.readline()
        os.kill(process.pid, signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        yield process
        os.kill(process.pid, signal.SIGCONT)
        process.stdin.write("\n")
        process.stdin.flush()
        assert "delivered\n" == process.stdout.readline()
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def earlier(programs: Programs) -> Programs:
    """A home with one run that is delivered and one that is not."""
    programs.run(
        "import fitprint\nwith fitprint.start_run('old'):\n    fitprint.log_metric('loss', 1)\n"
    )
    assert ["old"] == list(programs.runs())
    programs.run(
        "import fitprint\nwith fitprint.start_run('new'):\n    fitprint.log_metric('loss', 1)\n"
    )
    return programs


def test_fault_8_a_training_reads_its_own_metrics_past_a_stopped_reader(earlier: Programs) -> None:
    """Its own points are there at each look; that those of others are missing is told once, with
    the process that is in the way.
    """
    with stopped(earlier, DELIVERING) as process:
        code, output, errors = earlier.run(KNOWN + TRAINING)
        assert (0, "0.0\n1.0\n2.0\n['old', 'training']\n") == (code, output), errors
        assert 1 == errors.count("\n")
        assert (
            f"process {process.pid} on {os.uname().nodename} has been delivering since 20" in errors
        )
        assert "may be missing" in errors
    assert ["new", "old", "training"] == sorted(earlier.runs())
    assert [0, 1, 2] == earlier.steps("training", "loss")


def test_fault_8_a_training_is_not_held_up_by_a_writer_stopped_in_the_database(
    earlier: Programs,
) -> None:
    """Nothing can be delivered then: what was delivered before is read, and nothing is lost."""
    with stopped(earlier, WRITING):
        code, output, errors = earlier.run(KNOWN + TRAINING)
        assert (0, "None\nNone\nNone\n['old']\n") == (code, output), errors
        assert 1 == errors.count("\n")
        assert "is locked by another process" in errors
    assert ["new", "old", "training"] == sorted(earlier.runs())
    assert [0, 1, 2] == earlier.steps("training", "loss")


@pytest.mark.parametrize("command", [["ls", "--json"], ["doctor"], ["show", "old"]])
def test_fault_8_commands_that_look_go_on_with_what_is_delivered(
    earlier: Programs, command: list[str]
) -> None:
    """`ls`, `show` and `doctor` answer, and say on standard error what may be missing."""
    script = f"import sys\nfrom fitprint.cli import main\nsys.exit(main({command!r}))\n"
    with stopped(earlier, DELIVERING) as process:
        _, output, errors = earlier.run(script)
        assert "Traceback" not in errors
        assert "old" in output or "doctor" in command
        assert f"process {process.pid}" in errors


def test_fault_8_an_explicit_delivery_says_who_holds_it_up(earlier: Programs) -> None:
    """Who asked for a delivery gets an error with process, host and time; the other one loses
    nothing by it.
    """
    with (
        stopped(earlier, DELIVERING) as process,
        pytest.raises(StoreBusyError, match=f"process {process.pid} on .* since"),
    ):
        deliver(earlier.home / "journal", MemoryStore(), patience=0.1)
    assert ["new", "old"] == sorted(earlier.runs())


def test_fault_8_a_look_from_inside_a_delivery_does_not_lock_itself_out(programs: Programs) -> None:
    """A signal handler or a callback that looks at runs while its own process delivers is told that
    somebody delivers.
    """
    programs.run("import fitprint\nwith fitprint.start_run('a'):\n    pass\n")
    told: list[str] = []

    class Looking(MemoryStore):
        def append(self, batch: Batch) -> None:
            with pytest.raises(StoreBusyError) as error:
                deliver(programs.home / "journal", MemoryStore(), patience=0.0)
            told.append(str(error.value))
            super().append(batch)

    deliver(programs.home / "journal", Looking())
    assert told
    assert all(f"process {os.getpid()}" in text for text in told)
