"""Curves of what long runs use: one thread of the process looks from time to time, for all runs that are open.

It is started by a run and sleeps until one is ten seconds old; where none is left by then, it ends. Before a fork it ends, too, for a
process with threads should not be copied, and a program is told so; it begins again with the next run or round of metrics.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from fitprint import clock
from fitprint.hooks.manager import hooks
from fitprint.platform.load import MachineLoad, TreeLoad, machine_load, tree_load
from fitprint.platform.processes import at_fork
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
        self.lock = threading.RLock()  # re-entrant: a signal handler may begin a run while its thread does
        self.changed = threading.Condition(self.lock)
        self.watched: dict[str, _Watched] = {}
        self.thread: threading.Thread | None = None
        self.last: _Look | None = None
        self.is_ending = False


_state = _Monitor()
paused = False
"""Whether a fork has ended the thread while runs are open; see :func:`resume`."""


def watch(run: Run) -> None:
    """Have the run's curves recorded, from its tenth second on until :func:`unwatch`."""
    with _state.lock:
        _state.watched[run.id] = _Watched(run)
        _begin()


def unwatch(run: Run) -> None:
    """Record no more points on the run."""
    with _state.lock:
        _state.watched.pop(run.id, None)


def resume() -> None:
    """Begin again after a fork."""
    global paused
    paused = False
    with _state.lock:
        if _state.watched:
            _begin()


def _begin() -> None:
    if _state.thread is None:
        _state.is_ending = False
        thread = threading.Thread(target=_work, args=(_state,), name="fitprint-monitor", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is about to end, or has too many
            return
        _state.thread = thread
        at_end(_end)


def _work(state: _Monitor) -> None:
    try:
        _look_again_and_again(state)
    except Exception as error:  # noqa: BLE001 - a thread of ours must not end in a traceback on the user's screen
        hooks().problem(f"curves of what the process uses end here: {type(error).__name__}: {error}", "monitor")
        with state.lock:
            state.thread = state.last = None


def _look_again_and_again(state: _Monitor) -> None:
    while True:
        with state.lock:
            pause = _pause(state)
            if pause is None or state.changed.wait_for(lambda: state.is_ending, pause):
                state.thread = state.last = None  # whoever begins a run from here on starts another
                return
        now = _Look(time.monotonic(), tree_load(), machine_load(), _gpus())  # nobody waits for this
        with state.lock:
            if state.last is not None:
                _record(state, state.last, now)
            state.last = now


def _pause(state: _Monitor) -> float | None:
    """Return how long the next look may wait; None if there is nobody to look for."""
    if not state.watched:
        return None
    ages = [time.monotonic() - watched.since for watched in state.watched.values()]
    # A look is compared with the one before, so the first one comes before there is anything to record.
    return min(max(min(ages) / _PART, _SHORTEST), _LONGEST)


def _record(state: _Monitor, before: _Look, now: _Look) -> None:
    shared = _curves(before, now)
    for watched in list(state.watched.values()):
        if watched.first is None:
            watched.first = before
        if now.at - watched.since >= _FIRST:
            found = {_PREFIX + name: round(value, 3) for name, value in (shared | _network(watched.first, now)).items()}
            chosen = {name: value for name, value in found.items() if wanted(name, *watched.globs)}
            # Past the run, which counts steps of its own: here a step is a second of its life.
            watched.run.workspace.writer.points(watched.run.id, chosen, int(now.at - watched.since), clock.now())


def _curves(before: _Look, now: _Look) -> dict[str, float]:
    """Return what has been used between two looks, and what is in use at the second; names of the machine's are MLflow's."""
    passed = now.at - before.at
    tree, machine = now.tree, now.machine
    found: dict[str, float | None] = {
        "process_cpu_utilization_percentage": 100 * (tree.cpu - before.tree.cpu) / passed,  # of one processor
        "process_memory_usage_megabytes": _mega(tree.memory),
        "process_threads": tree.threads,
        "processes": tree.processes,
        "process_read_megabytes_per_second": _mega(_more(before.tree.read, tree.read), passed),
        "process_written_megabytes_per_second": _mega(_more(before.tree.written, tree.written), passed),
        "cpu_utilization_percentage": _share(_more(before.machine.busy, machine.busy), _more(before.machine.passed, machine.passed)),
        "system_memory_usage_megabytes": _mega(machine.memory),
        "system_memory_usage_percentage": _share(machine.memory, machine.memory_total),
        "disk_usage_megabytes": _mega(machine.disk),
        "disk_available_megabytes": _mega(machine.disk_free),
        "disk_usage_percentage": _share(machine.disk, (machine.disk or 0) + (machine.disk_free or 0)),
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
    """Return what GPUs are used for, where the program itself has their library loaded and initialized."""
    nvml: Any = sys.modules.get("pynvml")
    found: dict[str, float] = {}
    try:
        for index in range(nvml.nvmlDeviceGetCount() if nvml is not None else 0):
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            memory = nvml.nvmlDeviceGetMemoryInfo(handle)
            found[f"gpu_{index}_memory_usage_megabytes"] = memory.used / _MEGA
            found[f"gpu_{index}_memory_usage_percentage"] = 100 * memory.used / memory.total
            found[f"gpu_{index}_utilization_percentage"] = nvml.nvmlDeviceGetUtilizationRates(handle).gpu
            found[f"gpu_{index}_power_usage_watts"] = nvml.nvmlDeviceGetPowerUsage(handle) / 1000
    except Exception:  # noqa: BLE001, S110 - not initialized, or a driver that knows less
        pass
    return found


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
    if _state.thread is not None:
        paused = True
        _end()


def _after_fork_in_child() -> None:
    global _state, paused
    _state, paused = _Monitor(), False


at_fork(before=_before_fork, after_in_child=_after_fork_in_child)
