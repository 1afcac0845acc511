"""The file ``MLproject``, as MLflow defines it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fitprint.hooks.manager import hooks
from fitprint_projects.errors import ProjectError
from fitprint_projects.spec import (
    TYPES,
    EntryPoint,
    Environment,
    Parameter,
    Project,
    inside,
    known,
)

__all__ = ["find_mlproject", "read_mlproject"]

_LONGEST = 1 << 20  # bytes
_MOST_VALUES = 100_000
_ENVIRONMENTS = ("python_env", "conda_env", "docker_env")
_NUMBERS = {"integer": "int", "number": "float", "boolean": "bool", "str": "string"}


def find_mlproject(folder: Path) -> Path | None:
    """Return the file of a project, which may be written in capitals or not; None without one."""
    found = sorted(each for each in folder.iterdir() if each.name.lower() == "mlproject")
    return found[0] if found else None


def read_mlproject(path: Path) -> Project:
    """Return what the file says.

    Raises:
        ProjectError: it is not of the format; the message says where.
    """
    content = _content(path)
    file = path.name
    known(content, ("name", *_ENVIRONMENTS, "entry_points", "databricks_spark_job"), file)
    if "databricks_spark_job" in content:
        raise ProjectError(
            f"{file} describes a job of Databricks, which runs there only; give it entry_points to "
            "run it here"
        )
    name = content.get("name")
    if name is not None and not isinstance(name, (str, int, float)):
        raise ProjectError(f"{file}: name must be a text, not {name!r}")
    entries = _mapping(content.get("entry_points"), f"{file}: entry_points")
    return Project(
        path.parent,
        file,
        "" if name is None else str(name),
        {str(key): _entry(str(key), value, file) for key, value in entries.items()},
        _environment(content, path),
    )


def _content(path: Path) -> Mapping[Any, Any]:
    import yaml  # it takes 20 ms, and not every project has this file

    with path.open("rb") as opened:
        data = opened.read(_LONGEST + 1)
    if len(data) > _LONGEST:
        raise ProjectError(f"{path.name} is larger than a megabyte; it is no project file")
    try:
        content = yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ProjectError(f"{path.name} is no YAML: {reason}; correct it") from None
    left, pending = _MOST_VALUES, [content]
    while pending:  # a value can stand in many places, by its alias
        value = pending.pop()
        found = [*value, *value.values()] if isinstance(value, dict) else value
        if isinstance(found, list):
            left -= len(found)
            pending += found
        if left < 0:
            raise ProjectError(f"{path.name} has more than {_MOST_VALUES} values; write fewer")
    return _mapping(content, path.name)


def _mapping(value: Any, where: str) -> Mapping[Any, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ProjectError(f"{where} must be a table of `key: value`, not {value!r:.60}")
    return value


def _entry(name: str, value: Any, file: str) -> EntryPoint:
    where = f"{file}: entry point {name!r}"
    found = _mapping(value, where)
    known(found, ("parameters", "command", "description"), where)
    command = found.get("command")
    if not isinstance(command, str) or not command.strip():
        raise ProjectError(f"{where} needs a command, such as `command: python train.py`")
    parameters = _mapping(found.get("parameters"), f"{where}: parameters")
    return EntryPoint(
        name,
        command.strip(),
        {str(key): _parameter(str(key), value, where) for key, value in parameters.items()},
        "told",
    )


def _parameter(name: str, value: Any, where: str) -> Parameter:
    where = f"{where}, parameter {name!r}"
    if isinstance(value, str):
        value = {"type": value}
    # `{type:float}` and `{type float}` are keys without a value: a blank or a colon was forgotten
    found = dict(
        ("type", str(key)[5:].strip())
        if each is None and str(key).startswith(("type:", "type "))
        else (key, each)
        for key, each in _mapping(value, where).items()
    )
    known(found, ("type", "default", "description"), where)
    kind, default = found.get("type", "string"), found.get("default")
    if not isinstance(kind, str) or isinstance(default, (dict, list)):
        raise ProjectError(f"{where} needs a type and a default that are words or numbers")
    kind = _NUMBERS.get(kind.lower(), kind.lower())
    if kind not in TYPES or kind == "choice":
        hooks().problem(
            f"{where} has the type {kind!r}, which is none of MLflow's; it is taken as a string",
            "projects",
        )
        kind = "string"
    return Parameter(name, kind, None if default is None else str(default))


def _environment(content: Mapping[Any, Any], path: Path) -> Environment:
    given = [key for key in _ENVIRONMENTS if content.get(key) is not None]
    if len(given) > 1:
        raise ProjectError(f"{path.name} has {' and '.join(given)}; keep one of them")
    if not given:
        for kind, name in (("python", "python_env.yaml"), ("conda", "conda.yaml")):
            if (path.parent / name).is_file():
                return Environment(kind, name)
        return Environment()
    value = content[given[0]]
    if given[0] == "docker_env":
        return _container(value, path.name)
    if not isinstance(value, str):
        raise ProjectError(f"{path.name}: {given[0]} must be the name of a file, not {value!r:.60}")
    if not inside(path.parent, value, f"{path.name}: {given[0]}").is_file():
        raise ProjectError(f"{path.name}: {given[0]} names {value!r}, and there is no such file")
    return Environment(given[0].removesuffix("_env"), value)


def _container(value: Any, file: str) -> Environment:
    where = f"{file}: docker_env"
    found = _mapping(value, where)
    known(found, ("image", "volumes", "environment"), where)
    image, volumes = found.get("image"), found.get("volumes") or []
    variables = found.get("environment") or []
    if not isinstance(image, str) or not image or image.startswith("-"):
        raise ProjectError(f"{where} needs the name of an image, such as `image: python:3.12`")
    if not isinstance(volumes, list) or not all(
        isinstance(each, str) and ":" in each for each in volumes
    ):
        raise ProjectError(f'{where}: volumes must be a list such as ["/data:/data"]')
    copied, new = [], {}
    for each in variables if isinstance(variables, list) else [None]:
        if isinstance(each, str):
            copied.append(each)
        elif isinstance(each, list) and len(each) == 2:
            new[str(each[0])] = str(each[1])
        else:
            raise ProjectError(
                f'{where}: environment must be a list such as ["COPIED", ["NEW", "value"]]'
            )
    if any("=" in name or not name for name in (*copied, *new)):
        raise ProjectError(f"{where}: a variable of environment has no name, or one with '='")
    return Environment("container", "", image, volumes, copied, new)
