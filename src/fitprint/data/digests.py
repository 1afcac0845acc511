"""Content digests of data in place: no copy, no conversion, no evaluation, a bounded cost."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from fitprint.data.buffers import (
    ARROW_NUMBERS,
    EXACT_BYTES,
    column_arrays,
    has_buffer,
    single_block,
    sparse_parts,
    texts_of,
)
from fitprint.data.kinds import kind_of

__all__ = ["digest_data"]

_SAMPLE_BYTES = 1 << 20
_WINDOWS = 64  # evenly spread pieces that a sample consists of
_SHUFFLE = 40_499  # a prime: its multiples run through the windows without order
_CHUNK = 1 << 18  # bytes of a strided array that are copied together at a time
_OBJECTS = 20_000  # Python objects looked at, all columns together
_TEXT = 256  # characters of each text looked at
_ITEMS = 256  # columns of a wide table, or entries of a container, that a sample takes
_LEVELS = 4  # of containers inside containers

_PLAIN = frozenset(
    {str, int, float, bool, type(None), bytes, complex, Decimal, date, datetime, time, timedelta}
)


def digest_data(data: Any) -> tuple[str, str]:
    """Return ``("sha256:...", coverage)``; coverage is "all" or "sample", both are "" where no
    digest can be had.

    Equal contents with equal shape, dtypes and column names give equal digests in every process,
    whatever the memory layout; a table's index and an array's class do not count. Nothing is copied
    but pieces of 256 KiB at a time.
    """
    hashing = _Hashing()
    try:
        hashing.data(data, 0)
    except _NoDigestError:
        return "", ""
    return f"sha256:{hashing.sha.hexdigest()}", "sample" if hashing.sampled else "all"


class _NoDigestError(Exception):
    """This kind of data has no digest."""


class _Hashing:
    """A digest in the making; ``sampled`` tells whether something has been passed over."""

    __slots__ = ("objects", "sampled", "sha")

    def __init__(self) -> None:
        self.sha = hashlib.sha256()
        self.sampled = False
        self.objects = _OBJECTS

    def header(self, *parts: Any) -> None:
        self.sha.update(repr(parts).encode("utf-8", "backslashreplace") + b"\n")

    def data(self, data: Any, level: int) -> None:
        kind = kind_of(data)
        if kind == "array":
            masked = getattr(sys.modules["numpy"], "ma", None)
            if masked is not None and isinstance(data, masked.MaskedArray):
                mask = masked.getmaskarray(data)
                self.arrays([_filled(data.data, mask), mask])
            else:
                self.arrays([data])
        elif kind == "frame":
            self.frame(data)
        elif kind in ("column", "index"):
            self.header("column", str(data.name), str(data.dtype), len(data))
            self.columns([data.array])
        elif kind == "polars":
            self.header(
                "frame", data.shape, [(name, str(dtype)) for name, dtype in data.schema.items()]
            )
            self.polars([data.to_series(position) for position in self.chosen(data.width)])
        elif kind == "polars-column":
            self.header("column", data.name, str(data.dtype), len(data))
            self.polars([data])
        elif kind == "torch":
            if data.device.type != "cpu":
                raise _NoDigestError
            self.arrays([data.detach().numpy()])  # shares the memory, or raises
        elif kind == "sparse":
            parts = sparse_parts(data)
            if not parts:
                raise _NoDigestError
            self.header("sparse", data.format, tuple(map(int, data.shape)))
            self.arrays(parts)
        elif kind == "buffer":
            view = memoryview(data)
            self.header("buffer", view.format, view.shape)
            self.bytes(view.cast("B") if view.c_contiguous else view)
        elif kind == "sequence":
            self.header("list", len(data))
            self.objects_of(data, level, max(self.objects, _ITEMS))
        elif kind == "mapping" and level < _LEVELS:
            self.mapping(data, level)
        else:
            raise _NoDigestError

    def mapping(self, data: Mapping[Any, Any], level: int) -> None:
        self.header("dict", len(data))
        for position, (key, value) in enumerate(data.items()):
            if position == _ITEMS:
                self.sampled = True
                break
            self.header(_stable(key))
            if type(value) in _PLAIN:
                self.header(value)
            else:
                self.data(value, level + 1)

    def frame(self, frame: Any) -> None:
        self.header(
            "frame",
            tuple(map(int, frame.shape)),
            list(map(str, frame.columns)),
            texts_of(frame.dtypes),
        )
        block = single_block(frame)
        if block is not None and block.nbytes <= EXACT_BYTES:
            self.whole(block.T)
            return
        width = frame.shape[1]
        positions: Sequence[int] = range(width)
        if width > _ITEMS and len(frame) * width * 8 > EXACT_BYTES:
            positions = self.chosen(width)
        self.columns(column_arrays(frame, positions))

    def chosen(self, count: int) -> Sequence[int]:
        if count <= _ITEMS:
            return range(count)
        self.sampled = True
        return [position * (count - 1) // (_ITEMS - 1) for position in range(_ITEMS)]

    def columns(self, columns: Iterable[Any]) -> None:
        """Digest columns of pandas, whose dtypes are known already: arrays, or extension arrays by
        the arrays inside them.
        """
        columns = list(columns)
        exact = sum(int(column.nbytes) for column in columns) <= EXACT_BYTES
        parts: list[Any] = []
        for column in columns:
            inner = getattr(column, "_ndarray", None)
            if kind_of(column) == "array":
                parts.append(column)
            elif inner is not None and not hasattr(column, "categories"):
                parts.append(inner)
            elif hasattr(column, "categories"):
                self.header("categories", bool(column.ordered))
                parts += [column.codes, column.categories.array]
            elif hasattr(column, "_pa_array"):
                parts += (_arrow_parts(column) if exact else None) or [column]
            elif hasattr(column, "_mask") and kind_of(column._data) == "array":  # noqa: SLF001
                # the only way to the buffers
                # the same
                parts += [_filled(column._data, column._mask), column._mask]  # noqa: SLF001
            else:
                parts.append(column)
        self.contents(parts)

    def arrays(self, arrays: Sequence[Any]) -> None:
        """Digest arrays of any layout in the order of their elements, after their shapes and
        dtypes.
        """
        self.header("arrays", [(tuple(map(int, array.shape)), _dtype(array)) for array in arrays])
        self.contents(arrays)

    def contents(self, arrays: Sequence[Any]) -> None:
        exact = sum(int(array.nbytes) for array in arrays) <= EXACT_BYTES
        windows = max(1, _WINDOWS // max(1, len(arrays)))
        length = _SAMPLE_BYTES // (windows * max(1, len(arrays)))
        share = max(self.objects, _ITEMS) // max(1, sum(not has_buffer(array) for array in arrays))
        for array in arrays:
            if not has_buffer(array):
                self.some_objects(array, share)
                continue
            plain = array.view(sys.modules["numpy"].ndarray)
            if exact:
                self.whole(plain)
            else:
                self.sample(plain, windows, length)

    def whole(self, array: Any) -> None:
        if not array.size:
            return
        if array.flags.c_contiguous:
            self.bytes(array)
            return
        rows = max(1, _CHUNK * len(array) // int(array.nbytes))
        for start in range(0, len(array), rows):
            self.sha.update(array[start : start + rows].tobytes())

    def bytes(self, data: Any) -> None:
        try:
            self.sha.update(data)
        except (ValueError, TypeError, BufferError):
            # dtypes without a buffer format, such as dates
            self.sha.update(data.view("u1"))

    def sample(self, array: Any, windows: int, length: int) -> None:
        count = max(1, length // int(array.itemsize))
        if count * windows >= array.size:
            self.whole(array)
            return
        self.sampled = True
        last, row = int(array.size) - count, int(array.size) // len(array)
        for window in range(windows):
            start = last * window // max(1, windows - 1)
            # a piece of a row: another piece each time, also where the windows begin at the same
            # column
            if row > count:
                start = min(last, start + window * _SHUFFLE % windows * row // windows)
            self.bytes(_piece(array, start, start + count))

    def polars(self, columns: Sequence[Any]) -> None:
        exact = sum(int(column.estimated_size()) for column in columns) <= EXACT_BYTES
        windows = max(1, _WINDOWS // max(1, len(columns)))
        length = _SAMPLE_BYTES // (windows * max(1, len(columns)))
        share = max(self.objects, _ITEMS) // max(1, len(columns))
        for column in columns:
            dtype = column.dtype
            if (
                column.null_count()
                or not (dtype.is_numeric() or dtype.is_temporal())
                or dtype.is_decimal()
            ):
                self.some_objects(column, share)
                continue
            column = column.to_physical()  # noqa: PLW2901 - dates as their integers, without a copy
            count = len(column) if exact else max(1, length // 8)
            pieces = 1 if count * windows >= len(column) else windows
            count = len(column) if pieces == 1 and count * windows >= len(column) else count
            self.sampled = self.sampled or count * pieces < len(column)
            for piece in range(pieces):
                start = (len(column) - count) * piece // max(1, pieces - 1)
                for chunk in column.slice(start, count).get_chunks():
                    self.sha.update(chunk.to_numpy(allow_copy=False))

    def some_objects(self, values: Any, limit: int) -> None:
        """Digest up to ``limit`` evenly spread Python objects of an array."""
        shape = getattr(values, "shape", ())
        if len(shape) > 1 and values.size:
            self.some_rows(values, limit)
            return
        values = values if len(shape) == 1 else values.reshape(-1)
        step = max(1, -(-len(values) // max(1, limit)))
        self.sampled = self.sampled or step > 1
        self.objects_of(list(values[::step]), 0, limit)

    def some_rows(self, values: Any, limit: int) -> None:
        """Digest evenly spread rows of an array of objects, each whole unless it is very wide.

        In even steps through all values the same few columns may come again and again.
        """
        width = int(values.size) // len(values)
        rows = min(len(values), max(limit // width, _ITEMS))
        step, stride = -(-len(values) // rows), max(1, -(-rows * width // max(1, limit)))
        self.sampled = self.sampled or step > 1 or stride > 1
        chosen = values[::step]
        self.objects_of(
            chosen.reshape(len(chosen), -1)[:, ::stride].ravel().tolist(), 0, int(values.size)
        )

    def objects_of(self, values: Sequence[Any], level: int, limit: int) -> None:
        """Digest up to ``limit`` evenly spread objects of a list, lists inside it included."""
        first = next(iter(values), None)
        width = len(first) if isinstance(first, (list, tuple)) else 1
        step = max(1, -(-len(values) // max(1, limit // max(1, width))))
        if step > 1:
            self.sampled = True
            values = values[::step]
        self.objects -= len(values)
        types = set(map(type, values))
        if types <= _PLAIN:
            if str in types or bytes in types:
                values = [self.short(value) for value in values]
            self.header(*values)
            return
        inner = limit // max(1, len(values))
        for value in values:
            kind = type(value)
            if kind in _PLAIN:
                self.header(self.short(value))
            elif kind.__module__.partition(".")[0] in ("numpy", "pandas") and not hasattr(
                value, "__len__"
            ):
                self.header(kind.__name__, str(value))  # scalars, NaT and NA
            elif kind in (list, tuple) and level < _LEVELS:
                self.header("list", len(value))
                self.objects_of(value, level + 1, inner)
            elif kind_of(value) not in ("", "arrow") and level < _LEVELS:
                self.data(value, level + 1)
            else:
                self.header(kind.__module__, kind.__qualname__)
                self.sampled = True

    def short(self, value: Any) -> Any:
        if type(value) in (str, bytes) and len(value) > _TEXT:
            self.sampled = True
            return (len(value), value[:_TEXT])
        return value


def _piece(array: Any, start: int, end: int) -> Any:
    """Return elements of the array as if it were flat; their bytes, out of a few more, where it is
    not contiguous.
    """
    if array.flags.c_contiguous:
        return array.reshape(-1)[start:end]
    row = int(array.size) // len(array)
    if row > end - start:
        return array.flat[start:end]
    first, size = start // row, int(array.itemsize)
    return array[first : -(-end // row)].tobytes()[
        (start - first * row) * size : (end - first * row) * size
    ]


def _dtype(array: Any) -> str:
    dtype = array.dtype
    return str(dtype) if getattr(dtype, "names", None) else str(getattr(dtype, "str", dtype))


def _arrow_parts(column: Any) -> list[Any] | None:
    """Return arrays with the content of an Arrow column, the same however it is cut in chunks; None
    for types of variable form.

    The texts themselves and numbers are views; their lengths and the marks of missing values are
    new, a few bytes a row.
    """
    numpy = sys.modules["numpy"]
    chunks = column._pa_array.chunks  # noqa: SLF001 - there is no public way without a copy
    missing = (
        [chunk.is_null().to_numpy(zero_copy_only=False) for chunk in chunks]
        if column._pa_array.null_count  # noqa: SLF001
        else []
    )
    kind = str(column._pa_array.type)  # noqa: SLF001
    if kind in ("string", "large_string"):
        lengths, texts = [], []
        for chunk in chunks:
            _, offsets, data = chunk.buffers()
            width = "i4" if kind == "string" else "i8"
            places = (
                numpy.frombuffer(offsets, width)[chunk.offset : chunk.offset + len(chunk) + 1]
                if len(chunk)
                else numpy.zeros(1, width)
            )
            lengths.append(numpy.diff(places).astype("i8"))
            if data is not None:
                texts.append(numpy.frombuffer(data, "u1")[places[0] : places[-1]])
        return [*lengths, *texts, *missing]
    if missing or kind not in ARROW_NUMBERS:
        return None
    return [chunk.to_numpy(zero_copy_only=True) for chunk in chunks]


def _filled(values: Any, mask: Any) -> Any:
    """Return the values with zero where they are masked: what stands there has no meaning.

    Large ones stay as they are.
    """
    if values.nbytes > EXACT_BYTES or not mask.any():
        return values
    return sys.modules["numpy"].where(mask, values.dtype.type(), values)


def _stable(key: Any) -> Any:
    return key if type(key) in _PLAIN else type(key).__qualname__
