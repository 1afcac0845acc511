"""Profiles of a run's data: a sample is taken while the training waits, the rest is done in the
background.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from fitprint import clock
from fitprint.arguments import checked_text
from fitprint.artifacts.paths import file_name
from fitprint.data.buffers import quiet
from fitprint.data.description import Description
from fitprint.data.profiles import profile
from fitprint.data.sampling import Sample, sample
from fitprint.entities import Artifact
from fitprint.events import ArtifactsLogged
from fitprint.recording.deferred import defer

if TYPE_CHECKING:
    from fitprint.recording.files import RunFiles

__all__ = ["profile_path", "record_profile"]

_MOST_KNOWN = 16
# bytes of an array of which a digest is taken to know whether it is the same as before
_SMALL = 1 << 16
# digests and sizes of profiles: many trainings in a row learn from the same data
_known: dict[tuple[Any, ...], tuple[str, int]] = {}


def profile_path(name: str, role: str) -> str:
    """Return the path of the artifact that holds the profile of a data set.

    Raises:
        FitprintError: name or role is no text.
    """
    checked_text(name, "the name of a data set", empty=True)
    checked_text(role, "the role of a data set", empty=True)
    return f"profiles/{file_name(role) or '_'}/{file_name(name) or '_'}.json"


def record_profile(
    run: RunFiles, description: Description, name: str, role: str
) -> list[ArtifactsLogged]:
    """Return the event of a profile that is known; else take a sample, and let its profile be
    recorded on the run in the background.

    Nothing is recorded where that is switched off, of kinds of data of which no sample can be
    taken, and while too much waits.
    """
    if run.workspace.settings["profile"] == "off":
        return []
    path, workspace = profile_path(name, role), run.workspace
    with quiet():
        key = _key(run, description)
        known = None if key is None else _known.get(key)
        if known is not None and known[0] in workspace.staging:
            return [ArtifactsLogged(run.id, clock.now(), (Artifact(path, *known),))]
        taken = sample(description)
    if taken is not None:
        defer(
            f"the profile of {name!r}",
            lambda: _record(run, key, taken, path),
            limit=workspace.settings["exit_wait"],
        )
    return []


def _key(run: RunFiles, description: Description) -> tuple[Any, ...] | None:
    """Return what says that data are the same as others; None where that would take long to find
    out, or was for a part of them only.
    """
    data = description.data
    is_plain = (
        type(data).__module__ == "numpy"
        and type(data).__name__ == "ndarray"
        and data.dtype.kind in "biufc"
    )
    digest, coverage = (
        description.digest
        if is_plain and data.nbytes <= _SMALL
        else vars(description).get("digest", ("", ""))
    )
    settings = run.workspace.settings
    return (
        (run.workspace.home, digest, settings["profile"], *settings["profile_values"])
        if coverage == "all"
        else None
    )


def _record(run: RunFiles, key: tuple[Any, ...] | None, taken: Sample, path: str) -> None:
    settings = run.workspace.settings
    with quiet():
        found = profile(
            taken, values=settings["profile"] == "full", readable=settings["profile_values"]
        )
    text = json.dumps(found, separators=(",", ":"), allow_nan=False)
    run.log_text(text, path)
    if key is not None:
        while len(_known) >= _MOST_KNOWN:
            _known.pop(next(iter(_known)), None)
        _known[key] = (f"sha256:{hashlib.sha256(text.encode()).hexdigest()}", len(text))
