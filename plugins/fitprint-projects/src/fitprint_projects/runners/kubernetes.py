"""Kubernetes: the command is a job of one pod."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fitprint.hooks.runners import Job, JobStatus, Prepared, Runner
from fitprint_projects.errors import ProjectError

__all__ = ["KubernetesRunner", "manifest"]

_PAUSE = 2.0  # seconds between two looks
_SECONDS = 60.0  # for one call of kubectl


@dataclass(frozen=True)
class _Submitted:
    """A job in the cluster, and how kubectl reaches it."""

    kubectl: tuple[str, ...]
    name: str


class KubernetesRunner(Runner):
    """Makes a Job with ``kubectl``. The image must hold the code of the project, in its working
    directory; the store must be one that the pod reaches.
    """

    name = "kubernetes"
    is_distant = True
    options = {  # noqa: RUF012 - never changed
        "image": "in the place of the project's",
        "namespace": "of the job",
        "context": "of kubectl's configuration",
        "cpu": "requested, such as 2",
        "memory": "requested, such as 4Gi",
        "gpus": "how many of NVIDIA's",
    }

    def prepare(self, job: Job) -> Prepared:
        text = json.dumps(manifest(job), indent=2, ensure_ascii=False)
        return Prepared(
            [*_kubectl(job), "create", "--filename=-", "--output=name"], job, {"job.json": text}
        )

    def submit(self, prepared: Prepared) -> Any:
        kubectl = _kubectl(prepared.job)
        if shutil.which(kubectl[0]) is None:
            raise ProjectError("there is no kubectl here; install it, and configure a cluster")
        name = _called(prepared.command, prepared.files["job.json"]).strip()
        return _Submitted(kubectl, name)

    def wait(self, handle: _Submitted) -> int:
        while self.status(handle) in ("PENDING", "RUNNING"):
            time.sleep(_PAUSE)
        return 0 if self.status(handle) == "FINISHED" else 1

    def status(self, handle: _Submitted) -> JobStatus:
        status = json.loads(_called([*handle.kubectl, "get", handle.name, "--output=json"])).get(
            "status", {}
        )
        if status.get("succeeded"):
            return "FINISHED"
        if status.get("failed"):
            return "FAILED"
        return "RUNNING" if status.get("active") else "PENDING"

    def cancel(self, handle: _Submitted) -> None:
        _called([*handle.kubectl, "delete", handle.name, "--wait=false"])

    def logs(self, handle: _Submitted) -> Iterable[str]:
        return _called([*handle.kubectl, "logs", handle.name]).splitlines()


def manifest(job: Job) -> dict[str, Any]:
    """Return the Job of a command, as ``batch/v1`` has it.

    Raises:
        ProjectError: there is no image.
    """
    image = job.options.get("image", job.image)
    if not image:
        raise ProjectError(
            "a job of Kubernetes needs an image that holds the project; give --option image=NAME, "
            "or docker_env in the MLproject"
        )
    wanted = {name: job.options[name] for name in ("cpu", "memory") if name in job.options}
    limits = {"nvidia.com/gpu": job.options["gpus"]} if "gpus" in job.options else {}
    resources = {key: value for key, value in (("requests", wanted), ("limits", limits)) if value}
    container: dict[str, Any] = {
        "name": "project",
        "image": image,
        "command": [_literal(word) for word in job.command],
        "env": [{"name": name, "value": _literal(value)} for name, value in job.variables.items()],
        **({"resources": resources} if resources else {}),
    }
    labels = {"app.kubernetes.io/managed-by": "fitprint", "fitprint/run": job.run}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"fitprint-{job.run}", "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "template": {
                "metadata": {"labels": labels},
                "spec": {"restartPolicy": "Never", "containers": [container]},
            },
        },
    }


def _literal(text: str) -> str:
    """Return a text that the cluster takes as it is: it puts a variable in the place of
    ``$(NAME)``, and one dollar in the place of two.
    """
    return text.replace("$", "$$")


def _kubectl(job: Job) -> tuple[str, ...]:
    return (
        "kubectl",
        *(
            f"--{name}={job.options[name]}"
            for name in ("context", "namespace")
            if name in job.options
        ),
    )


def _called(command: Any, given: str = "") -> str:
    """Return what kubectl prints.

    Raises:
        ProjectError: it fails; the message is its own.
    """
    try:
        done = subprocess.run(
            list(command),
            input=given,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProjectError(f"kubectl cannot be run: {error}") from None
    if done.returncode:
        raise ProjectError(f"kubectl failed: {done.stderr.strip()[:500]}")
    return done.stdout
