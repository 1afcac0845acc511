"""The plugin of deployment: recorded models become images, manifests and units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fitprint.hooks.markers import hookimpl


@hookimpl
def register_commands() -> Sequence[Any]:
    from fitprint.cli.catalogue import LazyCommand  # a training has no use for it

    return [
        LazyCommand(
            "deploy",
            "fitprint_deploy.commands:DEPLOY",
            "Render, validate and apply deployments of models; look at them, roll them back.",
        ),
        LazyCommand(
            "image", "fitprint_deploy.commands:IMAGE", "Build an image that serves a model."
        ),
    ]


@hookimpl
def register_deploy_targets() -> Sequence[Any]:
    from fitprint_deploy.targets.compose import ComposeTarget
    from fitprint_deploy.targets.image import ImageTarget
    from fitprint_deploy.targets.kserve import KServeTarget
    from fitprint_deploy.targets.kubernetes import KubernetesTarget
    from fitprint_deploy.targets.sagemaker import SageMakerTarget
    from fitprint_deploy.targets.systemd import SystemdTarget

    return [
        ImageTarget(),
        ComposeTarget(),
        SystemdTarget(),
        KubernetesTarget(),
        KServeTarget(),
        SageMakerTarget(),
    ]
