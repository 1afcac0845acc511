"""Parameters: texts that a user gives become values that are checked, and texts that a command
gets.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from fitprint.arguments import nearest
from fitprint.data.values import number_or_text
from fitprint.hooks.manager import hooks
from fitprint_projects.errors import ProjectError
from fitprint_projects.spec import EntryPoint, Parameter, inside

__all__ = ["Argument", "Arguments", "assigned", "is_uri", "parsed"]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}

# A URI in, the path of what was fetched out.
Fetch = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Argument:
    """A parameter that has a value.

    Attributes:
        text: as it was given.
        passed: as the command gets it: byte for byte ``text``, but for a path.
        value: as it is recorded.
        type: see :class:`fitprint_projects.spec.Parameter`; "" of one that is not declared.
        origin: "set" or "default".
    """

    text: str
    passed: str
    value: Any
    type: str
    origin: Literal["set", "default"]


Arguments = Mapping[str, Argument]


def assigned(pairs: Sequence[str], option: str = "-P") -> dict[str, str]:
    """Return ``NAME=VALUE`` texts as a dict.

    Raises:
        ProjectError: one has no name or no ``=``, or is given twice with different values.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise ProjectError(f"{option} needs NAME=VALUE, not {pair!r:.100}")
        if found.setdefault(name, value) != value:
            raise ProjectError(f"{option} gives {name!r} two values; give one")
    return found


def parsed(entry: EntryPoint, given: Mapping[str, str], folder: Path, fetch: Fetch) -> Arguments:
    """Return the parameters of an entry point: those that are declared, in their order, then
    further ones.

    Args:
        entry: whose they are.
        given: texts by name.
        folder: of the project; a default path lies in it, one that is given below the working
            directory.
        fetch: brings what a ``path`` that is a URI leads to.

    Raises:
        ProjectError: one is missing, is not declared where all must be, or is no value of its type;
            the message says which would be.
    """
    _see_to_others(entry, [name for name in given if name not in entry.parameters])
    missing = [
        name
        for name, each in entry.parameters.items()
        if name not in given and each.default is None
    ]
    if missing:
        raise ProjectError(
            f"the entry point {entry.name!r} needs {', '.join(missing)}; give "
            + " ".join(f"-P {name}=…" for name in missing)
        )
    found: dict[str, Argument] = {}
    for name, parameter in entry.parameters.items():
        origin: Literal["set", "default"] = "set" if name in given else "default"
        text = given.get(name, parameter.default or "")
        value = _value(parameter, text)
        passed = text
        if parameter.type == "path":
            passed = _path(name, text, folder if origin == "default" else None, fetch)
        found[name] = Argument(text, passed, value, parameter.type, origin)
    for name, text in given.items():
        if name not in found:
            _no_nul(name, name)
            _no_nul(name, text)
            found[name] = Argument(text, text, number_or_text(text), "", "set")
    return found


def _see_to_others(entry: EntryPoint, names: Sequence[str]) -> None:
    """Say that parameters are not declared, or refuse them, as the project's file has it."""
    if not names or entry.others == "added":
        return
    told = f"the entry point {entry.name!r} declares no parameter {', '.join(map(repr, names))}"
    near = nearest(names[0], entry.parameters)
    if entry.others == "refused":
        has = f"; it has {', '.join(entry.parameters) or 'none'}"
        raise ProjectError(f"{told}{near or has}")
    hooks().problem(f"{told}; added to the command, as --NAME VALUE{near}", "projects")


def is_uri(text: str) -> bool:
    """Tell whether a text has a scheme; a drive letter is none."""
    return _SCHEME.match(text) is not None


def _no_nul(name: str, text: str) -> None:
    if "\0" in text:
        raise ProjectError(
            f"the parameter {name!r} has a NUL character, which no program can be given; write it "
            "to a file and give its path"
        )


def _value(parameter: Parameter, text: str) -> Any:
    _no_nul(parameter.name, text)
    try:
        value = _READERS.get(parameter.type, str)(text)
    except (ValueError, RecursionError):
        raise ProjectError(
            f"the parameter {parameter.name!r} must be {_WANTED[parameter.type]}, not {text!r:.100}"
        ) from None
    if parameter.choices and text not in parameter.choices:
        raise ProjectError(
            f"the parameter {parameter.name!r} must be one of {', '.join(parameter.choices)}, not "
            f"{text!r:.100}"
        )
    limits = (parameter.least, parameter.most)
    if type(value) in (int, float) and not (
        (limits[0] is None or value >= limits[0]) and (limits[1] is None or value <= limits[1])
    ):
        raise ProjectError(
            f"the parameter {parameter.name!r} must lie between "
            f"{-math.inf if limits[0] is None else limits[0]} and "
            f"{math.inf if limits[1] is None else limits[1]}, not be {text!r:.100}"
        )
    return value


def _whole(text: str) -> int:
    if len(text) > 1000:
        raise ValueError(text)
    return int(text)


def _truth(text: str) -> bool:
    try:
        return _BOOLEANS[text.strip().lower()]
    except KeyError:
        raise ValueError(text) from None


def _uri(text: str) -> str:
    if not is_uri(text) or not any(urlsplit(text)[1:3]):
        raise ValueError(text)
    return text


_READERS: Mapping[str, Callable[[str], Any]] = {
    "int": _whole,
    "float": float,
    "bool": _truth,
    "uri": _uri,
    "json": json.loads,
}
_WANTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "uri": "an address with a scheme, such as s3://bucket/data",
    "json": "JSON",
}


def _path(name: str, text: str, folder: Path | None, fetch: Fetch) -> str:
    """Return the absolute path of what a parameter leads to."""
    if is_uri(text) and not text.startswith("file:"):
        return fetch(text)
    if text.startswith("file:"):
        from urllib.request import url2pathname

        path = Path(url2pathname(urlsplit(text).path))
    elif folder is not None and not Path(text).is_absolute():
        path = inside(folder, text, f"the default of the parameter {name!r},")
    else:
        path = Path(text)
    if not path.exists():
        raise ProjectError(
            f"the parameter {name!r} must be a path, and there is no {text!r:.200}"
            + ("" if folder is None else f" in {folder}")
        )
    return str(path.absolute())
