"""The verbs that compare runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fitprint.api import get_run
from fitprint.arguments import checked_truth, shown
from fitprint.errors import FitprintError
from fitprint.ids import short_id
from fitprint.recording.run import Run
from fitprint.recording.workspace import current
from fitprint.settings import working_folder
from fitprint.views.comparison import Comparison, Subject, compared
from fitprint.views.facts import PATCH, SOURCES

if TYPE_CHECKING:
    from fitprint.context.git import Repository
    from fitprint.views.difference import Difference, Sources

__all__ = ["compare", "diff"]

_MOST_BYTES = 64 << 20  # of an artifact that is read; an environment takes some kilobytes


def compare(
    runs: Iterable[Run | str],
    baseline: Run | str | None = None,
    all: bool = False,  # noqa: A002
) -> Comparison:
    """Return what differs among runs: metrics, parameters, tags, data, packages, environment and
    code.

    ``print`` shows it as a table; it has ``to_dict()``, which is what ``fitprint compare --json``
    prints, and ``to_pandas()``.

    Args:
        runs: two or more runs, each as a :class:`Run` or as what names one (see :func:`get_run`).
        baseline: the run with whose metrics the others are compared. By default it is the first of
            two runs, and none if there are more. It is put first if it is not among ``runs``.
        all: whether to include what is equal.

    Raises:
        RunNotFoundError, AmbiguousRunError: a text names no run, or several.
        FitprintError: these are fewer than two runs.
    """
    checked_truth(all, "all")
    if isinstance(runs, (str, Run, Mapping)) or not isinstance(runs, Iterable):
        raise FitprintError(f"the runs must be a list of two or more, not {shown(runs)}")
    found = {run.id: run for run in map(get_run, runs)}
    position = 0 if len(found) == 2 else None
    if baseline is not None:
        base = get_run(baseline)
        if base.id not in found:
            found = {base.id: base, **found}
        position = list(found).index(base.id)
    if len(found) < 2:
        what = (
            f"only {next(iter(found.values())).name} ({short_id(next(iter(found)))})"
            if found
            else "no run"
        )
        raise FitprintError(f"there is nothing to compare: {what} was given; name two or more runs")
    notes: list[str] = []
    return compared(_subjects(found.values(), notes), baseline=position, whole=all, notes=notes)


def diff(a: Run | str, b: Run | str, all: bool = False) -> Difference:  # noqa: A002
    """Return how run ``b`` differs from run ``a``: everything that :func:`compare` shows, and also
    the code line by line, packages and columns.

    The lines of code come from the two commits, if the git repository around the working directory
    or around the home has them, with the uncommitted changes that were recorded, and from recorded
    files that git does not track. Without the commits, the recorded changes alone are compared.
    ``print`` shows it; ``to_dict()`` is what ``fitprint diff --json`` prints.

    Args:
        a: the earlier run, or what names one (see :func:`get_run`).
        b: the run to compare with it.
        all: whether to include what is equal.

    Raises:
        RunNotFoundError, AmbiguousRunError: a text names no run, or several.
        FitprintError: both are the same run.
    """
    from fitprint.views.difference import differing

    checked_truth(all, "all")
    first, second = get_run(a), get_run(b)
    if first.id == second.id:
        raise FitprintError(
            f"there is nothing to compare: both are the run {first.name} ({short_id(first.id)}); "
            "name two runs"
        )
    notes: list[str] = []
    subjects = _subjects((first, second), notes)
    comparison = compared(subjects, baseline=0, whole=all, notes=notes)
    old, new = (
        _sources(run, subject, notes)
        for run, subject in zip((first, second), subjects, strict=True)
    )
    return differing(comparison, old, new, _repository([old.commit, new.commit]), notes)


def _repository(commits: list[str]) -> Repository | None:
    """Return the repository that has the commits: the one around the working directory, or that
    around the home.
    """
    from fitprint.context.git import GitError
    from fitprint.context.revisions import missing_commits, repository_around

    places = filter(None, (working_folder(), current().home.parent))
    found = list(
        {
            repository.root: repository
            for repository in map(repository_around, places)
            if repository is not None
        }.values()
    )
    for repository in found[1:]:
        try:
            if missing_commits(found[0], commits) and not missing_commits(repository, commits):
                return repository
        except GitError:
            break  # the first one says why
    return found[0] if found else None


def _subjects(runs: Iterable[Run], notes: list[str]) -> list[Subject]:
    """Return the runs with their environments; equal ones are read once."""
    known: dict[str, Mapping[str, Any] | None] = {}
    subjects = []
    unknown, lost = 0, False
    for run in runs:
        record = run.record
        artifact = next(
            (artifact for artifact in record.artifacts if artifact.path == "environment.json"), None
        )
        if artifact is not None and artifact.digest not in known:
            try:
                known[artifact.digest] = run.environment if artifact.size <= _MOST_BYTES else None
            except FitprintError:  # its bytes are elsewhere, or have changed
                known[artifact.digest] = None
            lost = lost or not known[artifact.digest]
        environment = None if artifact is None else known[artifact.digest] or None
        unknown += environment is None
        subjects.append(Subject(record, environment))
    if lost or 0 < unknown < len(subjects):
        notes.append(
            f"packages, environment and code of {unknown} of these {len(subjects)} runs are not "
            "known: they were not recorded (yet), or their bytes cannot be read"
        )
    return subjects


def _sources(run: Run, subject: Subject, notes: list[str]) -> Sources:
    from fitprint.views.difference import Sources

    texts: dict[str, bytes] = {}
    for artifact in subject.record.artifacts:
        if artifact.path not in (PATCH, SOURCES):
            continue
        try:
            if artifact.size <= _MOST_BYTES:
                texts[artifact.path] = run.read(artifact.path)
        except FitprintError as error:
            notes.append(f"{artifact.path} of {short_id(run.id)} cannot be read: {error}")
    return Sources(subject.environment, texts.get(PATCH, b""), texts.get(SOURCES, b""))
