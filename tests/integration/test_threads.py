"""Many threads, many processes, many runs: exactly what was logged, and nothing that grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Programs


def test_processes_write_into_one_store_at_once(programs: Programs) -> None:
    """Eight processes record, and read in between; no error, nothing lost, each run whole."""
    script = """
import fitprint, sys
number = int(sys.argv[1])
sys.stdin.readline()
for part in range(4):
    with fitprint.start_run(f"{number}-{part}") as run:
        for step in range(500):
            fitprint.log_metric("loss", number + step / 1000)
        fitprint.log_params({"number": number, "part": part})
    assert run.status == "FINISHED"
    assert len(fitprint.search_runs()) >= part + 1
"""
    processes = [programs.start(script, str(number)) for number in range(8)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        assert ("", "") == process.communicate(timeout=120)
        assert 0 == process.returncode
    runs = programs.runs()
    assert {f"{number}-{part}" for number in range(8) for part in range(4)} == set(runs)
    for name, run in runs.items():
        number, part = map(int, name.split("-"))
        assert ("FINISHED", 500) == (run.status, run.metrics["loss"].count)
        assert (number, part) == (run.params["number"].value, run.params["part"].value)
        assert number + 0.499 == run.metrics["loss"].last
    assert list(range(500)) == programs.steps("3-2", "loss")


def test_threads_processes_and_tasks_at_once(programs: Programs) -> None:
    """Eight threads, each with runs, tasks in one of them, and forked children below the main run:
    exactly these runs, in this tree.
    """
    script = """
import asyncio, os, threading, warnings
warnings.filterwarnings("ignore", category=DeprecationWarning)
import fitprint

def record(name, count=50):
    with fitprint.start_run(name):
        for step in range(count):
            fitprint.log_metric("loss", step)

async def tasks():
    async def one(number):
        with fitprint.start_run(f"task {number}"):
            for step in range(50):
                fitprint.log_metric("loss", step)
                await asyncio.sleep(0)
    await asyncio.gather(*(one(number) for number in range(4)))

with fitprint.start_run("main"):
    threads = [threading.Thread(target=record, args=(f"thread {number}",)) for number in range(7)]
    threads.append(threading.Thread(target=lambda: asyncio.run(tasks())))
    for thread in threads:
        thread.start()
    children = []
    for number in range(3):
        child = os.fork()
        if child == 0:
            record(f"child {number}")
            os._exit(0)
        children.append(child)
    for thread in threads:
        thread.join()
    assert [0, 0, 0] == [os.waitpid(child, 0)[1] for child in children]
"""
    code, _, errors = programs.run(script)
    assert (0, "") == (code, errors)
    runs = programs.runs()
    main = runs.pop("main")
    names = {
        *(f"thread {n}" for n in range(7)),
        *(f"task {n}" for n in range(4)),
        *(f"child {n}" for n in range(3)),
    }
    assert names == set(runs)
    assert {main.id} == {run.parent_id for run in runs.values()}
    assert {("FINISHED", 50)} == {(run.status, run.metrics["loss"].count) for run in runs.values()}


def test_five_thousand_runs_grow_nothing(programs: Programs) -> None:
    """Memory, open files, threads and live objects of a program stay as they are after the first
    thousand runs.
    """
    script = """
import fitprint, gc, os, threading

def work(count):
    for number in range(count):
        with fitprint.start_run():
            fitprint.log_params({"number": number})
            fitprint.log_metric("loss", number)
            fitprint.log_metric("accuracy", number)

def size():
    gc.collect()
    pages = int(open("/proc/self/statm").read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(os.listdir("/proc/self/fd")), threading.active_count(), len(gc.get_objects())

work(1000)
before = size()
work(4000)
after = size()
assert after[0] - before[0] < 8, (before, after)
assert after[1:3] == before[1:3], (before, after)
assert after[3] - before[3] < 1000, (before, after)
"""  # noqa: E501
    code, _, errors = programs.run(
        script.replace("open(", "__import__('pathlib').Path(").replace(").read()", ").read_text()")
    )
    assert (0, "") == (code, errors)
    assert programs.runs()


def test_tasks_that_joblib_hands_out_late_have_the_run(programs: Programs) -> None:
    """Also where a thread of joblib's own takes the next task, and the run is that of another
    thread than the main one.
    """
    pytest.importorskip("joblib")
    script = """
import threading, joblib, fitprint
fitprint.autolog()

def log(number):
    fitprint.log_metric("number", number)

def work():
    with fitprint.start_run("inner"):
        joblib.Parallel(n_jobs=2, backend="threading", pre_dispatch=2, batch_size=1)(joblib.delayed(log)(number) for number in range(40))

thread = threading.Thread(target=work)
thread.start()
thread.join()
"""  # noqa: E501
    assert (0, "", "") == programs.run(script)
    assert 40 == programs.runs()["inner"].metrics["number"].count
