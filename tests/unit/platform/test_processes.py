"""What can be known of other processes, and how one is bounded."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading

import pytest

from fitprint.platform.processes import collection_paused, is_gone

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


def test_no_garbage_is_looked_for_in_a_pause_and_it_is_again_afterwards() -> None:
    """A pause ends with the block, also by an error, and leaves a program that collects nothing as
    it is.
    """
    with collection_paused():
        assert not gc.isenabled()
        with collection_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(KeyError), collection_paused():
        raise KeyError
    assert gc.isenabled()
    gc.disable()
    try:
        with collection_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_process_forked_in_a_pause_looks_for_garbage() -> None:
    """Another thread's fork meanwhile gives a child that collects as ever."""
    codes: list[int] = []

    def fork() -> None:
        child = os.fork()
        if not child:
            os._exit(0 if gc.isenabled() else 1)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    with collection_paused():
        thread = threading.Thread(target=fork)
        thread.start()
        thread.join()
    assert codes == [0]
