"""Profiles of a run's data: a sample is taken while the training waits, the rest is done in the background."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fitprint.artifacts.paths import file_name
from fitprint.data.buffers import quiet
from fitprint.data.description import Description
from fitprint.data.profiles import profile
from fitprint.data.sampling import Sample, sample
from fitprint.recording.deferred import defer

if TYPE_CHECKING:
    from fitprint.recording.run import Run

__all__ = ["profile_path", "record_profile"]

_MOST_KNOWN = 16
_known: dict[tuple[Any, ...], str] = {}  # texts of profiles: many trainings in a row learn from the same data


def profile_path(name: str, role: str) -> str:
    """Return the path of the artifact that holds the profile of a data set."""
    return f"profiles/{file_name(role) or '_'}/{file_name(name) or '_'}.json"


def record_profile(run: Run, description: Description, name: str, role: str) -> None:
    """Take a sample of data, and let its profile be recorded on the run in the background.

    Nothing is recorded where that is switched off, of kinds of data of which no sample can be taken, and while too much waits.
    """
    if run.workspace.settings["profile"] == "off":
        return
    key = _key(run, description)
    text = None if key is None else _known.get(key)
    taken = None
    if text is None:
        with quiet():
            taken = sample(description)
    path, limit = profile_path(name, role), run.workspace.settings["exit_wait"]
    if taken is not None:
        defer(f"the profile of {name!r}", lambda: run.log_text(_text_of(run, key, taken), path), limit=limit)
    elif text is not None:
        defer(f"the profile of {name!r}", lambda: run.log_text(text, path), limit=limit)


def _key(run: Run, description: Description) -> tuple[Any, ...] | None:
    """Return what says that data are the same as others; None unless that has been found out already, for the whole of them."""
    digest, coverage = vars(description).get("digest", ("", ""))
    settings = run.workspace.settings
    return (digest, settings["profile"], *settings["profile_values"]) if coverage == "all" else None


def _text_of(run: Run, key: tuple[Any, ...] | None, taken: Sample) -> str:
    settings = run.workspace.settings
    with quiet():
        found = profile(taken, values=settings["profile"] == "full", readable=settings["profile_values"])
    text = json.dumps(found, separators=(",", ":"), allow_nan=False)
    if key is not None:
        while len(_known) >= _MOST_KNOWN:
            _known.pop(next(iter(_known)), None)
        _known[key] = text
    return text
