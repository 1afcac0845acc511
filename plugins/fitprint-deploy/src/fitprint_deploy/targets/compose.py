"""One host, by compose."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from fitprint.hooks.targets import Release, Rendering, Target
from fitprint_deploy.errors import DeployError
from fitprint_deploy.manifests import as_yaml, notes_on
from fitprint_deploy.options import image_of, names_of, port_of, word_of
from fitprint_deploy.programs import called, first_of
from fitprint_deploy.targets.image import PORT

__all__ = ["ComposeTarget"]

_FILE = "compose.yaml"


class ComposeTarget(Target):
    """A project of ``docker compose``, or of podman's, with the image as its one service."""

    name = "compose"
    options = {  # noqa: RUF012 - never changed
        "image": "as NAME@sha256:DIGEST, from `fitprint image build`",
        "port": "of the host, for this host's own programs; 8080 by default",
        "memory": "allowed, such as 512m",
        "trust": "names of code that the model may run, with commas",
        "engine": "docker or podman; by default the first that is found",
    }

    def render(self, release: Release) -> Rendering:
        words = [word for each in names_of(release) for word in ("--trust", each)]
        service: dict[str, Any] = {
            "image": image_of(release),
            "command": [*words, "--insecure"],
            "ports": [f"127.0.0.1:{port_of(release, PORT)}:{PORT}"],
            "labels": notes_on(release),
            "restart": "unless-stopped",
            "read_only": True,
            "tmpfs": ["/tmp"],  # noqa: S108 - of the container
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            "stop_grace_period": "30s",
        }
        if memory := word_of(release, "memory"):
            service["mem_limit"] = memory
        content = {"name": release.name, "services": {"serve": service}}
        return Rendering(release, {_FILE: as_yaml(content)})

    def validate(self, rendering: Rendering) -> Sequence[str]:
        try:
            content = yaml.safe_load(str(rendering.files[_FILE]))
            services = content["services"]
            return [
                f"the service {name} has no image"
                for name in services
                if not services[name].get("image")
            ]
        except (yaml.YAMLError, LookupError, TypeError, AttributeError) as error:
            return [f"{_FILE} is no file of compose: {error!r}"]

    def apply(self, rendering: Rendering, folder: Path) -> Mapping[str, str]:
        release = rendering.release
        command = [*_engine(release), "--file", str(folder / _FILE), "--project-name", release.name]
        called([*command, "up", "--detach", "--remove-orphans", "--wait"], seconds=600)
        return {"image": release.options["image"]}

    def status(self, release: Release) -> str:
        command = [*_engine(release), "--project-name", release.name, "ps", "--format", "json"]
        said = called(command).strip()
        rows = json.loads(said) if said.startswith("[") else map(json.loads, said.splitlines())
        found = [f"{each.get('Service')} is {each.get('State')}" for each in rows]
        return ", ".join(found) or "there is none"

    def delete(self, release: Release) -> None:
        called([*_engine(release), "--project-name", release.name, "down"])


def _engine(release: Release) -> list[str]:
    wish = word_of(release, "engine")
    if wish not in ("", "docker", "podman"):
        raise DeployError(f"the option engine is docker or podman, not {wish}")
    remedy = "install one with compose, or copy the rendered folder to a host that has it"
    return [first_of([wish] if wish else ["docker", "podman"], remedy), "compose"]
