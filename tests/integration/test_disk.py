"""Disks that are full, folders that cannot be written: training goes on, nothing that can be kept
is lost, and it is told once.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fitprint.journal.delivery import journals
from fitprint.journal.reader import read_journal

if TYPE_CHECKING:
    from conftest import Programs

pytestmark = pytest.mark.thorough

FULL = """
import fitprint, os, resource, signal, sys
sys.dont_write_bytecode = True  # a Python before 3.13 leaves half a .pyc where a file may not grow, and every later process meets it
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
def unlimit():
    limit(resource.getrlimit(resource.RLIMIT_FSIZE)[1])
run = fitprint.start_run("full")
fitprint.log_metric("loss", 0.0)
journal = os.path.join(os.environ["FITPRINT_HOME"], "journal")
(folder,) = [name for name in os.listdir(journal) if not name.startswith(".")]
limit(os.path.getsize(os.path.join(journal, folder, "00000001.log")) + 100)
"""  # noqa: E501


def test_a_full_disk_is_told_once_and_nothing_is_lost(programs: Programs) -> None:
    """Thousands of points logged while the disk is full are written when there is room again; the
    program sees no error.
    """
    script = """
for step in range(1, 2000):
    fitprint.log_metric("loss", step)
fitprint.log_params({"C": 1.5})
unlimit()
run.end()
"""
    code, output, errors = programs.run(FULL + script)
    assert (0, "") == (code, output)
    assert 1 == errors.count("cannot be written")
    assert "training goes on" in errors
    assert "free space" in errors
    assert list(range(2000)) == programs.steps("full", "loss")
    run = programs.runs()["full"]
    assert ("FINISHED", 1.5) == (run.status, run.params["C"].value)


def test_a_disk_that_stays_full_ends_no_program(programs: Programs) -> None:
    """What cannot be written in the end is counted in one more line; what was written is kept, and
    the run is KILLED.
    """
    script = """
for step in range(1, 2000):
    fitprint.log_metric("loss", step)
with fitprint.start_run("another"):
    fitprint.set_tag("a", "b")
"""
    code, _, errors = programs.run(FULL + script)
    assert 0 == code
    assert 2 == errors.count("\n")
    assert "are lost" in errors
    steps = programs.steps("full", "loss")
    assert list(range(len(steps))) == steps
    assert steps
    assert "KILLED" == programs.runs()["full"].status


@pytest.mark.parametrize(
    "call",
    [
        'fitprint.log_text("x" * 100000, "a.txt")',
        'fitprint.log_dict({"x": "y" * 100000}, "a.json")',
        'fitprint.log_params({"long": "x" * 100000, "C": 2})',
    ],
)
def test_files_that_do_not_fit_do_not_stop_the_training(programs: Programs, call: str) -> None:
    """An artifact that the disk does not take is told by its path, and everything else of the run
    is recorded.
    """
    code, _, errors = programs.run(
        FULL + call + '\nfitprint.log_metric("after", 1)\nunlimit()\nrun.end()\n'
    )
    assert 0 == code, errors
    assert "could not be stored" in errors
    run = programs.runs()["full"]
    assert ("FINISHED", 1.0) == (run.status, run.metrics["after"].last)
    if "params" in call:
        assert 2 == run.params["C"].value
        assert str(run.params["long"].value).startswith("xxx")


def test_fault_9_artifacts_that_a_full_disk_refuses_are_told_once(programs: Programs) -> None:
    """One line names the first of them and the reason, however many follow."""
    script = """
for number in range(20):
    fitprint.log_text(f"{number}" * 100000, f"{number}.txt")
unlimit()
run.end()
"""
    code, _, errors = programs.run(FULL + script)
    assert 0 == code, errors
    assert 1 == errors.count("could not be stored")
    assert "'0.txt'" in errors
    assert "free space" in errors


def test_fault_9_what_autologging_cannot_store_is_told_once(programs: Programs) -> None:
    """Of many trainings, whose models, plots, profiles and printed lines are refused, one line; the
    capture reports say the rest.
    """
    pytest.importorskip("sklearn")
    script = """
from sklearn.linear_model import LogisticRegression
from fitprint.recording import deferred
fitprint.configure(console=True)
fitprint.autolog()
limit(0)
for number in range(5):
    with fitprint.start_run(name=f"user {number}", nested=True):
        LogisticRegression(C=number + 1).fit([[0.0], [number + 1.0]], [0, 1])
        print("line", number)
deferred.finish(20)
unlimit()
run.end()
"""
    code, _, errors = programs.run(FULL + script)
    assert 0 == code, errors
    assert 1 == errors.count("could not be stored")
    assert "recording model failed" not in errors
    assert "could not be recorded" not in errors
    runs = programs.runs()
    assert 5 == sum(
        "StoreError" in str(run.documents["capture"].get("failed"))
        for name, run in runs.items()
        if name.startswith("user")
    )


def test_fault_9_a_model_that_does_not_fit_is_an_error_of_ours(programs: Programs) -> None:
    """`log_model` says which model, where and why; no half of it stays."""
    script = """
from fitprint.errors import StoreError
limit(1000)
try:
    fitprint.log_model({"weights": "x" * 1000000})
except fitprint.errors.FitprintError as error:
    print(type(error).__name__, "File too large" in str(error), "free space" in str(error))
unlimit()
run.end()
print([name for name in os.listdir(os.environ["FITPRINT_HOME"] + "/blobs") if name.startswith(".")])
"""
    code, output, errors = programs.run(FULL + script)
    assert (0, "StoreError True True\n[]\n") == (code, output), errors


def test_a_folder_that_cannot_be_written_moves_the_home(programs: Programs) -> None:
    """Runs go to a private folder below the temporary one; one line says where and what to do, and
    reading finds them there.
    """
    script = """
import fitprint
with fitprint.start_run("a"):
    fitprint.log_metric("loss", 1)
    fitprint.log_text("text", "a.txt")
with fitprint.start_run("b"):
    pass
print([run.name for run in fitprint.search_runs()], fitprint.get_run("a").read("a.txt"))
"""
    (programs.folder / "file").write_text("no folder")
    (programs.folder / "temporary").mkdir()
    code, output, errors = programs.run(
        script, FITPRINT_HOME=f"{programs.folder}/file/home", TMPDIR=f"{programs.folder}/temporary"
    )
    assert 0 == code, errors
    assert "['b', 'a'] b'text'\n" == output
    assert 1 == errors.count("\n")
    assert "cannot be written (Not a directory)" in errors
    assert "set FITPRINT_HOME" in errors
    (home,) = (programs.folder / "temporary").iterdir()
    assert str(home) in errors
    assert 0o700 == home.stat().st_mode & 0o777


def test_a_temporary_folder_that_somebody_else_prepared_is_not_used(programs: Programs) -> None:
    """A link under the expected name leads nowhere."""
    temporary, trap = programs.folder / "temporary", programs.folder / "trap"
    temporary.mkdir()
    trap.mkdir()
    (temporary / f"fitprint-{os.getuid()}").symlink_to(trap)
    code, _, errors = programs.run(
        "import fitprint\nfitprint.start_run('a')\n",
        FITPRINT_HOME="/dev/null/home",
        TMPDIR=str(temporary),
    )
    assert 0 == code, errors
    assert [] == list(trap.iterdir())
    assert 2 == len(list(temporary.iterdir()))


def test_where_nothing_can_be_written_training_goes_on(programs: Programs) -> None:
    """Without even a temporary folder the program runs to its end, and says what is lost."""
    script = """
import fitprint, tempfile
tempfile.tempdir = "/dev/null"
with fitprint.start_run("a"):
    fitprint.log_metric("loss", 1)
    fitprint.log_text("text", "a.txt")
print("trained")
"""
    code, output, errors = programs.run(script, FITPRINT_HOME="/dev/null/home")
    assert (0, "trained\n") == (code, output), errors
    assert "are lost" in errors
    assert "Traceback" not in errors


READ_ONLY = """
import os, sys
from pathlib import Path
import fcntl, hashlib, json, shutil
from fitprint.journal.delivery import deliver
from fitprint.stores.memory import MemoryStore
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
root = Path(sys.argv[1])
assert not os.access(root, os.W_OK)
store = MemoryStore()
for _ in range(2):
    deliver(root, store)
print([(run.name, run.status) for run in store.runs()])
"""


def test_somebody_elses_runs_can_be_read(programs: Programs) -> None:
    """A home that may only be read is read: journals are delivered to a store in memory, and
    nothing is removed.
    """
    assert (
        0
        == programs.run(
            "import fitprint\nwith fitprint.start_run('a'):\n    fitprint.log_metric('loss', 1)\n"
        )[0]
    )
    folder = Path(tempfile.mkdtemp())
    try:
        shutil.copytree(programs.home / "journal", folder / "journal")
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        assert (0, "[('a', 'FINISHED')]\n", "") == programs.run(READ_ONLY, str(folder / "journal"))
        (journal,) = journals(folder / "journal")
        assert list(read_journal(journal))
    finally:
        for path in (folder, folder / "journal", *(folder / "journal").iterdir()):
            path.chmod(0o700)
        shutil.rmtree(folder)
