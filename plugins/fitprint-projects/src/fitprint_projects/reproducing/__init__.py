"""Running a recorded run again, and comparing what comes out."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import fitprint
from fitprint.context.code import describe_code
from fitprint.context.redaction import REDACTED
from fitprint.platform.users import host_name, user_name
from fitprint.recording.environment import attachments
from fitprint.recording.run import Run
from fitprint.recording.workspace import current
from fitprint.settings import working_folder
from fitprint.views.facts import part
from fitprint.views.wording import clean
from fitprint_projects.caching import CacheBusyError
from fitprint_projects.checkout import CodeMissingError, check_out
from fitprint_projects.environments.building import provide
from fitprint_projects.environments.wanted import UnbuildableError, other_packages, recorded
from fitprint_projects.git import copy_with
from fitprint_projects.reproducing.bringing import bring_data, bring_files
from fitprint_projects.reproducing.commands import (
    Folders,
    MissingWordsError,
    command_of,
    folders_of,
    variables_of,
)
from fitprint_projects.reproducing.conditions import usual_tolerance, what_differed
from fitprint_projects.reproducing.judging import Tolerance, judge
from fitprint_projects.reproducing.places import fresh_folder
from fitprint_projects.reproducing.predicting import predictions
from fitprint_projects.reproducing.reports import Item, Report, verdict_of
from fitprint_projects.reproducing.rerunning import (
    Ended,
    counterpart,
    find_runs,
    lineage,
    missing_file,
    opened_anew,
    pairs,
    rerun,
)
from fitprint_projects.trust import require_own_code

__all__ = ["Choices", "Rerun", "fresh_folder", "reproduce", "run_again"]

TAG = "reproduces"
REPORT = "reproduction.json"


@dataclass(frozen=True, slots=True)
class Choices:
    """How a run is to be run again.

    Attributes:
        environment: "recorded", the packages of then, or "current", those at hand.
        code: "recorded", that of then, or "current", that of the working directory's repository.
        given: secrets of the command that were not recorded, by name.
        bring: files and folders below the working directory that are copied into the fresh folder,
            such as data that git ignores.
        offline: whether no network is used: neither for the environment nor for the code.
        keep: whether the fresh folder stays.
        trust: whether a run that somebody else recorded is run.
    """

    environment: Literal["recorded", "current"] = "recorded"
    code: Literal["recorded", "current"] = "recorded"
    given: Mapping[str, str] = field(default_factory=dict)
    bring: Sequence[str] = ()
    offline: bool = False
    keep: bool = False
    trust: bool = False


@dataclass(frozen=True, slots=True)
class Rerun:
    """What came of running a run again.

    Attributes:
        run: the new one; None if the program recorded none that stands for the old one.
        ended: how the program ended.
        python: its interpreter.
        variables: its environment variables.
        root: the fresh folder with the code; gone unless it is kept.
        notes: what was otherwise than it was.
    """

    run: Run | None
    ended: Ended
    python: Path
    variables: Mapping[str, str]
    root: Path
    notes: tuple[str, ...]


def reproduce(
    run: Run,
    choices: Choices,
    tolerances: Mapping[str, float],
    tell: Callable[[str], None] = lambda _: None,
) -> Report:
    """Run a recorded run again in a fresh folder, and tell whether it came out the same.

    The new run has the tag ``reproduces`` with the id of the old one, and the report as the
    artifact ``reproduction.json``.

    Args:
        run: the recorded run.
        choices: how it is run again.
        tolerances: relative differences of metrics (or models) by name or pattern; else what is
            usual for the machines of both.
        tell: takes sentences on what is done.

    Raises:
        ProjectError: somebody else recorded it, and that is not trusted.
    """
    record = run.record
    if not (record.metrics or record.models or record.params or run.children()):
        return _impossible(run, ["the run has no parameter, metric or model: nothing to compare"])
    if run.record.end_time is None:
        return _impossible(run, ["the run has not ended yet: nothing to compare with"])
    with fresh_folder(choices.keep, tell) as folder:
        try:
            done = run_again(run, choices, folder, tell)
        except (CodeMissingError, UnbuildableError, CacheBusyError, MissingWordsError) as error:
            return _impossible(run, [str(error)])
        fails = done.run is None or (record.status, done.run.status) == ("FINISHED", "FAILED")
        if done.run is None or (fails and missing_file(done.ended, done.root)):
            return _impossible(run, [_why_none(done, choices)], done.notes)
        report = _compared(run, done.run, done, tolerances)
    done.run.log_dict(report.to_dict(), REPORT)
    return report


def _compared(then: Run, now: Run, done: Rerun, tolerances: Mapping[str, float]) -> Report:
    tops = lineage(then)[0], lineage(now)[0]
    different = what_differed(fitprint.compare(tops, all=True), *tops)
    usual, why = usual_tolerance(tops[0].environment, tops[1].environment)
    tolerance = Tolerance(usual, tolerances)
    items: list[Item] = []
    for title, old, new in pairs(then, now):
        if old is None or new is None:
            items.append(Item("run", title, "added" if old is None else "missing"))
        else:
            asked = partial(_predictions, old, new, done)
            found = judge(old, new, tolerance, different, asked, done.root)
            items += [replace(item, name=f"{title}{item.name}") for item in found]
    notes = [*done.notes]
    if done.ended.status:
        notes.append(f"the program ended with status {done.ended.status}")
    if any(item.section == "metrics" and item.outcome == "within" for item in items):
        notes.append(f"metrics may differ by {usual:g} relative on {why}")
    secret = [item.name for item in items if item.section == "params" and _is_secret(item)]
    if secret:
        notes.append(f"secrets were not recorded, and are not compared: {', '.join(secret[:8])}")
    return Report(
        verdict_of(items),
        then.record,
        now.record,
        tuple(items),
        tuple(different),
        notes=tuple(notes),
    )


def _is_secret(item: Item) -> bool:
    return any(REDACTED in value for value in (item.recorded, item.now) if isinstance(value, str))


def _predictions(
    then: Run, now: Run, done: Rerun, path: str
) -> tuple[Sequence[Any], Sequence[Any], str]:
    folder = Path(tempfile.gettempdir())
    return predictions(then, now, path, done.python, done.variables, folder)


def _impossible(run: Run, reasons: Sequence[str], notes: Sequence[str] = ()) -> Report:
    return Report("IMPOSSIBLE", run.record, reasons=tuple(reasons), notes=tuple(notes))


def _why_none(done: Rerun, choices: Choices) -> str:
    told = (
        f"the program ended with status {done.ended.status}"
        if done.ended.status
        else "the program ended well"
    )
    path = missing_file(done.ended, done.root)
    if path and not Path(path).is_absolute():
        brings = "; " if not choices.bring else ", too; "
        return (
            f"data: {path} is in neither the commit nor what was recorded beside it{brings}"
            f"--bring {path} takes it from the working directory"
        )
    if path:
        return f"data: {path} is not there ({told})"
    return f"{told}, and recorded no run that stands for this one; see what it said above"


def run_again(
    run: Run, choices: Choices, folder: Path, tell: Callable[[str], None] = lambda _: None
) -> Rerun:
    """Run a recorded run again in an empty folder.

    Args:
        run: the recorded run.
        choices: how.
        folder: that is filled with its code.
        tell: takes sentences on what is done.

    Raises:
        CodeMissingError: its code cannot be brought back.
        UnbuildableError, CacheBusyError: its environment cannot be built.
        ProjectError: somebody else recorded it, and that is not trusted.
        FitprintError: a path to bring leads elsewhere, or its command was not recorded.
        MissingWordsError: its command has secrets that nobody gave.
    """
    line = lineage(run)
    environment = line[0].environment
    if not environment:
        raise CodeMissingError(
            "its command, code and packages were not recorded (the setting context was off, or "
            "it comes from another program)"
        )
    if not choices.trust:
        require_own_code(line[0])
    root = folder / "code"
    notes = _bring_code(line[0], environment, root, choices)
    folders = folders_of(environment, root)
    notes += [folders.note] if folders.note else []
    notes += bring_files(choices.bring, folders)
    notes += bring_data(line[0], folders)
    python = _python(environment, choices, tell, notes)
    command = command_of(environment, folders, python, choices.given)
    variables = variables_of(environment, os.environ)
    tell(_announced(environment, folders))
    opened = opened_anew(line[0])
    ended = rerun(command, folders.work, variables, run, python, opened)
    new = find_runs(ended, line[0].record) if opened is None else [opened]
    for each in new:
        each.set_tag(TAG, line[0].id)
    found = counterpart(line, new)
    if found is not None:
        found.set_tag(TAG, run.id)
        found.refresh()
    return Rerun(found, ended, python, variables, folders.root, tuple(notes))


def _announced(environment: Mapping[str, Any], folders: Folders) -> str:
    """Say what is about to run, and whose it is if somebody else recorded it."""
    process = part(environment, "process")
    author = [str(process.get(name)) for name in ("user", "host")]
    of = "" if author == [user_name(), host_name()] else f", of {'@'.join(author)}"
    words = shlex.join(str(word) for word in process.get("command") or ())
    return clean(f"running {words[:400]}{of}, again in {folders.work}")


def _bring_code(
    run: Run, environment: Mapping[str, Any], root: Path, choices: Choices
) -> list[str]:
    root.mkdir()
    folder = working_folder()
    places = [place for place in (folder, current().home.parent) if place is not None]
    git = part(environment, "git")
    if choices.code == "recorded":
        return check_out(git, run.read, root, places, None if choices.offline else copy_with)
    if folder is None:
        raise CodeMissingError("the working directory is gone")
    now = describe_code(None if git.get("repository") else _script(git, folder))
    facts, texts = attachments(now)
    return check_out(facts, texts.__getitem__, root, places)


def _script(git: Mapping[str, Any], folder: Path) -> Path:
    return folder / str(part(git, "script").get("path") or "")


def _python(
    environment: Mapping[str, Any],
    choices: Choices,
    tell: Callable[[str], None],
    notes: list[str],
) -> Path:
    """Return the interpreter of the environment that is wanted."""
    here = Path(sys.executable)
    if choices.environment == "current":
        return here
    others = other_packages(environment)
    if not others:
        return here  # it is what the run had
    built = provide(recorded(environment), offline=choices.offline, tell=tell)
    notes.append(
        f"environment built as it was: here {others[0]}"
        + (f" and {len(others) - 1} more" if len(others) > 1 else "")
    )
    return built.python
