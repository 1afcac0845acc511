"""Facts on data that a run uses. The data itself is never copied, converted, densified, consumed, evaluated or kept.

Small arrays on a GPU are the exception: only a copy tells what is in them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

from fitprint.entities import Dataset
from fitprint.recording.devices import on_host
from fitprint.recording.digests import EXACT_BYTES, column_arrays, digest_data, family, single_block, sparse_parts, texts_of
from fitprint.recording.targets import describe_target
from fitprint.recording.values import type_name

__all__ = ["describe_data"]

Kind = Literal["features", "target", "weights"]

_COLUMNS = 1000  # of a table that are described one by one
_ITEMS = 50  # entries of a dict or list of data that are described one by one
_LOOK = 1000  # elements of a list that are looked at
_CHUNK = 1 << 16  # elements in which missing values are counted together

_TABULAR = frozenset("array column cupy frame polars sparse torch".split())  # families whose entries in a list are described one by one
# Array libraries whose `shape` and `dtype` are attributes that compute nothing, also where the array is lazy.
_SHAPED = frozenset("dask datasets h5py jax jaxlib mlx pyarrow sparse tensorflow tensorstore torch xarray zarr".split())


def describe_data(
    data: Any,
    *,
    name: str,
    role: str,
    kind: Kind = "features",
    target: Any = None,
    discrete: bool | None = None,
    feature_names: Sequence[str] | None = None,
) -> Dataset:
    """Return facts on data; about a millisecond for a megabyte, and no more than some milliseconds for any size.

    Facts, where they can be had at that price: ``type``, ``shape``, ``dtype`` (tables: ``schema``, a list of name, dtype and
    ``nullable``, whether the dtype can hold missing values), ``bytes``, ``feature_names``, ``missing`` (number of missing values),
    ``format`` and ``nonzero`` of sparse data, and ``digest_of``: "all", or "sample" where the digest covers only evenly spread parts.
    A target has ``summary`` (see :func:`fitprint.recording.targets.describe_target`). An array of CuPy's or torch's on a GPU has
    ``device``; one of up to 4 MiB is copied from there for its digest and summary, a larger one has neither.

    Args:
        data: any object; of kinds that are not known only the type is told.
        name: a short name.
        role: "train", "eval", "test" or another word.
        kind: what the data are: "features", a "target", or sample "weights" (summarized as a continuous target).
        target: the target that belongs to the data; its facts, with a digest of its own, become the fact ``target``.
        discrete: whether the target consists of classes; by default told from its values.
        feature_names: names of the features, for data that carry none.
    """
    with _quiet():
        facts, digest = _facts(data, kind, discrete)
        if feature_names is not None:
            facts["feature_names"] = [str(feature) for feature in feature_names[:_COLUMNS]]
        if target is not None:
            of_target, digest_of_target = _facts(target, "target", discrete)
            facts["target"] = {**of_target, "digest": digest_of_target}
    return Dataset(name, role, digest, facts)


def _quiet() -> AbstractContextManager[Any]:
    """Return a guard that keeps numpy's floating-point warnings of this thread to ourselves."""
    numpy = sys.modules.get("numpy")
    return numpy.errstate(all="ignore") if numpy is not None and hasattr(numpy, "errstate") else nullcontext()


def _facts(data: Any, kind: Kind, discrete: bool | None) -> tuple[dict[str, Any], str]:
    facts: dict[str, Any] = {"type": type_name(data)}
    failed: list[str] = []
    digest = ""
    describe = _DESCRIPTIONS.get(family(data), _describe_unknown)
    try:
        facts.update(describe(data))
    except Exception as error:  # noqa: BLE001 - data of any kind may fail in any way, and each fact fails alone
        failed.append(f"description: {type(error).__name__}: {error}")
    try:
        data = on_host(data, EXACT_BYTES)
    except Exception as error:  # noqa: BLE001 - the same
        failed.append(f"copy from the device: {type(error).__name__}: {error}")
    if kind != "features":
        try:
            summary = describe_target(data, discrete=False if kind == "weights" else discrete)
            if summary:
                facts["summary"] = summary
        except Exception as error:  # noqa: BLE001 - the same
            failed.append(f"summary: {type(error).__name__}: {error}")
    try:
        digest, coverage = digest_data(data)
        if digest:
            facts["digest_of"] = coverage
    except Exception as error:  # noqa: BLE001 - data of any kind may fail in any way, and each fact fails alone
        failed.append(f"digest: {type(error).__name__}: {error}")
    if failed:
        facts["failed"] = failed
    return facts, digest


def _describe_array(data: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {"shape": _shape(data), "dtype": str(data.dtype), "bytes": int(data.nbytes)}
    names = getattr(data.dtype, "names", None)
    if names:
        facts["schema"] = [
            {"name": name, "dtype": str(data.dtype[name]), "nullable": _nullable(data.dtype[name])} for name in names[:_COLUMNS]
        ]
    elif data.nbytes <= EXACT_BYTES:
        missing = _missing(data)
        if missing is not None:
            facts["missing"] = missing
    return facts


def _describe_frame(data: Any) -> dict[str, Any]:
    names, dtypes = [str(name) for name in data.columns[:_COLUMNS]], list(data.dtypes)[:_COLUMNS]
    schema: list[dict[str, Any]] = [
        {"name": name, "dtype": text, "nullable": _nullable(dtype)}
        for name, text, dtype in zip(names, texts_of(dtypes), dtypes, strict=True)
    ]
    facts: dict[str, Any] = {"shape": _shape(data), "schema": schema, "feature_names": names}
    block = single_block(data)
    if block is not None:
        facts["bytes"] = int(block.nbytes)
        if facts["bytes"] <= EXACT_BYTES and not _missing(block):
            facts["missing"] = 0
            return facts
    if data.shape[1] <= _COLUMNS:
        arrays = list(column_arrays(data, range(data.shape[1])))
        facts["bytes"] = sum(int(array.nbytes) for array in arrays)
        if facts["bytes"] <= EXACT_BYTES:
            counts = [_missing(array) for array in arrays]
            for entry, count in zip(schema, counts, strict=True):
                if count:
                    entry["missing"] = count
            facts["missing"] = sum(count or 0 for count in counts)
    return facts


def _describe_column(data: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {"shape": _shape(data), "dtype": str(data.dtype), "nullable": _nullable(data.dtype)}
    if data.name is not None:
        facts["column"] = str(data.name)
    facts["bytes"] = int(data.array.nbytes)
    if facts["bytes"] <= EXACT_BYTES:
        facts["missing"] = _missing(data.array) or 0
    return facts


def _describe_polars(data: Any) -> dict[str, Any]:
    schema = [{"name": name, "dtype": str(dtype), "nullable": True} for name, dtype in list(data.schema.items())[:_COLUMNS]]
    missing = sum(data.to_series(position).null_count() for position in range(min(data.width, _COLUMNS)))
    names = [entry["name"] for entry in schema]
    return {"shape": _shape(data), "bytes": int(data.estimated_size()), "schema": schema, "feature_names": names, "missing": int(missing)}


def _describe_polars_column(data: Any) -> dict[str, Any]:
    return {
        "shape": [len(data)],
        "dtype": str(data.dtype),
        "nullable": True,
        "column": data.name,
        "bytes": int(data.estimated_size()),
        "missing": int(data.null_count()),
    }


def _describe_sparse(data: Any) -> dict[str, Any]:
    parts = sparse_parts(data)
    facts: dict[str, Any] = {"shape": _shape(data), "dtype": str(data.dtype), "format": str(data.format), "nonzero": int(data.nnz)}
    if parts:
        facts["bytes"] = sum(int(part.nbytes) for part in parts)
        if facts["bytes"] <= EXACT_BYTES:
            facts["missing"] = _missing(data.data) or 0
    return facts


def _describe_torch(data: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {"shape": _shape(data), "dtype": str(data.dtype), "device": str(data.device)}
    facts["bytes"] = int(data.numel()) * int(data.element_size())
    return facts


def _describe_cupy(data: Any) -> dict[str, Any]:
    return {"shape": _shape(data), "dtype": str(data.dtype), "device": f"cuda:{data.device.id}", "bytes": int(data.nbytes)}


def _describe_sequence(data: Sequence[Any]) -> dict[str, Any]:
    look = data[:_LOOK]
    kinds = sorted({type_name(item) for item in look})
    facts: dict[str, Any] = {"shape": [len(data)], "elements": kinds[:_ITEMS]}
    known = {family(item) for item in look}
    if known <= {"sequence"} and look:
        widths = {len(item) for item in look}
        if len(widths) == 1:
            facts["shape"] = [len(data), *widths]
        facts["elements"] = sorted({type_name(value) for item in look[:100] for value in item[:100]})[:_ITEMS]
    elif known & _TABULAR and len(data) <= _ITEMS:
        facts["items"] = [_brief(item) for item in data]
    return facts


def _describe_mapping(data: Mapping[Any, Any]) -> dict[str, Any]:
    items = {str(key): _brief(value) for key, value in list(data.items())[:_ITEMS]}
    return {"shape": [len(data)], "items": items}


def _describe_buffer(data: Any) -> dict[str, Any]:
    view = memoryview(data)
    return {"shape": list(view.shape or ()), "dtype": view.format, "bytes": view.nbytes}


def _describe_unknown(data: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    cls = type(data)
    if hasattr(cls, "__array_namespace__") or any(base.__module__.partition(".")[0] in _SHAPED for base in cls.__mro__):
        for fact in ("shape", "dtype", "device"):
            value = getattr(data, fact, None)
            if fact == "shape" and isinstance(value, Sequence):
                facts[fact] = _shape(data)
            elif fact != "shape" and value is not None and not callable(value):
                facts[fact] = str(value)
        specification = getattr(data, "element_spec", None)  # what a tf.data pipeline yields, known without running it
        if specification is not None:
            facts["elements"] = [str(specification)[:1000]]
    if "shape" not in facts and (isinstance(data, (Sequence, set, frozenset)) or "torch" in cls.__module__) and hasattr(cls, "__len__"):
        facts["shape"] = [len(data)]
    return facts


_DESCRIPTIONS = {
    "array": _describe_array,
    "buffer": _describe_buffer,
    "column": _describe_column,
    "cupy": _describe_cupy,
    "frame": _describe_frame,
    "mapping": _describe_mapping,
    "polars": _describe_polars,
    "polars-column": _describe_polars_column,
    "sequence": _describe_sequence,
    "sparse": _describe_sparse,
    "torch": _describe_torch,
}


def _brief(value: Any) -> dict[str, Any]:
    """Return type, shape and dtype of one entry among several."""
    facts: dict[str, Any] = {"type": type_name(value)}
    if family(value) in _TABULAR:
        facts["shape"] = _shape(value)
        if hasattr(value, "dtype"):
            facts["dtype"] = str(value.dtype)
    elif family(value) in ("sequence", "polars-column", "mapping"):
        facts["shape"] = [len(value)]
    return facts


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
    if family(array) == "array" and array.dtype.kind in "fcmM":
        test = sys.modules["numpy"].isnat if array.dtype.kind in "mM" else sys.modules["numpy"].isnan
        count = sys.modules["numpy"].count_nonzero
        if array.size <= _CHUNK or array.ndim == 0:
            return int(count(test(array)))
        rows = max(1, _CHUNK * len(array) // int(array.size))
        return sum(int(count(test(array[start : start + rows]))) for start in range(0, len(array), rows))
    pandas = sys.modules.get("pandas")
    if pandas is None or array.size > _CHUNK:
        return None
    return int(pandas.isna(array).sum())
