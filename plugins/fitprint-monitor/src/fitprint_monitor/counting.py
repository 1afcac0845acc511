"""Counting values into cells."""

from __future__ import annotations

import math
import sys
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from fitprint.data.profiles import read_column, text_digest
from fitprint.data.sampling import SampledColumn
from fitprint.query.times import microseconds
from fitprint_monitor.cells import Cells, Counts

__all__ = ["count_column", "count_numbers", "count_texts"]

_TYPES = {
    "number": {"number", "bool", "duration"},
    "text": {"text", "bytes"},
    "time": {"time"},
}


def count_column(cells: Cells, column: SampledColumn) -> Counts:
    """Return how the values of a column fall into cells."""
    kind, values, rows = read_column(column)
    missing = rows - len(values)
    is_text = kind == "text" and cells.kind == "time"
    if is_text and all(microseconds(text) is not None for text in values[:100]):
        kind = "time"  # as files of text have it
    known = _TYPES.get(cells.kind)
    if known is not None and kind not in known and kind != "empty":
        return Counts(rows, missing, strange=len(values))
    if cells.keys:
        return count_texts(cells, values, rows)
    return count_numbers(cells, values, rows) if cells.points else Counts(rows, missing)


def count_numbers(cells: Cells, values: Any, rows: int) -> Counts:
    """Return how numbers fall into cells.

    Args:
        cells: of numbers.
        values: an array or a list of numbers and truths; what is not finite counts as missing.
        rows: how many there are with those that are missing already.
    """
    numpy: Any = sys.modules.get("numpy")
    below: Sequence[float]
    if hasattr(values, "dtype"):
        with numpy.errstate(all="ignore"):
            ordered = values.astype("f8")
        ordered = ordered[numpy.isfinite(ordered)]
        ordered.sort()
        below = numpy.searchsorted(ordered, cells.points, "right").tolist()
    else:
        ordered = sorted(value for value in map(_float, values) if math.isfinite(value))
        below = [bisect_right(ordered, point) for point in cells.points]
    edges = [0, *below, len(ordered)]
    counts = tuple(to - from_ for from_, to in pairwise(edges))
    if not sum(counts):
        return Counts(rows, rows, counts)
    return Counts(rows, rows - len(ordered), counts, float(ordered[0]), float(ordered[-1]))


def count_texts(cells: Cells, values: Sequence[str | bytes], rows: int) -> Counts:
    """Return how texts fall into cells; ``rows`` is their number with those that are missing."""
    found = {text_digest(text): count for text, count in Counter(values).items()}
    known = [found.get(key, 0) for key in cells.keys]
    return Counts(rows, rows - len(values), (*known, len(values) - sum(known)))


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf
