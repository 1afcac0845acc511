"""Environment, code and hardware of the process, collected in the background and shared by its
runs.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fitprint import clock
from fitprint.entities import Artifact
from fitprint.events import ArtifactsLogged
from fitprint.hooks.manager import hooks
from fitprint.platform.processes import at_fork
from fitprint.recording import media
from fitprint.recording.deferred import defer

if TYPE_CHECKING:
    from fitprint.recording.reading import RunReader
    from fitprint.recording.workspace import Workspace

__all__ = ["attach_environment", "attachments", "is_own_environment"]

_PATH = "environment.json"
_PATCH = "code/uncommitted.patch"
_SOURCES = "code/untracked.zip"
_FRESH_SECONDS = 60.0


class _Environment:
    """What is known of this process, and the runs that wait for it."""

    def __init__(self) -> None:
        # re-entrant: a signal handler may begin a run while its thread does
        self.lock = threading.RLock()
        self.known: dict[str, tuple[float, tuple[Artifact, ...]]] = {}  # by home
        self.waiting: list[tuple[Workspace, str]] = []


_state = _Environment()


def attach_environment(workspace: Workspace, run_id: str) -> None:
    """See to it that the run gets its ``environment.json``: at once if the facts are known, else
    when they are.
    """
    if not workspace.settings["context"]:
        return
    with _state.lock:
        taken, artifacts = _state.known.get(str(workspace.home), (0.0, ()))
        if not artifacts or time.monotonic() - taken > _FRESH_SECONDS:
            is_under_way = any(other is workspace for other, _ in _state.waiting)
            _state.waiting.append((workspace, run_id))
            if not is_under_way and not defer(
                "the environment",
                lambda: _collect(workspace),
                limit=workspace.settings["exit_wait"],
            ):
                _state.waiting.pop()
            return
    workspace.writer.append(ArtifactsLogged(run_id, clock.now(), artifacts))


def _collect(workspace: Workspace) -> None:
    """Collect the facts, for all runs that wait for them by then."""
    artifacts: tuple[Artifact, ...] = ()
    try:
        facts = hooks().collect("collect_run_context", settings=workspace.shown_settings())
        artifacts = tuple(_put(workspace, path, data) for path, data in _files(facts))
    finally:
        with _state.lock:
            served = [run_id for other, run_id in _state.waiting if other is workspace]
            _state.waiting = [
                (other, run_id) for other, run_id in _state.waiting if other is not workspace
            ]
            if artifacts:
                _state.known[str(workspace.home)] = (time.monotonic(), artifacts)
    workspace.writer.append(*(ArtifactsLogged(run_id, clock.now(), artifacts) for run_id in served))


def _put(workspace: Workspace, path: str, data: bytes) -> Artifact:
    return Artifact(path, workspace.staging.put_bytes(data), len(data))


def _files(facts: Mapping[str, Any]) -> list[tuple[str, bytes]]:
    """Return what is kept of the facts, by path: the texts of the code in files of their own, which
    the facts then name; the facts have the user's seal.
    """
    from fitprint.recording.sealing import sealed  # the background's work

    git, texts = attachments(facts.get("git") or {})
    digests = {path: f"sha256:{hashlib.sha256(data).hexdigest()}" for path, data in texts.items()}
    about = sealed({**facts, "git": git} if git else facts, digests)
    return [(_PATH, media.json_bytes(about)), *texts.items()]


def is_own_environment(run: RunReader) -> bool:
    """Tell whether a program of this user's recorded what a run executed: its command and code."""
    from fitprint.recording.sealing import is_sealed

    digests = {
        artifact.path: artifact.digest
        for artifact in run.record.artifacts
        if artifact.path in (_PATCH, _SOURCES)
    }
    return is_sealed(run.environment, digests)


def attachments(git: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return facts on code as they are recorded, and the texts in them as files by path."""
    git = dict(git)
    files = {}
    for name, path, key in (("patch", _PATCH, "text"), ("sources", _SOURCES, "texts")):
        part = dict(git.get(name) or {})
        content = part.pop(key, None)
        if content:
            files[path] = (
                _bytes(content)
                if key == "text"
                else media.zip_bytes({name: _bytes(text) for name, text in content.items()})
            )
            git[name] = {"artifact": path, **part}
    return git, files


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _after_fork_in_child() -> None:
    global _state
    _state = _Environment()


at_fork(after_in_child=_after_fork_in_child)
