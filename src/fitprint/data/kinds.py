"""Kinds of data, told by the names of classes: nothing is imported,
converted or evaluated for it.
"""

from __future__ import annotations

from typing import Any

__all__ = ["is_array", "is_arrow", "is_frame", "is_on_device", "is_series", "is_sparse", "kind_of"]

_KINDS = {
    ("numpy", "ndarray"): "array",
    ("pandas", "DataFrame"): "frame",
    ("pandas", "Series"): "column",
    ("pandas", "Index"): "index",
    ("polars", "DataFrame"): "polars",
    ("polars", "Series"): "polars-column",
    ("pyarrow", "Table"): "arrow",
    ("torch", "Tensor"): "torch",
    ("cupy", "ndarray"): "cupy",
    ("scipy", "_spbase"): "sparse",
    ("scipy", "spmatrix"): "sparse",
    ("builtins", "list"): "sequence",
    ("builtins", "tuple"): "sequence",
    ("builtins", "dict"): "mapping",
    ("builtins", "bytes"): "buffer",
    ("builtins", "bytearray"): "buffer",
    ("builtins", "memoryview"): "buffer",
    ("array", "array"): "buffer",
}


def kind_of(data: Any) -> str:
    """Return which kind of data this is, by the names of its class and bases; "" for a kind that is
    not known.

    One of "array", "frame", "column" and "index" (pandas), "polars", "polars-column", "arrow" (a
    table), "torch", "cupy", "sparse", "sequence", "mapping", "buffer".
    """
    for cls in type(data).__mro__:
        found = _KINDS.get((cls.__module__.partition(".")[0], cls.__name__))
        if found is not None:
            return found
    return ""


def is_frame(data: Any) -> bool:
    """Tell whether data are a data frame of pandas or polars."""
    return kind_of(data) in ("frame", "polars")


def is_arrow(data: Any) -> bool:
    """Tell whether data are a table of pyarrow's."""
    return kind_of(data) == "arrow"


def is_series(data: Any) -> bool:
    """Tell whether data are a series of pandas or polars."""
    return kind_of(data) in ("column", "polars-column")


def is_sparse(data: Any) -> bool:
    """Tell whether data are a sparse matrix or array of scipy."""
    return kind_of(data) == "sparse"


def is_array(data: Any) -> bool:
    """Tell whether data are an array of numpy, or look like one (a tensor of a framework)."""
    return hasattr(data, "shape") and hasattr(data, "dtype")


def is_on_device(data: Any) -> bool:
    """Tell whether data are an array of CuPy's, or a tensor of torch's on another device than the
    CPU.
    """
    kind = kind_of(data)
    return kind == "cupy" or (kind == "torch" and bool(data.device.type != "cpu"))
