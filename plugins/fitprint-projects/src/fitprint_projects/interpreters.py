"""Which Python a project's commands get, and that what they train is recorded."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fitprint_projects.errors import ProjectError
from fitprint_projects.spec import Project

__all__ = ["KINDS", "Interpreter", "interpreter_for"]

KINDS = ("auto", "local", "uv", "conda", "container")
# options of Python's that may stand before a script; those of the second group have a value
_FLAG = re.compile(r"-(?:[bBdEiIOPqsSuvx]+|[WX].+)")
_PYTHON = re.compile(r"python(?:3(?:\.\d+)?)?")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """What commands of a project run with.

    Attributes:
        kind: "local", "uv", "conda" or "container".
        python: the path of the interpreter; "" where only the container knows it.
        records: whether fitprint is there, so that what is trained is recorded by itself.
        packages: versions by name, where an environment was made for the project.
        files: what they were installed from, where that is known (see ``Built``).
        key: of that environment.
        image: of a container.
        volumes: of a container.
        variables: that the project wants in a container.
    """

    kind: str
    python: str = ""
    records: bool = False
    packages: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    key: str = ""
    image: str = ""
    volumes: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    def applied(self, command: Sequence[str]) -> list[str]:
        """Return a command with this interpreter in the place of ``python``; a script or module is
        run by ``fitprint exec``, under which it sees what it sees without.
        """
        if not _PYTHON.fullmatch(command[0]):
            return list(command)
        python = self.python or command[0]
        at = 1
        while at < len(command) and _FLAG.fullmatch(command[at]):
            at += 1
        flags, rest = list(command[1:at]), list(command[at:])
        runs_script = rest and (not rest[0].startswith("-") or (rest[0] == "-m" and rest[1:]))
        if not self.records or not runs_script:
            return [python, *flags, *rest]
        return [python, *flags, "-m", "fitprint", "exec", *rest]

    def takes_over(self, command: Sequence[str]) -> bool:
        """Tell whether a command records by itself what surrounds the run."""
        return self.applied(command) != [self.python or command[0], *command[1:]]

    def environment(self) -> dict[str, str]:
        """Return variables that make scripts of a shell find the same interpreter."""
        if not self.python:
            return dict(self.variables)
        folder = str(Path(self.python).parent)
        path = os.environ.get("PATH", "")
        found = {"PATH": f"{folder}{os.pathsep}{path}" if path else folder}
        if self.kind != "local":
            found["VIRTUAL_ENV"] = str(Path(self.python).parents[1])
        return found


def interpreter_for(
    project: Project, wish: str, *, offline: bool, build: bool, tell: Callable[[str], None]
) -> Interpreter:
    """Return what commands of the project run with.

    Args:
        project: as its file says.
        wish: one of :data:`KINDS`; "auto" for what the project says, and what fitprint itself runs
            with where it says nothing.
        offline: use no network.
        build: make an environment that is not there; False for a look only.
        tell: takes a sentence on what takes time.

    Raises:
        ProjectError: the project says nothing of the kind.
        FitprintError: the environment cannot be made.
    """
    wanted = project.environment
    kind = {"python": "uv", "": "local"}.get(wanted.kind, wanted.kind) if wish == "auto" else wish
    if kind == "local":
        return Interpreter("local", sys.executable, records=True)
    if kind == "container":
        return _container(project)
    if kind == "conda":
        if wanted.kind != "conda":
            raise ProjectError("the project describes no conda environment; leave --env out")
        from fitprint_projects.conda import conda_environment

        python = conda_environment(project.folder / wanted.file, build=build, tell=tell)
        return Interpreter("conda", str(python))
    from fitprint_projects.environments.building import provide
    from fitprint_projects.environments.wanted import read_wanted

    described = read_wanted(project.folder, wanted.file if wanted.kind == "python" else None)
    if described is None:
        raise ProjectError(
            f"nothing in {project.folder} describes an environment; add a requirements.txt, or "
            "give --env local"
        )
    if not build:
        return Interpreter("uv", "python", key=described.key)
    built = provide(described, offline=offline, tell=tell)
    return Interpreter(
        "uv",
        str(built.python),
        records="fitprint" in built.packages,
        packages=built.packages,
        files=built.files,
        key=built.key,
    )


def _container(project: Project) -> Interpreter:
    wanted = project.environment
    if not wanted.image:
        raise ProjectError("the project names no image; add docker_env, or leave --env out")
    missing = [name for name in wanted.copied if name not in os.environ]
    if missing:
        raise ProjectError(
            f"the container of the project needs {', '.join(missing)} from here; set "
            f"{'it' if len(missing) == 1 else 'them'}"
        )
    volumes = [
        f"{project.folder / each}" if each.startswith("./") else each for each in wanted.volumes
    ]
    copied = {name: os.environ[name] for name in wanted.copied}
    return Interpreter(
        "container", image=wanted.image, volumes=volumes, variables=copied | dict(wanted.variables)
    )
