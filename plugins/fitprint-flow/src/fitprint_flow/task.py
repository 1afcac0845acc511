"""A step on its way to where it is run, and what is done there."""

from __future__ import annotations

import os
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fitprint import clock, events
from fitprint.entities import Dataset
from fitprint.errors import FitprintError
from fitprint.hooks.manager import hooks
from fitprint.platform.users import host_name
from fitprint.recording import context
from fitprint.recording.opening import make_current, open_run, run_of
from fitprint.recording.token import RunToken
from fitprint_flow.code import CodeReader
from fitprint_flow.planning import DOCUMENT, FLOW, KEY, STEP, Key
from fitprint_flow.values import Document, digest_of, load

if TYPE_CHECKING:
    from fitprint.recording.run import Run
    from fitprint_flow.graph import Step
    from fitprint_flow.steps import Options

__all__ = ["Given", "Outcome", "Task", "here", "perform"]


@dataclass(frozen=True, slots=True)
class Given:
    """What a step returned that another takes: on which run it lies, and how."""

    run: str
    document: Document
    options: Options


@dataclass(frozen=True, slots=True)
class Task:
    """A step with all that it takes.

    Attributes:
        sender: the process that has the flow's run open.
        token: of the flow's run.
    """

    sender: tuple[str, int]
    token: str
    flow: str
    step: Step
    key: Key
    given: Mapping[str, Given]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a step: the id of its run, and how its result lies, or why there is none.

    Attributes:
        cause: what was raised, where the step ran in the process that asked for it.
    """

    run: str
    document: Document | None = None
    error: str = ""
    cause: BaseException | None = None


def here() -> tuple[str, int]:
    """Return what tells this process from all others."""
    return host_name(), os.getpid()


def perform(task: Task) -> Outcome:
    """Run a step on a run of its own, in whatever process this is."""
    with _below(task) as is_at_home:
        parent = context.current_run()
        tags = {FLOW: task.flow, STEP: task.step.name, KEY: task.key.digest}
        run = open_run(name=task.step.name, parent=parent, kind="step", tags=tags)
        make_current(run)
        try:
            with run:
                document = _record(task, run, is_at_home=is_at_home)
        except FitprintError as error:
            return Outcome(run.id, error=str(error), cause=error if is_at_home else None)
        except Exception as error:  # noqa: BLE001 - whatever a step raises, it failed
            told = traceback.format_exception_only(type(error), error)[-1].strip()
            return Outcome(run.id, error=told, cause=error if is_at_home else None)
        if not is_at_home:
            _share(run)
        return Outcome(run.id, document)


@contextmanager
def _below(task: Task) -> Iterator[bool]:
    """Let the flow's run be current; tell whether this is the process that opened it."""
    if task.sender == here():
        # in another thread of that process, too, and there alone
        before = context.enter_worker(run_of(RunToken.decode(task.token)))
        try:
            yield True
        finally:
            context.restore(before)
        return
    from fitprint.carriers.tasks import working_for

    with working_for(task.token):
        yield False


def _record(task: Task, run: Run, *, is_at_home: bool) -> Document:
    step = task.step
    given = [
        events.DatasetLogged(
            run.id,
            clock.now(),
            Dataset(name, "input", digest_of(each.document), {"from": f"runs:/{each.run}/output"}),
        )
        for name, each in task.given.items()
    ]
    if given:
        run.workspace.writer.append(*given)
    with tempfile.TemporaryDirectory(prefix="fitprint-step-") as folder:
        place = Path(folder)
        values = {
            name: load(each.document, run.workspace, each.run, place / str(number), each.options)
            for number, (name, each) in enumerate(task.given.items())
        }
        # another process has imported the code as it is now
        is_as_planned = is_at_home or _parts(task) == task.key.parts
        document = step.perform(run, values)
    inputs = task.key.parts["inputs"]  # of which files may have been edited meanwhile
    if is_as_planned and (not inputs or _parts(task).get("inputs") == inputs):
        # last of all: a run without it stands for nothing
        run.log_document(DOCUMENT, {"parts": task.key.parts, "output": document})
    else:
        hooks().problem(
            f"the code or an input of the step {step.name!r} was changed while the flow ran: its "
            "result is used now, and not again",
            "flow",
        )
    return document


def _parts(task: Task) -> Mapping[str, Mapping[str, str]]:
    """Return the parts of the key as they are here and now; {} where an input is gone."""
    outputs = {name: each.document for name, each in task.given.items()}
    try:
        return Key.of(task.step, CodeReader(), outputs).parts
    except (FitprintError, OSError):
        return {}


def _share(run: Run) -> None:
    """Bring what the step made to where the next one may run, on another machine."""
    try:
        if run.workspace.shares_bytes():
            run.workspace.sync()
            run.workspace.bring()
    except Exception as error:  # noqa: BLE001 - it is recorded, and is brought with the next chance
        hooks().problem(
            f"the result of the step {run.name} is not in the artifact store yet: {error}",
            "flow",
            error,
        )
