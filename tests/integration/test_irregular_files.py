"""Pipes, devices and folders where files belong: nothing waits for them, each is refused by an
error that says so.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")

READING = """
import os, sys
from pathlib import Path
import fitprint
from fitprint.bundles import import_runs
from fitprint.recording import workspace

place = Path(sys.argv[1])
fitprint.configure(home=place / "home", context=False, notice=False)


def refused(call, *arguments):
    try:
        call(*arguments)
    except fitprint.FitprintError as error:
        print(type(error).__name__, "not a regular file" in str(error) or "it is a folder" in str(error))
    else:
        print("taken")


with fitprint.start_run("before") as run:
    run.log_text("hello", "a.txt")
(blob,) = [path for path in (place / "home" / "blobs").rglob("*") if path.is_file()]
for irregular in (place / "pipe", Path("/dev/zero"), place):
    refused(import_runs, workspace.current(), irregular)
for name in ("MLmodel", "fitprint.json"):
    folder = place / f"model-{name}"
    folder.mkdir()
    os.mkfifo(folder / name)
    refused(fitprint.load_model, str(folder))
blob.unlink()
os.mkfifo(blob)
refused(run.read, "a.txt")
refused(run.download, "a.txt", place / "copy")
journal = place / "home" / "journal" / ("0" * 32)
journal.mkdir()
os.mkfifo(journal / "00000001.log")
os.mkfifo(journal / "writer.json")
with fitprint.start_run("after"):
    pass
print(len(fitprint.search_runs()))
"""  # noqa: E501


def test_fault_7_nothing_waits_for_a_pipe(tmp_path: Path) -> None:
    """Bundles, model directories, artifacts and journals: the error names what lies there, and
    other runs are read.
    """
    os.mkfifo(tmp_path / "pipe")
    done = subprocess.run(
        [sys.executable, "-c", READING, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    expected = (
        ["FitprintError True"] * 3 + ["IntegrityError True"] * 2 + ["StoreError True"] * 2 + ["2"]
    )
    assert expected == done.stdout.splitlines(), done.stderr


def test_fault_7_a_script_may_come_through_a_pipe(tmp_path: Path) -> None:
    """As under Python itself: no byte of it is taken before it is read."""
    read, write = os.pipe()
    os.write(write, b"print('from a pipe')")
    os.close(write)
    command = [sys.executable, "-m", "fitprint", "exec", f"/dev/fd/{read}"]
    environment = os.environ | {"FITPRINT_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        command,
        pass_fds=[read],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    os.close(read)
    assert ("from a pipe\n", 0) == (done.stdout, done.returncode), done.stderr
