"""The same run once more, with other parameters."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from typing import Any

import fitprint
from fitprint.cli.terminal import tell
from fitprint.context.secret_shapes import REDACTED
from fitprint.errors import ArtifactNotFoundError
from fitprint.recording.run import Run
from fitprint.recording.sealing import is_sealed
from fitprint_projects.errors import ProjectError
from fitprint_projects.parameters import assigned
from fitprint_projects.running import DOCUMENT, Wish
from fitprint_projects.trust import require_own

__all__ = ["cloned", "recorded"]

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def recorded(run: Run) -> Mapping[str, Any]:
    """Return what ``fitprint run`` recorded of the project.

    Raises:
        ProjectError: the run was not made by it, or by a newer one.
    """
    try:
        facts = json.loads(run.read(DOCUMENT))
    except ArtifactNotFoundError:
        raise ProjectError(
            f"the run {run.name} was not made by `fitprint run`, so it is not known how its "
            "program takes parameters; `fitprint reproduce` runs it as it was"
        ) from None
    if not isinstance(facts, dict) or facts.get("version") != 1:
        raise ProjectError(f"{DOCUMENT} of the run {run.name} is of a newer fitprint; install that")
    return facts


def cloned(
    name: str, changed: Mapping[str, str], arguments: argparse.Namespace
) -> tuple[Wish, Mapping[str, str], Mapping[str, str]]:
    """Return what is to be run, its parameters, and tags of the new run.

    Args:
        name: of the run that is cloned.
        changed: parameters that are others.
        arguments: what the command line says beside.

    Raises:
        ProjectError: the run cannot be run again this way; the text says why.
    """
    run = fitprint.get_run(name)
    facts = recorded(run)
    if not arguments.trust:
        require_own(run, is_own=is_sealed(facts))
    given = {
        key: each["text"]
        for key, each in facts["parameters"].items()
        if each["origin"] == "set" or key in changed
    }
    given.update(changed)
    lost = [key for key, text in given.items() if REDACTED in text and key not in changed]
    if lost:
        raise ProjectError(
            f"the values of {', '.join(lost)} were secret, and are not recorded; give "
            + " ".join(f"-P {key}=…" for key in lost)
        )
    source, version = _source(run, facts)
    wish = Wish(
        source,
        facts["entry"],
        version,
        arguments.environment or facts["environment"]["wish"],
        arguments.runner or facts["runner"]["name"],
        {**facts["runner"]["options"], **assigned(arguments.option, "--option")}
        if arguments.runner in (None, facts["runner"]["name"])
        else assigned(arguments.option, "--option"),
        arguments.experiment or run.experiment,
        arguments.offline,
        arguments.json,
        build=not arguments.dry_run,
        trust=arguments.trust,
    )
    return wish, given, {"cloned_from": run.id}


def _source(run: Run, facts: Mapping[str, Any]) -> tuple[str, str]:
    """Return the source that has the code of the run, and its revision."""
    source, revision = facts["source"], facts["revision"]
    if facts["kind"] == "git":
        return (source if source.startswith("/") else f"git+{source}"), revision
    if facts["kind"] in ("zip", "run"):
        return source, ""
    if _COMMIT.fullmatch(revision) and not facts["dirty"]:
        return source, revision
    if not revision:  # in no repository, so that nobody knows what the files beside the script were
        tell(f"{source} is in no repository: its code is what is there now")
        return source, ""
    return f"runs:/{run.id}", ""
