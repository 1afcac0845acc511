"""What callers hand over, looked at where it comes in: an error names what was expected, and what
came instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fitprint.errors import FitprintError

__all__ = [
    "checked_count",
    "checked_items",
    "checked_name",
    "checked_names",
    "checked_place",
    "checked_seconds",
    "checked_text",
    "checked_truth",
    "nearest",
    "shown",
    "suggested",
]

_MOST_LETTERS = 200  # of a name that is compared with others

_FIRST = 5  # names that an error lists
_MOST = 60  # characters of a value that an error shows


def shown(value: object) -> str:
    """Return a value as an error shows it: short, whatever it is."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - the value's own code
        text = f"an object of type {type(value).__name__}"
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"


def checked_text(
    value: object, what: str, error: type[FitprintError] = FitprintError, *, empty: bool = False
) -> str:
    """Return ``value`` if it is a text, by default one that is not empty."""
    if not isinstance(value, str) or not (value or empty):
        raise error(
            f"{what} must be a text{'' if empty else ' that is not empty'}, not {shown(value)}"
        )
    return value


def checked_name(value: object, what: str, error: type[FitprintError] = FitprintError) -> str:
    """Return ``value`` if it is a text that one can see: blanks alone are no name."""
    if not isinstance(value, str) or not value.strip():
        raise error(f"{what} must be a text that is not empty, not {shown(value)}")
    return value


def checked_truth(value: object, what: str, error: type[FitprintError] = FitprintError) -> bool:
    """Return ``value`` if it is True or False: a text such as "no" would count as true."""
    if not isinstance(value, bool):
        raise error(f"{what} must be True or False, not {shown(value)}")
    return value


def checked_count(value: object, what: str, error: type[FitprintError] = FitprintError) -> int:
    """Return ``value`` if it is a whole number from 0 on."""
    index = getattr(value, "__index__", None)  # numpy's whole numbers have it, too
    if isinstance(value, (bool, type)) or index is None or index() < 0:
        raise error(f"{what} must be a whole number from 0 on, not {shown(value)}")
    return int(index())


def checked_seconds(value: object, what: str, most: float, spoken: str) -> float:
    """Return ``value`` if it is a number of seconds, more than 0 and up to ``most``, which
    ``spoken`` names as people do, such as "a day".
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= most:
        raise FitprintError(
            f"{what} must be a number of seconds, more than 0 and up to {spoken}, "
            f"not {shown(value)}"
        )
    return float(value)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return how a sentence on an unknown name goes on: with the one of those known that is most
    like it, if any is.
    """
    from difflib import get_close_matches

    names = list(known)
    name = name[:_MOST_LETTERS]
    near = [each for each in names if each.lower() == name.lower()] or get_close_matches(
        name, names, 1
    )
    return f"; did you mean {shown(near[0])}?" if near else ""


def suggested(name: str, known: Iterable[str]) -> str:
    """Return how a sentence on an unknown name goes on: with the one of those known that is most
    like it, else with the first of them.
    """
    names = sorted(known)
    first = ", ".join(map(shown, names[:_FIRST])) + (" ..." if len(names) > _FIRST else "")
    return nearest(name, names) or (f"; there are: {first}" if names else "")


def checked_names(
    value: object, what: str, error: type[FitprintError] = FitprintError
) -> tuple[str, ...]:
    """Return texts; a lone one is a list of one."""
    if isinstance(value, str):
        return (value,)
    names = (
        tuple(value)
        if isinstance(value, Iterable) and not isinstance(value, (bytes, type))
        else None
    )
    if names is None or not all(isinstance(name, str) for name in names):
        raise error(
            f"{what} must be a list of texts, not {shown(value if names is None else list(names))}"
        )
    return names


def checked_items(
    value: Any, example: str, error: type[FitprintError] = FitprintError
) -> list[tuple[Any, Any]]:
    """Return names and values of a mapping, or of what has ``items()`` as one does, such as a row
    of a data frame.
    """
    items = None if isinstance(value, type) else getattr(value, "items", None)
    if not callable(items):
        raise error(f"names and their values are expected, such as {example}, not {shown(value)}")
    return list(items())


def checked_place(value: Any, what: str) -> Path:
    """Return the path of a file or folder of the user's."""
    try:
        path = os.fspath(value)
        os.fsencode(path)  # no file has a name with half a character
    except (TypeError, UnicodeEncodeError):
        path = b""
    if not isinstance(path, str) or not path or "\0" in path:
        raise FitprintError(f"{what} must be a path, not {shown(value)}")
    return Path(path)
