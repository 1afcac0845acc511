"""Curves of what runs use: from their tenth second on, by one thread, which forks and the end of
the program do not meet.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import fitprint
from fitprint.platform.load import MachineLoad, TreeLoad
from fitprint.recording import monitor

pytestmark = pytest.mark.usefixtures("home")
MEGA = 1_000_000


@pytest.fixture(autouse=True)
def alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process in which nothing is watched yet."""
    monkeypatch.setattr(monitor, "_state", monitor._Monitor())
    monkeypatch.setattr(monitor, "paused", False)


def look(at: float, cpu: float = 0.0, **gpus: float) -> monitor._Look:
    tree = TreeLoad(cpu, 3 * MEGA, 4, 2, int(at * MEGA), int(2 * at * MEGA))
    machine = MachineLoad(
        at, 4 * at, 2 * MEGA, 8 * MEGA, 30 * MEGA, 10 * MEGA, int(at * MEGA), int(3 * at * MEGA)
    )
    return monitor._Look(at, tree, machine, gpus)


def watched(run: fitprint.Run, since: float) -> None:
    monitor._state.watched[run.id] = found = monitor._Watched(run)
    found.since = since


def test_what_was_used_between_two_looks_is_recorded() -> None:
    """Names and units of the machine's curves are MLflow's;
    a step is a second of the run's life.
    """
    with fitprint.start_run() as run:
        watched(run, since=100.0)
        monitor._record(monitor._state, look(105.0, cpu=1.0), look(111.0, cpu=4.0))
    assert run.metrics == {
        "system/process_cpu_utilization_percentage": 50.0,
        "system/process_memory_usage_megabytes": 3.0,
        "system/process_threads": 4.0,
        "system/processes": 2.0,
        "system/process_read_megabytes_per_second": 1.0,
        "system/process_written_megabytes_per_second": 2.0,
        "system/cpu_utilization_percentage": 25.0,
        "system/system_memory_usage_megabytes": 2.0,
        "system/system_memory_usage_percentage": 25.0,
        "system/disk_usage_megabytes": 30.0,
        "system/disk_available_megabytes": 10.0,
        "system/disk_usage_percentage": 75.0,
        "system/network_receive_megabytes": 6.0,
        "system/network_transmit_megabytes": 18.0,
    }
    assert [11] == list(run.history("system/processes").step)


def test_runs_of_less_than_ten_seconds_have_none() -> None:
    with fitprint.start_run() as run:
        watched(run, since=100.0)
        monitor._record(monitor._state, look(105.0), look(109.9))
        assert {} == run.metrics
        monitor._record(monitor._state, look(109.9), look(110.0))
    assert run.metrics


def test_the_network_counts_from_where_the_run_was_first_looked_at() -> None:
    with fitprint.start_run() as run:
        watched(run, since=100.0)
        for at in (105.0, 110.0, 115.0):
            monitor._record(monitor._state, look(at), look(at + 5))
    assert [5.0, 10.0, 15.0] == list(run.history("system/network_receive_megabytes").value)


def test_globs_of_metrics_choose_among_them() -> None:
    fitprint.configure(exclude_metrics=["system/*_megabytes*", "system/*_percentage"])
    with fitprint.start_run() as run:
        watched(run, since=100.0)
        monitor._record(monitor._state, look(105.0), look(111.0))
    assert {"system/process_threads", "system/processes"} == set(run.metrics)


def test_what_the_system_does_not_say_is_left_out() -> None:
    before = monitor._Look(1.0, TreeLoad(1.0), MachineLoad(), {})
    now = monitor._Look(3.0, TreeLoad(2.0), MachineLoad(), {})
    assert {"process_cpu_utilization_percentage": 50.0} == monitor._curves(before, now)
    assert {} == monitor._network(before, now)


def test_gpus_are_asked_where_the_program_does_so_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the library that it has loaded; one that is not initialized has nothing to say."""
    monkeypatch.delitem(sys.modules, "pynvml", raising=False)
    assert {} == monitor._gpus()
    nvml = SimpleNamespace(
        nvmlDeviceGetCount=lambda: 1,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetMemoryInfo=lambda handle: SimpleNamespace(used=2 * MEGA, total=8 * MEGA),
        nvmlDeviceGetUtilizationRates=lambda handle: SimpleNamespace(gpu=70),
        nvmlDeviceGetPowerUsage=lambda handle: 250_000,
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    names = (
        "memory_usage_megabytes",
        "memory_usage_percentage",
        "utilization_percentage",
        "power_usage_watts",
    )
    assert (
        dict(zip((f"gpu_0_{name}" for name in names), (2.0, 25.0, 70, 250.0), strict=True))
        == monitor._gpus()
    )
    nvml.nvmlDeviceGetCount = lambda: 1 / 0
    assert {} == monitor._gpus()


def test_a_gpu_that_does_not_answer_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = SimpleNamespace(
        nvmlDeviceGetCount=lambda: 3,
        nvmlDeviceGetHandleByIndex=lambda index: index or 1 / 0,
        nvmlDeviceGetMemoryInfo=lambda handle: SimpleNamespace(used=2 * MEGA, total=8 * MEGA),
        nvmlDeviceGetUtilizationRates=lambda handle: SimpleNamespace(gpu=70 / (handle - 1)),
        nvmlDeviceGetPowerUsage=lambda handle: 250_000,
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    told = ["1_memory_usage_megabytes", "1_memory_usage_percentage", "1_power_usage_watts"]
    told += [
        "2_memory_usage_megabytes",
        "2_memory_usage_percentage",
        "2_utilization_percentage",
        "2_power_usage_watts",
    ]
    assert [f"gpu_{name}" for name in told] == list(monitor._gpus())


def test_fault_19_processes_that_leave_the_tree_take_no_cpu_back() -> None:
    """One whose parent has ended is the system's: its seconds are missing at the second look."""
    assert (
        0.0
        == monitor._curves(look(105.0, cpu=9.0), look(111.0, cpu=2.0))[
            "process_cpu_utilization_percentage"
        ]
    )


def test_the_network_of_a_run_does_not_count_from_before_it() -> None:
    """What was last seen may be old: a fork had ended the thread."""
    with fitprint.start_run() as run:
        watched(run, since=100.0)
        monitor._record(monitor._state, look(20.0), look(110.0))
        monitor._record(monitor._state, look(110.0), look(115.0))
    assert [0.0, 5.0] == list(run.history("system/network_receive_megabytes").value)


def test_a_run_that_has_ended_gets_no_points() -> None:
    with fitprint.start_run() as run, fitprint.start_run(nested=False) as other:
        watched(run, since=100.0)
        watched(other, since=100.0)
        monitor.unwatch(other)
        monitor._record(monitor._state, look(105.0), look(111.0))
    assert (True, {}) == (bool(run.metrics), other.metrics)


@pytest.mark.parametrize(
    ("ages", "pause"),
    [([], None), ([0.0], 5.0), ([3600.0, 1.0], 5.0), ([600.0], 10.0), ([86_400.0], 60.0)],
)
def test_pauses_grow_with_the_age_of_the_youngest_run(
    ages: list[float], pause: float | None
) -> None:
    for number, age in enumerate(ages):
        monitor._state.watched[str(number)] = SimpleNamespace(since=time.monotonic() - age)  # type: ignore[assignment]
    assert monitor._pause(monitor._state) == (
        None if pause is None else pytest.approx(pause, abs=0.1)
    )


# -- the thread ------------------------------------------------------------------------------------


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


@pytest.fixture
def quick(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Curves from the first moment on, with hundreds of points in a second."""
    monkeypatch.setattr(monitor, "_FIRST", 0.0)
    monkeypatch.setattr(monitor, "_SHORTEST", 0.005)
    fitprint.configure(system_metrics=True)


def is_working() -> bool:
    return monitor._state.thread is not None


@pytest.mark.usefixtures("quick")
def test_one_thread_serves_all_runs_and_ends_after_them() -> None:
    with fitprint.start_run() as run:
        thread = monitor._state.thread
        with fitprint.start_run(nested=False) as other:
            until(
                lambda: "system/process_cpu_utilization_percentage" in run.metrics and other.metrics
            )
            assert thread is monitor._state.thread
            assert thread is not None
            assert thread.is_alive()
    until(lambda: not is_working() and not thread.is_alive())
    points = len(run.history("system/processes"))
    with fitprint.start_run() as third:
        until(lambda: third.metrics)
    assert points == len(run.history("system/processes"))


def test_without_the_setting_there_is_no_thread() -> None:
    fitprint.configure(system_metrics=False)
    with fitprint.start_run():
        assert not is_working()


@pytest.mark.usefixtures("quick")
def test_inner_runs_of_a_framework_have_no_curves_of_their_own() -> None:
    from fitprint.recording.opening import open_run

    with fitprint.start_run() as run:
        inner = open_run(parent=run, kind="candidate")
        until(lambda: run.metrics)
        inner.end()
    assert {} == inner.metrics


@pytest.mark.usefixtures("quick")
def test_a_thread_that_fails_is_told_and_ends(
    monkeypatch: pytest.MonkeyPatch, problems: list[str]
) -> None:
    monkeypatch.setattr(monitor, "machine_load", lambda: 1 / 0)
    with fitprint.start_run():
        until(lambda: problems and not is_working())
    assert [
        "monitor: curves of what the process uses end here: ZeroDivisionError: division by zero"
    ] == problems


@pytest.mark.usefixtures("quick")
def test_fault_3_nobody_waits_for_the_writer_to_begin_or_end_a_run() -> None:
    """A signal handler may do that while its thread writes, and the points wait until it has
    written.
    """
    with fitprint.start_run() as run:
        with run.workspace.writer._lock:
            until(
                lambda: (
                    "points" in [frame.f_code.co_name for frame in sys._current_frames().values()]
                )
            )
            is_free = monitor._state.lock.acquire(blocking=False)
            if is_free:
                monitor._state.lock.release()
        until(lambda: run.metrics)
    assert is_free


@pytest.mark.usefixtures("quick")
def test_the_thread_of_a_long_run_ends_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than with the pause of a minute that it is in."""
    monkeypatch.setattr(monitor, "_PART", 1e-9)
    with fitprint.start_run():
        thread = monitor._state.thread
        assert thread is not None
        until(lambda: monitor._state.changed._waiters)  # type: ignore[attr-defined]
    until(lambda: not thread.is_alive())


def test_fault_2_a_program_that_joins_all_its_threads_does_not_wait_for_ours(programs: Any) -> None:
    """Nor after it has worked: threading lists a thread of others from the moment on at which this
    asks who it is.
    """
    script = """
import fitprint, threading
from fitprint.recording import monitor
monitor._FIRST, monitor._SHORTEST = 0.0, 0.005
with fitprint.start_run("a") as run:
    thread = monitor._state.thread
    found = [threading.enumerate()]
    while "system/processes" not in run.metrics:
        found.append(threading.enumerate())
    print({each.name for threads in found for each in threads}, thread.is_alive(), threading.active_count())
"""  # noqa: E501
    assert (0, "{'MainThread'} True 1\n", "") == programs.run(script)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")
def test_a_fork_meets_no_thread_of_ours_and_curves_go_on(programs: Any) -> None:
    """Python warns of a fork with threads. The child records nothing on its parent's run; records
    of the next second bring them back.
    """
    script = """
import fitprint, os, threading, warnings
from fitprint.recording import monitor
monitor._FIRST, monitor._SHORTEST = 0.0, 0.005
with fitprint.start_run("a") as run:
    while "system/processes" not in run.metrics:
        pass
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        child = os.fork()
        if child == 0:
            os._exit(threading.active_count() - 1)
        status = os.waitpid(child, 0)[1]
    print([str(warning.message) for warning in caught], os.waitstatus_to_exitcode(status), monitor.paused)
    before = len(run.history("system/processes"))
    while len(run.history("system/processes")) == before:
        run.log_metrics({"loss": 1.0})
print(monitor.paused)
"""  # noqa: E501
    status, output, errors = programs.run(script)
    assert (0, "[] 0 True\nFalse\n", "") == (status, output, errors)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")
def test_what_is_recorded_while_a_fork_waits_brings_no_thread_back(programs: Any) -> None:
    """The fork waits for what is done in the background, too, and that may record; so for the
    second of two forks.
    """
    script = """
import fitprint, os, warnings
from fitprint import clock
from fitprint.journal import writer
from fitprint.recording import deferred, monitor
writer._LOOK_US = 0
warnings.simplefilter("error")
with fitprint.start_run("a") as run:
    def work():
        while not deferred._state.hurry:
            pass
        run.workspace.writer.points(run.id, {"of the background": 1.0}, 0, clock.now())
    for _ in range(2):
        deferred.defer("a record", work, limit=10)
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        print(monitor._state.thread is None, monitor.paused)
"""
    assert (0, "True True\nTrue True\n", "") == programs.run(script)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")
def test_fault_14_forks_that_follow_faster_than_looks_leave_curves(programs: Any) -> None:
    """As in a training that loads data in processes of its own; any record brings the thread back,
    which looks at once if it is time.
    """
    script = """
import fitprint, os, time
from fitprint.journal import writer
from fitprint.recording import monitor
monitor._FIRST, monitor._SHORTEST, writer._LOOK_US = 0.0, 0.2, 2000
with fitprint.start_run("a") as run:
    for _ in range(200):
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        ready = time.monotonic() + 0.02
        while time.monotonic() < ready:
            run.log_metric("loss", 1.0)
        if "system/processes" in run.metrics:
            break
    print(*sorted(key for key in run.metrics if "processes" in key), monitor._state.last is not None)
"""  # noqa: E501
    assert (0, "system/processes True\n", "") == programs.run(script)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")
def test_fault_2_a_forked_child_has_a_thread_of_its_own(programs: Any) -> None:
    script = """
import fitprint, os
from fitprint.recording import monitor
monitor._FIRST, monitor._SHORTEST = 0.0, 0.005
with fitprint.start_run("a") as run:
    child = os.fork()
    if child == 0:
        assert monitor._state.thread is None
        with fitprint.start_run("b", nested=False) as own:
            while "system/processes" not in own.metrics:
                pass
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert (0, "0\n", "") == programs.run(script)


def test_a_program_that_leaves_its_run_open_ends_as_ever(programs: Any) -> None:
    script = """
import fitprint
from fitprint.recording import monitor
monitor._FIRST, monitor._SHORTEST = 0.0, 0.001
run = fitprint.start_run("a")
while "system/processes" not in run.metrics:
    pass
"""
    assert (0, "", "") == programs.run(script)
    run = programs.runs()["a"]
    assert ("FINISHED", True) == (run.status, run.last_time <= run.end_time)
