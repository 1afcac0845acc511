"""Profiles of a run's data: a sample is taken while the training waits, the rest is done in the background."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fitprint.artifacts.paths import file_name
from fitprint.data.buffers import quiet
from fitprint.data.description import Description
from fitprint.data.profiles import profile
from fitprint.data.sampling import Sample, sample
from fitprint.recording.deferred import defer

if TYPE_CHECKING:
    from fitprint.recording.run import Run

__all__ = ["profile_path", "record_profile"]


def profile_path(name: str, role: str) -> str:
    """Return the path of the artifact that holds the profile of a data set."""
    return f"profiles/{file_name(role) or '_'}/{file_name(name) or '_'}.json"


def record_profile(run: Run, description: Description, name: str, role: str) -> None:
    """Take a sample of data, and let its profile be recorded on the run in the background.

    Nothing is recorded where that is switched off, of kinds of data of which no sample can be taken, and while too much waits.
    """
    if run.workspace.settings["profile"] == "off":
        return
    with quiet():
        taken = sample(description)
    if taken is not None:
        path, limit = profile_path(name, role), run.workspace.settings["exit_wait"]
        defer(f"the profile of {name!r}", lambda: _record(run, taken, path), limit=limit)


def _record(run: Run, taken: Sample, path: str) -> None:
    settings = run.workspace.settings
    with quiet():
        found = profile(taken, values=settings["profile"] == "full", readable=settings["profile_values"])
    run.log_text(json.dumps(found, separators=(",", ":"), allow_nan=False), path)
