"""Schemas: what shape and types data has, told without importing, copying or consuming anything."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fitprint.data.kinds import is_array, is_series, is_sparse, kind_of
from fitprint.data.rows import PEEK, spread
from fitprint.errors import SignatureError

__all__ = ["Field", "Schema", "family_of", "schema_of"]

MOST_CATEGORIES = 1000
MOST_TENSORS = 64
MOST_PEEKED = 10_000  # of all columns of an array or a list of rows together

Label = Any  # of a column: str, int, float, bool, None, or a tuple of these


def family_of(word: str) -> str:
    """Return the kind of a type's values, whatever their width: "int" of "int64"; of a category the
    kind of what it holds, "string" of "category[string]".
    """
    return word.removeprefix("category[").rstrip("]").rstrip("0123456789")


@dataclass(frozen=True, slots=True)
class Field:
    """One column or array.

    Attributes:
        name: label of the column; None for a nameless array.
        type: "bool", "int8" ... "uint64", "float16" ... "float128", "complex64" ..., "string",
            "bytes", "datetime[ns]", "datetime[ns, UTC]", "timedelta[ns]", "category[string]",
            "object" (mixed values), "null" (nothing but missing values), or a library's own word
            such as "period[M]".
        shape: -1 stands for any length.
        nullable: the data has room for missing values. This is apart from the type: an integer
            column may be nullable.
        categories: the values of a categorical column in their order; None for others, for very
            many, and for unusual ones.
        required: False if data may lack it; so only in signatures that MLflow wrote.
    """

    name: Label
    type: str
    shape: tuple[int, ...] = (-1,)
    nullable: bool = False
    categories: tuple[Label, ...] | None = None
    required: bool = True


@dataclass(frozen=True, slots=True)
class Schema:
    """The shape of one argument or result of a model.

    Attributes:
        container: "table" (a data frame), "series", "array", "sparse", "arrays" (a dict of arrays),
            "tensors" (a list of arrays of two or more dimensions), "list", "records" (a list of
            dicts) or "scalar".
        fields: columns in order; exactly one, nameless, for array, sparse, list and scalar; those
            of tensors are named 0, 1, ...
    """

    container: str
    fields: tuple[Field, ...]

    @property
    def names(self) -> tuple[Label, ...]:
        """The fields' labels, in order."""
        return tuple(field.name for field in self.fields)

    def to_json(self, *, values: bool = True) -> dict[str, Any]:
        """Return the schema as JSON values; without ``values`` it holds none of the data's own."""
        fields = []
        for field in self.fields:
            entry: dict[str, Any] = {
                "name": field.name,
                "type": field.type,
                "nullable": field.nullable,
            }
            if field.shape != (-1,):
                entry["shape"] = list(field.shape)
            if values and field.categories is not None:
                entry["categories"] = list(field.categories)
            if not field.required:
                entry["required"] = False
            fields.append(entry)
        return {"container": self.container, "fields": fields}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Schema:
        """Return the schema that :meth:`to_json` wrote."""
        return cls(
            content["container"],
            tuple(_field_from_json(entry) for entry in content["fields"]),
        )


def _field_from_json(entry: Mapping[str, Any]) -> Field:
    categories = entry.get("categories")
    return Field(
        label(entry["name"]),
        entry["type"],
        tuple(entry.get("shape", (-1,))),
        entry["nullable"],
        tuple(categories) if categories is not None else None,
        entry.get("required", True),
    )


def schema_of(data: Any) -> Schema:
    """Return the schema of data: a numpy array, pandas or polars frame or series, Arrow table,
    scipy sparse matrix, dict, list, or scalar.

    Arrays and typed columns are never read; of object columns and lists at most 100 values are.

    Raises:
        SignatureError: the data is of none of these kinds.
    """
    kind = kind_of(data)
    if kind in ("frame", "polars"):
        return Schema("table", tuple(_column(column) for column in columns(data)))
    if kind == "arrow":
        return _arrow_table(data)
    if kind in ("column", "polars-column"):
        return Schema("series", (_column(columns(data)[0]),))
    if is_array(data):
        return Schema("sparse" if kind == "sparse" else "array", (_array(None, data),))
    if isinstance(data, Mapping):
        return Schema("arrays", tuple(_entry(label(key), value) for key, value in data.items()))
    if isinstance(data, list | tuple):
        return _list(data)
    if data is None or isinstance(data, str | bytes | bool | int | float | complex):
        return Schema("scalar", (Field(None, type_of_values((data,)), (), nullable=False),))
    raise SignatureError(
        f"no schema can be inferred from a {type(data).__module__}.{type(data).__qualname__}"
    )


@dataclass(frozen=True, slots=True)
class FrameColumn:
    """A column of a data frame, or (``position`` None) a series: its label and dtype, and ways to
    its values.
    """

    label: Label
    dtype: Any
    owner: Any
    position: int | None = None

    def series(self) -> Any:
        """Return the column itself, a pandas or polars series."""
        if self.position is None:
            return self.owner
        return (
            self.owner.iloc[:, self.position]
            if hasattr(self.owner, "iloc")
            else self.owner.to_series(self.position)
        )

    def peek(self) -> list[Any]:
        """Return at most 100 values."""
        found = self.series()
        chosen = spread(len(found))
        if hasattr(found, "iloc") and getattr(self.dtype, "kind", "") == "O":
            values = found.to_numpy()  # the very objects: nothing is copied
            return [values[position] for position in chosen]
        return list((found.iloc if hasattr(found, "iloc") else found)[chosen])

    def is_missing(self) -> bool:
        """Tell if there is no value at all."""
        found = self.series()
        return (
            bool(found.isna().all())
            if hasattr(found, "iloc")
            else bool(found.null_count() == len(found))
        )

    def floats(self) -> Any:
        """Return all values as a float64 array, NaN where missing."""
        found = self.series()
        return (
            found.to_numpy(dtype="float64", na_value=float("nan"))
            if hasattr(found, "iloc")
            else found.to_numpy()
        )


def columns(data: Any) -> list[FrameColumn]:
    """Return the columns of a frame, or the one of a series."""
    if is_series(data):
        return [FrameColumn(label(data.name), data.dtype, data)]
    dtypes = data.dtypes.tolist() if hasattr(data, "iloc") else data.dtypes
    return [
        FrameColumn(label(name), dtype, data, position)
        for position, (name, dtype) in enumerate(zip(data.columns, dtypes, strict=True))
    ]


def type_of(dtype: object, peek: Callable[[], Sequence[Any]]) -> tuple[str, bool]:
    """Return our word for a dtype, and if it has room for missing values.

    Values are looked at only where the dtype is object.
    """
    if type(dtype).__module__.partition(".")[0] == "polars":
        return _polars_type(dtype), True
    kind = getattr(dtype, "kind", None)
    extension = not isinstance(dtype, getattr(sys.modules.get("numpy"), "dtype", ()))
    if kind in _NUMERIC and not str(dtype).startswith("period"):
        subtype = getattr(dtype, "subtype", dtype)
        size = getattr(getattr(subtype, "numpy_dtype", subtype), "itemsize", 8)
        word = "bool" if kind == "b" else f"{_NUMERIC[kind]}{size * 8}"
        return word, extension or kind in "fc"
    if kind in ("M", "m") and not str(dtype).startswith("period"):
        unit = str(dtype).partition("[")[2].partition("]")[0] or "ns"
        return f"{'datetime' if kind == 'M' else 'timedelta'}[{unit}]", True
    if kind == "U":
        return "string", False
    if kind == "S":
        return "bytes", False
    if kind == "V":
        return str(dtype), False
    name = type(dtype).__name__
    if name == "StringDtype" or str(dtype).startswith(("string", "large_string")):
        return "string", True
    if name == "CategoricalDtype":
        categories = getattr(dtype, "categories", None)
        if categories is None:
            return "category[null]", True
        word, _ = type_of(categories.dtype, lambda: list(categories[spread(len(categories))]))
        return f"category[{word}]", True
    if kind == "O" and not extension:
        return type_of_values(peek()), True
    if kind is None:  # a framework's own: torch.float32, tf.float32, jax
        return _plain_word(getattr(dtype, "name", None) or str(dtype).rpartition(".")[2]), False
    return str(dtype), True


def type_of_values(values: Iterable[Any]) -> str:
    """Return our word for plain Python or numpy values; missing ones do not count."""
    words = {_type_of_value(value) for value in values}
    words.discard("null")
    if not words:
        return "null"
    if len(words) == 1:
        return words.pop()
    if words <= {"int64", "float64"}:
        return "float64"
    return "object"


def label(name: Any) -> Label:
    """Return a column label as a value that JSON keeps; other kinds of labels as their text."""
    if name is None or isinstance(name, str | bool | int | float):
        return name if type(name) in _EXACT else _exact(name)
    if isinstance(name, tuple | list):
        return tuple(label(part) for part in name)
    item = getattr(name, "item", None)  # a numpy scalar
    value = item() if callable(item) else name
    return value if type(value) in _EXACT else str(name)


_NUMERIC = {"b": "bool", "i": "int", "u": "uint", "f": "float", "c": "complex"}
_EXACT = {str, bool, int, float, type(None)}


def _exact(name: Any) -> Label:
    for kind in (str, bool, int, float):
        if isinstance(name, kind):
            return kind(name)
    return str(name)


def _column(column: FrameColumn) -> Field:
    word, nullable = type_of(column.dtype, column.peek)
    return Field(
        column.label,
        word,
        nullable=nullable,
        categories=_categories(column.dtype) if word.startswith("category[") else None,
    )


def _categories(dtype: Any) -> tuple[Label, ...] | None:
    found: Any = getattr(dtype, "categories", None)  # of pandas; an Enum of polars has them, too
    if not hasattr(found, "__len__") or len(found) > MOST_CATEGORIES:
        return None
    values = tuple(found.tolist() if hasattr(found, "tolist") else found)
    return values if {type(value) for value in values} <= {str, int, bool} else None


def _array(name: Label, data: Any) -> Field:
    lengths = tuple(int(length) if isinstance(length, int) else -1 for length in data.shape)
    word, nullable = type_of(data.dtype, lambda: peek_array(data))
    return Field(name, word, (-1, *lengths[1:]) if lengths else (), nullable)


def _entry(name: Label, value: Any) -> Field:
    if is_array(value) and not is_series(value):
        return _array(name, value)
    if is_series(value):
        return replace(_column(columns(value)[0]), name=name)
    return _sequence(name, value)


def _list(data: Sequence[Any]) -> Schema:
    if (
        data
        and len(data) <= MOST_TENSORS
        and all(is_array(item) and len(item.shape) > 1 and not is_sparse(item) for item in data)
    ):
        return Schema("tensors", tuple(_array(number, item) for number, item in enumerate(data)))
    sample = _some(data)
    if sample and all(isinstance(item, Mapping) for item in sample):
        names = dict.fromkeys(label(key) for item in sample for key in item)
        return Schema(
            "records",
            tuple(
                Field(
                    name,
                    type_of_values(item.get(name) for item in sample),
                    nullable=any(item.get(name) is None for item in sample),
                )
                for name in names
            ),
        )
    return Schema("list", (_sequence(None, data),))


def _sequence(name: Label, data: Any) -> Field:
    """Describe a scalar, a list, or a list of lists that all have one length."""
    if not isinstance(data, list | tuple):
        return Field(name, type_of_values((data,)), (), nullable=data is None)
    sample = _some(data)
    shape: tuple[int, ...] = (-1,)
    while sample and all(
        isinstance(item, list | tuple) or (is_array(item) and len(item.shape) > 0)
        for item in sample
    ):
        lengths = {len(item) for item in sample}
        shape = (*shape, lengths.pop() if len(lengths) == 1 else -1)
        # of rows every column
        sample = [value for item in sample[:10] for value in item][:MOST_PEEKED]
    return Field(
        name,
        type_of_values(sample),
        shape,
        nullable=any(_type_of_value(value) == "null" for value in sample),
    )


def peek_array(data: Any) -> Sequence[Any]:
    """Return a few values of an array of objects: of an array of rows, those of every column in a
    few rows.
    """
    if is_sparse(data):
        data = data.data
    if not data.shape or not data.size:
        return list(data.flat)
    if len(data.shape) == 1:
        return _some(data)
    width = int(data.size) // len(data)
    rows = spread(len(data), max(1, min(PEEK, MOST_PEEKED // width)))
    return [value for row in rows for value in list(data[row].flat)[:MOST_PEEKED]]


def _some(data: Any) -> list[Any]:
    return [data[position] for position in spread(len(data))]


def _type_of_value(value: Any) -> str:
    kind = type(value)
    word = _WORDS.get(kind)
    if word is not None:
        # NaN alone differs from itself
        return "null" if word == "float64" and value != value else word
    if kind.__module__.startswith("pandas"):
        if kind.__name__ in {"NAType", "NaTType"}:
            return "null"
        if kind.__name__ in {"Timestamp", "Timedelta"}:
            tz = getattr(value, "tz", None)
            return (
                f"{'datetime' if kind.__name__ == 'Timestamp' else 'timedelta'}[ns"
                f"{f', {tz}' if tz is not None else ''}]"
            )
    dtype = getattr(value, "dtype", None)
    if dtype is not None and getattr(value, "shape", None) == ():  # a numpy scalar
        word, _ = type_of(dtype, list)
        family = word.rstrip("0123456789")
        return (
            "null"
            if value != value
            else {"int": "int64", "uint": "int64", "float": "float64"}.get(family, word)
        )
    for base in (str, bytes, bool, int, float):
        if isinstance(value, base):
            return _WORDS[base]
    if kind.__module__ == "datetime":
        tz = getattr(value, "tzinfo", None)
        return {
            "datetime": f"datetime[us{f', {tz}' if tz is not None else ''}]",
            "timedelta": "timedelta[us]",
        }.get(kind.__name__, kind.__name__)
    return "decimal" if kind.__name__ == "Decimal" else "object"


_WORDS: dict[type, str] = {
    type(None): "null",
    bool: "bool",
    int: "int64",
    float: "float64",
    complex: "complex128",
    str: "string",
    bytes: "bytes",
    bytearray: "bytes",
}


def _plain_word(name: str) -> str:
    return {
        "str": "string",
        "boolean": "bool",
        "double": "float64",
        "half": "float16",
        "long": "int64",
        "int": "int32",
    }.get(name, name)


def _polars_type(dtype: object) -> str:
    name = str(dtype)
    word = name.partition("(")[0]
    if word in {"Categorical", "Enum"}:
        return "category[string]"
    if word in {"Datetime", "Duration"}:
        arguments = dict(
            part.strip().split("=")
            for part in name.partition("(")[2].rstrip(")").split(",")
            if "=" in part
        )
        unit = arguments.get("time_unit", "us").strip("'")
        zone = arguments.get("time_zone", "None").strip("'")
        return (
            f"{'datetime' if word == 'Datetime' else 'timedelta'}[{unit}"
            f"{'' if zone == 'None' else f', {zone}'}]"
        )
    return {
        "String": "string",
        "Utf8": "string",
        "Binary": "bytes",
        "Boolean": "bool",
        "Null": "null",
        "Object": "object",
    }.get(word, word.lower())


def _arrow_table(table: Any) -> Schema:
    return Schema(
        "table",
        tuple(
            Field(field.name, _arrow_type(str(field.type)), nullable=True) for field in table.schema
        ),
    )


def _arrow_type(name: str) -> str:
    word, _, argument = name.partition("[")
    if word in {"timestamp", "duration"}:
        return f"{'datetime' if word == 'timestamp' else 'timedelta'}[{argument.replace('tz=', '')}"
    if word.startswith("dictionary<"):
        values = word.partition("values=")[2].partition(",")[0]
        return f"category[{_arrow_type(values)}]"
    known = {
        "double": "float64",
        "float": "float32",
        "halffloat": "float16",
        "large_string": "string",
        "string_view": "string",
    }
    return known.get(word) or {"binary": "bytes", "large_binary": "bytes"}.get(word, name)
