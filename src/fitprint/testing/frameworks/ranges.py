"""Version ranges, as far as ``pyproject.toml`` states them for frameworks: release numbers only."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fitprint.testing.checks import expect

__all__ = ["is_inside", "name_and_range", "normal"]


def normal(name: str) -> str:
    """Return the normal form of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def name_and_range(requirement: str) -> tuple[str, str]:
    """Return the name and the version range of a requirement line."""
    found = re.match(r"\s*([\w.-]+)\s*(?:\[[^]]*\])?\s*\(?([^;)]*)", requirement)
    return (normal(found[1]), found[2].replace(" ", "")) if found else ("", "")


def is_inside(version: str, range_: str) -> bool:
    """Tell whether a version lies in a range such as ``>=1.5,<2``."""
    return all(_satisfies(version, *found) for found in _parts(range_))


def _parts(range_: str) -> Iterator[tuple[str, str]]:
    for part in filter(None, range_.split(",")):
        found = re.fullmatch(r"(===|==|~=|!=|<=|>=|<|>)(.+)", part)
        expect(found, f"{part!r} is no version range")
        assert found is not None
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
