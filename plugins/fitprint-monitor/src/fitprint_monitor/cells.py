"""Cells: parts into which a column's values fall, made from the profile of its training data, and
how many values of the training fell into each.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from fitprint.data.profiles import text_digest

__all__ = ["Cells", "Counts", "Distribution", "cells_of", "counts_of_profile", "kind_of"]

_NARROW = 1e-6  # of a value: floats of 32 bits and nine digits are the value itself
_WHOLE = 0.25  # around a whole number,
_LARGEST = 2.0**50  # up to which floats tell that apart
_FEW = 0.01  # share of values that occur once, up to which those that are known are all
_DIGEST = re.compile("[0-9a-f]{16}")
_KINDS = {"bool": "number", "duration": "number", "bytes": "text"}


def kind_of(column: Mapping[str, Any]) -> str:
    """Return what kind of values a profile tells of: "number", "text", "time", "mixed", "empty"."""
    told = str(column.get("type", "mixed"))
    return _KINDS.get(told, told)


@dataclass(frozen=True, slots=True)
class Distribution:
    """How the numbers of a column are spread, as far as a profile tells.

    Attributes:
        points: ascending; ``below`` says how many values are at most each of them. Between two the
            values are taken to be spread evenly, and outside are none.
        below: the last is the number of all.
        is_listed: whether the column has few distinct values, all of them known: each is a narrow
            space between two points.
    """

    points: tuple[float, ...]
    below: tuple[float, ...]
    is_listed: bool = False

    def at(self, value: float) -> float:
        """Return how many values are at most this."""
        place = bisect_left(self.points, value)
        if place == len(self.points):
            return self.below[-1]
        if self.points[place] == value:
            return self.below[place]
        if place == 0:
            return 0.0
        low, high = self.points[place - 1 : place + 1]
        from_, to = self.below[place - 1 : place + 1]
        return from_ + (to - from_) * ((value - low) / (high - low))

    def where(self, share: float) -> float:
        """Return the value below which such a share of all lies."""
        wanted = share * self.below[-1]
        place = min(bisect_left(self.below, wanted), len(self.below) - 1)
        if place == 0:
            return self.points[0]
        low, high = self.points[place - 1 : place + 1]
        from_, to = self.below[place - 1 : place + 1]
        return high if to <= from_ else low + (high - low) * ((wanted - from_) / (to - from_))


@dataclass(frozen=True, slots=True)
class Counts:
    """How many values of a column fell into its cells.

    Attributes:
        rows: values that were looked at, and how many of them were ``missing``: None, NaN and
            infinities.
        cells: how many fell into each cell.
        low: the least finite number, and ``high`` the greatest; infinities where there was none.
        strange: values of another kind than the training's.
    """

    rows: float = 0
    missing: float = 0
    cells: tuple[float, ...] = ()
    low: float = float("inf")
    high: float = float("-inf")
    strange: float = 0

    @property
    def present(self) -> float:
        """Values that fell into a cell."""
        return sum(self.cells)

    def __add__(self, other: Counts) -> Counts:
        """Return the counts of both; the order in which counts are added makes no difference."""
        return Counts.joined((self, other))

    @classmethod
    def joined(cls, parts: Sequence[Counts]) -> Counts:
        """Return the sum of counts in the same cells."""
        cells = [each.cells for each in parts if each.cells]
        return cls(
            sum([each.rows for each in parts]),
            sum([each.missing for each in parts]),
            tuple(map(sum, zip(*cells, strict=True))),
            min([each.low for each in parts], default=math.inf),
            max([each.high for each in parts], default=-math.inf),
            sum([each.strange for each in parts]),
        )


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of a column.

    Attributes:
        name: of the column.
        kind: see :func:`kind_of`.
        reference: what the training's values were.
        points: of numbers: cell ``i`` holds those from above ``points[i - 1]`` up to
            ``points[i]``; the first has no lower end, the last no upper one.
        keys: of texts: the digests of those that are known, a cell for each; a last cell holds all
            others.
        is_listed: whether each known value has a cell of its own, so that others are new.
        std: the standard deviation of the training's numbers; 0 if it is not known.
        spread: of numbers: how the training's were spread.
    """

    name: str
    kind: str
    reference: Counts
    points: tuple[float, ...] = ()
    keys: tuple[str, ...] = ()
    is_listed: bool = False
    std: float = 0.0
    spread: Distribution | None = field(default=None, repr=False)

    @property
    def can_compare(self) -> bool:
        """Whether there is more to compare than how many values are missing."""
        return bool(self.points or self.keys)

    def unknown(self, counts: Counts) -> float:
        """Return how many values were none of those that are known."""
        if self.keys:
            return counts.cells[-1]
        return sum(counts.cells[::2])  # listed values lie between two points each


def cells_of(column: Mapping[str, Any]) -> Cells:
    """Return the cells that a column of a profile gives, with the training's counts.

    Numbers get up to 65 cells of the profile's quantiles or listed values. Texts get one for each
    that is listed, if the list has nearly all. All others have no cells: only how many are missing
    can be compared.
    """
    kind, name = kind_of(column), str(column.get("name", ""))
    rows, missing = column.get("count", 0), column.get("missing", 0) + column.get("infinite", 0)
    present = rows - missing
    bare = Cells(name, kind, Counts(rows, missing))
    if kind == "text":
        keys = _keys(column, present)
        if not keys:
            return bare
        counts = (*keys.values(), present - sum(keys.values()))
        return Cells(name, kind, Counts(rows, missing, counts), keys=tuple(keys), is_listed=True)
    spread = _distribution(column) if kind == "number" else None
    if spread is None:
        return bare
    return Cells(
        name,
        kind,
        Counts(
            rows,
            missing,
            _differences(spread.below, spread.below[-1]),
            spread.points[0],
            spread.points[-1],
        ),
        spread.points,
        is_listed=spread.is_listed,
        std=float(column["std"]) if "std" in column else _std(column),
        spread=spread,
    )


def counts_of_profile(cells: Cells, column: Mapping[str, Any]) -> Counts:
    """Return how the values of which a profile tells fall into the cells of another; numbers as
    nearly as the quantiles allow.
    """
    rows, missing = column.get("count", 0), column.get("missing", 0) + column.get("infinite", 0)
    present = rows - missing
    if cells.kind in ("number", "text", "time") and kind_of(column) not in (cells.kind, "empty"):
        return Counts(rows, missing, strange=present)
    if cells.keys:
        listed = _all_keys(column)
        known = [listed.get(key, 0) for key in cells.keys]
        return Counts(rows, missing, (*known, present - sum(known)))
    if not cells.points:
        return Counts(rows, missing)
    found = _distribution(column)
    if found is None:
        return Counts(rows, missing, (0,) * (len(cells.points) + 1) if not present else ())
    below = [found.at(point) for point in cells.points]
    return Counts(
        rows,
        missing,
        _differences(below, found.below[-1]),
        found.points[0],
        found.points[-1],
    )


def _differences(below: Sequence[float], whole: float) -> tuple[float, ...]:
    edges = [0, *below, whole]
    return tuple(to - from_ for from_, to in pairwise(edges))


# -- texts -----------------------------------------------------------------------------------------


def _all_keys(column: Mapping[str, Any]) -> dict[str, int]:
    """Return the counts of all texts that a profile lists; one that is shown in words is told by
    its digest, too.
    """
    pairs = [pair for pair in column.get("top", ()) if isinstance(pair[0], str)]
    return {text if _DIGEST.fullmatch(text) else text_digest(text): count for text, count in pairs}


def _keys(column: Mapping[str, Any], present: int) -> dict[str, int]:
    """Return the texts and their counts, if nearly all are listed: of a few that happen to be
    frequent, others would always seem to be more frequent later.
    """
    keys = _all_keys(column)
    return keys if sum(keys.values()) >= (1 - _FEW) * present else {}


# -- numbers ---------------------------------------------------------------------------------------


def _distribution(column: Mapping[str, Any]) -> Distribution | None:
    missing = column.get("missing", 0) + column.get("infinite", 0)
    present = column.get("count", 0) - missing
    pairs = sorted((float(value), count) for value, count in column.get("top", ()))
    if present and sum(count for _, count in pairs) == present:
        once = sum(count for _, count in pairs if count == 1)
        if once <= _FEW * present and all(abs(value) < _LARGEST for value, _ in pairs):
            return _listed(pairs)
    quantiles = [float(value) for value in column.get("quantiles", ())]
    if not present or len(quantiles) < 2:
        return None
    return _spread(quantiles, present, _ties(column, quantiles, pairs, present))


def _listed(pairs: Sequence[tuple[float, int]]) -> Distribution:
    points, below, total = [], [], 0
    for value, count in pairs:
        points += [value - _WHOLE, value + _WHOLE]
        below += [total, total + count]
        total += count
    return Distribution(tuple(points), tuple(below), is_listed=True)


def _std(column: Mapping[str, Any]) -> float:
    """Return the standard deviation of truths, whose profile tells none."""
    counts = [count for _, count in column["top"]]
    return math.sqrt(math.prod(counts)) / sum(counts) if len(counts) > 1 else 0.0


def _ties(
    column: Mapping[str, Any],
    quantiles: Sequence[float],
    pairs: Sequence[tuple[float, int]],
    present: int,
) -> dict[float, tuple[float, float]]:
    """Return how many values are below, and up to, each quantile to which many are equal."""
    found: dict[float, tuple[float, float]] = {}
    total = 0
    for value, count in pairs:
        if count > 1:
            found[value] = (total, total + count)
        total += count
    for value, below, equal in column.get("ties", ()):
        found[float(value)] = (below, below + equal)
    steps = len(quantiles) - 1
    for value in set(quantiles) - set(found):  # of profiles that do not count them
        first = quantiles.index(value)
        last = first + quantiles.count(value) - 1
        if first < last:
            found[value] = (present * first / steps, present * last / steps)
    return found


def _spread(
    quantiles: Sequence[float], present: int, ties: Mapping[float, tuple[float, float]]
) -> Distribution:
    steps = len(quantiles) - 1
    points: list[float] = []
    below: list[float] = []

    def add(point: float, count: float) -> None:
        if not points or point > points[-1]:
            points.append(point)
            below.append(max(count, below[-1] if below else 0))
        else:
            below[-1] = max(below[-1], count)

    for place, value in enumerate(quantiles):
        if place and value == quantiles[place - 1]:
            continue
        width = max(abs(value) * _NARROW, 1e-300)
        if value in ties:
            add(value - width, ties[value][0])
            add(value + width, ties[value][1])
        elif place == 0:
            add(value - width, 0)
        else:
            add(value + (width if place == steps else 0), present * place / steps)
    below[-1] = present
    return Distribution(tuple(points), tuple(below))
