"""A home on a file system that cannot be written is read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MOUNTED = """
mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"
"""
RECORD = """
import fitprint
with fitprint.start_run(name="first"):
    fitprint.log_metric("loss", 0.5)
print(len(fitprint.search_runs()))
"""
READ = """
import fitprint
from fitprint.cli import main
print([run.name for run in fitprint.search_runs()], flush=True)
raise SystemExit(main(["ls"]))
"""


def run(home: Path, script: str, *before: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, sys.executable, "-c", script],
        env={**os.environ, "FITPRINT_HOME": str(home)},
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_what_is_delivered_is_read_with_one_line(tmp_path: Path) -> None:
    """On a mount that is read-only; where the system lets nobody mount, there is no such test."""
    home = tmp_path / "home"
    before = ["unshare", "-rm", "sh", "-c", MOUNTED, str(home)]
    assert "1\n" == run(home, RECORD).stdout
    if not shutil.which("unshare") or run(home, "pass", *before).returncode:
        pytest.skip("this system does not let its users mount")

    done = run(home, READ, *before)

    assert 0 == done.returncode, done.stderr
    assert "['first']" in done.stdout
    assert "first" in done.stdout.partition("\n")[2]
    assert 1 == len(done.stderr.splitlines()), done.stderr
    assert "cannot be written, for its folder cannot: what is there can be read" in done.stderr
