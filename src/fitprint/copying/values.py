"""What other programs wrote down, in our words."""

from __future__ import annotations

import hashlib
from typing import Any

from fitprint import clock
from fitprint.entities import History

__all__ = ["add_point", "id_of", "micros", "plain"]

_LEAST, _MOST = -(1 << 63), (1 << 63) - 1
_DEEPEST = 100


def id_of(*parts: Any) -> str:
    """Return an id for what has none of 32 hexadecimal digits, the same each time."""
    text = "\0".join(map(str, parts))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def micros(seconds: float, otherwise: int = 0) -> int:
    """Return a time in seconds since the epoch as microseconds; ``otherwise`` if no record can have
    it.
    """
    # also false for NaN
    if not clock.EARLIEST / 1e6 < seconds < clock.LATEST / 1e6:
        return otherwise
    return round(seconds * 1e6)


def plain(value: Any, depth: int = 0) -> Any:
    """Return a value as JSON has it; what JSON has no word for becomes a text."""
    if value is None or isinstance(value, (bool, str, int, float)):
        return value
    if depth < _DEEPEST:
        if isinstance(value, dict):
            return {str(key): plain(each, depth + 1) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(each, depth + 1) for each in value]
    return str(value)


def add_point(
    history: History, step: int, time: int, value: float, epoch: float = float("nan")
) -> None:
    """Add a point; a step that no record can have becomes the nearest one that it can."""
    history.step.append(min(max(step, _LEAST), _MOST))
    history.timestamp.append(time)
    history.value.append(value)
    history.epoch.append(epoch)
