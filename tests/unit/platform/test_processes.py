"""What can be known of other processes, and how one is bounded."""

from __future__ import annotations

import os
import subprocess
import sys

from fitprint.platform.processes import is_gone

BOUNDED = """
from fitprint.platform.processes import bound
bound(seconds=1, memory=1 << 28)
try:
    bytearray(1 << 30)
except MemoryError:
    print("no memory", flush=True)
while True:
    pass
"""


def test_a_process_that_has_ended_is_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert is_gone(process.pid)
    assert is_gone(1 << 70)


def test_living_processes_are_not_gone() -> None:
    assert not is_gone(os.getpid())
    assert not is_gone(1)


def test_a_bounded_process_gets_neither_more_memory_nor_more_time() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BOUNDED], capture_output=True, text=True, timeout=120, check=False
    )
    assert "no memory\n" == done.stdout
    assert done.returncode < 0
