"""The plugin of projects: code is run anew, with parameters, and recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fitprint.hooks.markers import hookimpl


@hookimpl
def register_commands() -> Sequence[Any]:
    from fitprint_projects.commands import Cloning, Running
    from fitprint_projects.reproducing.command import Reproducing
    from fitprint_projects.snapshots import Snapping

    return [Running(), Cloning(), Reproducing(), Snapping()]


@hookimpl
def register_project_runners() -> Sequence[Any]:
    from fitprint_projects.runners.container import ContainerRunner
    from fitprint_projects.runners.kubernetes import KubernetesRunner
    from fitprint_projects.runners.local import LocalRunner
    from fitprint_projects.runners.slurm import SlurmRunner

    return [LocalRunner(), ContainerRunner(), SlurmRunner(), KubernetesRunner()]
