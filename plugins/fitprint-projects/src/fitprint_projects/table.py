"""The table ``[tool.fitprint.project]`` of ``pyproject.toml``, and what a project without any file
is.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fitprint_projects.errors import ProjectError
from fitprint_projects.mlproject import find_mlproject, read_mlproject
from fitprint_projects.spec import (
    TYPES,
    EntryPoint,
    Environment,
    Parameter,
    Project,
    inside,
    known,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["read_project"]

_FILE = "pyproject.toml"


def read_project(folder: Path) -> Project:
    """Return the project in a folder: as its ``MLproject`` says, else as its ``pyproject.toml``
    does, else one whose scripts can be run.

    Raises:
        ProjectError: the file is wrong; the message says where.
    """
    mlproject = find_mlproject(folder)
    if mlproject is not None:
        return read_mlproject(mlproject)
    path = folder / _FILE
    environment = Environment()
    for kind, name in (("python", "python_env.yaml"), ("conda", "conda.yaml")):
        if not environment.kind and (folder / name).is_file():
            environment = Environment(kind, name)
    if path.is_file():
        try:
            tool = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ProjectError(f"{path} is no TOML: {error}; correct it") from None
        table = tool.get("fitprint", {}).get("project") if isinstance(tool, dict) else None
        if table is not None:
            return _project(folder, table)
    return Project(folder, environment=environment)


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ProjectError(f"{_FILE}: {where} must be a table, not {value!r:.60}")
    return value


def _project(folder: Path, value: Any) -> Project:
    where = "tool.fitprint.project"
    table = _table(value, where)
    known(table, ("name", "environment", "entry"), f"{_FILE}: {where}")
    name = table.get("name", "")
    if not isinstance(name, str):
        raise ProjectError(f"{_FILE}: {where}.name must be a text, not {name!r:.60}")
    entries = _table(table.get("entry", {}), f"{where}.entry")
    return Project(
        folder,
        _FILE,
        name,
        {key: _entry(key, entry, f"{where}.entry.{key}") for key, entry in entries.items()},
        _environment(folder, table.get("environment", ""), f"{where}.environment"),
    )


def _environment(folder: Path, value: Any, where: str) -> Environment:
    if not isinstance(value, str):
        raise ProjectError(f"{_FILE}: {where} must be a text, not {value!r:.60}")
    if not value:
        return Environment()
    if value.startswith("image:"):
        if not value[6:] or value[6:].startswith("-"):
            raise ProjectError(f"{_FILE}: {where} must name an image, as in image:python:3.12")
        return Environment("container", image=value[6:])
    if not inside(folder, value, f"{_FILE}: {where}").is_file():
        raise ProjectError(f"{_FILE}: {where} names {value!r}, and there is no such file")
    is_conda = Path(value).name in ("conda.yaml", "conda.yml", "environment.yml")
    return Environment("conda" if is_conda else "python", value)


def _entry(name: str, value: Any, where: str) -> EntryPoint:
    table = _table(value, where)
    known(table, ("run", "parameters"), f"{_FILE}: {where}")
    run = table.get("run")
    if not isinstance(run, list) or not run or not all(isinstance(each, str) for each in run):
        raise ProjectError(
            f'{_FILE}: {where}.run must be a list of arguments, such as ["python", "train.py"]'
        )
    parameters = _table(table.get("parameters", {}), f"{where}.parameters")
    return EntryPoint(
        name,
        tuple(run),
        {
            key: _parameter(key, each, f"{where}.parameters.{key}")
            for key, each in parameters.items()
        },
        "refused",
    )


def _parameter(name: str, value: Any, where: str) -> Parameter:
    table = _table({"type": value} if isinstance(value, str) else value, where)
    known(table, ("type", "default", "min", "max", "choices"), f"{_FILE}: {where}")
    kind = table.get("type", "choice" if "choices" in table else "string")
    if kind not in TYPES:
        raise ProjectError(
            f"{_FILE}: {where}.type is {kind!r:.60}; it must be one of {', '.join(TYPES)}"
        )
    choices = table.get("choices", [])
    if not isinstance(choices, list) or (kind == "choice" and not choices):
        raise ProjectError(f"{_FILE}: {where}.choices must be a list of values")
    least, most = table.get("min"), table.get("max")
    if any(each is not None and type(each) not in (int, float) for each in (least, most)):
        raise ProjectError(f"{_FILE}: {where}: min and max must be numbers")
    default = table.get("default")
    return Parameter(
        name,
        kind,
        None if default is None else _text(default),
        least,
        most,
        tuple(map(_text, choices)),
    )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (dict, list)):
        import json

        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
