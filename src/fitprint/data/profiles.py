"""Profiles: what the values of data were like, in a few kilobytes, so that other data can be
compared with them later.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from fitprint.data.buffers import ARROW_NUMBERS
from fitprint.data.sampling import OTHER, Sample, SampledColumn

__all__ = ["profile", "read_column", "text_digest"]

_COLUMN_BYTES = 2000  # of one column's JSON
_BYTES = 64_000  # of the whole
_NAMES_BYTES = 14_000  # of those, for columns that are only named
_QUANTILES = 33
_TOP = 32  # values that are counted
_MANY = 0.01  # share of the cells that are equal to a quantile, from which they are counted
_TEXT = 256  # characters up to which a text may be a category
_SHOWN = 60  # characters of a text that is kept
_NAME = 100  # characters of a column's name
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - times without a zone are told as they are
_ZONES = ("datetime", "zoneinfo")  # modules of zones whose code is no stranger's
_MICROSECOND = timedelta(microseconds=1)
_TYPES = {
    int: "number",
    float: "number",
    Decimal: "number",
    str: "text",
    bytes: "bytes",
    bool: "bool",
    date: "time",
    datetime: "time",
    timedelta: "duration",
}


def text_digest(text: str | bytes) -> str:
    """Return what stands for a text in profiles: the first 16 hexadecimal digits of its SHA-256.

    Equal texts have equal ones everywhere.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return hashlib.sha256(data).hexdigest()[:16]


def profile(sample: Sample, *, values: bool = True, readable: Iterable[str] = ()) -> dict[str, Any]:
    """Return what a sample's values are like, as JSON of at most 64 kB.

    ``rows`` of the data, and ``columns``: of each ``name``, ``type`` ("number", "text", "bytes",
    "bool", "time", "duration", "mixed", "empty"), ``count`` of the cells that were looked at, and
    how many of them were ``missing``. Further columns are named in ``others``, and ``more`` is the
    number of those that are not even named. With ``values`` a column has also:

    - numbers: ``mean``, ``std`` and 33 ``quantiles`` (from the least to the greatest, even steps)
      of the finite ones, to nine digits; ``infinite``, how many are not. Where there is no
      ``top``, and more than a hundredth of the cells are equal to a quantile: ``ties``, of each
      such quantile its value, how many cells are less, and how many are equal. Times are
      microseconds since 1970, UTC where they have a zone; durations are microseconds.
    - at most 32 distinct whole numbers, and truths: ``top``, pairs of value and count, the most
      frequent first.
    - texts and bytes: ``distinct``, how many there are; ``lengths``, the least, the median and the
      greatest; ``top`` of those that occur more than once, each as its :func:`text_digest` unless
      the column's name matches a glob of ``readable``.
    - mixed: ``types``, counts of Python's types.
    """
    told: list[dict[str, Any]] = []
    names = list(sample.others)
    left = _BYTES - _NAMES_BYTES
    for place, column in enumerate(sample.columns):
        found = _bounded(
            _column(
                column,
                values=values,
                readable=any(fnmatchcase(column.name, glob) for glob in readable),
            )
        )
        left -= _size(found) + 2
        if left < 0:
            names = [each.name for each in sample.columns[place:]] + names
            break
        told.append(found)
    others = _fitting(names)
    facts: dict[str, Any] = {"version": 1, "rows": sample.rows, "columns": told}
    if names:
        facts |= {"others": others, "more": sample.more + len(names) - len(others)}
    return facts


def _size(content: Any) -> int:
    return len(json.dumps(content))


def _fitting(names: Sequence[str]) -> list[str]:
    left, chosen = _NAMES_BYTES - 200, []
    for name in names:
        left -= _size(name[:_NAME]) + 2
        if left < 0:
            break
        chosen.append(name[:_NAME])
    return chosen


def _bounded(told: dict[str, Any]) -> dict[str, Any]:
    """Shorten what is counted until it fits."""
    while _size(told) > _COLUMN_BYTES and told.get("top"):
        told["top"] = told["top"][: len(told["top"]) // 2]
    return told


def _column(column: SampledColumn, *, values: bool, readable: bool) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": column.name[:_NAME]}
    try:
        kind, found, count = read_column(column)
        facts |= {"type": kind, "count": count, "missing": count - len(found)}
        if values and len(found):
            facts |= _TELLERS[kind](found, readable)
    except Exception as error:  # noqa: BLE001
        # values of any kind may fail in any way, and each column fails alone
        facts["failed"] = f"{type(error).__name__}: {error}"[:200]
    return facts


# -- reading ---------------------------------------------------------------------------------------


def read_column(column: SampledColumn) -> tuple[str, Any, int]:
    """Return the type of a column, its present values (an array of numbers, or a list) and the
    number of all; types and values as :func:`profile` has them.
    """
    values = column.values
    if hasattr(values, "to_pylist"):  # of pyarrow
        is_number = str(values.type) in ARROW_NUMBERS and not values.null_count
        values = values.to_numpy() if is_number else values.to_pylist()
    elif hasattr(values, "null_count"):  # of polars
        is_number = values.dtype.is_float() or values.dtype.is_integer()
        values = (
            values.to_numpy()
            if is_number and not values.null_count() and "numpy" in sys.modules
            else values.to_list()
        )
    if hasattr(values, "dtype"):
        return (*_of_array(values, column.missing), len(values))
    return (*_of_list([value for value in values if not _is_missing(value)]), len(values))


def _is_missing(value: Any) -> bool:
    if type(value) is Decimal:
        return value.is_nan()  # one that signals cannot be compared
    return value is None or (type(value) is float and value != value)


def _of_array(array: Any, missing: Any) -> tuple[str, Any]:
    if missing is not None:
        array = array[~missing]
    kind = array.dtype.kind
    if kind in "mM":
        array = array[~sys.modules["numpy"].isnat(array)]
        return "time" if kind == "M" else "duration", array.astype(f"{kind}8[us]").view("i8")
    if kind == "b":
        return "bool", array.tolist()
    if kind in "iuf":
        return "number", array[array == array] if kind == "f" else array
    return _of_list(array.tolist())


def _of_list(present: list[Any]) -> tuple[str, Any]:
    types = set(map(type, present))
    kinds = {_TYPES.get(each, "mixed") for each in types}
    if len(kinds) != 1 or "mixed" in kinds:
        return ("mixed" if kinds else "empty"), present
    kind = kinds.pop()
    if kind == "time":
        return kind, [_microseconds(value) for value in present]
    if kind == "duration":
        return kind, [value // _MICROSECOND for value in present]
    return kind, present


def _microseconds(value: date) -> int:
    if not isinstance(value, datetime):
        return (datetime(value.year, value.month, value.day) - _EPOCH) // _MICROSECOND  # noqa: DTZ001 - a day has no zone
    if value.tzinfo is not None and type(value.tzinfo).__module__ in _ZONES:
        value = value.astimezone(timezone.utc)
    return (value.replace(tzinfo=None) - _EPOCH) // _MICROSECOND


# -- telling ---------------------------------------------------------------------------------------


def _numbers(values: Any, _: bool = False) -> dict[str, Any]:
    ordered = _ordered(values)
    facts: dict[str, Any] = (
        {"infinite": len(values) - len(ordered)} if len(ordered) < len(values) else {}
    )
    if len(ordered):
        mean, std = _moments(ordered)
        facts |= {"mean": _rounded(mean), "std": _rounded(std)}
        ordered = ordered.tolist() if hasattr(ordered, "tolist") else ordered
        quantiles = [_quantile(ordered, place / (_QUANTILES - 1)) for place in range(_QUANTILES)]
        facts["quantiles"] = [_rounded(value) for value in quantiles]
        if counts := _whole(ordered):
            facts["top"] = [[int(value), count] for value, count in _ranked(counts)]
        elif ties := _ties(ordered, quantiles):
            facts["ties"] = ties
    return facts


def _ties(ordered: Sequence[float], quantiles: Sequence[float]) -> list[list[float]]:
    """Count what is below, and what is equal to, each quantile to which many are equal: the
    quantiles alone would leave that open.
    """
    ties: list[list[float]] = []
    for value in dict.fromkeys(quantiles):
        below = bisect_left(ordered, value)
        equal = bisect_right(ordered, value) - below
        if equal > 1 and equal > len(ordered) * _MANY:
            ties.append([_rounded(value), below, equal])
    return ties


def _times(values: Any, _: bool = False) -> dict[str, Any]:
    facts = _numbers(values)
    ordered = [float(value) for value in _ordered(values)]
    exact = [round(_quantile(ordered, place / (_QUANTILES - 1))) for place in range(_QUANTILES)]
    return {**facts, "mean": round(facts["mean"]), "std": round(facts["std"]), "quantiles": exact}


def _ordered(values: Any) -> Any:
    """Return the finite numbers as floats in their order, an array or a list; whole numbers beyond
    floats are not finite.
    """
    if hasattr(values, "dtype"):
        numpy = sys.modules["numpy"]
        with numpy.errstate(all="ignore"):
            floats = values.astype("f8")
        floats = floats[numpy.isfinite(floats)]
        floats.sort()
        return floats
    return sorted(value for value in map(_float, values) if math.isfinite(value))


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _moments(ordered: Any) -> tuple[float, float]:
    """Return mean and standard deviation; scaled, since squares of large numbers are
    beyond floats.
    """
    scale = max(abs(float(ordered[0])), abs(float(ordered[-1]))) or 1.0
    if hasattr(ordered, "dtype"):
        scaled = ordered / scale
        return float(scaled.mean()) * scale, float(scaled.std()) * scale
    mean = math.fsum(value / scale for value in ordered) / len(ordered)
    spread = math.fsum((value / scale - mean) ** 2 for value in ordered) / len(ordered)
    return mean * scale, math.sqrt(spread) * scale


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    below = int(place)
    above, part = min(below + 1, len(ordered) - 1), place - below
    return ordered[below] * (1 - part) + ordered[above] * part


def _whole(ordered: Sequence[float]) -> Counter[float]:
    """Count whole numbers of which there are few different ones; none if there are others."""
    counts: Counter[float] = Counter()
    for start in range(0, len(ordered), 512):
        counts.update(ordered[start : start + 512])
        if len(counts) > _TOP or not all(
            value.is_integer() and abs(value) < 2**53 for value in counts
        ):
            return Counter()
    return counts


def _ranked(counts: Counter[Any]) -> list[tuple[Any, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:_TOP]


def _rounded(value: float) -> float:
    return float(f"{value:.9g}")


def _texts(values: Sequence[Any], readable: bool) -> dict[str, Any]:
    counts = Counter(value for value in values if len(value) <= _TEXT)
    lengths = sorted(map(len, values))
    repeated = Counter({value: count for value, count in counts.items() if count > 1})
    show = _shown if readable else text_digest
    return {
        "distinct": len(counts),
        "lengths": [lengths[0], lengths[len(lengths) // 2], lengths[-1]],
        "top": [[show(value), count] for value, count in _ranked(repeated)],
    }


def _shown(text: str | bytes) -> str:
    return text[:_SHOWN] if isinstance(text, str) else repr(text[:_SHOWN])


def _truths(values: Sequence[bool], _: bool) -> dict[str, Any]:
    return {"top": [[value, count] for value, count in _ranked(Counter(values))]}


def _mixed(values: Sequence[Any], _: bool) -> dict[str, Any]:
    return {
        "types": dict(
            _ranked(
                Counter("other" if value is OTHER else type(value).__name__ for value in values)
            )
        )
    }


_TELLERS: dict[str, Any] = {
    "bool": _truths,
    "bytes": _texts,
    "duration": _times,
    "mixed": _mixed,
    "number": _numbers,
    "text": _texts,
    "time": _times,
}
