"""Fewer points of a long history, with its extremes kept,
and no more of it read than that takes.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import filterfalse, pairwise

from fitprint.entities import History

__all__ = ["BLOCK", "Outline", "Part", "enough", "outline", "sampled", "sampled_parts"]


BLOCK = 1024
"""Points of which an outline says which two are the least and the greatest."""


@dataclass(frozen=True)
class Outline:
    """What stands beside a part of a history, so that few of its points need be read.

    Attributes:
        places: in the part, of the least and the greatest value of each block of it, one pair after
            the other; where no value of a block is a number, of its first point.
        points: the first point of the part, those at the places, and the last.
    """

    places: array[int]
    points: History


def outline(history: History) -> Outline:
    """Return the outline of points."""
    places = array("I")
    for start in range(0, len(history), BLOCK):
        found = _extremes(history.value[start : start + BLOCK]) or (0, 0)
        places.extend([start + place for place in found])
    return Outline(places, history.at((0, *places, len(history) - 1)))


class Part:
    """Consecutive points of a history, which are only read where its outline, if it has one, does
    not say enough.

    Attributes:
        start: number of points before them, and ``count`` of them.
    """

    def __init__(
        self, start: int, count: int, read: Callable[[], History], outline: Outline | None = None
    ) -> None:
        self.start = start
        self.count = count
        self.outline = outline
        self._read = read

    @cached_property
    def points(self) -> History:
        return self._read()

    def extremes(self, start: int, end: int) -> Iterator[tuple[int, float]]:
        """Yield places of the history, and their values, among which are the least and the greatest
        between two places of it.
        """
        start, end = max(start - self.start, 0), min(end - self.start, self.count)
        size = BLOCK if self.outline is not None else self.count
        for block in range(start // size, -(-end // size)):
            first, last = max(block * size, start), min(block * size + size, end)
            if self.outline is not None:
                places = self.outline.places[2 * block : 2 * block + 2]
                values = self.outline.points.value[1 + 2 * block : 3 + 2 * block]
                if values[0] != values[0]:
                    continue  # no value of the block is a number
                if first <= min(places) and max(places) < last:
                    for place, value in zip(places, values, strict=True):
                        yield self.start + place, value
                    continue
            values = self.points.value[first:last]
            for place in _extremes(values) or ():
                yield self.start + first + place, values[place]

    def at(self, places: Sequence[int]) -> History:
        """Return the points at these places of the history."""
        inside = [place - self.start for place in places]
        if self.outline is not None:
            known = {
                place: number
                for number, place in enumerate((0, *self.outline.places, self.count - 1))
            }
            if known.keys() >= set(inside):
                return self.outline.points.at(map(known.__getitem__, inside))
        return self.points.at(inside) if inside else History()


def enough(max_points: int | None) -> None:
    """Raise ValueError where ``max_points`` is less than 4."""
    if max_points is not None and max_points < 4:
        raise ValueError(f"max_points is at least 4, not {max_points}")


def sampled(history: History, max_points: int) -> History:
    """Return at most ``max_points`` points: the first, the last, and least and greatest of
    stretches between that are even, or even to a block where they are longer than one.

    NaN is neither least nor greatest; a stretch of nothing but NaN gives one point of it. A short
    history is returned as it is.

    Raises:
        ValueError: ``max_points`` is less than 4.
    """
    return sampled_parts([Part(0, len(history), lambda: history)], max_points)


def sampled_parts(parts: Sequence[Part], max_points: int) -> History:
    """Do the same with a history in parts, in their order."""
    enough(max_points)
    count = sum(part.count for part in parts)
    if count <= max_points:
        return History.joined(part.points for part in parts)
    chosen = [0, *_chosen(parts, count, (max_points - 2) // 2), count - 1]
    return History.joined(
        part.at(
            chosen[bisect_left(chosen, part.start) : bisect_left(chosen, part.start + part.count)]
        )
        for part in parts
    )


def _chosen(parts: Sequence[Part], count: int, stretches: int) -> Iterator[int]:
    """Yield the places of the least and the greatest value of each stretch of what lies between the
    first and the last.

    Stretches that are longer than a block end where a block of the history ends: outlines say all
    of them then.
    """
    inner, number = count - 2, 0
    size = BLOCK if inner // stretches >= BLOCK else 1
    borders = [(1 + inner * stretch // stretches) // size * size for stretch in range(stretches)]
    for start, end in pairwise([1, *borders[1:], 1 + inner]):
        while parts[number].start + parts[number].count <= start:
            number += 1
        found: list[tuple[int, float]] = []
        for part in parts[number:]:
            if part.start >= end:
                break
            found += part.extremes(start, end)
        low, high = (best(found, key=_value)[0] if found else start for best in (min, max))
        yield min(low, high)
        if low != high:
            yield max(low, high)


def _value(found: tuple[int, float]) -> float:
    return found[1]


def _extremes(values: array[float]) -> tuple[int, int] | None:
    """Return the places of the least and the greatest value;
    None where there is nothing but NaN.
    """
    # which is gone through several times, and an array would make each number anew
    numbers = values.tolist()
    real = numbers if not math.isnan(sum(numbers)) else list(filterfalse(math.isnan, numbers))
    return (numbers.index(min(real)), numbers.index(max(real))) if real else None
