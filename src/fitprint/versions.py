"""Distributions: which plugin is for which framework; and version ranges as ``pyproject.toml``
states them, release numbers only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import Distribution

__all__ = [
    "PLUGINS",
    "headers",
    "is_inside",
    "is_installed",
    "misfits",
    "name_and_range",
    "normal",
]

PLUGINS = {
    "catboost": "fitprint-catboost",
    "keras": "fitprint-tensorflow",
    "lightgbm": "fitprint-lightgbm",
    "sklearn": "fitprint-sklearn",
    "tensorflow": "fitprint-tensorflow",
    "xgboost": "fitprint-xgboost",
}
"""By module, which is the flavor's name, too: what to install for whoever has a framework, or a
stranger's model, and no plugin.
"""


def normal(name: str) -> str:
    """Return the normal form of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def name_and_range(requirement: str) -> tuple[str, str]:
    """Return the name and the version range of a requirement line."""
    found = re.match(r"\s*([\w.-]+)\s*(?:\[[^]]*\])?\s*\(?([^;)]*)", requirement)
    return (normal(found[1]), found[2].replace(" ", "")) if found else ("", "")


def headers(distribution: Distribution) -> dict[str, list[str]]:
    """Return the fields of a distribution's metadata, by name in small letters.

    The library parses the whole of it, with the description, as an e-mail: that takes ten times as
    long.
    """
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    fields: dict[str, list[str]] = {}
    for line in text.partition("\n\n")[0].splitlines():
        name, sign, value = line.partition(":")
        if sign and not name[:1].isspace():  # that of a long field which goes on
            fields.setdefault(name.lower(), []).append(value.strip())
    return fields


def is_inside(version: str, range_: str) -> bool:
    """Tell whether a version lies in a range such as ``>=1.5,<2``.

    Raises:
        ValueError: this is no range.
    """
    return all(_satisfies(version, *found) for found in _parts(range_))


def is_installed(distribution: str, range_: str) -> bool:
    """Tell whether a version of the distribution in this range is installed, for targets that not
    every version has; imports nothing of it.

    Raises:
        ValueError: this is no range.
    """
    from importlib import metadata

    try:
        version = headers(metadata.distribution(distribution))["version"][0]
    except (metadata.PackageNotFoundError, KeyError):
        return False
    return is_inside(version, range_)


def misfits(distribution: str) -> list[str]:
    """Return a sentence for each installed framework whose version a plugin's distribution does not
    support, by its extra ``framework``.
    """
    from importlib import metadata

    found = []
    for line in headers(metadata.distribution(distribution)).get("requires-dist", ()):
        # with further conditions it may not be meant for this machine
        if not re.search(r";\s*extra == ['\"]framework['\"]\s*$", line):
            continue
        name, range_ = name_and_range(line)
        try:
            version = headers(metadata.distribution(name))["version"][0]
        except (metadata.PackageNotFoundError, KeyError):
            continue
        if not is_inside(version, range_):
            advice = (
                f"upgrade {distribution}, or install a version that it supports: pip "
                f"install '{name}{range_}'"
            )
            found.append(
                f"{distribution} supports {name}{range_}, and {version} is installed: {advice}"
            )
    return found


def _parts(range_: str) -> Iterator[tuple[str, str]]:
    for part in filter(None, range_.split(",")):
        found = re.fullmatch(r"(===|==|~=|!=|<=|>=|<|>)(.+)", part)
        if found is None:
            raise ValueError(f"{part!r} is not a version range")
        yield found[1], found[2]


def _satisfies(version: str, sign: str, bound: str) -> bool:
    if bound.endswith(".*"):
        prefix = _release(bound[:-2])
        return (_release(version)[: len(prefix)] == prefix) == (sign == "==")
    given, limit = (tuple([*_release(text), 0, 0, 0, 0][:5]) for text in (version, bound))
    if sign == "~=":
        prefix = _release(bound)[:-1]
        return given >= limit and _release(version)[: len(prefix)] == prefix
    answers = {
        "==": given == limit,
        "===": version == bound,
        "!=": given != limit,
        "<=": given <= limit,
        ">=": given >= limit,
        "<": given < limit,
        ">": given > limit,
    }
    return answers[sign]


def _release(version: str) -> tuple[int, ...]:
    found = re.match(r"v?(?:\d+!)?(\d+(?:\.\d+)*)", version)
    return tuple(map(int, found[1].split("."))) if found else ()
