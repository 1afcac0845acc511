"""One look at the processes below this one, and at the machine."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from fitprint.platform.load import machine_load, tree_load

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems tell less")


def test_processes_below_this_one_count() -> None:
    """Those that another thread has started, too; when they have ended, their work stays."""
    before = tree_load()
    script = "sum(range(3_000_000)); print(flush=True); input()"
    started: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        )

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    process = started[0]
    assert process.stdout is not None
    process.stdout.readline()
    during = tree_load()
    process.communicate(b"\n")
    after = tree_load()
    assert before.processes is not None
    assert before.memory is not None
    assert during.memory is not None
    assert before.processes + 1 == during.processes == (after.processes or 0) + 1
    assert before.memory < during.memory
    assert before.cpu < during.cpu <= after.cpu


def test_threads_count() -> None:
    before = tree_load().threads
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    during = tree_load().threads
    ended.set()
    thread.join()
    assert before is not None
    assert before + 1 == during


def test_the_machine_tells_shares_of_something() -> None:
    found = machine_load()
    assert None not in found
    assert 0 < (found.busy or 0) <= (found.passed or 0)
    assert 0 < (found.memory or 0) < (found.memory_total or 0)
