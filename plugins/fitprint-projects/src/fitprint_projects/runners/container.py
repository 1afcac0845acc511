"""A container of this machine, by podman or docker."""

from __future__ import annotations

import os
import shutil
from typing import Any

from fitprint.access import make_folder
from fitprint.hooks.runners import Job, Prepared
from fitprint.platform.users import host_name
from fitprint_projects.errors import ProjectError
from fitprint_projects.runners.processes import ProcessRunner, started

__all__ = ["ContainerRunner"]

_FOLDER = "/mlflow/projects/code"  # where the commands of many projects expect it


class ContainerRunner(ProcessRunner):
    """Runs the command in the project's image. The code and the home are mounted; variables are
    named on the command line, and their values are not, so no list of processes shows them.
    """

    name = "container"
    options = {  # noqa: RUF012 - never changed
        "engine": "podman or docker; by default the first that is found",
        "image": "in the place of the project's",
        "gpus": "as for docker's --gpus",
        "network": "as for --network",
    }

    def prepare(self, job: Job) -> Prepared:
        image = job.options.get("image", job.image)
        if not image or image.startswith("-"):
            raise ProjectError(
                "the project names no image; give one: --option image=NAME, or docker_env in the "
                "MLproject"
            )
        engine = _engine(job.options.get("engine", ""))
        is_podman = os.path.basename(engine).startswith("podman")  # noqa: PTH119 - it is a text
        words = [engine, "run", "--rm", "--init", "--hostname", host_name()]
        words += ["--userns=keep-id"] if is_podman else ["--user", f"{os.getuid()}:{os.getgid()}"]
        for name in ("gpus", "network"):
            if name in job.options:
                words.append(f"--{name}={job.options[name]}")
        words += ["--volume", f"{job.folder}:{_FOLDER}", "--workdir", _FOLDER]
        words += ["--volume", f"{job.home}:{job.home}"]
        for volume in job.volumes:
            words += ["--volume", volume]
        for name in job.variables:
            words += ["--env", name]
        return Prepared([*words, image, *job.command], job)

    def submit(self, prepared: Prepared) -> Any:
        make_folder(prepared.job.home)  # an engine would make one that is root's
        return started(prepared.command, prepared.job.folder, prepared.job.variables)


def _engine(wish: str) -> str:
    for name in [wish] if wish else ["podman", "docker"]:
        if name and (found := shutil.which(name)):
            return found
    raise ProjectError(
        f"there is no {wish or 'podman or docker'} here; install one to run the project in its "
        "image, or give --env local"
    )
