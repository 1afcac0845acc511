"""Values as people read them: numbers, times, sizes, and texts that cannot harm a terminal."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fitprint.entities import PendingBytes

__all__ = [
    "age",
    "below",
    "clean",
    "counted",
    "counted_runs",
    "duration",
    "moment",
    "number",
    "size",
    "value_text",
]

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def number(value: float) -> str:
    """Return a number with four significant digits, more only before the decimal point."""
    if isinstance(value, bool) or not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if 1000 <= abs(value) < 1e7:
        return f"{value:.0f}"
    return f"{value:.4g}"


def value_text(value: Any) -> str:
    """Return a parameter's value in one line; a float is never taken for a whole number."""
    if isinstance(value, float):
        exact = repr(value)
        return exact if len(exact) <= 8 else number(value)
    return clean(
        json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else str(value)
    )


def below(count: int) -> str:
    """Return how a sentence on a run goes on that is about so many runs below it, too."""
    if count <= 0:
        return " is"
    return f" and {count} {'run' if count == 1 else 'runs'} below it are"


def counted_runs(count: int) -> str:
    """Return ``1 run`` or ``2 runs``."""
    return f"{count} {'run' if count == 1 else 'runs'}"


def counted(items: Collection[PendingBytes]) -> str:
    """Return how many artifacts these are, and their size: ``2 artifacts (5.3 kB)``."""
    return (
        f"{len(items)} {'artifact' if len(items) == 1 else 'artifacts'} "
        f"({size(sum(item.size for item in items))})"
    )


def clean(text: str) -> str:
    """Return the text in one line, with control characters (those that steer terminals, too) as
    escapes.
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def duration(seconds: float) -> str:
    """Return a length of time in at most two units: ``42ms``, ``1.5s``, ``12s``, ``3m12s``,
    ``2h05m``, ``3d04h``.
    """
    if seconds < 0.995:
        milliseconds = max(0.0, seconds) * 1000
        return f"{milliseconds:.0f}ms" if milliseconds >= 9.95 else f"{milliseconds:.2g}ms"
    if seconds < 9.95:
        return f"{seconds:.2g}s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m{whole % _MINUTE:02}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h{whole % _HOUR // _MINUTE:02}m"
    return f"{whole // _DAY}d{whole % _DAY // _HOUR:02}h"


def age(seconds: float) -> str:
    """Return in one unit how long ago something was."""
    for unit, length in (("d", _DAY), ("h", _HOUR), ("m", _MINUTE)):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return f"{max(0, int(seconds))}s"


def moment(time: int) -> str:
    """Return a time (microseconds since the epoch) in the local time zone, to the second."""
    from datetime import datetime

    return datetime.fromtimestamp(time / 1_000_000).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def size(count: int) -> str:
    """Return a number of bytes in the largest unit that it fills."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return (
                f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
            )
        amount /= 1000
    return f"{amount:.1f} TB"
