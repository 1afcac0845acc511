"""Kubernetes: a deployment behind a service, with its limits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fitprint.hooks.targets import Release, Rendering, Target
from fitprint_deploy.errors import DeployError
from fitprint_deploy.manifests import as_yaml, manifest, notes_on, pod, problems_of, selector
from fitprint_deploy.options import count_of, word_of
from fitprint_deploy.programs import called, first_of

__all__ = ["COMMON", "KubernetesTarget", "kubectl"]

_ROLLOUT = 300  # seconds
_KINDS = "deployment,service,horizontalpodautoscaler,networkpolicy,poddisruptionbudget"

COMMON = {
    "image": "as NAME@sha256:DIGEST, from `fitprint image build`",
    "namespace": "of the objects",
    "context": "of kubectl's configuration",
    "cpu": "requested, such as 500m",
    "memory": "requested and allowed, such as 512Mi",
    "secret": "of the token that clients must show, under the key `token`; without one, whoever "
    "reaches the service may ask",
    "trust": "names of code that the model may run, with commas",
}


class KubernetesTarget(Target):
    """A Deployment, a Service, a HorizontalPodAutoscaler, a NetworkPolicy and a
    PodDisruptionBudget, applied with ``kubectl``.
    """

    name = "kubernetes"
    options = {  # noqa: RUF012 - never changed
        **COMMON,
        "replicas": "at least; 2 by default",
        "max-replicas": "at most, by load; 10 by default",
        "clients": "the namespace whose pods may ask; by default that of the service",
    }

    def render(self, release: Release) -> Rendering:
        least = count_of(release, "replicas", 2)
        most = count_of(release, "max-replicas", max(10, least))
        if most < least:
            raise DeployError(f"max-replicas is {most}, less than replicas, {least}")
        files = {
            "deployment.yaml": manifest("Deployment", "apps/v1", release, _deployment(release)),
            "service.yaml": manifest(
                "Service",
                "v1",
                release,
                {
                    "selector": selector(release),
                    "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
                },
            ),
            "autoscaler.yaml": manifest(
                "HorizontalPodAutoscaler",
                "autoscaling/v2",
                release,
                {
                    "scaleTargetRef": {
                        "apiVersion": "apps/v1",
                        "kind": "Deployment",
                        "name": release.name,
                    },
                    "minReplicas": least,
                    "maxReplicas": most,
                    "metrics": [
                        {
                            "type": "Resource",
                            "resource": {
                                "name": "cpu",
                                "target": {"type": "Utilization", "averageUtilization": 70},
                            },
                        }
                    ],
                },
            ),
            "network.yaml": manifest(
                "NetworkPolicy", "networking.k8s.io/v1", release, _network(release)
            ),
            "disruption.yaml": manifest(
                "PodDisruptionBudget",
                "policy/v1",
                release,
                {"maxUnavailable": 1, "selector": {"matchLabels": selector(release)}},
            ),
        }
        texts = {path: as_yaml(content) for path, content in files.items()}
        notes = [] if word_of(release, "secret") else [_OPEN]
        return Rendering(release, texts, notes=notes)

    def validate(self, rendering: Rendering) -> Sequence[str]:
        return problems_of(rendering)

    def apply(self, rendering: Rendering, folder: Path) -> Mapping[str, str]:
        release = rendering.release
        command = kubectl(release)
        called([*command, "apply", f"--filename={folder}"], remedy=_REMEDY)
        called(
            [*command, "rollout", "status", f"deployment/{release.name}", f"--timeout={_ROLLOUT}s"],
            seconds=_ROLLOUT + 30,
            remedy=f"`kubectl describe deployment {release.name}` says more",
        )
        return {"image": release.options["image"]}

    def status(self, release: Release) -> str:
        command = [*kubectl(release), "get", "deployment", release.name, "--output=json"]
        content = json.loads(called([*command, "--ignore-not-found"], remedy=_REMEDY) or "{}")
        if not content:
            return "there is none"
        state = content.get("status", {})
        ready, wanted = state.get("readyReplicas", 0), content["spec"].get("replicas", 1)
        images = [each["image"] for each in content["spec"]["template"]["spec"]["containers"]]
        return f"{ready} of {wanted} pods are ready, with {', '.join(images)}"

    def delete(self, release: Release) -> None:
        chosen = ",".join(f"{key}={value}" for key, value in selector(release).items())
        called(
            [*kubectl(release), "delete", _KINDS, f"--selector={chosen}", "--ignore-not-found"],
            remedy=_REMEDY,
        )


_REMEDY = "`kubectl config current-context` says which cluster is asked"
_OPEN = (
    "clients need no token; the network policy says who may ask, where the cluster's network "
    "enforces it; --option secret=NAME takes a token from a Secret"
)


def kubectl(release: Release) -> list[str]:
    """Return the beginning of a command for the cluster.

    Raises:
        DeployError: there is no kubectl.
    """
    program = first_of(["kubectl"], "install it, and configure a cluster")
    chosen = {name: word_of(release, name) for name in ("context", "namespace")}
    return [program, *(f"--{name}={value}" for name, value in chosen.items() if value)]


def _deployment(release: Release) -> dict[str, Any]:
    # the autoscaler says how many pods there are
    return {
        "revisionHistoryLimit": 3,
        "selector": {"matchLabels": selector(release)},
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
        },
        "template": {
            "metadata": {"labels": selector(release), "annotations": notes_on(release)},
            "spec": pod(release, "serve"),
        },
    }


def _network(release: Release) -> dict[str, Any]:
    clients = word_of(release, "clients")
    label = {"kubernetes.io/metadata.name": clients}
    sender = {"namespaceSelector": {"matchLabels": label}} if clients else {"podSelector": {}}
    # nothing is allowed out: a model asks nobody
    return {
        "podSelector": {"matchLabels": selector(release)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [sender], "ports": [{"protocol": "TCP", "port": "http"}]}],
    }
