"""What a project says of itself, whichever file it says it in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fitprint_projects.errors import ProjectError

__all__ = ["EntryPoint", "Environment", "Parameter", "Project", "inside", "known"]

TYPES = ("string", "int", "float", "bool", "path", "uri", "choice", "json")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an entry point.

    Attributes:
        name: as in ``-P NAME=VALUE``.
        type: one of :data:`TYPES`.
        default: what it is without ``-P``, as text; None where it must be given.
        least: the lowest number that it may be; None for any.
        most: the highest one.
        choices: the values that it may have; none for any.
    """

    name: str
    type: str = "string"
    default: str | None = None
    least: float | None = None
    most: float | None = None
    choices: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """What can be run of a project.

    Attributes:
        name: as in ``-e NAME``.
        command: a template of a shell command, or of a list of arguments.
        parameters: by name.
        others: what becomes of a parameter that it does not declare: it is added to the command,
            which is said or not, or refused.
    """

    name: str
    command: str | Sequence[str]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    others: Literal["added", "told", "refused"] = "added"


@dataclass(frozen=True, slots=True)
class Environment:
    """What a project wants to run in.

    Attributes:
        kind: "python", "conda", "container", or "" if it does not say.
        file: what describes it, relative to the project's folder; "" for a container.
        image: of a container.
        volumes: of a container, as ``/host:/inside``.
        copied: variables that a container gets from here.
        variables: further ones of a container.
    """

    kind: str = ""
    file: str = ""
    image: str = ""
    volumes: Sequence[str] = ()
    copied: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Project:
    """A project that lies in ``folder``.

    Attributes:
        folder: where its code is, and where its commands run.
        file: name of the file that says so; "" where there is none.
        name: its name; "" if it has none.
        entries: entry points by name.
        environment: what it runs in.
    """

    folder: Path
    file: str = ""
    name: str = ""
    entries: Mapping[str, EntryPoint] = field(default_factory=dict)
    environment: Environment = Environment()

    def entry(self, name: str) -> EntryPoint:
        """Return the entry point of this name, or a script as one.

        Raises:
            ProjectError: there is neither.
        """
        if name in self.entries:
            return self.entries[name]
        interpreter = {".py": ("python",), ".sh": ("bash",), ".R": ("Rscript",)}.get(
            Path(name).suffix
        )
        if interpreter is not None:
            if not inside(self.folder, name, "the script").is_file():
                raise ProjectError(f"there is no script {name!r} in {self.folder}{self._offer()}")
            # braces in a file's name are no parameters
            script = name.replace("{", "{{").replace("}", "}}")
            return EntryPoint(name, (*interpreter, f"./{script}" if name[0] == "-" else script))
        raise ProjectError(
            f"the project has no entry point {name!r}{self._offer()}; a script is run with "
            "-e SCRIPT.py"
        )

    def _offer(self) -> str:
        return f"; it has {', '.join(sorted(self.entries))}" if self.entries else ""


def inside(folder: Path, path: str, what: str) -> Path:
    """Return the path in the folder.

    Raises:
        ProjectError: it leads out of it.
    """
    found = folder / path
    if "\0" in path or not found.resolve().is_relative_to(folder.resolve()):
        raise ProjectError(
            f"{what} {path!r} leads out of the project {folder}; name one that lies inside it"
        )
    return found


def known(found: Mapping[Any, Any], names: Iterable[str], where: str) -> None:
    """See that a table has no other keys.

    Raises:
        ProjectError: it has.
    """
    names = list(names)
    for key in found:
        if key not in names:
            import difflib

            near = difflib.get_close_matches(str(key), names, 1)
            raise ProjectError(
                f"{where} has the unknown key {key!r}; "
                + (f"did you mean {near[0]!r}?" if near else f"it may have {', '.join(names)}")
            )
