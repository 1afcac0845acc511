"""What a run is compared with: a run, a registered version, a bundle, or what a commit gave."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fitprint.api import get_run
from fitprint.arguments import shown
from fitprint.bundles import read_runs
from fitprint.context.git import GitError
from fitprint.context.revisions import repository_around
from fitprint.entities import RunRecord
from fitprint.errors import FitprintError, RunNotFoundError
from fitprint.ids import short_id
from fitprint.query.expressions import And, Comparison, Field, Query
from fitprint.query.grammar import parse
from fitprint.recording.model_uris import SCHEME
from fitprint.recording.run import Run
from fitprint.recording.versions import ModelVersion, get_model_version
from fitprint.recording.workspace import current
from fitprint.settings import working_folder
from fitprint.stores.paging import every_run
from fitprint.views.gates import Baseline

__all__ = ["baseline_of"]

_GIT = "git:"
_MOST_RUNS = 2000  # whose commits are looked at
_MOST_BYTES = 1 << 20  # of what is read of a run's environment


def baseline_of(asked: Any, experiment: str) -> Baseline:
    """Return what is meant.

    Args:
        asked: a run or what names one, a version or its URI, the path of a bundle, or ``git:REF``:
            the newest finished run of the experiment at that commit, with nothing uncommitted.
        experiment: of the run that is compared.

    Raises:
        RunNotFoundError, RegisteredModelNotFoundError: there is none.
        FitprintError: it makes no sense.
    """
    if isinstance(asked, Run):
        return Baseline(asked.id, asked.record)
    if isinstance(asked, ModelVersion):
        return Baseline(asked.uri, _run_of(asked))
    text = str(asked) if isinstance(asked, Path) else asked
    if not isinstance(text, str) or not text:
        raise FitprintError(
            "the baseline is a run, models:/NAME@ALIAS, a file of `fitprint export` or git:REF, "
            f"not {shown(asked)}"
        )
    if text.startswith(_GIT):
        return Baseline(text, _at_commit(text.removeprefix(_GIT), experiment))
    if text.startswith(SCHEME):
        return Baseline(text, _run_of(get_model_version(text)))
    if isinstance(asked, Path) or text.endswith(".zip"):
        return Baseline(text, _in_bundle(Path(text)))
    return Baseline(text, get_run(text).record)


def _run_of(version: ModelVersion) -> RunRecord:
    if version.run_id is None:
        raise RunNotFoundError(
            f"it is not known which run recorded {version.uri}; name a run to compare with"
        )
    try:
        return get_run(version.run_id).record
    except RunNotFoundError:
        raise RunNotFoundError(
            f"the run {short_id(version.run_id)}, which recorded {version.uri}, is not in this "
            "store any more; name a run to compare with"
        ) from None


def _in_bundle(path: Path) -> RunRecord:
    if not os.path.exists(path):  # noqa: PTH110 - false of a name that no file can have
        raise RunNotFoundError(f"there is no file {path}; `fitprint export RUN -o FILE` writes one")
    if not zipfile.is_zipfile(path):
        raise FitprintError(f"{path} is not a file that `fitprint export` wrote")
    found = read_runs(path)
    ids = {run.id for run in found}
    top = [run for run in found if run.parent_id not in ids]
    if len(top) != 1:
        raise FitprintError(
            f"{path} has {len(top)} runs, and a baseline is one: export it alone, or import the "
            "file and name the run"
        )
    return top[0]


def _at_commit(reference: str, experiment: str) -> RunRecord:
    commit = _commit_of(reference)
    conditions = (
        Comparison(Field("attribute", "status"), "=", "FINISHED"),
        Comparison(Field("attribute", "experiment"), "=", experiment),
        Comparison(Field("attribute", "parent_id"), "is null"),
    )
    query = Query(And(conditions), parse("").order)
    known: dict[str, Mapping[str, Any]] = {}
    changed = 0
    for count, record in enumerate(every_run(current().store, query)):
        if count == _MOST_RUNS:
            break
        code = _code_of(record, known)
        if code.get("commit") == commit:
            if not code.get("dirty"):
                return record
            changed += 1
    also = f"; {changed} had changes that were not committed" if changed else ""
    raise RunNotFoundError(
        f"no finished run of the experiment {shown(experiment)} was recorded at the commit "
        f"{commit[:12]} ({shown(reference)}){also}: train there, or `fitprint import` what was "
        "recorded there"
    )


def _code_of(record: RunRecord, known: dict[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return what is known of a run's repository; runs of one program share it, and it is read
    once.
    """
    digest = next(
        (
            artifact.digest
            for artifact in record.artifacts
            if artifact.path == "environment.json" and artifact.size <= _MOST_BYTES
        ),
        "",
    )
    if digest not in known:
        try:
            code = Run(current(), record.id, record=record).environment.get("git") if digest else {}
        except FitprintError:  # its bytes are elsewhere, or have changed
            code = {}
        known[digest] = code if isinstance(code, Mapping) else {}
    return known[digest]


def _commit_of(reference: str) -> str:
    """Return the commit that a reference names in the repository around the working directory."""
    if not reference or reference.startswith("-"):
        raise FitprintError(
            f"{_GIT}REF names a commit, a branch or a tag, such as {_GIT}origin/main, not "
            f"{shown(_GIT + reference)}"
        )
    folder = working_folder()
    repository = None if folder is None else repository_around(folder)
    if repository is None:
        raise RunNotFoundError(
            f"{_GIT}{reference} needs a git repository, and the working directory is in none"
        )
    try:
        found, _ = repository.ask(
            1 << 12, "rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}"
        )
    except (GitError, ValueError):  # a text that no program can be given
        found = b""
    commit = found.decode("ascii", "replace").strip()
    if not commit:
        raise RunNotFoundError(
            f"git knows no commit {shown(reference)} here: `git fetch` it (a checkout in CI has "
            "one commit unless it is told otherwise), or write the full name of a commit"
        )
    return commit
