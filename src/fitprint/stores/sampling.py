"""Fewer points of a long history, with its extremes kept."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from itertools import filterfalse

from fitprint.entities import History

__all__ = ["sampled"]


def sampled(history: History, max_points: int) -> History:
    """Return at most ``max_points`` points: the first, the last, and least and greatest of even stretches between.

    NaN is neither least nor greatest; a stretch of nothing but NaN gives one point of it. A short history is returned as it is.

    Raises:
        ValueError: ``max_points`` is less than 4.
    """
    if max_points < 4:
        raise ValueError(f"max_points is at least 4, not {max_points}")
    if len(history) <= max_points:
        return history
    chosen = [0, *_extremes(history.value, (max_points - 2) // 2), len(history) - 1]
    return History(
        array("q", map(history.step.__getitem__, chosen)),
        array("d", map(history.epoch.__getitem__, chosen)),
        array("q", map(history.timestamp.__getitem__, chosen)),
        array("d", map(history.value.__getitem__, chosen)),
    )


def _extremes(values: array[float], stretches: int) -> Iterator[int]:
    """Yield the places of the least and the greatest value of each stretch of what lies between the first and the last."""
    inner = len(values) - 2
    for number in range(stretches):
        start, end = 1 + inner * number // stretches, 1 + inner * (number + 1) // stretches
        stretch = values[start:end]
        real = stretch if not math.isnan(sum(stretch)) else array("d", filterfalse(math.isnan, stretch))
        if not real:
            yield start
            continue
        low, high = stretch.index(min(real)), stretch.index(max(real))
        yield start + min(low, high)
        if low != high:
            yield start + max(low, high)
