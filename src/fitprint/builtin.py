"""What fitprint itself brings, registered through the same hooks as anybody's plugin."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from fitprint.hooks.markers import hookimpl

_log = logging.getLogger("fitprint")
_noticed: set[str] = set()


@hookimpl
def register_stores() -> Mapping[str, Any]:
    from fitprint.stores.opening import BUILTIN

    return BUILTIN


@hookimpl
def register_carriers() -> Sequence[Any]:
    from fitprint.carriers import environment, joblib, multiprocessing

    return [multiprocessing.CARRIER, environment.CARRIER, joblib.CARRIER]


@hookimpl
def register_artifact_stores() -> Mapping[str, Any]:
    from fitprint.artifacts.opening import BUILTIN

    return BUILTIN


@hookimpl
def register_flavors() -> Sequence[Any]:
    from fitprint.models.pickle_flavor import PickleFlavor

    return [PickleFlavor()]


@hookimpl
def register_commands() -> Sequence[Any]:
    from fitprint.cli.catalogue import built_in

    return built_in()


@hookimpl
def collect_run_context(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    from fitprint.context import collect

    return collect(settings)


@hookimpl
def decide_transition(name: str, version: int) -> str | None:
    """Say no where nobody else could load the version yet."""
    from fitprint.recording.versions import get_model_version
    from fitprint.views.wording import counted

    found = get_model_version(f"{name}/{version}")
    workspace, digests = found.workspace, {file.digest for file in found.record.artifacts}
    waiting = workspace.known_store().pending(digests)
    # nobody needs to wait for what is here
    if any(each.digest in workspace.staging for each in waiting):
        workspace.bring()
        waiting = workspace.known_store().pending(digests)
    if not waiting:
        return None
    origin = waiting[0].origin or "where they were recorded"
    return (
        f"{counted(waiting)} of it have not arrived in the artifact store and are {origin}; "
        "run `fitprint sync` there"
    )


@hookimpl
def on_run_ended(home: str) -> None:
    """Say once per process where runs are recorded."""
    if _noticed:
        return
    from fitprint.recording.homes import temporary_home
    from fitprint.recording.workspace import current

    workspace = current()
    settings = workspace.settings
    if settings["notice"]:
        _noticed.add(home)
        if sys.stderr is not None:
            import shlex

            shared = workspace.destination.is_shared(workspace.home)
            unseen = {  # by another program
                "FITPRINT_HOME": home
                if settings.origins["home"] == "call" or home == str(temporary_home())
                else "",
                "FITPRINT_STORE": workspace.store_uri
                if shared and settings.origins["store"] == "call"
                else "",
            }
            choice = "".join(
                f"{name}={shlex.quote(value)} " for name, value in unseen.items() if value
            )
            place = workspace.store_uri if shared else home
            sys.stderr.write(
                f"fitprint: recorded in {place} (list runs with `{choice}fitprint ls`)\n"
            )


@hookimpl
def on_problem(problem: str, source: str) -> None:
    _log.warning("fitprint: %s", problem, extra={"fitprint_source": source})
