"""The store that commands read from, and the runs in it that their arguments name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fitprint.cli.terminal import tell
from fitprint.entities import RunRecord
from fitprint.errors import FitprintError
from fitprint.ids import short_id
from fitprint.recording.workspace import current
from fitprint.views.finding import find_only, find_run
from fitprint.views.ranking import Goals
from fitprint.views.wording import clean

if TYPE_CHECKING:
    from fitprint.recording.run import Run
    from fitprint.stores.protocol import Store

__all__ = ["archived", "goals", "nothing_yet", "only_run", "run_named", "store"]


def nothing_yet() -> str:
    """Return why there is nothing to read; "" if there is something. Unlike opening the store, asking makes no files."""
    workspace = current()
    if workspace.settings["store"] or workspace.home.exists():
        return ""
    return f"no runs are recorded yet in {workspace.home}: call fitprint.autolog() in a script, or try `fitprint demo`"


def store() -> Store:
    """Return the store, with everything delivered that was recorded so far.

    Raises:
        FitprintError: it cannot be opened, or there is none yet.
    """
    if nothing := nothing_yet():
        raise FitprintError(nothing)
    return current().store


def run_named(name: str) -> Run:
    """Return the run that an argument names; where older ones have the same name, say so."""
    found = find_run(store(), name, current().settings["metric"])
    if found.namesakes:
        tell(f"several runs are called {clean(name)!r}; this is the newest, {short_id(found.record.id)}")
    return _run(found.record)


def _run(record: RunRecord) -> Run:
    from fitprint.recording.run import Run  # a listing needs none

    return Run(current(), record.id, record=record)


def only_run(name: str) -> Run:
    """Return the run that an argument names, if no other has the same name: for what changes or removes it."""
    record = find_only(store(), name, current().settings["metric"])
    return _run(record)


def archived(store: Store) -> str:
    """Return the names of the experiments in the archive that have runs."""
    return ", ".join(clean(each.name) for each in store.experiments() if each.archived_time is not None and each.run_count)


def goals() -> Goals:
    """Return the metrics by which runs are judged, as the setting says and the experiments' tags."""
    return Goals.told(current().settings["metric"], current().known_store().experiments())
