"""Opening runs: new ones, those that go on, and those that another process has open; and ending
them with the program.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from fitprint import clock, events
from fitprint.arguments import checked_items, checked_text
from fitprint.errors import FitprintError, StoreError
from fitprint.hooks.manager import hooks
from fitprint.ids import new_id, new_name, short_id
from fitprint.recording.context import attach_with, enter_run
from fitprint.recording.run import Run
from fitprint.recording.token import RunToken
from fitprint.recording.workspace import Workspace, current

__all__ = ["attached_run", "make_current", "open_run", "run_of"]


def open_run(
    *,
    name: str | None = None,
    experiment: str | None = None,
    parent: Run | None = None,
    kind: str = "user",
    tags: Mapping[str, Any] | None = None,
    run_id: str | None = None,
    workspace: Workspace | None = None,
    at: int | None = None,
) -> Run:
    """Begin a run, or go on with the run ``run_id``, without making it current.

    Raises:
        RunNotFoundError: there is no run ``run_id``.
        FitprintError: an argument is of the wrong type, or the run ``run_id`` is in the trash.
    """
    for value, what in ((name, "a run's name"), (experiment, "an experiment's name")):
        if value is not None:
            checked_text(value, what, empty=True)
    if tags is not None:
        checked_items(tags, "tags={'team': 'a'}")
    workspace = workspace or current()
    run = Run(workspace, run_id or new_id())
    started = clock.now() if at is None else at
    if run_id is None:
        belongs = (
            experiment
            or (_experiment_of(parent) if parent is not None else "")
            or workspace.settings["experiment"]
        )
        parent_id = None if parent is None else parent.id
        run.start(
            events.RunStarted(run.id, started, belongs, name or new_name(), parent_id, kind),
            is_now=at is None,
        )
    else:
        record = workspace.store.run(run_id)
        if record.deleted_time is not None:
            raise FitprintError(
                f"the run {record.name} is in the trash; take it out first: fitprint restore "
                f"{short_id(run_id)}"
            )
        # a clock that went back must not hide this life
        started = max(started, record.end_time or 0, record.last_time)
        run.start(
            events.RunStarted(
                run.id,
                started,
                record.experiment,
                record.name,
                record.parent_id,
                record.kind,
                resumed=True,
            )
        )
    if tags:
        run.set_tags(tags)
    return run


def _experiment_of(parent: Run) -> str:
    """Return the experiment of a run that another process may have opened; "" where that cannot be
    told, which is told.
    """
    try:
        return parent.experiment
    except StoreError as error:
        hooks().problem(
            f"the experiment of the run {parent.id} is not known here: {error}", "store"
        )
        return ""


def attached_run(run_id: str, workspace: Workspace | None = None) -> Run:
    """Return a handle that logs to a run which another process has open, and which that process
    ends.
    """
    return Run(workspace or current(), run_id).attach("")


_stand_ins: dict[str, Run] = {}


def run_of(token: RunToken) -> Run:
    """Return a handle that logs to the run of a token. Where this process cannot record on that
    run, it is one of its own, below it, and that is told.
    """
    # children of this process do a part of the work
    whole = os.environ.pop("FITPRINT_WHOLE", "") == token.run and not token.elsewhere
    attached = Run(current(), token.run).attach(token.experiment, whole=whole)
    if not token.elsewhere:
        return attached
    run = _stand_ins.get(token.run)
    if run is None or not run.is_open:
        run = open_run(
            experiment=token.experiment or current().settings["experiment"], parent=attached
        )
        _stand_ins[token.run] = run
        run.end_with_program()
        hooks().problem(
            f"the run {token.run} cannot be continued from here: {token.elsewhere}; this "
            f"process records to {run.workspace.home} instead, on the run {run.name} below it: "
            "bring them together with `fitprint export` and `fitprint import`, or let both use a "
            "store that both can reach",
            "carriers",
        )
    return run


attach_with(run_of)


def make_current(run: Run, *, ends_with_program: bool = True) -> None:
    """Make an open run current here, and see to it that it ends with the program at the latest."""
    enter_run(run)
    if ends_with_program:
        run.end_with_program()
