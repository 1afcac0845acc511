"""Facts on data that a run uses, by their kind."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from fitprint.data.buffers import EXACT_BYTES, column_arrays, single_block, sparse_parts, texts_of
from fitprint.data.kinds import kind_of
from fitprint.data.values import type_name

__all__ = ["MOST_COLUMNS", "facts_of"]

MOST_COLUMNS = 1000  # of a table that are described one by one
_ITEMS = 50  # entries of a dict or list of data that are described one by one
_LOOK = 1000  # elements of a list that are looked at
_CHUNK = 1 << 16  # elements in which missing values are counted together

# kinds that are described one by one in a list
_TABULAR = frozenset("array column cupy frame index polars sparse torch".split())
# Array libraries whose `shape` and `dtype` are attributes that compute nothing, also where the
# array is lazy.
_SHAPED = frozenset(
    (
        "dask datasets h5py jax jaxlib mlx pyarrow sparse tensorflow tensorstore torch xarray zarr"
    ).split()
)


def facts_of(data: Any, kind: str) -> dict[str, Any]:
    """Return facts on data of this kind: shape, dtypes, size in bytes, missing values and the like;
    what the data raise is raised.
    """
    return _FACTS.get(kind, _of_unknown)(data)


def _of_array(data: Any) -> dict[str, Any]:
    facts = _typed(data, bytes=int(data.nbytes))
    names = getattr(data.dtype, "names", None)
    if names:
        facts["schema"] = _schema(
            names[:MOST_COLUMNS], [data.dtype[name] for name in names[:MOST_COLUMNS]]
        )
    elif data.nbytes <= EXACT_BYTES:
        missing = _missing(data)
        if missing is not None:
            facts["missing"] = missing
    return facts


def _of_frame(data: Any) -> dict[str, Any]:
    names, dtypes = (
        [str(name) for name in data.columns[:MOST_COLUMNS]],
        list(data.dtypes)[:MOST_COLUMNS],
    )
    schema = _schema(names, dtypes)
    facts: dict[str, Any] = {"shape": _shape(data), "schema": schema, "feature_names": names}
    block = single_block(data)
    if block is not None:
        facts["bytes"] = int(block.nbytes)
        if facts["bytes"] <= EXACT_BYTES and not _missing(block):
            facts["missing"] = 0
            return facts
    if data.shape[1] <= MOST_COLUMNS:
        arrays = list(column_arrays(data, range(data.shape[1])))
        facts["bytes"] = sum(int(array.nbytes) for array in arrays)
        if facts["bytes"] <= EXACT_BYTES:
            counts = [_missing(array) for array in arrays]
            for entry, count in zip(schema, counts, strict=True):
                if count:
                    entry["missing"] = count
            facts["missing"] = sum(count or 0 for count in counts)
    return facts


def _of_column(data: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "shape": _shape(data),
        "dtype": str(data.dtype),
        "nullable": _nullable(data.dtype),
    }
    if data.name is not None:
        facts["column"] = str(data.name)
    facts["bytes"] = int(data.array.nbytes)
    if facts["bytes"] <= EXACT_BYTES:
        facts["missing"] = _missing(data.array) or 0
    return facts


def _of_polars(data: Any) -> dict[str, Any]:
    schema = [
        {"name": name, "dtype": str(dtype), "nullable": True}
        for name, dtype in list(data.schema.items())[:MOST_COLUMNS]
    ]
    missing = sum(
        data.to_series(position).null_count() for position in range(min(data.width, MOST_COLUMNS))
    )
    names = [entry["name"] for entry in schema]
    return {
        "shape": _shape(data),
        "bytes": int(data.estimated_size()),
        "schema": schema,
        "feature_names": names,
        "missing": int(missing),
    }


def _of_polars_column(data: Any) -> dict[str, Any]:
    return {
        "shape": [len(data)],
        "dtype": str(data.dtype),
        "nullable": True,
        "column": data.name,
        "bytes": int(data.estimated_size()),
        "missing": int(data.null_count()),
    }


def _of_sparse(data: Any) -> dict[str, Any]:
    parts = sparse_parts(data)
    facts = _typed(data, format=str(data.format), nonzero=int(data.nnz))
    if parts:
        facts["bytes"] = sum(int(part.nbytes) for part in parts)
        if facts["bytes"] <= EXACT_BYTES:
            facts["missing"] = _missing(data.data) or 0
    return facts


def _of_torch(data: Any) -> dict[str, Any]:
    return _typed(data, device=str(data.device), bytes=int(data.numel()) * int(data.element_size()))


def _of_cupy(data: Any) -> dict[str, Any]:
    return _typed(data, device=f"cuda:{data.device.id}", bytes=int(data.nbytes))


def _of_sequence(data: Sequence[Any]) -> dict[str, Any]:
    look = data[:_LOOK]
    kinds = sorted({type_name(item) for item in look})
    facts: dict[str, Any] = {"shape": [len(data)], "elements": kinds[:_ITEMS]}
    known = {kind_of(item) for item in look}
    if known <= {"sequence"} and look:
        widths = {len(item) for item in look}
        if len(widths) == 1:
            facts["shape"] = [len(data), *widths]
        facts["elements"] = sorted(
            {type_name(value) for item in look[:100] for value in item[:100]}
        )[:_ITEMS]
    elif known & _TABULAR and len(data) <= _ITEMS:
        facts["items"] = [_brief(item) for item in data]
    return facts


def _of_mapping(data: Mapping[Any, Any]) -> dict[str, Any]:
    items = {str(key): _brief(value) for key, value in list(data.items())[:_ITEMS]}
    return {"shape": [len(data)], "items": items}


def _of_buffer(data: Any) -> dict[str, Any]:
    view = memoryview(data)
    return {"shape": list(view.shape or ()), "dtype": view.format, "bytes": view.nbytes}


def _of_unknown(data: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    cls = type(data)
    if hasattr(cls, "__array_namespace__") or any(
        base.__module__.partition(".")[0] in _SHAPED for base in cls.__mro__
    ):
        for fact in ("shape", "dtype", "device"):
            value = getattr(data, fact, None)
            if fact == "shape" and isinstance(value, Sequence):
                facts[fact] = _shape(data)
            elif fact != "shape" and value is not None and not callable(value):
                facts[fact] = str(value)
        # what a tf.data pipeline yields, known without running it
        specification = getattr(data, "element_spec", None)
        if specification is not None:
            facts["elements"] = [str(specification)[:1000]]
    if (
        "shape" not in facts
        and (isinstance(data, (Sequence, set, frozenset)) or "torch" in cls.__module__)
        and hasattr(cls, "__len__")
    ):
        facts["shape"] = [len(data)]
    return facts


_FACTS = {
    "array": _of_array,
    "buffer": _of_buffer,
    "column": _of_column,
    "index": _of_column,
    "cupy": _of_cupy,
    "frame": _of_frame,
    "mapping": _of_mapping,
    "polars": _of_polars,
    "polars-column": _of_polars_column,
    "sequence": _of_sequence,
    "sparse": _of_sparse,
    "torch": _of_torch,
}


def _brief(value: Any) -> dict[str, Any]:
    """Return type, shape and dtype of one entry among several."""
    facts: dict[str, Any] = {"type": type_name(value)}
    if kind_of(value) in _TABULAR:
        facts["shape"] = _shape(value)
        if hasattr(value, "dtype"):
            facts["dtype"] = str(value.dtype)
    elif kind_of(value) in ("sequence", "polars-column", "mapping"):
        facts["shape"] = [len(value)]
    return facts


def _typed(data: Any, **facts: Any) -> dict[str, Any]:
    return {"shape": _shape(data), "dtype": str(data.dtype), **facts}


def _schema(names: Sequence[str], dtypes: Sequence[Any]) -> list[dict[str, Any]]:
    told = zip(names, texts_of(dtypes), dtypes, strict=True)
    return [
        {"name": name, "dtype": text, "nullable": _nullable(dtype)} for name, text, dtype in told
    ]


def _shape(data: Any) -> list[int | None]:
    """Return the shape; None for a side that is not known before a lazy array is computed."""
    return [int(side) if side is not None and side == side else None for side in data.shape]


def _nullable(dtype: Any) -> bool:
    """Tell whether values of this numpy or pandas dtype can be missing."""
    kind = getattr(dtype, "kind", "O")
    return not (kind in "biuSU" and type(dtype).__module__.partition(".")[0] == "numpy")


def _missing(array: Any) -> int | None:
    """Return how many elements are missing; None where the dtype knows no missing values."""
    if not _nullable(array.dtype):
        return None
    if kind_of(array) == "array" and array.dtype.kind in "fcmM":
        test = (
            sys.modules["numpy"].isnat if array.dtype.kind in "mM" else sys.modules["numpy"].isnan
        )
        count = sys.modules["numpy"].count_nonzero
        if array.size <= _CHUNK or array.ndim == 0:
            return int(count(test(array)))
        rows = max(1, _CHUNK * len(array) // int(array.size))
        return sum(
            int(count(test(array[start : start + rows]))) for start in range(0, len(array), rows)
        )
    pandas = sys.modules.get("pandas")
    if pandas is None or array.size > _CHUNK:
        return None
    return int(pandas.isna(array).sum())
