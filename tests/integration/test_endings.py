"""However a program ends, its runs say so."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Programs

PLAIN = """
import fitprint, os, signal, sys, threading
run = fitprint.start_run("plain")
fitprint.log_metric("loss", 0.5)
"""
BLOCK = """
import fitprint, os, signal, sys, threading
with fitprint.start_run("block"):
    fitprint.log_metric("loss", 0.5)
"""
ENDINGS = [
    ("pass", 0, "FINISHED", None),
    ("sys.exit()", 0, "FINISHED", None),
    ("sys.exit(0)", 0, "FINISHED", None),
    ("sys.exit(3)", 3, "FAILED", "exit status 3"),
    ("sys.exit('no data')", 1, "FAILED", "no data"),
    ("raise ValueError('bad input')", 1, "FAILED", "ValueError: bad input"),
    ("raise KeyboardInterrupt", -2, "KILLED", "KeyboardInterrupt"),
    ("os._exit(0)", 0, "KILLED", None),
    ("os.kill(os.getpid(), signal.SIGTERM)", -15, "KILLED", None),
    ("os.kill(os.getpid(), signal.SIGKILL)", -9, "KILLED", None),
    ("os.kill(os.getpid(), signal.SIGINT)", -2, "KILLED", "KeyboardInterrupt"),
    ("os.abort()", -6, "KILLED", None),
]


@pytest.mark.parametrize(
    ("ending", "code", "status", "error"), ENDINGS, ids=[ending[0] for ending in ENDINGS]
)
@pytest.mark.parametrize("form", ["plain", "block"])
def test_the_end_of_a_program_is_told_truthfully(
    programs: Programs, form: str, ending: str, code: int, status: str, error: str | None
) -> None:
    """Exit status, exception and signal decide on the status; the traceback is kept, and the exit
    status of the program is its own.
    """
    script = PLAIN + ending if form == "plain" else f"{BLOCK}    {ending}"
    exit_code, output, errors = programs.run(script)
    run = programs.runs()[form]
    assert (code, "") == (exit_code, output), errors
    assert status == run.status
    assert run.metrics["loss"].last == 0.5
    if error is None:
        assert run.error is None
    else:
        assert error in (run.error or "")


def test_a_block_sees_the_status_of_an_exit_that_is_raised(programs: Programs) -> None:
    """``raise SystemExit(4)`` and ``exit(4)`` are seen by a ``with`` block as well."""
    assert 4 == programs.run(BLOCK + "    raise SystemExit(4)")[0]
    assert "FAILED" == programs.runs()["block"].status


def test_an_exit_that_was_caught_is_no_end(programs: Programs) -> None:
    """A program that catches ``SystemExit`` and goes on to its end has FINISHED."""
    script = """
try:
    sys.exit(2)
except SystemExit:
    pass
fitprint.log_metric("loss", 0.4)
"""
    assert 0 == programs.run(PLAIN + script)[0]
    assert "FINISHED" == programs.runs()["plain"].status


@pytest.mark.parametrize(
    ("ending", "status"),
    [("pass", "FINISHED"), ("sys.exit(3)", "FAILED"), ("raise ValueError('x')", "FAILED")],
)
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_the_end_of_a_process_of_multiprocessing_is_told_truthfully(
    programs: Programs, method: str, ending: str, status: str
) -> None:
    """Such processes end without ``atexit``; their runs end all the same."""
    script = f"""
import fitprint, multiprocessing, sys
def work():
    fitprint.start_run("child", tags={{"team": "a"}})
    {ending}
if __name__ == "__main__":
    process = multiprocessing.get_context("{method}").Process(target=work)
    process.start()
    process.join()
"""
    code, _, errors = programs.run(script)
    assert 0 == code, errors
    assert status == programs.runs()["child"].status


def test_an_exit_in_another_thread_is_no_end(programs: Programs) -> None:
    """``sys.exit`` ends a thread, not the program."""
    script = """
thread = threading.Thread(target=sys.exit, args=(3,))
thread.start()
thread.join()
"""
    assert 0 == programs.run(PLAIN + script)[0]
    assert "FINISHED" == programs.runs()["plain"].status


def test_sys_exit_is_itself_again_when_no_run_is_open(programs: Programs) -> None:
    """What is watched while a run stands open is put back with its end."""
    script = """
import sys
before = sys.exit
import fitprint
run = fitprint.start_run("a")
fitprint.start_run("b")
fitprint.end_run()
run.end()
with fitprint.start_run("c"):
    inside = sys.exit
print(sys.exit is before, inside is before)
"""
    assert (0, "True True\n", "") == programs.run(script)


def test_nested_runs_that_stand_open_end_together(programs: Programs) -> None:
    """Parent and child are both ended with the program's outcome."""
    programs.run(PLAIN + "fitprint.start_run('inner')\nraise ValueError('x')")
    runs = programs.runs()
    assert {"plain": "FAILED", "inner": "FAILED"} == {
        name: run.status for name, run in runs.items()
    }
    assert runs["plain"].id == runs["inner"].parent_id


def test_an_ending_in_the_second_home_is_told_truthfully(programs: Programs) -> None:
    """Runs end before the journals close, also where the home changed on the way."""
    script = PLAIN + (
        "fitprint.configure(home='other')\nfitprint.start_run('second', nested=False)\nsys.exit(3)"
    )
    programs.run(script)
    assert "FAILED" == programs.runs()["plain"].status
    programs.home = programs.folder / "other"
    assert "FAILED" == programs.runs()["second"].status


def test_a_living_program_is_running(programs: Programs) -> None:
    """While the program lives its run is RUNNING for everybody who looks,
    with all points so far.
    """
    process = programs.start(PLAIN + "print('ready', flush=True)\ninput()")
    assert process.stdout is not None
    assert "ready\n" == process.stdout.readline()
    for _ in range(2):
        assert ("RUNNING", 1) == (
            programs.runs()["plain"].status,
            programs.runs()["plain"].metrics["loss"].count,
        )
    process.communicate("\n")
    assert "FINISHED" == programs.runs()["plain"].status


def test_a_terminated_program_is_killed_at_its_last_record(programs: Programs) -> None:
    """SIGTERM leaves no RUNNING run behind, and no later time than the last record."""
    before = time.time_ns() // 1000
    process = programs.start(PLAIN + "print('ready', flush=True)\ninput()")
    assert process.stdout is not None
    process.stdout.readline()
    after = time.time_ns() // 1000
    process.send_signal(signal.SIGTERM)
    process.communicate()
    run = programs.runs()["plain"]
    assert "KILLED" == run.status
    assert run.end_time is not None
    assert before <= run.end_time <= after


def test_a_handler_of_the_user_decides_on_sigterm(programs: Programs) -> None:
    """Signals belong to the user: a handler that ends the program well ends its run well."""
    script = """
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
os.kill(os.getpid(), signal.SIGTERM)
"""
    assert 0 == programs.run(PLAIN + script)[0]
    assert "FINISHED" == programs.runs()["plain"].status


def test_a_handler_may_log_and_end_the_run(programs: Programs) -> None:
    """A signal handler that logs while its thread is logging neither blocks nor spoils anything."""
    script = """
count = 0
def handler(number, frame):
    global count
    count += 1
    fitprint.log_metric("signals", count)
    signal.setitimer(signal.ITIMER_REAL, 0 if ended else 0.0001)
ended = False
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0001)
for step in range(20000):
    fitprint.log_metric("tick", step)
ended = True  # SIG_IGN would be told of a signal that has come and was not handled yet
signal.setitimer(signal.ITIMER_REAL, 0)
run.end()
"""
    code, _, errors = programs.run(PLAIN + script)
    assert (0, "") == (code, errors)
    assert list(range(20000)) == programs.steps("plain", "tick")
    signals = programs.steps("plain", "signals")
    assert list(range(len(signals))) == signals
    assert signals


def test_ctrl_c_ends_a_script_as_without_us(programs: Programs):
    """By the signal, also where texts were executed at the end, as imports of ours may do."""
    bare, _, _ = programs.run("raise KeyboardInterrupt")
    script = (
        "from fitprint.recording.ending import at_end\n"
        "at_end(lambda: exec('pass'))\n"
        "raise KeyboardInterrupt"
    )
    code, _, errors = programs.run(PLAIN + script)
    assert code == bare == -signal.SIGINT
    assert "KeyboardInterrupt" in errors
    assert programs.runs()["plain"].status == "KILLED"


@pytest.mark.parametrize(
    "script",
    ["try:\n    raise KeyboardInterrupt\nexcept KeyboardInterrupt:\n    pass", "sys.exit(0)"],
)
def test_an_interrupt_that_was_caught_is_none(programs: Programs, script: str):
    """The program ends well."""
    code, _, errors = programs.run(PLAIN + script)
    assert (code, errors) == (0, "")
