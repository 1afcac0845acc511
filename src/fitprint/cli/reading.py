"""The store that commands read from, and the runs in it that their arguments name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fitprint.arguments import shown, suggested
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

__all__ = ["archived", "goals", "nothing_yet", "only_run", "run_named", "run_of", "store"]


def nothing_yet() -> str:
    """Return why there is nothing to read; "" if there is something.

    Unlike opening the store, asking makes no files.
    """
    workspace = current()
    if workspace.settings["store"] or workspace.home.exists():
        return ""
    return (
        f"no runs are recorded yet in {workspace.home}: call fitprint.autolog() in a script, "
        "or try `fitprint demo`"
    )


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
        tell(
            f"several runs are called {clean(name)!r}; this is the newest, "
            f"{short_id(found.record.id)}"
        )
    return run_of(found.record)


def run_of(record: RunRecord) -> Run:
    """Return the handle of a recorded run."""
    from fitprint.recording.run import Run  # a listing needs none

    return Run(current(), record.id, record=record)


def only_run(name: str) -> Run:
    """Return the run that an argument names, if no other has the same name: for what changes or
    removes it.
    """
    record = find_only(store(), name, current().settings["metric"])
    return run_of(record)


def archived(store: Store) -> str:
    """Return the names of the experiments in the archive that have runs."""
    return ", ".join(
        clean(each.name)
        for each in store.experiments()
        if each.archived_time is not None and each.run_count
    )


def goals(metric: Sequence[str] = ()) -> Goals:
    """Return the metrics by which runs are judged: these, else as the setting says and the
    experiments' tags.

    Raises:
        FitprintError: no run has any of these.
    """
    if metric:
        known = current().known_store().keys().metrics
        if not set(metric) & set(known):
            raise FitprintError(
                f"no run has a metric {shown(metric[0])} by which to judge "
                f"runs{suggested(metric[0], known)}"
            )
        return Goals(tuple(metric))
    return Goals.told(current().settings["metric"], current().known_store().experiments())
