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


def told_by(script: str) -> list[int]:
    """Run a small program of its own, whose memory nobody else has made large, and return the
    numbers that it prints.
    """
    start = "import fitprint, subprocess, sys\nfitprint.configure(notice=False)\n"
    done = subprocess.run(
        [sys.executable, "-c", start + script], capture_output=True, text=True, check=True
    )
    return [int(word) for word in done.stdout.split()]


def test_memory_that_was_given_back_counts() -> None:
    (peak,) = told_by(
        "with fitprint.start_run() as run:\n"
        f"    bytearray({200 * MEGABYTE})\n"
        "print(run.usage['peak_memory'])"
    )
    assert 200 * MEGABYTE <= peak < 400 * MEGABYTE


def test_processes_that_ended_count() -> None:
    """One that is larger than this process is told with its memory."""
    with fitprint.start_run() as run:
        subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    assert run.usage["children_cpu_seconds"] > 0
    size, peak, largest = told_by(
        "from fitprint.platform.processes import usage\n"
        f"size = usage().peak + {100 * MEGABYTE}  # more than Linux has this program begin with\n"
        "with fitprint.start_run() as run:\n"
        "    subprocess.run([sys.executable, '-c', f'bytearray({size})'], check=True)\n"
        "print(size, run.usage['peak_memory'], run.usage['children_peak_memory'])"
    )
    assert peak < size <= largest


def test_a_program_does_not_count_the_memory_of_the_one_that_started_it() -> None:
    """Linux hands that on."""
    large = bytearray(300 * MEGABYTE)
    script = (
        "import fitprint\nrun = fitprint.start_run()\nrun.end()\nprint(run.usage['peak_memory'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < len(large)


def test_a_run_that_goes_on_or_lies_in_the_past_has_used_nothing_yet() -> None:
    with fitprint.start_run() as run:
        assert {} == run.usage
    past = open_run(at=1_700_000_000_000_000)
    past.end(at=1_700_000_001_000_000)
    assert {} == past.usage
