"""Environment, code and hardware of the process, collected in the background and shared by its runs."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from fitprint import clock
from fitprint.entities import Artifact
from fitprint.events import ArtifactsLogged
from fitprint.hooks.manager import hooks
from fitprint.platform.processes import at_fork
from fitprint.recording import media
from fitprint.recording.ending import at_end

if TYPE_CHECKING:
    from fitprint.recording.workspace import Workspace

__all__ = ["attach_environment"]

PATH = "environment.json"
_FRESH_SECONDS = 60.0
_FORK_SECONDS = 3.0  # most that a fork waits for


class _Surroundings:
    """What is known of this process, and the runs that wait for it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.known: dict[str, tuple[float, Artifact]] = {}  # by home
        self.waiting: list[tuple[Workspace, str]] = []
        self.thread: threading.Thread | None = None
        self.slow: threading.Thread | None = None


_state = _Surroundings()


def attach_environment(workspace: Workspace, run_id: str) -> None:
    """See to it that the run gets its ``environment.json``: at once if the facts are known, else when they are."""
    if not workspace.settings["context"]:
        return
    with _state.lock:
        taken, artifact = _state.known.get(str(workspace.home), (0.0, None))
        if artifact is None or time.monotonic() - taken > _FRESH_SECONDS:
            _state.waiting.append((workspace, run_id))
            if _state.thread is None:
                _state.thread = threading.Thread(target=_collect, name="fitprint-context", daemon=True)
                _state.thread.start()
                at_end(_wait)
            return
    workspace.writer.append(ArtifactsLogged(run_id, clock.now(), (artifact,)))


def _collect() -> None:
    while True:
        with _state.lock:
            if not _state.waiting:
                _state.thread = None
                return
            workspace = _state.waiting[0][0]
        artifact = None
        try:
            facts = hooks().collect("collect_run_context", settings=workspace.shown_settings())
            data = media.json_bytes(facts)
            artifact = Artifact(PATH, workspace.staging.put_bytes(data), len(data))
        except Exception as error:  # noqa: BLE001 - the background must not end in a traceback on the user's screen
            hooks().problem(f"the environment could not be recorded: {error}", "context")
        with _state.lock:
            served = [run_id for other, run_id in _state.waiting if other is workspace]
            _state.waiting = [(other, run_id) for other, run_id in _state.waiting if other is not workspace]
            if artifact is not None:
                _state.known[str(workspace.home)] = (time.monotonic(), artifact)
        if artifact is not None:
            workspace.writer.append(*(ArtifactsLogged(run_id, clock.now(), (artifact,)) for run_id in served))


def _wait() -> None:
    """Wait, at the end of the program, for what is under way."""
    thread = _state.thread
    if thread is not None:
        limit = max((workspace.settings["exit_wait"] for workspace, _ in _state.waiting), default=0.0)
        thread.join(limit)


def _before_fork() -> None:
    """Let the collecting thread end: what it is importing could not be imported in the child any more."""
    thread = _state.thread
    if thread is not None and thread is not threading.current_thread() and thread is not _state.slow:
        thread.join(_FORK_SECONDS)
        if thread.is_alive():
            _state.slow = thread  # the next fork does not wait for it once more


def _after_fork_in_child() -> None:
    global _state
    _state = _Surroundings()


at_fork(before=_before_fork, after_in_child=_after_fork_in_child)
