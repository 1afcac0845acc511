"""A curve in one line of text."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

__all__ = ["sparkline"]

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-~=+*#"


def sparkline(values: Sequence[float], width: int, *, unicode: bool = True) -> str:
    """Return at most ``width`` characters that rise and fall as the values do.

    Where there are more values than characters, each stands for an even stretch by its last value.
    NaN and infinities leave a gap.
    """
    levels = _BLOCKS if unicode else _ASCII
    count = min(len(values), width)
    shown = [values[(index + 1) * len(values) // count - 1] for index in range(count)]
    finite = [value for value in shown if isfinite(value)]
    if not finite:
        return " " * len(shown)
    least, most = min(finite), max(finite)
    # Halved, so that the range of the largest floats is still one.
    span = most / 2 - least / 2
    top = len(levels) - 1

    def level(value: float) -> int:
        return top // 2 if span == 0 else round((value / 2 - least / 2) / span * top)

    return "".join(levels[level(value)] if isfinite(value) else " " for value in shown)
