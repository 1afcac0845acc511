"""What a target looks like: its classes and their counts, or its range."""

from __future__ import annotations

import math
import sys
from collections import Counter
from typing import Any

from fitprint.data.kinds import kind_of
from fitprint.data.values import param_value

__all__ = ["describe_target"]

_CLASSES = 100  # that are listed, and the most that whole numbers have without being a quantity
_LEVELS = 20  # distinct floats, all of them whole, that are still classes
_ELEMENTS = 1_000_000  # looked at; of more, evenly spread ones
_OBJECTS = 100_000  # the same for Python objects
_CHUNK = 1 << 16


def describe_target(data: Any, discrete: bool | None = None) -> dict[str, Any]:
    """Return JSON facts on a target, sample weights or predictions; empty where nothing can be told
    cheaply.

    - Classes: ``{"kind": "discrete", "n_classes", "classes", "counts"}``: the 100 most frequent, in
      order of the class.
    - Quantities: ``{"kind": "continuous", "count", "min", "max", "mean", "std"}`` over the finite
      values, of which there are ``count``.
    - Several outputs: ``{"kind": "multilabel", "outputs", "positives"}`` where all are 0 or 1, else
      ``{"kind": "multioutput", "outputs", "columns": [...]}`` with the facts of up to 100 columns.

    Where there are more than a million elements, evenly spread ones are looked at, and ``of`` is
    "sample".

    Args:
        data: array, column, one-column table, list or sparse indicator matrix; only read.
        discrete: whether the values are classes. By default texts, booleans and objects are, whole
            numbers with at most 100 and floats with at most 20 distinct values, all of them whole,
            too.
    """
    kind = kind_of(data)
    if kind == "sparse":
        return _indicator(data) if data.format in ("csr", "csc") else {}
    if kind == "frame":
        if data.shape[1] != 1:
            columns = [data.iloc[:, position] for position in range(min(data.shape[1], _CLASSES))]
            return _outputs(
                data.shape[1], [describe_target(column, discrete) for column in columns]
            )
        data, kind = data.iloc[:, 0], "column"
    if kind in ("column", "index"):
        data = _plain_column(data)
    elif kind == "polars-column":
        data = data.gather_every(max(1, -(-len(data) // _OBJECTS))).to_list()
    elif kind == "torch":
        data = data.detach().numpy() if data.device.type == "cpu" else None
    if kind_of(data) == "array":
        return _of_array(data.view(sys.modules["numpy"].ndarray), discrete)
    if kind_of(data) == "sequence" or type(data).__module__.partition(".")[0] == "pandas":
        return _of_objects(data, discrete)
    return {}


def _plain_column(column: Any) -> Any:
    """Return the array inside a pandas column; texts of categories instead of their codes."""
    array = column.array
    inner = getattr(array, "_ndarray", None)
    if inner is not None and not hasattr(array, "categories"):
        return inner
    return array


def _of_array(array: Any, discrete: bool | None) -> dict[str, Any]:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2:
        return _of_columns(array, discrete)
    if array.ndim != 1 or not array.size:
        return {}
    kind = array.dtype.kind
    if kind in "OSU":
        return _of_objects(array, discrete)
    if kind not in "biuf":
        return {}
    step = -(-len(array) // _ELEMENTS)
    sample = {"of": "sample"} if step > 1 else {}
    array = array[::step]
    if discrete is None and kind == "f" and not _is_whole(array):
        discrete = False
    if discrete is not False:
        counts = _counts(array)
        if discrete or len(counts) <= (_LEVELS if kind == "f" else _CLASSES):
            return {**_classes(counts), **sample}
    return {**_range(array), **sample}


def _is_whole(array: Any) -> bool:
    floor = sys.modules["numpy"].floor
    chunks = (array[start : start + _CHUNK] for start in range(0, len(array), _CHUNK))
    return all(bool((chunk == floor(chunk)).all()) for chunk in chunks)


def _counts(array: Any) -> Counter[Any]:
    numpy = sys.modules["numpy"]
    counts: Counter[Any] = Counter()
    for start in range(0, len(array), _CHUNK):
        values, numbers = numpy.unique(array[start : start + _CHUNK], return_counts=True)
        counts.update(dict(zip(values.tolist(), numbers.tolist(), strict=True)))
        if len(counts) > _CHUNK:  # certainly no classes: what is left changes nothing
            break
    return counts


def _classes(counts: Counter[Any]) -> dict[str, Any]:
    chosen = counts.most_common(_CLASSES)
    try:
        chosen.sort()
    except TypeError:
        chosen.sort(key=lambda pair: (type(pair[0]).__name__, str(pair[0])))
    return {
        "kind": "discrete",
        "n_classes": len(counts),
        "classes": [param_value(value) for value, _ in chosen],
        "counts": [count for _, count in chosen],
    }


def _range(array: Any) -> dict[str, Any]:
    numpy = sys.modules["numpy"]
    count, total, squares = 0, 0.0, 0.0
    low, high = math.inf, -math.inf
    chunks = range(0, len(array), _CHUNK)
    for start in chunks:
        chunk = _finite(numpy, array[start : start + _CHUNK])
        if chunk.size:
            count += int(chunk.size)
            low, high = min(low, float(chunk.min())), max(high, float(chunk.max()))
            total += float(chunk.sum())
    if not count:
        return {"kind": "continuous", "count": 0}
    mean = total / count
    for start in chunks:
        distance = _finite(numpy, array[start : start + _CHUNK]) - mean
        squares += float(numpy.dot(distance, distance))
    return {
        "kind": "continuous",
        "count": count,
        "min": low,
        "max": high,
        "mean": mean,
        "std": math.sqrt(squares / count),
    }


def _finite(numpy: Any, chunk: Any) -> Any:
    chunk = chunk.astype("float64")
    finite = numpy.isfinite(chunk)
    return chunk if finite.all() else chunk[finite]


def _of_columns(array: Any, discrete: bool | None) -> dict[str, Any]:
    numpy = sys.modules["numpy"]
    outputs = int(array.shape[1])
    if (
        array.dtype.kind in "biu"
        and array.size <= _ELEMENTS
        and array.size
        and array.min() >= 0
        and array.max() <= 1
    ):
        positives = numpy.count_nonzero(array, axis=0)[:_CLASSES].tolist()
        return {"kind": "multilabel", "outputs": outputs, "positives": positives}
    if array.dtype.kind not in "biufOSU":
        return {}
    step = max(1, -(-int(array.size) // _ELEMENTS))
    columns = [
        _of_array(array[::step, position], discrete) for position in range(min(outputs, _CLASSES))
    ]
    return {**_outputs(outputs, columns), **({"of": "sample"} if step > 1 else {})}


def _outputs(outputs: int, columns: list[dict[str, Any]]) -> dict[str, Any]:
    return {"kind": "multioutput", "outputs": int(outputs), "columns": columns}


def _indicator(matrix: Any) -> dict[str, Any]:
    """Describe a sparse indicator matrix by its stored entries."""
    outputs = int(matrix.shape[1])
    if matrix.nnz > _ELEMENTS:
        return {"kind": "multilabel", "outputs": outputs}
    numpy = sys.modules["numpy"]
    if matrix.format == "csr":
        positives = numpy.bincount(matrix.indices, minlength=outputs)
    else:
        positives = numpy.diff(matrix.indptr)
    return {"kind": "multilabel", "outputs": outputs, "positives": positives[:_CLASSES].tolist()}


def _of_objects(values: Any, discrete: bool | None) -> dict[str, Any]:
    if not len(values):
        return {}
    step = -(-len(values) // _OBJECTS)
    items = list(values[::step])
    sample = {"of": "sample"} if step > 1 else {}
    kinds = set(map(type, items))
    if kinds & {list, tuple, dict, set}:
        return {}
    if kinds <= {int, float} and discrete is not True:
        whole = all(item == item // 1 for item in items if not math.isinf(item))
        distinct = len(set(items))
        if discrete is False or not whole or distinct > (_LEVELS if float in kinds else _CLASSES):
            return {**_range_of_numbers([float(item) for item in items]), **sample}
    try:
        return {**_classes(Counter(items)), **sample}
    except TypeError:  # not hashable
        return {}


def _range_of_numbers(items: list[float]) -> dict[str, Any]:
    finite = [item for item in items if math.isfinite(item)]
    if not finite:
        return {"kind": "continuous", "count": 0}
    mean = math.fsum(finite) / len(finite)
    spread = math.sqrt(math.fsum((item - mean) ** 2 for item in finite) / len(finite))
    return {
        "kind": "continuous",
        "count": len(finite),
        "min": min(finite),
        "max": max(finite),
        "mean": mean,
        "std": spread,
    }
