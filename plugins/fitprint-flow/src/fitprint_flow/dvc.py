"""DVC's stages as a flow: ``dvc.yaml`` read, ``fitprint.flow.toml`` written."""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fitprint.models.yaml_text import YamlError, load
from fitprint_flow.steps import FlowError

__all__ = ["converted"]

_OUTPUTS = ("outs", "metrics", "plots")
_LISTS = ("deps", "params", *_OUTPUTS)
_KNOWN = {*_LISTS, "cmd", "wdir", "always_changed", "desc", "meta", "frozen"}
_READABLE = (".json", ".toml", ".yaml", ".yml")
_ASSIGNMENT = re.compile(r"\w+\+?=")
_SHELL = re.compile(r"[|&;<>()$`*?\[\]#~!{}\n]")


def converted(file: Path) -> tuple[str, list[str]]:
    """Return the text of a flow file, and what of DVC's stages it does not say, in words.

    Raises:
        FlowError: it is no ``dvc.yaml``.
    """
    try:
        said = load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise FlowError(f"{file} cannot be read: {error.strerror or error}") from None
    except (UnicodeError, YamlError) as error:
        raise FlowError(f"{file} cannot be read: {error}") from None
    stages = said.get("stages") if isinstance(said, dict) else None
    if not isinstance(stages, dict) or not stages:
        raise FlowError(f"{file} has no stages; a dvc.yaml is needed")
    lines, left = [f"name = {_text(file.absolute().parent.name or 'flow')}"], []
    for name, stage in stages.items():
        wrong = _why_not(stage)
        if wrong:
            left.append(f"the stage {name}: {wrong}")
            continue
        folder = str(stage.get("wdir", "."))
        keys = {
            "run": _argv(_commands(stage), folder),
            "inputs": [*_paths(stage.get("deps"), folder), *_whole_files(stage, folder)],
            "outputs": [path for kind in _OUTPUTS for path in _paths(stage.get(kind), folder)],
            "params": list(_params(stage, folder)),
        }
        lines += ["", f"[step.{_text(str(name))}]"]
        lines += [f"{key} = {_list(value)}" for key, value in keys.items() if value]
        if stage.get("always_changed"):
            lines.append("cache = false")
    return "\n".join([*lines, ""]), left


def _why_not(stage: Any) -> str:
    if not isinstance(stage, dict):
        return "it is no table"
    for word in ("foreach", "matrix"):
        if word in stage:
            return f"it is made by {word}; write its steps one by one"
    if not all(isinstance(each, str) and each.strip() for each in _commands(stage) or [None]):
        return "it has no cmd"
    if "${" in json.dumps(stage):
        return "it uses ${...}; write the values, or parameters as {name}"
    if unknown := stage.keys() - _KNOWN:
        return f"it has the key {min(map(str, unknown))}, for which flows have no word"
    if stage.get("frozen"):
        return "it is frozen; name what it made among the inputs of the others"
    for key in _LISTS:
        items = stage.get(key) or []
        if not isinstance(items, list) or not all(map(_is_item, items)):
            return f"{key} is no list of paths"
    folder = str(stage.get("wdir", "."))
    for path in _paths([*(stage.get("deps") or ()), *(stage.get("outs") or ())], ""):
        if "://" in path:
            return f"{path} is no file; let a step fetch it"
    for kind in _OUTPUTS:
        for path in _paths(stage.get(kind), folder):
            if path.startswith("/") or path.split("/")[0] == "..":
                return f"{path} lies outside of the folder"
    for path in _params(stage, folder):
        if not path.rpartition(":")[0].endswith(_READABLE):
            return f"parameters are read from .json, .toml and .yaml files, not {path}"
    return ""


def _is_item(item: Any) -> bool:
    if isinstance(item, Mapping) and item:
        return all(isinstance(key, str) and key for key in item)
    return isinstance(item, str) and bool(item)


def _commands(stage: Mapping[str, Any]) -> list[Any]:
    command = stage.get("cmd")
    return command if isinstance(command, list) else [command]


def _argv(commands: list[str], folder: str) -> list[str]:
    """Return the words of a command; a shell reads it only where it needs one."""
    if folder == "." and len(commands) == 1 and not _SHELL.search(commands[0]):
        try:
            words = shlex.split(commands[0])
        except ValueError:
            words = []
        if words and not _ASSIGNMENT.match(words[0]):
            return words
    lines = [] if folder == "." else [f"cd {shlex.quote(folder)}"]
    # each by itself, as DVC does
    lines += [f"(\n{each}\n)" for each in commands] if len(commands) > 1 else commands
    return ["sh", "-c", "\n".join(["set -e", *lines] if len(lines) > 1 else lines)]


def _paths(items: Any, folder: str) -> Iterator[str]:
    for item in items or ():
        path = next(iter(item)) if isinstance(item, Mapping) else item
        yield path if "://" in path else posixpath.normpath(posixpath.join(folder, path))


def _params(stage: Mapping[str, Any], folder: str) -> Iterator[str]:
    for item in stage.get("params") or ():
        files = item if isinstance(item, Mapping) else {"params.yaml": [item]}
        for file, names in files.items():
            path = posixpath.normpath(posixpath.join(folder, file))
            yield from (f"{path}:{name}" for name in names or ())


def _whole_files(stage: Mapping[str, Any], folder: str) -> Iterator[str]:
    """Yield files of parameters of which all count."""
    for item in stage.get("params") or ():
        if isinstance(item, Mapping):
            yield from _paths([file for file, names in item.items() if not names], folder)


def _list(words: list[str]) -> str:
    return f"[{', '.join(map(_text, words))}]"


def _text(word: str) -> str:
    return json.dumps(word)  # which is a text in TOML, too
