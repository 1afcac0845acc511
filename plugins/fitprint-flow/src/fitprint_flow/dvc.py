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

_SHELL = re.compile(r"[|&;<>()$`*?\[\]#~!{}\n]")


def converted(file: Path) -> tuple[str, list[str]]:
    """Return the text of a flow file, and what of DVC's stages it does not say, in words.

    Raises:
        FlowError: it is no ``dvc.yaml``.
    """
    try:
        said = load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, YamlError) as error:
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
            "run": _argv(stage["cmd"], folder),
            "inputs": [*_paths(stage.get("deps"), folder), *_whole_files(stage, folder)],
            "outputs": [
                path
                for kind in ("outs", "metrics", "plots")
                for path in _paths(stage.get(kind), folder)
            ],
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
    if not isinstance(stage.get("cmd"), (str, list)):
        return "it has no cmd"
    if "${" in json.dumps(stage):
        return "it uses ${...}; write the values, or parameters as {name}"
    return ""


def _argv(command: Any, folder: str) -> list[str]:
    """Return the words of a command; a shell reads it only where it needs one."""
    text = command if isinstance(command, str) else " && ".join(map(str, command))
    if folder == "." and not _SHELL.search(text):
        try:
            if words := shlex.split(text):
                return words
        except ValueError:
            pass
    return ["sh", "-c", text if folder == "." else f"cd {shlex.quote(folder)} && {text}"]


def _paths(items: Any, folder: str) -> Iterator[str]:
    for item in items or ():
        path = next(iter(item), "") if isinstance(item, Mapping) else item
        yield posixpath.normpath(posixpath.join(folder, str(path)))


def _params(stage: Mapping[str, Any], folder: str) -> Iterator[str]:
    for item in stage.get("params") or ():
        files = item if isinstance(item, Mapping) else {"params.yaml": [item]}
        for file, names in files.items():
            path = posixpath.normpath(posixpath.join(folder, str(file)))
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
