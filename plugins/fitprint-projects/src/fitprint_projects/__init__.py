"""The plugin of projects: code is run anew, with parameters, and recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fitprint.hooks.markers import hookimpl


@hookimpl
def register_commands() -> Sequence[Any]:
    from fitprint.cli.catalogue import LazyCommand  # a training has no use for it

    return [
        LazyCommand(
            "run",
            "fitprint_projects.commands:RUN",
            "Run a project: a folder, a repository or an archive, with parameters.",
        ),
        LazyCommand(
            "clone",
            "fitprint_projects.commands:CLONE",
            "Run a project again as a run did, with other parameters.",
        ),
        LazyCommand(
            "reproduce",
            "fitprint_projects.reproducing.command:COMMAND",
            "Run a recorded run again, and tell whether it comes out the same.",
        ),
        LazyCommand(
            "snapshot",
            "fitprint_projects.snapshots:COMMAND",
            "Keep the code of a run's commit with the run, where nobody else can fetch it.",
        ),
        LazyCommand(
            "env",
            "fitprint_projects.environments.commands:COMMAND",
            "Print what the environment of a run held; remove built ones that are not used.",
        ),
    ]


@hookimpl
def register_project_runners() -> Sequence[Any]:
    from fitprint_projects.runners.container import ContainerRunner
    from fitprint_projects.runners.kubernetes import KubernetesRunner
    from fitprint_projects.runners.local import LocalRunner
    from fitprint_projects.runners.slurm import SlurmRunner

    return [LocalRunner(), ContainerRunner(), SlurmRunner(), KubernetesRunner()]
