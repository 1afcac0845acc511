"""A project run once for each combination of values: one parent, and a child for each."""

from __future__ import annotations

import argparse
import itertools
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal, InvalidOperation
from typing import Any

import fitprint
from fitprint.cli.terminal import tell
from fitprint.context.secrecy import withheld
from fitprint.context.secret_shapes import REDACTED
from fitprint.errors import ArtifactNotFoundError, FitprintError
from fitprint.ids import short_id
from fitprint.recording.opening import open_run
from fitprint.recording.run import Run
from fitprint_projects.errors import ProjectError
from fitprint_projects.parameters import assigned
from fitprint_projects.running import Outcome, Plan, prepare_process

__all__ = ["points", "run_matrix", "values_of"]

_MOST = 10_000
_DOCUMENT = "matrix.json"
_TAG = "project.point"


def values_of(text: str) -> list[str]:
    """Return the values that ``a,b,c`` or ``FIRST:LAST[:STEP]`` stands for; the last is among them.

    Raises:
        ProjectError: there are none, or too many.
    """
    parts = text.split(":")
    if "," not in text and len(parts) in (2, 3):
        try:
            first, last, step = (Decimal(each) for each in (*parts, "1")[:3])
            count = int((last - first) / step) + 1
        except (InvalidOperation, ZeroDivisionError, ValueError, OverflowError):
            raise ProjectError(
                f"{text!r:.100} is no range of numbers; write FIRST:LAST or FIRST:LAST:STEP"
            ) from None
        if not 0 < count <= _MOST:
            raise ProjectError(f"the range {text!r:.100} has {max(count, 0)} values")
        return [str(first + step * number) for number in range(count)]
    found = text.split(",")
    if len(set(found)) != len(found):
        raise ProjectError(f"{text!r:.100} has a value twice")
    return found


def points(axes: Mapping[str, Sequence[str]]) -> Iterator[dict[str, str]]:
    """Yield all combinations of values."""
    for values in itertools.product(*axes.values()):
        yield dict(zip(axes, values, strict=True))


def run_matrix(plan: Plan, given: Mapping[str, str], arguments: argparse.Namespace) -> int:
    """Run all combinations that have not finished; return 0 if all have, else 1.

    Raises:
        ProjectError: a value is wrong; nothing was started.
    """
    axes = {name: values_of(text) for name, text in assigned(arguments.matrix, "--matrix").items()}
    before: Run | None = None
    if arguments.resume:
        before = fitprint.get_run(arguments.resume)
        axes, given = _resumed(before, axes, given)
    if set(axes) & set(given):
        raise ProjectError(f"{', '.join(set(axes) & set(given))}: give it by -P or by --matrix")
    if secret := [
        name
        for name, values in axes.items()
        if any(withheld(name, value) != value for value in values)
    ]:
        raise ProjectError(
            f"the values of {', '.join(secret)} are secret, and a matrix is recorded; run the "
            "project once for each, with -P"
        )
    count = 1
    for values in axes.values():
        count *= len(values)
    if count > _MOST:
        raise ProjectError(f"there are {count} combinations; give at most {_MOST}")
    wanted = [{**given, **point} for point in points(axes)]
    templates = [plan.template(plan.arguments(each)) for each in wanted]  # all are checked first
    done = _finished(before) if before is not None else {}
    left = [each for each in wanted if _key(each) not in done]
    if arguments.dry_run:
        for each in wanted:
            state = "finished" if _key(each) in done else "to run"
            print(f"{state}  {' '.join(f'{name}={value}' for name, value in _told(each).items())}")
        return 0
    prepare_process(takes_over=all(map(plan.interpreter.takes_over, templates)))
    parent = open_run(
        name=arguments.name or None,
        experiment=plan.wish.experiment or None,
        tags={"project": plan.source.shown, "project.entry": plan.entry.name},
        run_id=None if before is None else before.id,
    )
    if before is None:
        parent.log_dict({"version": 1, "matrix": axes, "parameters": _told(given)}, _DOCUMENT)
    tell(f"{len(left)} of {len(wanted)} combinations to run, below run {parent.name}")
    try:
        outcomes = _executed(plan, left, parent, arguments.jobs)
    except BaseException:
        parent.end("KILLED")
        tell(f"go on with: the same command and --resume {short_id(parent.id)}")
        raise
    failed = [each for each in outcomes if each is None or each.status]
    parent.end("FAILED" if failed else "FINISHED")
    if arguments.json:
        ended = {each.run: each.status for each in outcomes if each is not None}
        print(json.dumps({"run": parent.id, "name": parent.name, "children": ended}))
    tell(
        f"{len(wanted) - len(failed)} of {len(wanted)} finished"
        + (f"; go on with --resume {short_id(parent.id)}" if failed else "")
    )
    return 1 if failed else 0


def _executed(
    plan: Plan, wanted: Sequence[Mapping[str, str]], parent: Run, jobs: int
) -> list[Outcome | None]:
    """Run all, so many at once; an interrupt ends those that are under way, and begins no more."""
    handles: set[Any] = set()
    stopped = threading.Event()

    def execute(given: Mapping[str, str]) -> Outcome | None:
        if stopped.is_set():
            return None
        handle: Any = None

        def watch(found: Any) -> None:
            nonlocal handle
            handle = found
            handles.add(found)
            if stopped.is_set():
                plan.runner.cancel(found)

        try:
            return plan.execute(given, parent=parent, tags={_TAG: _key(given)}, watch=watch)
        except FitprintError as error:
            tell(str(error))
            return None
        finally:
            handles.discard(handle)

    with ThreadPoolExecutor(jobs, thread_name_prefix="fitprint-project") as pool:
        try:
            return list(pool.map(execute, wanted))
        except BaseException:
            stopped.set()
            under_way = list(handles)
            with ThreadPoolExecutor(len(under_way) or 1) as ending:  # each may take seconds
                list(ending.map(plan.runner.cancel, under_way))
            raise


def _key(given: Mapping[str, str]) -> str:
    return json.dumps(_told(given), sort_keys=True, ensure_ascii=False)


def _told(given: Mapping[str, str]) -> dict[str, str]:
    """Return parameters without secrets."""
    return {name: withheld(name, value) for name, value in given.items()}


def _resumed(
    run: Run, axes: Mapping[str, Sequence[str]], given: Mapping[str, str]
) -> tuple[dict[str, list[str]], Mapping[str, str]]:
    """Return the combinations of a run, and the other parameters.

    Raises:
        ProjectError: it has none, or others than were given.
    """
    try:
        said = json.loads(run.read(_DOCUMENT))
    except ArtifactNotFoundError:
        raise ProjectError(f"the run {run.name} has no matrix to go on with") from None
    if (axes and axes != said["matrix"]) or (given and _told(given) != said["parameters"]):
        raise ProjectError(
            f"the run {run.name} had another matrix or other parameters; leave them out, or begin "
            "anew without --resume"
        )
    lost = [name for name, text in said["parameters"].items() if REDACTED in text]
    if lost and not given:
        raise ProjectError(
            f"the values of {', '.join(lost)} were secret, and are not recorded; give all "
            "parameters by -P again"
        )
    return said["matrix"], given or said["parameters"]


def _finished(run: Run) -> dict[str, str]:
    """Return the finished children of a run by their combination."""
    found = fitprint.search_runs(
        filter_string=f"parent_id = '{run.id}' and status = 'FINISHED'", max_results=2 * _MOST
    )
    return {each.tags[_TAG]: each.id for each in found if _TAG in each.tags}
