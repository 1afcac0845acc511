"""What a run has used: from one look when it begins, and one when it ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

import fitprint
from fitprint.recording.opening import open_run

pytestmark = pytest.mark.usefixtures("home")
MEGABYTE = 1 << 20


def test_a_run_has_what_its_process_used_meanwhile() -> None:
    """Work before it, and after it, is not its own."""
    sum(range(2_000_000))
    with fitprint.start_run() as idle:
        pass
    with fitprint.start_run() as busy:
        sum(range(2_000_000))
    assert 0 <= idle.usage["cpu_seconds"] < busy.usage["cpu_seconds"]
    assert {"cpu_seconds", "peak_memory", "read_bytes", "written_bytes"} == set(busy.usage)


def test_memory_that_was_given_back_counts() -> None:
    with fitprint.start_run() as before:
        pass
    with fitprint.start_run() as run:
        size = len(bytearray(2 * before.usage["peak_memory"]))
    assert run.usage["peak_memory"] >= size


def test_processes_that_ended_count() -> None:
    """A larger one than this process is told with its memory."""
    with fitprint.start_run() as run:
        subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    assert run.usage["children_cpu_seconds"] > 0
    with fitprint.start_run() as larger:
        size = 2 * run.usage["peak_memory"]
        subprocess.run([sys.executable, "-c", f"bytearray({size})"], check=True)
    assert larger.usage["children_peak_memory"] >= size


def test_a_program_does_not_count_the_memory_of_the_one_that_started_it() -> None:
    """Linux hands that on."""
    large = bytearray(300 * MEGABYTE)
    script = "import fitprint\nrun = fitprint.start_run()\nrun.end()\nprint(run.usage['peak_memory'])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(done.stdout) < len(large)


def test_a_run_that_goes_on_or_lies_in_the_past_has_used_nothing_yet() -> None:
    with fitprint.start_run() as run:
        assert {} == run.usage
    past = open_run(at=1_700_000_000_000_000)
    past.end(at=1_700_000_001_000_000)
    assert {} == past.usage
