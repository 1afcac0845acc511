"""An older fitprint beside a newer one: what it does not know it leaves to the newer one, and
everything else goes on.
"""

from __future__ import annotations

import json
import re
from contextlib import closing
from typing import TYPE_CHECKING

from fitprint.journal import frames
from fitprint.journal.delivery import journals
from fitprint.stores.sql.schema import STEPS
from fitprint.stores.sql.sqlite import SqliteDriver

if TYPE_CHECKING:
    from conftest import Programs

# Records as a newer version would: an event that this one does not know, in the middle of a run.
PRAISED = frames.frame(b'\3["RunPraised","r",1]')
NEWER = f"""
import os, fitprint
fitprint.__version__ = "9.9"
with fitprint.start_run("newer") as run:
    fitprint.log_metric("loss", 1.0)
    os.write(run.workspace.writer._file, {PRAISED!r})
    fitprint.log_metric("loss", 2.0)
"""
PLAIN = """
import fitprint
with fitprint.start_run("plain"):
    fitprint.log_metric("loss", 1.0)
"""
READ = (
    "import fitprint\n"
    "print({run.name: (run.status, run.metrics['loss']) for run in fitprint.search_runs()})"
)
DOCTOR = "import sys\nfrom fitprint.cli import main\nsys.exit(main(['doctor', '--json']))"


def test_fault_24_a_newer_journal_is_kept_for_the_newer_version(programs: Programs) -> None:
    """A reader has what it knows, says once who wrote the rest, and ``doctor`` says it again; the
    journal stays, whole.
    """
    assert (0, "", "") == programs.run(NEWER)
    assert (0, "", "") == programs.run(PLAIN)
    (journal, _) = journals(programs.home / "journal")
    before = {path.name: path.read_bytes() for path in journal.iterdir()}
    status, output, errors = programs.run(READ)
    assert (0, "{'plain': ('FINISHED', 1.0), 'newer': ('RUNNING', 1.0)}\n") == (status, output)
    assert re.fullmatch(
        r".*written by fitprint 9\.9 and holds the unknown event 'RunPraised'.*upgrade "
        r"fitprint.*\n",
        errors,
    )
    status, output, _ = programs.run(DOCTOR)
    (broken,) = (
        finding["message"] for finding in json.loads(output) if finding["state"] == "broken"
    )
    assert (1, True) == (status, "upgrade fitprint" in broken)
    assert [journal] == journals(programs.home / "journal")
    assert before == {path.name: path.read_bytes() for path in journal.iterdir()}


def test_fault_24_a_newer_store_is_read_and_not_written(programs: Programs) -> None:
    """Recording goes on, reading shows what the store has, and what this version must not write
    waits in the journals.
    """
    assert (0, "", "") == programs.run(PLAIN)
    assert {"plain"} == set(programs.runs())
    database = programs.home / "fitprint.db"
    SqliteDriver(
        database,
        "",
        [*STEPS, [f"UPDATE facts SET value = '{len(STEPS) + 1}' WHERE name = 'writers'"]],
    ).close()
    assert (0, "", "") == programs.run(PLAIN.replace("plain", "waiting"))
    status, output, errors = programs.run(READ)
    assert (0, "{'plain': ('FINISHED', 1.0)}\n") == (status, output)
    assert "can only be read by this one: upgrade fitprint" in errors
    status, output, _ = programs.run(DOCTOR)
    assert (1, 1) == (status, output.count("can only be read by this one"))
    assert 1 == len(journals(programs.home / "journal"))
    driver = SqliteDriver(database, "", [*STEPS, []])
    with closing(driver), driver.reading() as transaction:
        assert [(1,)] == transaction.rows("SELECT COUNT(*) FROM fp_runs")
