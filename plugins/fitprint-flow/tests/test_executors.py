"""Wherever the steps run, the flow returns the same; and what dies there is told."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

import fitprint
from fitprint.hooks.executors import Executor
from fitprint.hooks.manager import hooks
from fitprint_flow import Flow, FlowError, step

STEPS = """
import os, signal
from pathlib import Path
import numpy as np
import fitprint
from fitprint_flow import step

def numbers(n, seed=0):
    fitprint.log_metric("rows", n)
    return np.random.default_rng(seed).normal(size=n)

def mean(values):
    return float(values.mean())

def both(one, two):
    return {"one": one, "two": two, "process": os.getpid() if False else 0}

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def die_with(values):
    die()

def leave():
    os._exit(3)

def fail():
    raise ValueError("no")

@step(timeout=0.5)
def hang():
    import threading
    threading.Event().wait(60)

def here():
    return os.getpid()
"""


def diamond(steps) -> Flow:
    flow = Flow("diamond")
    rows = flow.add(steps.numbers, 100)
    one = flow.add(steps.mean, rows, name="one")
    two = flow.add(steps.mean, rows, name="two")
    flow.add(steps.both, one, two)
    return flow


def outcome(result):
    return result["both"], [
        (run.name, run.status, run.metrics)
        for run in sorted(fitprint.get_run(result.run.id).children(), key=lambda run: run.name)
    ]


def test_in_line_in_threads_and_in_processes_the_same(place, module):
    steps = module(STEPS)
    inline = outcome(diamond(steps).run())
    assert {"FINISHED"} == {status for _, status, _ in inline[1]}
    with ThreadPoolExecutor(2) as threads:
        assert inline == outcome(diamond(steps).run(executor=threads, force=True))
    result = diamond(steps).run(executor="processes", jobs=2, force=True)
    assert inline == outcome(result)
    assert 4 == len(result.ran)
    assert [] == diamond(steps).run(executor="processes").ran


def test_a_process_is_fresh_for_each_step(place, module):
    steps = module(STEPS)
    flow = Flow("processes")
    pids = [flow.add(steps.here, name=name) for name in ("one", "two")]
    result = flow.run(executor="processes", jobs=1)
    assert 3 == len({os.getpid(), *(result[pid] for pid in pids)})


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("die", "killed by signal 9; if the system did that because memory ran out"),
        ("leave", "ended with status 3 and no answer"),
        ("fail", "ValueError: no"),
        ("hang", "longer than its timeout of 0.5 s"),
    ],
)
def test_what_becomes_of_a_process_is_told_and_the_rest_is_kept(place, module, name, told):
    steps = module(STEPS)
    flow = Flow("dying")
    rows = flow.add(steps.numbers, 3)
    flow.add(steps.mean, rows)
    flow.add(getattr(steps, name))
    with pytest.raises(FlowError, match=told):
        flow.run(executor="processes", jobs=1)
    (run,) = fitprint.search_runs()
    assert "FAILED" == run.status
    (ended,) = [child for child in run.children() if child.name == name]
    assert ("FAILED" if name == "fail" else "KILLED") == ended.status
    # what was finished by then is found
    kept = {child.name for child in run.children() if child.status == "FINISHED"}
    assert kept == {each.name for each in flow.plan() if each.state == "cached"}


def test_what_cannot_be_sent_to_a_process_is_refused(place):
    flow = Flow("lambda")
    flow.add(lambda: 1)
    with pytest.raises(FlowError, match=r"cannot be sent to another process .*top level"):
        flow.run(executor="processes")
    flow = Flow("closure")
    other = Flow("other")

    @step
    def uses():
        return other

    flow.add(uses)
    with pytest.raises(FlowError, match="cannot be sent to another process"):
        flow.run(executor="processes")


SCRIPT = """
import os, sys, threading
from fitprint_flow import Flow

def first():
    return 1

def second(x):
    if not os.path.exists("go"):
        print("waiting", flush=True)
        threading.Event().wait(60)
    return x + 1

flow = Flow("script")
flow.add(second, flow.add(first))
"""
GUARDED = (
    SCRIPT
    + """
if __name__ == "__main__":
    print(flow.run(executor=sys.argv[1]).ran, flush=True)
"""
)


@pytest.mark.parametrize("executor", ["inline", "processes"])
@pytest.mark.parametrize("end", ["SIGINT", "SIGKILL"])
def test_a_flow_that_is_stopped_goes_on_where_it_was(programs, executor, end):
    process = programs.start(GUARDED, executor)
    assert "waiting\n" == process.stdout.readline()
    process.send_signal(getattr(signal, end))
    process.communicate(timeout=60)
    runs = _settled(programs)
    assert ("KILLED", "FINISHED") == (runs["script"].status, runs["first"].status)
    assert "KILLED" == runs["second"].status
    (programs.folder / "go").touch()
    status, output, error = programs.run(GUARDED, executor)
    assert (0, "['second']\n") == (status, output), error


def _settled(programs):
    """Return the runs as soon as the flow's has ended, which a killed program's has when its locks
    are free.
    """
    deadline = time.monotonic() + 60
    while (runs := programs.runs())["script"].status == "RUNNING":
        assert time.monotonic() < deadline
    return runs


def test_a_script_without_a_guard_is_told_what_to_write(programs):
    script = SCRIPT + "\nflow.run(executor='processes')\n"
    status, _, error = programs.run(script)
    assert 1 == status
    assert 'if __name__ == "__main__":' in error
    assert ["script"] == [run.name for run in programs.runs().values()]


def test_two_flows_at_once_do_not_disturb_each_other(programs):
    (programs.folder / "go").touch()
    both = [programs.start(GUARDED, "processes") for _ in range(2)]
    for process in both:
        output, error = process.communicate(timeout=120)
        assert 0 == process.returncode, error
        assert output.startswith("[")
    status, output, error = programs.run(GUARDED, "inline")
    assert (0, "[]\n") == (status, output), error


@pytest.mark.filterwarnings("ignore")  # of Dask and its libraries
def test_on_dask_with_two_worker_processes_the_same(place, module):
    distributed = pytest.importorskip("distributed")
    steps = module(STEPS)
    inline = outcome(diamond(steps).run())
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        result = diamond(steps).run(executor=client, force=True)
        assert inline == outcome(result)
        assert 4 == len(result.ran)
        address = cluster.scheduler_address.removeprefix("tcp://")
        assert [] == diamond(steps).run(executor=f"dask://{address}").ran
        flow = Flow("dying")
        flow.add(steps.fail)
        with pytest.raises(FlowError, match="ValueError: no"):
            flow.run(executor=client)


@pytest.mark.filterwarnings("ignore")  # of Dask and its libraries
def test_a_worker_of_dask_that_dies_is_told_and_the_rest_is_kept(place, module):
    distributed = pytest.importorskip("distributed")
    import dask

    steps = module(STEPS)
    flow = Flow("dying")
    dead = flow.add(steps.numbers, 3)
    flow.add(steps.die_with, dead)
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
        pytest.raises(FlowError, match="'die_with' failed: .*die"),
    ):
        flow.run(executor=client)
    assert ["cached", "run"] == [each.state for each in flow.plan()]
    (run,) = fitprint.search_runs()
    assert {"numbers": "FINISHED", "die_with": "KILLED"} == {
        child.name: child.status for child in run.children()
    }


@pytest.mark.filterwarnings("ignore")  # of Ray and its libraries
@pytest.mark.thorough
def test_on_ray_the_same_and_what_dies_there_is_told(place, module):
    ray = pytest.importorskip("ray")
    steps = module(STEPS)
    inline = outcome(diamond(steps).run())
    ray.init(address="local", num_cpus=2, include_dashboard=False, resources={"place": 1})
    try:
        result = diamond(steps).run(executor="ray", force=True)
        assert inline == outcome(result)
        assert 4 == len(result.ran)
        assert [] == diamond(steps).run(executor="ray").ran
        flow = Flow("dying")
        node = flow.add(step(resources={"CPU": 2, "place": 1})(steps.here))
        flow.add(steps.die_with, node)
        with pytest.raises(FlowError, match="'die_with' failed: The worker died"):
            flow.run(executor="ray")
        assert ["cached", "run"] == [each.state for each in flow.plan()]
        flow = Flow("failing")
        flow.add(steps.fail)
        with pytest.raises(FlowError, match="ValueError: no"):
            flow.run(executor="ray")
        assert ray.is_initialized()  # the program's connection is its own
    finally:
        ray.shutdown()
    (failing, dying) = fitprint.search_runs(max_results=2)
    assert {"FAILED"} == {failing.status, *(child.status for child in failing.children())}
    assert {"here": "FINISHED", "die_with": "KILLED"} == {
        child.name: child.status for child in dying.children()
    }


def test_register_executors_adds_engines(place, module):
    """A plugin's engine gets the address, and what a step asks for that it takes by name."""

    class Engine:
        def __init__(self, address, jobs):
            opened.append((address, jobs))

        def submit(self, function, *args, resources=None):
            opened.append(resources)
            future = Future()
            future.set_result(function(*args))
            return future

        def shutdown(self):
            opened.append("shutdown")

    opened = []
    hooks()._registered["register_executors"] = {"mine": Executor(Engine)}
    flow = Flow("mine")
    flow.add(step(resources={"GPU": 1})(module(STEPS).numbers), 3)
    flow.run(executor="mine://there", jobs=3)
    assert [("there", 3), {"GPU": 1}, "shutdown"] == opened
