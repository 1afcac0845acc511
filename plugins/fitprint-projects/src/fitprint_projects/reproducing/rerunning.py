"""A recorded command, run again: the process, and the runs that it recorded."""

from __future__ import annotations

import collections
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import fitprint
from fitprint import clock
from fitprint.carriers.environment import CARRIER
from fitprint.entities import RunRecord
from fitprint.errors import FitprintError
from fitprint.platform.users import host_name
from fitprint.recording.opening import open_run
from fitprint.recording.run import Run
from fitprint.views.facts import part
from fitprint_projects.running import DOCUMENT, prepare_process

__all__ = [
    "Ended",
    "counterpart",
    "find_runs",
    "lineage",
    "missing_file",
    "opened_anew",
    "pairs",
    "rerun",
]

_KEPT = 200  # lines at the end of what the program says
_MOST_RUNS = 1000
_KILL: int = getattr(signal, "SIGKILL", signal.SIGTERM)
_GRACE = 10.0  # seconds that a program which is asked to end has for it
_REST = 2.0  # seconds for what is still in the pipe
_MISSING = re.compile(
    r"(?:No such file or directory:|there is no file and no folder) '([^'\n]{1,400})'"
)


class Ended:
    """How the program ended.

    Attributes:
        status: its exit status; minus the signal that ended it.
        pid: of its process.
        began: time of its start.
        last_lines: the end of what it wrote to standard error.
    """

    def __init__(self, status: int, pid: int, began: int, last_lines: Sequence[str]) -> None:
        self.status, self.pid, self.began, self.last_lines = status, pid, began, last_lines


def rerun(
    command: Sequence[str],
    folder: Path,
    variables: Mapping[str, str],
    run: Run,
    python: Path,
    new: Run | None = None,
) -> Ended:
    """Run a command and wait for its end; what it prints goes to standard error.

    Its runs go to the store of ``run``. An interrupt ends it, too.

    Args:
        command: the words.
        folder: the working directory.
        variables: environment variables.
        run: the recorded run.
        python: the interpreter.
        new: an open run whose work the program does, and which ends with it.
    """
    own = ("FITPRINT_RUN", "FITPRINT_WHOLE")
    given = {name: value for name, value in variables.items() if name not in own}
    if new is not None:
        given |= new.environ(whole=True)
    else:
        carried = CARRIER.variables(run)
        given |= {name: text for name, text in carried.items() if name not in own}
    given["PATH"] = os.pathsep.join(filter(None, (str(python.parent), variables.get("PATH"))))
    if (python.parent.parent / "pyvenv.cfg").is_file():
        given["VIRTUAL_ENV"] = str(python.parent.parent)
    else:
        given.pop("VIRTUAL_ENV", None)
    began = clock.now()
    sys.stderr.flush()
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=given,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = f"the recorded command cannot be started: {error}"
        if new is not None:
            new.end("FAILED", error=reason)
        raise FitprintError(reason) from error
    last: collections.deque[str] = collections.deque(maxlen=_KEPT)
    reader = threading.Thread(
        target=_pass_on, args=(process, last), name="fitprint-output", daemon=True
    )
    reader.start()
    try:
        status = process.wait()
    except BaseException:
        _end(process)
        if new is not None:
            new.end("KILLED")
        raise
    _signal(process, signal.SIGTERM)  # what it has left running works in a folder that is removed
    reader.join(_REST)  # what the program has left running may hold its output open
    if new is not None:
        told = f"the command ended with exit status {status}"
        new.end("FAILED" if status else "FINISHED", error=told if status else None)
    return Ended(status, process.pid, began, tuple(last))


def opened_anew(run: Run) -> Run | None:
    """Return an open run like one of a project (``fitprint run``), with its parameters; None if
    the run was opened by its program.
    """
    if all(artifact.path != DOCUMENT for artifact in run.artifacts):
        return None
    record = run.record
    try:
        about = json.loads(run.read(DOCUMENT))
        params = {key: record.params[key] for key in about["parameters"] if key in record.params}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FitprintError(f"{DOCUMENT} of the run {run.name} is damaged: {error!r}") from error
    prepare_process(takes_over=True)
    new = open_run(
        name=record.name,
        experiment=record.experiment,
        tags={key: text for key, text in record.tags.items() if key.startswith("project")},
    )
    values = run.params
    new.log_params(
        {key: values[key] for key in params},
        defaults=[key for key, param in params.items() if param.provenance == "default"],
    )
    new.log_dict(about, DOCUMENT)
    return new


def _pass_on(process: subprocess.Popen[bytes], last: collections.deque[str]) -> None:
    """Write what a program prints to standard error, and keep its end."""
    assert process.stdout is not None
    with process.stdout:
        while line := process.stdout.readline(1 << 16):
            text = line.decode("utf-8", "replace")
            last.append(text)
            # The program must not wait for a reader who has gone away.
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(text)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program and what it has started, at once if the user asks again."""
    _signal(process, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
        process.wait(_GRACE)
    _signal(process, _KILL)
    process.wait(_GRACE)


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to the group of a program, which may outlive it."""
    try:
        os.killpg(process.pid, number)
    except AttributeError:  # there are no groups here
        process.terminate()
    except OSError:
        pass  # all have ended


def missing_file(ended: Ended, root: Path) -> str:
    """Return the path of a file that the program did not find, as seen from the fresh folder where
    it lies there; "" if it did not say so.
    """
    for line in reversed(ended.last_lines):
        found = _MISSING.search(line)
        if found is not None:
            return found[1].removeprefix(f"{root}{os.sep}")
    return ""


def find_runs(ended: Ended, original: RunRecord) -> list[Run]:
    """Return the runs that the program recorded, those below others left out, oldest first."""
    found = fitprint.search_runs(max_results=_MOST_RUNS)
    recent = [
        run for run in found if run.record.start_time >= ended.began and run.id != original.id
    ]
    recent.sort(key=lambda run: run.record.start_time)
    own = [run for run in recent if _is_of(run, "pid", ended)]
    return own or [run for run in recent if _is_of(run, "parent_pid", ended)]


def _is_of(run: Run, name: str, ended: Ended) -> bool:
    process = part(run.environment, "process")
    return process.get(name) == ended.pid and process.get("host") == host_name()


def lineage(run: Run) -> list[Run]:
    """Return the run and those above it, the topmost first."""
    found = [run]
    while found[0].parent_id is not None:
        found.insert(0, fitprint.get_run(found[0].parent_id))
    return found


def counterpart(line: Sequence[Run], new: Sequence[Run]) -> Run | None:
    """Return the run of the reproduction that stands for the last of a line of runs.

    Args:
        line: the recorded run and those above it, the topmost first.
        new: the topmost runs of the reproduction, oldest first.
    """
    candidates = list(new)
    siblings = list(_beside(line[0]))
    for depth, old in enumerate(line):
        if not candidates:
            return None
        place = next((at for at, each in enumerate(siblings) if each.id == old.id), 0)
        scores = [
            (*_likeness(old.record, each.record), -abs(at - place))
            for at, each in enumerate(candidates)
        ]
        best = candidates[max(range(len(candidates)), key=scores.__getitem__)]
        if depth == len(line) - 1:
            return best
        siblings, candidates = list(old.children()), list(best.children())
    return None


def pairs(then: Run, now: Run, title: str = "") -> Iterator[tuple[str, Run | None, Run | None]]:
    """Yield two runs and those below them, each with the one that stands for it, and where they
    lie; None where there is none.

    Runs below another are matched by their parameters, whichever was first, and else by their
    order.
    """
    yield title, then, now
    old, new = then.children(), now.children()
    unmatched: dict[str, list[Run]] = {}
    for each in new:
        unmatched.setdefault(_shape(each.record), []).append(each)
    matched = {run.id: found.pop(0) for run in old if (found := unmatched.get(_shape(run.record)))}
    left = [each for each in new if each not in matched.values()]
    for run in old:
        other = matched.get(run.id) or (left.pop(0) if left else None)
        place = f"{title}{run.name} / "
        if other is None:
            yield place, run, None
        else:
            yield from pairs(run, other, place)
    for run in left:
        yield f"{title}{run.name} / ", None, run


def _shape(record: RunRecord) -> str:
    return repr(
        (record.kind, sorted((key, repr(each.value)) for key, each in record.params.items()))
    )


def _beside(run: Run) -> Iterator[Run]:
    """Yield the topmost runs of the same process, oldest first, by the environment that they
    share.
    """
    digest = _environment_of(run.record)
    found = fitprint.search_runs(run.experiment, max_results=_MOST_RUNS)
    for each in sorted(found, key=lambda each: each.record.start_time):
        if each.id == run.id or (digest and _environment_of(each.record) == digest):
            yield each


def _environment_of(record: RunRecord) -> str:
    return next((each.digest for each in record.artifacts if each.path == "environment.json"), "")


def _likeness(old: RunRecord, new: RunRecord) -> tuple[Any, ...]:
    params = [key for key in old.params if key in new.params]
    return (
        old.kind == new.kind,
        {model.flavor for model in old.models} == {model.flavor for model in new.models},
        len(params) - len(old.params.keys() ^ new.params.keys()),
        sum(old.params[key].value == new.params[key].value for key in params),
        len({each.digest for each in old.datasets} & {each.digest for each in new.datasets}),
        old.metrics.keys() == new.metrics.keys(),
    )
