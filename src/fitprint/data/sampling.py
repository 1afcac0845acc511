"""Samples of data for a profile: a copy of a few thousand evenly spread cells, of every kind of
data, and nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from typing import Any

from fitprint.data.buffers import column_arrays, has_buffer, single_block
from fitprint.data.description import Description
from fitprint.data.kinds import kind_of
from fitprint.data.rows import spread

__all__ = ["OTHER", "Sample", "SampledColumn", "sample"]

MOST_ROWS = 8192
MOST_COLUMNS = 128  # of which values are taken; of others the names
_NAMES = 2000  # of columns that are named
_CELLS = 65_536  # of all columns together, but
_FEWEST_ROWS = 1024  # of each
# Python objects of all columns together: each is touched while the training waits, at half a
# microsecond
_OBJECTS = 8192
_FEWEST_OBJECTS = 256  # of each column, nevertheless
# places in a file from which neighbouring rows are taken: each further place may be a read from the
# disk
_WINDOWS = 64
_LEVELS = 2  # of data inside data

OTHER = ...
"""Stands for an object whose own code would have to tell what it is."""

_PLAIN = frozenset({str, int, float, bool, type(None), bytes, Decimal, date, datetime, timedelta})


@dataclass(frozen=True, slots=True)
class SampledColumn:
    """The cells that were taken of one column.

    Attributes:
        name: label as text; "" for data without labels.
        values: an array of numpy (a copy), a list of plain Python values, or a series or array of
            polars or pyarrow (a copy).
        missing: True where the array beside it has no meaning; None where it says itself what is
            missing.
    """

    name: str
    values: Any
    missing: Any = None


@dataclass(frozen=True, slots=True)
class Sample:
    """What was taken of data.

    Attributes:
        rows: number of all rows, None where it is not known.
        columns: the first of them.
        others: names of more columns.
        more: number of columns that are not even named.
    """

    rows: int | None
    columns: Sequence[SampledColumn]
    others: Sequence[str] = ()
    more: int = 0


def sample(described: Description) -> Sample | None:
    """Return a sample of data; None of kinds of which none can be taken without converting or
    computing something.

    At most 8192 rows, evenly spread and the same each time. Data in the memory of a GPU are cut
    there, and only what was cut is fetched.
    """
    found = _taken(described.data)
    if found is None:
        return None
    columns, labels = found
    first = list(islice(columns, MOST_COLUMNS))
    named = [str(label) for label in islice(labels, len(first), len(first) + _NAMES)]
    return Sample(described.rows, first, named, max(0, len(labels) - len(first) - len(named)))


_Found = tuple[Iterable[SampledColumn], Sequence[Any]]


def _taken(data: Any, level: int = 0) -> _Found | None:
    """Take cells of data whose methods are a library's own, or are not called for it."""
    kind = kind_of(data)
    if kind not in _TAKERS or type(data).__module__.partition(".")[0] not in _OWNERS.get(
        kind, (type(data).__module__.partition(".")[0],)
    ):
        return None
    return _TAKERS[kind](data, level)


def _count(rows: int, columns: int) -> int:
    return min(rows, MOST_ROWS, max(_FEWEST_ROWS, _CELLS // max(1, min(columns, MOST_COLUMNS))))


@lru_cache(maxsize=4)
def _positions(rows: int, count: int, windows: int = 0) -> Any:
    """Return evenly spread positions, for numpy if that is there; neighbours at so many places, if
    ``windows`` are given.
    """
    numpy = sys.modules.get("numpy")
    if rows <= count:
        return slice(None)
    if numpy is None or not hasattr(numpy, "arange"):
        return spread(rows, count)
    if windows:
        width = count // windows
        return (_positions(rows - width, windows)[:, None] + numpy.arange(width)).ravel()
    numbers = numpy.arange(count)
    return numbers * rows // count + numbers * 40_499 % (rows // count)


# -- arrays ----------------------------------------------------------------------------------------


def _of_array(data: Any, _: int = 0) -> _Found | None:
    mask, masked = None, sys.modules.get("numpy.ma")
    if masked is not None and isinstance(data, masked.MaskedArray):
        mask, data = masked.getmaskarray(data), data.data
    array = data.view(sys.modules["numpy"].ndarray)
    if array.dtype.names:
        names = array.dtype.names
        return (
            SampledColumn(name, _cells(array[name], len(names)))
            for name in names
            if array.ndim == 1
        ), names
    if not array.ndim:
        return None
    if array.ndim == 2:
        width = array.shape[1]
        names = [str(number) for number in range(min(width, MOST_COLUMNS + _NAMES))]
        masks = [None] * width if mask is None else _columns(mask)
        return map(SampledColumn, names, _columns(array), masks), range(width)
    if array.ndim > 2:
        array, mask = _pooled(array), None if mask is None else _pooled(mask)
    return [SampledColumn("", _cells(array), None if mask is None else _cells(mask))], ("",)


def _pooled(array: Any) -> Any:
    """Return cells of an array of many dimensions, of some rows some,
    as an array of one dimension.
    """
    rows = array[_positions(len(array), 256)]
    return rows.reshape(-1)


def _columns(array: Any) -> Sequence[Any]:
    """Return the cells of the first columns of an array of two dimensions, as arrays or lists."""
    width = min(array.shape[1], MOST_COLUMNS)
    array = array[:, :width]
    if not has_buffer(array):
        return [_cells(array[:, place], width) for place in range(width)]
    chosen = _positions(len(array), _count(len(array), width), _WINDOWS if _is_mapped(array) else 0)
    if array.flags.f_contiguous and _is_plain(array) and not isinstance(chosen, slice):
        return [column.take(chosen) for column in array.T]
    whole = (
        array.take(chosen, axis=0)
        if array.flags.c_contiguous and _is_plain(array) and not isinstance(chosen, slice)
        else array[chosen]
    )
    return list(whole.T if whole.base is None else whole.copy().T)


def _is_plain(array: Any) -> bool:
    """Tell whether numpy takes cells of this array without making a copy of the whole
    of it before.
    """
    return bool(array.flags.aligned and array.dtype.isnative)


def _is_mapped(array: Any) -> bool:
    """Tell whether an array lies in a file."""
    numpy = sys.modules["numpy"]
    while array is not None and not isinstance(array, numpy.memmap):
        array = getattr(array, "base", None)
    return array is not None


def _cells(array: Any, width: int = 1) -> Any:
    """Return cells of an array of one dimension, or of pandas' own kind of array: a copy, or a list
    of plain values.
    """
    if has_buffer(array):
        chosen = _positions(
            len(array), _count(len(array), width), _WINDOWS if _is_mapped(array) else 0
        )
        taken = array[chosen]
        return taken.copy() if isinstance(chosen, slice) else taken
    taken = array[:: _stride(len(array), width)]
    # of pandas' columns on Arrow, whose cells one by one take microseconds
    inside = getattr(taken, "_pa_array", None)
    return _plain(list(taken)) if inside is None else inside


def _stride(rows: int, width: int) -> int:
    """Return which rows are taken where each cell is an object of Python's: each first, second,
    third ...
    """
    count = min(
        _count(rows, width), max(_FEWEST_OBJECTS, _OBJECTS // max(1, min(width, MOST_COLUMNS)))
    )
    return max(1, -(-rows // max(1, count)))


def _plain(values: list[Any]) -> list[Any]:
    """Return a list in which nothing has code of its own: scalars of numpy as Python's, missing
    values as None, others as ``OTHER``.
    """
    if _PLAIN.issuperset(map(type, values)):
        return values
    return [value if type(value) in _PLAIN else _scalar(value) for value in values]


def _scalar(value: Any) -> Any:
    kind = type(value)
    package = kind.__module__.partition(".")[0]
    if package == "pandas" and kind.__name__ in ("NAType", "NaTType"):
        return None
    if package == "pandas" and kind.__name__ == "Timestamp":
        # in UTC, as all without a zone
        return datetime(1970, 1, 1) + timedelta(microseconds=value.value // 1000)  # noqa: DTZ001
    if package == "numpy" and getattr(value, "shape", None) == ():
        plain = value.item()
        return plain if type(plain) in _PLAIN else OTHER
    return OTHER


# -- tables ----------------------------------------------------------------------------------------


def _of_frame(data: Any, _: int = 0) -> _Found:
    width = data.shape[1]
    labels = data.columns
    block = single_block(data)
    if block is not None:
        return map(SampledColumn, map(str, labels[:MOST_COLUMNS]), _columns(block)), labels
    arrays = column_arrays(data, range(min(width, MOST_COLUMNS)))
    return (
        _extension(str(label), array, width) for label, array in zip(labels, arrays, strict=False)
    ), labels


def _of_column(data: Any, _: int = 0) -> _Found:
    name = "" if data.name is None else str(data.name)
    return [_extension(name, data.array, 1)], (name,)


def _extension(name: str, array: Any, width: int) -> SampledColumn:
    """Take cells of a column of pandas, by the arrays inside it where those are known."""
    inner = getattr(array, "_ndarray", None)
    width = min(width, MOST_COLUMNS)
    if hasattr(array, "categories") and hasattr(array, "codes"):
        codes = _cells(array.codes, width)
        used = sorted(set(codes.tolist()) - {-1})
        known = dict(zip(used, list(array.categories.array.take(used)), strict=True))
        return SampledColumn(name, _plain([known.get(code) for code in codes.tolist()]))
    if inner is not None:
        return SampledColumn(name, _cells(inner, width))
    if hasattr(array, "_mask") and kind_of(getattr(array, "_data", None)) == "array":
        return SampledColumn(name, _cells(array._data, width), _cells(array._mask, width))  # noqa: SLF001 - the only way to the buffers
    return SampledColumn(name, _cells(array, width))


def _of_polars(data: Any, _: int = 0) -> _Found:
    chosen = _positions(len(data), _count(len(data), data.width))
    found = data.clone() if data.width <= MOST_COLUMNS else data.select(data.columns[:MOST_COLUMNS])
    found = found if isinstance(chosen, slice) else found[chosen]
    return (SampledColumn(column.name, column) for column in found.iter_columns()), data.columns


def _of_polars_column(data: Any, _: int = 0) -> _Found:
    chosen = _positions(len(data), MOST_ROWS)
    return [
        SampledColumn(data.name, data.clone() if isinstance(chosen, slice) else data.gather(chosen))
    ], (data.name,)


def _of_arrow(data: Any, _: int = 0) -> _Found:
    chosen = _positions(len(data), _count(len(data), data.num_columns))
    found = (data.column(place) for place in range(min(data.num_columns, MOST_COLUMNS)))
    taken = (column if isinstance(chosen, slice) else column.take(chosen) for column in found)
    return map(SampledColumn, data.column_names, taken), data.column_names


def _of_sparse(data: Any, _: int = 0) -> _Found | None:
    if not has_buffer(getattr(data, "data", None)) or data.data.ndim != 1:
        return None
    columns = [SampledColumn("stored values", _cells(data.data))]
    if data.format == "csr" and data.shape[0]:
        chosen = _positions(data.shape[0], MOST_ROWS)
        columns.append(
            SampledColumn("stored in a row", data.indptr[1:][chosen] - data.indptr[:-1][chosen])
        )
    return columns, [column.name for column in columns]


def _of_tensor(data: Any, _: int = 0) -> _Found | None:
    """Cut a tensor of torch's or an array of CuPy's where it lies, and fetch what was cut."""
    if not data.shape:
        return None
    if len(data.shape) > 1:
        data = data[:, :MOST_COLUMNS]
    rows = (
        _count(data.shape[0], data.shape[1] if len(data.shape) == 2 else 1)
        if len(data.shape) < 3
        else 256
    )
    step = max(1, -(-data.shape[0] // rows))
    if not hasattr(data, "detach"):
        return _of_array(data[::step].get())
    cut = data.detach()[::step]
    return _of_array((cut.cpu() if data.device.type != "cpu" else cut).numpy())


# -- Python's containers ---------------------------------------------------------------------------


def _of_sequence(data: Sequence[Any], level: int) -> _Found | None:
    chosen = _positions(len(data), MOST_ROWS)
    items = (
        list(data)
        if isinstance(chosen, slice)
        else [data[place] for place in spread(len(data), MOST_ROWS)]
    )
    types = {type(item) for item in items}
    if items and types <= {list, tuple}:
        width = min(map(len, items))
        if width < max(map(len, items)):
            return [SampledColumn("lengths", [len(item) for item in items])], ("lengths",)
        items = items[:: _stride(len(items), width)]
        names = [str(place) for place in range(min(width, MOST_COLUMNS + _NAMES))]
        taken = (
            SampledColumn(names[place], _plain([item[place] for item in items]))
            for place in range(min(width, MOST_COLUMNS))
        )
        return taken, range(width)
    if items and types <= {dict}:
        keys = list(dict.fromkeys(key for item in items[:_FEWEST_ROWS] for key in item))
        items = items[:: _stride(len(items), len(keys))]
        return (
            SampledColumn(str(key), _plain([item.get(key) for item in items]))
            for key in keys[:MOST_COLUMNS]
        ), keys
    if (
        items
        and len(items) <= MOST_COLUMNS
        and all(kind_of(item) in _TAKERS for item in items)
        and not types & {bytes, bytearray}
    ):
        return _of_entries(dict(enumerate(items)), level)
    return [SampledColumn("", _plain(items))], ("",)


def _of_entries(data: Mapping[Any, Any], level: int) -> _Found | None:
    if level >= _LEVELS:
        return None
    columns: list[SampledColumn] = []
    for key, value in islice(data.items(), MOST_COLUMNS):
        found = _taken(value, level + 1)
        if found is not None:
            taken = islice(found[0], MOST_COLUMNS - len(columns))
            columns += [
                SampledColumn(f"{key} {column.name}".rstrip(), column.values, column.missing)
                for column in taken
            ]
    return columns, [column.name for column in columns]


def _of_buffer(data: Any, _: int = 0) -> _Found | None:
    view = memoryview(data)
    if view.ndim != 1:
        return None
    return [SampledColumn("", view[:: max(1, -(-len(view) // MOST_ROWS))].tolist())], ("",)


_PYTHON = ("builtins", "collections")
_OWNERS = {
    "arrow": ("pyarrow",),
    "cupy": ("cupy",),
    "mapping": _PYTHON,
    "polars": ("polars",),
    "polars-column": ("polars",),
    "sequence": _PYTHON,
    "sparse": ("scipy",),
    "torch": ("torch",),
}
_TAKERS: dict[str, Callable[[Any, int], _Found | None]] = {
    "array": _of_array,
    "arrow": _of_arrow,
    "buffer": _of_buffer,
    "column": _of_column,
    "cupy": _of_tensor,
    "frame": _of_frame,
    "index": _of_column,
    "mapping": _of_entries,
    "polars": _of_polars,
    "polars-column": _of_polars_column,
    "sequence": _of_sequence,
    "sparse": _of_sparse,
    "torch": _of_tensor,
}
