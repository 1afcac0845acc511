"""Curves of what long runs use: one thread of the process looks from time to time, for all runs
that are open.

It is started by a run and sleeps until one is ten seconds old; some seconds after the last one it
ends. Before a fork it ends, too, for a process with threads should not be copied, and a program is
told so; it begins again with the next run, or with records of the next second.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from fitprint import clock
from fitprint.hooks.manager import hooks
from fitprint.platform.load import MachineLoad, TreeLoad, machine_load, tree_load
from fitprint.platform.processes import at_fork
from fitprint.platform.threads import UnseenThread
from fitprint.recording.deferred import end_before_fork
from fitprint.recording.ending import at_end
from fitprint.settings import wanted

if TYPE_CHECKING:
    from fitprint.recording.run import Run

__all__ = ["resume", "unwatch", "watch"]

_FIRST = 10.0  # seconds of age from which on a run has curves
_SHORTEST, _LONGEST = 5.0, 60.0  # seconds between two looks
_PART = 60  # of the age of the youngest run, as long as which a pause is
_MEGA = 1e6  # as others count megabytes
_PREFIX = "system/"


class _Look(NamedTuple):
    at: float
    tree: TreeLoad
    machine: MachineLoad
    gpus: Mapping[str, float]


class _Watched:
    """A run that is open: since when, which metrics it takes, and what was seen first."""

    def __init__(self, run: Run) -> None:
        settings = run.workspace.settings
        self.run = run
        self.since = time.monotonic()
        self.first: _Look | None = None
        self.globs = (settings["include_metrics"], settings["exclude_metrics"])


class _Monitor:
    def __init__(self) -> None:
        # re-entrant: a signal handler may begin a run while its thread does
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.watched: dict[str, _Watched] = {}
        # a program that waits for all its threads must not wait for this one
        self.thread: UnseenThread | None = None
        self.last: _Look | None = None
        self.is_ending = False


_state = _Monitor()
paused = False
"""Whether a fork may have ended the thread while runs are open; see :func:`resume`."""


def watch(run: Run) -> None:
    """Have the run's curves recorded, from its tenth second on until :func:`unwatch`."""
    with _state.lock:
        _state.watched[run.id] = _Watched(run)
        _begin()


def unwatch(run: Run) -> None:
    """Record no more points on the run."""
    with _state.lock:
        _state.watched.pop(run.id, None)
        if not _state.watched:
            _state.changed.notify_all()


def resume() -> None:
    """Begin again after a fork, if there was one."""
    global paused
    if paused:
        with _state.lock:
            # it took too long to end before the fork, and is still about to
            paused = _state.thread is not None and _state.is_ending
            if _state.watched and not paused:
                _begin()


def _begin() -> None:
    if _state.thread is None:
        _state.is_ending = False
        with suppress(RuntimeError):
            _state.thread = UnseenThread(partial(_work, _state))
            at_end(_end)


def _work(state: _Monitor) -> None:
    try:
        _look_again_and_again(state)
    except Exception as error:  # noqa: BLE001
        # a thread of ours must not end in a traceback on the user's screen
        told = f"curves of what the process uses end here: {type(error).__name__}: {error}"
        with state.lock:
            state.thread = state.last = None
        # whoever is told may log it, which a thread that is to stay unseen must not
        with suppress(RuntimeError):
            threading.Thread(target=hooks().problem, args=(told, "monitor"), daemon=True).start()


def _look_again_and_again(state: _Monitor) -> None:
    passed = _passed(state)
    while _sleep(state, passed):
        now = _Look(time.monotonic(), tree_load(), machine_load(), _gpus())  # nobody waits for this
        if state.last is not None:
            _record(state, state.last, now)
        state.last, passed = now, 0.0


def _passed(state: _Monitor) -> float:
    """Return for how long nobody has looked: a fork may have ended the thread that was about to."""
    with state.lock:
        since = [watched.since for watched in state.watched.values()]
    return time.monotonic() - (
        min(since, default=time.monotonic()) if state.last is None else state.last.at
    )


def _sleep(state: _Monitor, passed: float) -> bool:
    """Wait for the next look; False if there is none, and whoever begins a run from here on starts
    another thread.
    """
    with state.lock:
        while (pause := _pause(state)) is not None:
            if not state.changed.wait_for(
                lambda: state.is_ending or not state.watched, pause - passed
            ):
                return True
            # the next of many short runs finds a thread
            if state.changed.wait_for(lambda: state.is_ending, _SHORTEST):
                break
        state.thread = None
        return False


def _pause(state: _Monitor) -> float | None:
    """Return how long the next look may wait; None if there is nobody to look for."""
    if not state.watched:
        return None
    ages = [time.monotonic() - watched.since for watched in state.watched.values()]
    # A look is compared with the one before, so the first one comes before there is anything to
    # record.
    return min(max(min(ages) / _PART, _SHORTEST), _LONGEST)


def _record(state: _Monitor, before: _Look, now: _Look) -> None:
    shared = _curves(before, now)
    with state.lock:
        open_runs = list(state.watched.values())
    for watched in open_runs:
        if watched.first is None:
            watched.first = before if before.at >= watched.since else now
        if now.at - watched.since >= _FIRST:
            found = {
                _PREFIX + name: round(value, 3)
                for name, value in (shared | _network(watched.first, now)).items()
            }
            chosen = {name: value for name, value in found.items() if wanted(name, *watched.globs)}
            time_us = clock.now()  # before the question: no point is later than the run's end
            if watched.run.id in state.watched:
                # Without our lock: who holds the writer's may be in a signal handler that begins or
                # ends a run. And past the run, which counts steps of its own: here a step is a
                # second of its life.
                watched.run.workspace.writer.points(
                    watched.run.id, chosen, int(now.at - watched.since), time_us
                )


def _curves(before: _Look, now: _Look) -> dict[str, float]:
    """Return what has been used between two looks, and what is in use at the second; names of the
    machine's are MLflow's.
    """
    passed = now.at - before.at
    tree, machine = now.tree, now.machine
    # a process whose parent has ended leaves the tree, and takes its seconds along
    cpu = max(0.0, tree.cpu - before.tree.cpu)
    found: dict[str, float | None] = {
        "process_cpu_utilization_percentage": 100 * cpu / passed,  # of one processor
        "process_memory_usage_megabytes": _mega(tree.memory),
        "process_threads": tree.threads,
        "processes": tree.processes,
        "process_read_megabytes_per_second": _mega(_more(before.tree.read, tree.read), passed),
        "process_written_megabytes_per_second": _mega(
            _more(before.tree.written, tree.written), passed
        ),
        "cpu_utilization_percentage": _share(
            _more(before.machine.busy, machine.busy), _more(before.machine.passed, machine.passed)
        ),
        "system_memory_usage_megabytes": _mega(machine.memory),
        "system_memory_usage_percentage": _share(machine.memory, machine.memory_total),
        "disk_usage_megabytes": _mega(machine.disk),
        "disk_available_megabytes": _mega(machine.disk_free),
        "disk_usage_percentage": _share(
            machine.disk, (machine.disk or 0) + (machine.disk_free or 0)
        ),
    }
    return {**_known(found), **now.gpus}


def _network(before: _Look, now: _Look) -> dict[str, float]:
    """Return what has come and gone since the run is looked at."""
    received, sent = before.machine.received, before.machine.sent
    found = {
        "network_receive_megabytes": _mega(_more(received, now.machine.received)),
        "network_transmit_megabytes": _mega(_more(sent, now.machine.sent)),
    }
    return _known(found)


def _gpus() -> dict[str, float]:
    """Return what GPUs are used for, where the program itself has their library loaded and
    initialized.
    """
    nvml: Any = sys.modules.get("pynvml")
    found: dict[str, float] = {}
    count = 0
    with suppress(Exception):  # not loaded, or not initialized
        count = nvml.nvmlDeviceGetCount()
    for index in range(count):
        for name, reading in _GPU_READINGS.items():
            with suppress(Exception):  # a GPU that is lost, or a driver that knows less
                found[f"gpu_{index}_{name}"] = reading(nvml, nvml.nvmlDeviceGetHandleByIndex(index))
    return found


def _gpu_memory_share(nvml: Any, gpu: Any) -> float:
    memory = nvml.nvmlDeviceGetMemoryInfo(gpu)
    return float(100 * memory.used / memory.total)


_GPU_READINGS: dict[str, Callable[[Any, Any], float]] = {
    "memory_usage_megabytes": lambda nvml, gpu: nvml.nvmlDeviceGetMemoryInfo(gpu).used / _MEGA,
    "memory_usage_percentage": _gpu_memory_share,
    "utilization_percentage": lambda nvml, gpu: nvml.nvmlDeviceGetUtilizationRates(gpu).gpu,
    "power_usage_watts": lambda nvml, gpu: nvml.nvmlDeviceGetPowerUsage(gpu) / 1000,
}


def _known(found: Mapping[str, float | None]) -> dict[str, float]:
    return {name: float(value) for name, value in found.items() if value is not None}


def _more(before: float | None, now: float | None) -> float | None:
    return None if before is None or now is None else max(0.0, now - before)


def _mega(amount: float | None, seconds: float = 1.0) -> float | None:
    return None if amount is None else amount / _MEGA / seconds


def _share(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else 100 * part / whole


def _end() -> None:
    """End the thread and wait for it; it is only about to look."""
    with _state.lock:
        thread = _state.thread
        _state.is_ending = True
        _state.changed.notify_all()
    if thread is not None:
        end_before_fork(thread)


def _before_fork() -> None:
    global paused
    # until the fork is done, no record brings the thread back: other threads go on, and ours finish
    # what waits
    paused = False
    if _state.thread is not None:
        _end()


def _after_fork_in_parent() -> None:
    global paused
    paused = bool(_state.watched)


def _after_fork_in_child() -> None:
    global _state, paused
    _state, paused = _Monitor(), False


at_fork(
    before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
)
