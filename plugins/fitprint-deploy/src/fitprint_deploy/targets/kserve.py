"""KServe: an InferenceService whose predictor is the image."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from fitprint.hooks.targets import Release, Rendering, Target
from fitprint_deploy.manifests import as_yaml, manifest, notes_on, pod, problems_of
from fitprint_deploy.options import count_of
from fitprint_deploy.programs import called
from fitprint_deploy.targets.kubernetes import COMMON, kubectl

__all__ = ["KServeTarget"]

_READY = 300  # seconds


class KServeTarget(Target):
    """An InferenceService, applied with ``kubectl``. The container speaks KServe's own protocols,
    so it needs no runtime of KServe's.
    """

    name = "kserve"
    options = {  # noqa: RUF012 - never changed
        **COMMON,
        "replicas": "at least, 0 to scale to none; 1 by default",
        "max-replicas": "at most; 10 by default",
    }

    def render(self, release: Release) -> Rendering:
        least = count_of(release, "replicas", 1, least=0)
        found = pod(release, "kserve-container")
        # KServe finds the port by its protocol's name, and probes it
        server = found["containers"][0]
        server["ports"] = [{**server["ports"][0], "name": "http1", "protocol": "TCP"}]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            server[probe]["httpGet"]["port"] = server["ports"][0]["containerPort"]
        spec = {
            "predictor": {
                "annotations": notes_on(release),
                "minReplicas": least,
                "maxReplicas": count_of(release, "max-replicas", max(10, least), max(1, least)),
                **found,
            }
        }
        content = manifest("InferenceService", "serving.kserve.io/v1beta1", release, spec)
        return Rendering(release, {"inferenceservice.yaml": as_yaml(content)})

    def validate(self, rendering: Rendering) -> Sequence[str]:
        return problems_of(rendering)

    def apply(self, rendering: Rendering, folder: Path) -> Mapping[str, str]:
        release = rendering.release
        command = kubectl(release)
        called([*command, "apply", f"--filename={folder}"], remedy=_REMEDY)
        wait = ["wait", "--for=condition=Ready", f"inferenceservice/{release.name}"]
        called([*command, *wait, f"--timeout={_READY}s"], seconds=_READY + 30, remedy=_REMEDY)
        return {"image": release.options["image"]}

    def status(self, release: Release) -> str:
        command = [*kubectl(release), "get", "inferenceservice", release.name, "--output=json"]
        content = json.loads(called([*command, "--ignore-not-found"], remedy=_REMEDY) or "{}")
        if not content:
            return "there is none"
        state = content.get("status", {})
        conditions = {each.get("type"): each.get("status") for each in state.get("conditions", ())}
        told = "is ready" if conditions.get("Ready") == "True" else "is not ready"
        return f"{told} at {state.get('url') or 'no address yet'}"

    def delete(self, release: Release) -> None:
        called(
            [*kubectl(release), "delete", "inferenceservice", release.name, "--ignore-not-found"],
            remedy=_REMEDY,
        )


_REMEDY = "`kubectl get crd inferenceservices.serving.kserve.io` says whether KServe is there"
