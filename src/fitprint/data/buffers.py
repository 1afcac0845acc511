"""The arrays inside of data, and where they lie: views, but for what is fetched from a GPU."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from fitprint.data.kinds import is_on_device, kind_of

__all__ = [
    "ARROW_NUMBERS",
    "EXACT_BYTES",
    "column_arrays",
    "has_buffer",
    "on_host",
    "quiet",
    "single_block",
    "sparse_parts",
    "texts_of",
]

ARROW_NUMBERS = frozenset("double float int8 int16 int32 int64 uint8 uint16 uint32 uint64".split())
EXACT_BYTES = 4 << 20
"""Data of up to so many bytes are looked at whole, and copied from a GPU; of larger ones a sample
is.
"""

_SPARSE_PARTS = {
    "csr": ("data", "indices", "indptr"),
    "csc": ("data", "indices", "indptr"),
    "bsr": ("data", "indices", "indptr"),
    "coo": ("data", "row", "col"),
    "dia": ("data", "offsets"),
}


def on_host(data: Any, limit: int | None = None) -> Any:
    """Return data that are on a device as a numpy array, all other data as they are.

    This waits for the device to finish what it has been given on the current stream.

    Args:
        data: anything.
        limit: bytes up to which an array is copied; a larger one is returned as it is.
    """
    if not is_on_device(data):
        return data
    if hasattr(data, "detach"):
        if limit is not None and data.numel() * data.element_size() > limit:
            return data
        return data.detach().cpu().numpy()
    return data if limit is not None and data.nbytes > limit else data.get()


def column_arrays(frame: Any, positions: Sequence[int]) -> Iterator[Any]:
    """Yield the arrays behind a pandas table's columns, as views."""
    fast = getattr(frame, "_get_column_array", None)
    for position in positions:
        yield fast(position) if fast is not None else frame.iloc[:, position].array


def single_block(frame: Any) -> Any:
    """Return the two-dimensional array behind a pandas table whose columns all share one, as a
    view; None for other tables.
    """
    blocks: Any = getattr(getattr(frame, "_mgr", None), "blocks", ())
    values = blocks[0].values if len(blocks) == 1 else None
    if (
        values is None
        or not has_buffer(values)
        or values.ndim != 2
        or values.shape[0] != frame.shape[1]
    ):
        return None
    positions = getattr(blocks[0], "mgr_locs", None)
    in_order = positions is not None and getattr(positions, "is_slice_like", False)
    return values.T if in_order else None


def texts_of(dtypes: Any) -> list[str]:
    """Return the names of many dtypes, most of which are the same."""
    names: dict[Any, str] = {}
    return [
        names[dtype] if dtype in names else names.setdefault(dtype, str(dtype)) for dtype in dtypes
    ]


def sparse_parts(matrix: Any) -> list[Any]:
    """Return the arrays that make up a scipy sparse matrix, as views; none for formats of Python
    objects.
    """
    names = _SPARSE_PARTS.get(matrix.format, ())
    if matrix.format == "coo" and len(matrix.shape) != 2:
        return [matrix.data, *matrix.coords]
    return [getattr(matrix, name) for name in names]


def has_buffer(array: Any) -> bool:
    """Tell whether this is an array of numpy's whose elements are no objects."""
    return kind_of(array) == "array" and not array.dtype.hasobject


def quiet() -> AbstractContextManager[Any]:
    """Return a guard that keeps numpy's floating-point warnings of this thread to ourselves."""
    numpy = sys.modules.get("numpy")
    return (
        numpy.errstate(all="ignore")
        if numpy is not None and hasattr(numpy, "errstate")
        else nullcontext()
    )
