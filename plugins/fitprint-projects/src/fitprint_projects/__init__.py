"""The plugin of projects: code is run anew, with parameters, and recorded."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from fitprint.cli.catalogue import BuiltIn
from fitprint.hooks.markers import hookimpl


class _Command(BuiltIn):
    """A command that is imported when it runs, as fitprint's own are."""

    def _command(self) -> Any:
        module, _, name = self._module.partition(":")
        return getattr(import_module(f"fitprint_projects.{module}"), name)()


@hookimpl
def register_commands() -> Sequence[Any]:
    return [
        _Command(
            "run",
            "commands:Running",
            "Run a project: a folder, a repository or an archive, with parameters.",
        ),
        _Command(
            "clone", "commands:Cloning", "Run a project again as a run did, with other parameters."
        ),
        _Command(
            "reproduce",
            "reproducing.command:Reproducing",
            "Run a recorded run again, and tell whether it comes out the same.",
        ),
        _Command(
            "snapshot",
            "snapshots:Snapping",
            "Keep the code of a run's commit with the run, where nobody else can fetch it.",
        ),
    ]


@hookimpl
def register_project_runners() -> Sequence[Any]:
    from fitprint_projects.runners.container import ContainerRunner
    from fitprint_projects.runners.kubernetes import KubernetesRunner
    from fitprint_projects.runners.local import LocalRunner
    from fitprint_projects.runners.slurm import SlurmRunner

    return [LocalRunner(), ContainerRunner(), SlurmRunner(), KubernetesRunner()]
