"""Manifests as YAML, and what every one of a server of a model says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import yaml

from fitprint.hooks.targets import Release, Rendering
from fitprint_deploy.options import image_of, names_of, word_of
from fitprint_deploy.targets.image import PORT

__all__ = ["as_yaml", "manifest", "notes_on", "pod", "problems_of", "selector"]

_USER = 10001
_EXTENDED = "serving.kserve.io/"


def as_yaml(content: Mapping[str, Any]) -> str:
    """Return a document, its keys in their order."""
    text: str = yaml.safe_dump(
        content, sort_keys=False, default_flow_style=False, allow_unicode=True, width=100
    )
    return text


def manifest(kind: str, version: str, release: Release, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object of Kubernetes."""
    namespace = word_of(release, "namespace")
    about: dict[str, Any] = {"name": release.name}
    if namespace:
        about["namespace"] = namespace
    about["labels"] = labels(release)
    return {"apiVersion": version, "kind": kind, "metadata": about, "spec": dict(spec)}


def labels(release: Release) -> dict[str, str]:
    """Return by what an object is found."""
    return {**selector(release), "app.kubernetes.io/managed-by": "fitprint"}


def selector(release: Release) -> dict[str, str]:
    """Return by what pods are found; it never changes."""
    return {"app.kubernetes.io/name": "fitprint-serve", "app.kubernetes.io/instance": release.name}


def notes_on(release: Release) -> dict[str, str]:
    """Return what a pod says of its model; a change of it brings new pods."""
    found = {
        "fitprint/uri": release.uri,
        "fitprint/digest": release.digest,
        "fitprint/run": release.run,
    }
    return {key: value for key, value in found.items() if value}


def container(release: Release, name: str) -> dict[str, Any]:
    """Return the container that serves: nobody's rights, nothing of it can be written but /tmp."""
    secret = word_of(release, "secret")
    words = [word for each in names_of(release) for word in ("--trust", each)]
    cpu, memory = word_of(release, "cpu", "500m"), word_of(release, "memory", "512Mi")
    found: dict[str, Any] = {
        "name": name,
        "image": image_of(release),
        "args": words if secret else [*words, "--insecure"],
        "ports": [{"name": "http", "containerPort": PORT}],
        "resources": {
            "requests": {"cpu": cpu, "memory": memory},
            "limits": {"memory": memory},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "startupProbe": _probe("ready", periodSeconds=2, failureThreshold=60),
        "readinessProbe": _probe("ready", periodSeconds=5),
        "livenessProbe": _probe("live", periodSeconds=10, failureThreshold=3),
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - of the container
    }
    if not found["args"]:
        del found["args"]
    if secret:
        key = {"name": secret, "key": "token"}
        found["env"] = [{"name": "FITPRINT_SERVE_TOKEN", "valueFrom": {"secretKeyRef": key}}]
    return found


def pod(release: Release, name: str) -> dict[str, Any]:
    """Return what a pod of the server consists of."""
    return {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 30,
        "containers": [container(release, name)],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }


def _probe(state: str, **limits: int) -> dict[str, Any]:
    return {"httpGet": {"path": f"/v2/health/{state}", "port": "http"}, **limits}


def problems_of(rendering: Rendering) -> Sequence[str]:
    """Return what is wrong with the manifests: what Kubernetes' own schemas say, where the package
    ``kubernetes-validate`` is installed, and of every object that it has a kind and a name.
    """
    found = []
    judged = find_spec("kubernetes_validate") is not None
    for path, text in rendering.files.items():
        if not isinstance(text, str):
            continue
        try:
            content = yaml.safe_load(text)
        except yaml.YAMLError as error:
            found.append(f"{path} is not YAML: {' '.join(str(error).split())}")
            continue
        if not isinstance(content, dict) or not isinstance(content.get("metadata"), dict):
            found.append(f"{path} is no object of Kubernetes")
        elif not content.get("kind") or not content["metadata"].get("name"):
            found.append(f"{path} has no kind or no name")
        elif judged and not str(content.get("apiVersion")).startswith(_EXTENDED):
            found += [f"{path}: {each}" for each in _judged(content)]
    return found


def _judged(content: Mapping[str, Any]) -> list[str]:
    import kubernetes_validate

    try:
        kubernetes_validate.validate(content, kubernetes_validate.latest_version(), strict=True)
    except (
        kubernetes_validate.InvalidSchemaError,
        kubernetes_validate.SchemaNotFoundError,
        kubernetes_validate.ValidationError,
    ) as error:
        return [str(getattr(error, "message", error))]
    return []
