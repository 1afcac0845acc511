"""Batches: data for a prediction, checked and brought into the form in which the model was given
its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from fitprint.data.kinds import is_array, is_arrow, is_frame, is_series, is_sparse
from fitprint.data.rows import row_count
from fitprint.data.schema import Field, Schema, columns, type_of
from fitprint.errors import SignatureError
from fitprint.models.faults import fault_in, is_number
from fitprint.models.signature import Signature, fits

__all__ = ["EXACT_FLOAT", "conform", "empty", "framed", "labels", "rows"]

EXACT_FLOAT = 1 << 53
"""Up to which every whole number is a float."""


def conform(schema: Schema, data: Any) -> Any:
    """Return the data as the model takes it.

    A model of named columns gets a data frame with just these columns in this order, a model of an
    array an array, a model of several arrays a dict or a list of them. What is a frame or array
    already is not copied; sparse data stays sparse. Values keep their types, with these exceptions:
    lists get the type of the signature, plain values of what was a category get the model's
    categories, and columns without any value get the type that they had. Where numbers belong,
    every value of a column of objects is looked at.

    Raises:
        SignatureError: it names the column or input that does not fit, and what to do, or the row.
    """
    kind = schema.container
    if is_arrow(data):
        data = Signature(schema).enforce(data).to_pandas()
    if kind == "table":
        return _table(schema, data)
    if kind in {"array", "sparse"}:
        return _array(schema, data)
    if kind == "arrays":
        return _arrays(schema, data)
    if kind == "tensors":
        return _tensors(schema, data)
    found = Signature(schema).enforce(data)
    if kind == "records" and all(isinstance(row, Mapping) for row in found):
        for field in filter(is_number, schema.fields):
            _look_at(field, [row.get(field.name) for row in found], field.name)
    return found


def rows(data: Any) -> int | None:
    """Return the number of rows of a batch; None where that cannot be told."""
    if isinstance(data, Mapping):
        data = next(iter(data.values()), None)
    elif isinstance(data, list | tuple) and data and is_array(data[0]) and len(data[0].shape) > 1:
        data = data[0]
    return (
        row_count(data)
        if is_array(data) or is_frame(data) or isinstance(data, list | tuple)
        else None
    )


def empty(schema: Schema) -> Any:
    """Return what a schema says of results, without any rows.

    Raises:
        LookupError: such results cannot be made.
    """
    numpy = import_module("numpy")
    arrays = [numpy.empty(_no_rows(field), _dtype(field)) for field in schema.fields]
    if schema.container == "array":
        return arrays[0]
    if schema.container == "list":
        return []
    if schema.container == "tensors":
        return arrays
    if schema.container == "arrays":
        return dict(zip(schema.names, arrays, strict=True))
    if schema.container == "series":
        return _pandas("").Series(arrays[0], name=schema.names[0])
    if schema.container == "table":
        return framed(dict(enumerate(arrays)), schema.names)
    raise LookupError(schema.container)


# -- named columns ---------------------------------------------------------------------------------


def _table(schema: Schema, data: Any) -> Any:
    if is_sparse(data):
        return Signature(schema).enforce(data)
    frame = data if is_frame(data) else _frame(schema, data)
    return _typed(schema, Signature(schema).enforce(frame))


def _frame(schema: Schema, data: Any) -> Any:
    """Make a data frame of columns, records, rows or one column."""
    pandas = _pandas(f"the model takes {len(schema.fields)} named columns")
    try:
        if isinstance(data, Mapping):
            if all(_is_single(value) for value in data.values()):
                data = {key: [value] for key, value in data.items()}
            return (
                framed(dict(enumerate(map(_column_of, data.values()))), list(data))
                if data
                else _rowless(schema)
            )
        if is_series(data) and len(schema.fields) == 1:
            return framed({0: data}, schema.names)
        if isinstance(data, list | tuple):
            if not data:
                return _rowless(schema)
            if all(isinstance(item, Mapping) for item in data):
                return _framed_records(data)
            if len(schema.fields) == 1 and all(_is_single(item) for item in data):
                data = [[item] for item in data]
            if all(isinstance(item, list | tuple) for item in data) and {
                len(item) for item in data
            } == {len(schema.fields)}:
                return framed(dict(enumerate(zip(*data, strict=True))), schema.names)
        if getattr(getattr(data, "dtype", None), "names", None):
            return pandas.DataFrame(data)
        if is_array(data) and len(data.shape) == 1 and len(schema.fields) == 1:
            return framed({0: data}, schema.names)
        if is_array(data) and len(data.shape) == 2 and data.shape[1] == len(schema.fields):
            frame = _labelled(pandas.DataFrame(import_module("numpy").asarray(data)), schema.names)
            return _inferred(frame) if data.dtype == object else frame
    except (ValueError, TypeError) as error:
        raise SignatureError(f"no table can be made of the data: {error}") from error
    Signature(schema).enforce(data)
    raise SignatureError(
        f"no table can be made of a {type(data).__qualname__}: give a data frame, a dict of "
        "columns, or a list of records"
    )


def _column_of(value: Any) -> Any:
    """Return what pandas makes a column of; an array of one column is one."""
    if is_array(value) and not is_series(value) and len(value.shape) == 2 and value.shape[1] == 1:
        return value[:, 0]
    return value


def _rowless(schema: Schema) -> Any:
    return framed({position: [] for position in range(len(schema.fields))}, schema.names)


def framed(found: Mapping[int, Any], names: Sequence[Any]) -> Any:
    """Return a data frame of columns by position, with these names."""
    data = {
        position: _exact(list(value)) if isinstance(value, list | tuple) else value
        for position, value in found.items()
    }
    return _labelled(_pandas("").DataFrame(data), names)


def _framed_records(data: Sequence[Mapping[Any, Any]]) -> Any:
    frame = _pandas("").DataFrame.from_records(list(data))
    for position, column in enumerate(columns(frame)):
        if column.dtype.kind == "f":
            values = [row.get(frame.columns[position]) for row in data]
            exact = _exact(values)
            if exact is not values:
                frame.isetitem(position, exact)
    return frame


def _exact(values: list[Any]) -> Any:
    """Return values of which pandas would make floats as they are, if a float has no room for one
    of them: an identifier, say.
    """
    if not any(type(value) is int and abs(value) > EXACT_FLOAT for value in values) or all(
        type(value) is int for value in values
    ):
        return values
    return _pandas("").Series(values, dtype=object)


def _inferred(frame: Any) -> Any:
    """Return a frame of objects with a type for each column that has one."""
    inferred = frame.infer_objects()
    for position, dtype in enumerate(inferred.dtypes):
        values = frame.iloc[:, position]
        if dtype.kind == "f" and not isinstance(_exact(values.tolist()), list):
            inferred.isetitem(position, values)
    return inferred


def _labelled(frame: Any, names: Sequence[Any]) -> Any:
    frame.columns = labels(names)
    return frame


def labels(names: Sequence[Any]) -> Any:
    """Return pandas' index of column names, each the very label: it would make one kind of
    several.
    """
    pandas = _pandas("")
    alike = {type(name) for name in names} in ({str}, {int})
    return (
        pandas.Index(list(names))
        if alike
        else pandas.Index(list(names), dtype=object, tupleize_cols=False)
    )


def _typed(schema: Schema, frame: Any) -> Any:
    """Give plain values their categories, and columns without any value the type that the model
    knows.
    """
    if not hasattr(frame, "iloc"):  # polars
        return frame
    given, found = frame, columns(frame)
    labels = {column.label for column in found}
    fields = [field for field in schema.fields if field.required or field.name in labels]
    for position, (field, column) in enumerate(zip(fields, found, strict=True)):
        series = column.series()
        if field.categories is not None:
            values = _categorical(field, series)
        elif (word := type_of(column.dtype, column.peek)[0]) == "null" or not fits(
            field.type, word
        ):
            values = _typeless(field, series)
        else:
            if series.dtype == object and is_number(field):
                _look_at(field, series.to_numpy(), field.name)
            continue
        if values is not series:
            if frame is given:
                frame = given.copy(deep=False)
            frame.isetitem(position, values)
    return frame


def _look_at(field: Field, values: Any, column: object) -> None:
    fault = fault_in(field, values, column)
    if fault is not None:
        raise fault


def _categorical(field: Field, series: Any) -> Any:
    """Return the column with the model's categories in the model's order; those that it does not
    know come after them.

    Some frameworks read the codes of categories alone.
    """
    pandas = _pandas("")
    known = list(field.categories or ())
    found = series.dtype.categories.tolist() if hasattr(series.dtype, "categories") else None
    if found == known:
        return series
    present = set(known)
    try:
        new = [
            value
            for value in (found if found is not None else series.dropna().unique().tolist())
            if value not in present
        ]
    except TypeError as error:  # such as a list
        _look_at(field, series.to_numpy(), field.name)
        raise SignatureError(
            f"column {field.name!r}: it holds values that are no category", field.name
        ) from error
    return pandas.Series(
        pandas.Categorical(series, categories=known + new), index=series.index, name=series.name
    )


def _typeless(field: Field, series: Any) -> Any:
    """Return a column of nothing but missing values, or of none at all, in the type that the model
    knows.
    """
    if not series.isna().all():  # only the values that were looked at are missing
        return series
    family = field.type.rstrip("0123456789")
    if family in _NUMBERS:
        # has room for missing values
        dtype = field.type if family == "float" or not len(series) else "float64"
    elif field.type.startswith(("datetime[", "timedelta[")):
        dtype = field.type.replace("[", "64[", 1)
    else:
        return series
    if series.dtype == dtype:
        return series
    return _pandas("").Series(None, index=series.index, name=series.name, dtype=dtype)


# -- arrays ----------------------------------------------------------------------------------------


def _array(schema: Schema, data: Any) -> Any:
    field = schema.fields[0]
    if is_frame(data) or is_series(data):
        Signature(schema).enforce(data)
        return _dense(field, data)
    if isinstance(data, list | tuple) and not any(isinstance(item, Mapping) for item in data[:1]):
        return _from_lists(field, data)
    Signature(schema).enforce(data)
    return data


def _dense(field: Field, data: Any) -> Any:
    """Return a frame or series as an array of the field's shape."""
    found = data.to_numpy()
    if (
        found.dtype == object
        and field.type.rstrip("0123456789") in _NUMBERS
        and hasattr(data, "iloc")
    ):
        found = _floats_of(field, found)
    elif found.dtype.kind == "f":
        for column in columns(data):
            if getattr(column.dtype, "kind", "") in "iu" and _is_rounded(column.series()):
                raise SignatureError(
                    f"{_where(field)}: not all of its values fit into {found.dtype}"
                )
    if len(field.shape) == 2 and found.ndim == 1:
        return found.reshape(-1, 1)
    return found[:, 0] if len(field.shape) == 1 and found.ndim == 2 else found


def _from_lists(field: Field, data: Sequence[Any]) -> Any:
    """Return lists as an array of the field's type: a list has none of its own."""
    numpy = import_module("numpy")
    if not len(data):
        return numpy.empty(_no_rows(field), _dtype(field))
    try:
        found = numpy.asarray(data, dtype=object if field.type == "object" else None)
        given = found if found.dtype == object else numpy.asarray(data, dtype=object)
    except (ValueError, OverflowError) as error:
        raise SignatureError(
            f"{_where(field)}: its rows differ in length or shape ({error})"
        ) from error
    if found.dtype.kind in "US" and not _is_same(given, found):
        found = given  # numpy makes texts of numbers beside texts, and cuts zeros at the end
    Signature(Schema("array", (field,))).enforce(found)
    if found.dtype == object and found.ndim == 1 and is_number(field):
        _look_at(field, found, field.name)
    elif found.dtype == object and found.ndim == 2 and is_number(field):
        for position in range(found.shape[1]):
            _look_at(field, found[:, position], position)
    family = field.type.rstrip("0123456789")
    if found.dtype.kind in "biuf" and family in _NUMBERS and found.dtype != field.type:
        # else whole numbers with missing values among them
        if family == "float" or found.dtype.kind != "f":
            found = found.astype(field.type)
    elif found.dtype.kind not in "biufc":
        return found
    if not _is_same(given, found):
        raise SignatureError(f"{_where(field)}: not all of its values fit into {found.dtype}")
    return found


def _floats_of(field: Field, found: Any) -> Any:
    """Return an array of numbers and missing values, all of them objects, as floats."""
    numpy = import_module("numpy")
    missing = _pandas("").isna(found)
    floats = numpy.full(found.shape, math.nan)
    try:
        floats[~missing] = found[~missing].astype("float64")
    except (TypeError, ValueError, OverflowError) as error:
        raise SignatureError(f"{_where(field)}: it holds other values than numbers") from error
    if not _is_same(found[~missing], floats[~missing]):
        raise SignatureError(f"{_where(field)}: not all of its values fit into float64")
    return floats


def _is_same(given: Any, made: Any) -> bool:
    """Tell whether numpy has made the same values of Python's: floats may have been rounded to
    fewer digits, nothing else.
    """
    if given.shape != made.shape:
        return False
    values = given.ravel().tolist()
    if made.dtype == "float64" and {float}.issuperset(map(type, values)):
        return True
    return all(map(_is_kept, values, made.ravel().tolist()))


def _is_kept(value: Any, made: Any) -> bool:
    if value is made or value == made:
        return True
    if isinstance(value, float) and isinstance(made, float):
        return value != value or abs(value) == math.inf or abs(made) != math.inf
    return value is None and made != made


def _is_rounded(series: Any) -> bool:
    """Tell whether floats have no room for some whole numbers of a series."""
    present = series.dropna() if hasattr(series, "iloc") else series.drop_nulls()
    is_large = (present > EXACT_FLOAT) | (present < -EXACT_FLOAT)
    large = present[is_large] if hasattr(series, "iloc") else present.filter(is_large)
    return any(int(float(value)) != value for value in large.to_list())


def _arrays(schema: Schema, data: Any) -> Any:
    if is_frame(data):
        fields = {field.name: field for field in schema.fields}
        data = {
            column.label: _dense(fields.get(column.label, _ANY), column.series())
            for column in columns(data)
        }
    elif (
        isinstance(data, list | tuple) and data and all(isinstance(item, Mapping) for item in data)
    ):
        data = {
            key: [row.get(key) for row in data]
            for key in dict.fromkeys(key for row in data for key in row)
        }
    elif is_array(data) and len(schema.fields) == 1:
        data = {schema.names[0]: data}
    if isinstance(data, Mapping):
        fields = {field.name: field for field in schema.fields}
        data = {key: _input(fields.get(key), value) for key, value in data.items()}
    found = Signature(schema).enforce(data)
    _same_length(schema.fields, found.values())
    return found


def _tensors(schema: Schema, data: Any) -> Any:
    given = [data] if is_array(data) and len(schema.fields) == 1 else data
    if not isinstance(given, list | tuple) or len(given) != len(schema.fields):
        what = (
            f"{len(given)} items"
            if isinstance(given, list | tuple)
            else f"a {type(given).__qualname__}"
        )
        raise SignatureError(
            f"the model takes a list of {len(schema.fields)} arrays; it was given {what}"
        )
    found = [
        _array(Schema("array", (field,)), value)
        for field, value in zip(schema.fields, given, strict=True)
    ]
    _same_length(schema.fields, found)
    return found


def _input(field: Field | None, value: Any) -> Any:
    if field is None or not field.shape:
        return value
    if isinstance(value, list | tuple) or is_series(value):
        return _array(Schema("array", (field,)), value)
    return value


def _same_length(fields: Sequence[Field], found: Any) -> None:
    lengths = {
        field.name: rows(value) for field, value in zip(fields, found, strict=True) if field.shape
    }
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name!r} has {length}" for name, length in lengths.items())
        raise SignatureError(f"the inputs differ in their numbers of rows: {told}")


_NUMBERS = {"bool", "int", "uint", "float"}
_ANY = Field(None, "object")


def _no_rows(field: Field) -> tuple[int, ...]:
    return tuple(
        0 if place == 0 or length == -1 else length for place, length in enumerate(field.shape)
    )


def _dtype(field: Field) -> Any:
    if field.type.rstrip("0123456789") in {*_NUMBERS, "complex"}:
        return field.type
    if field.type.startswith(("datetime[", "timedelta[")) and "," not in field.type:
        return field.type.replace("[", "64[", 1)
    return object


def _where(field: Field) -> str:
    return "the data does not fit" if field.name is None else f"input {field.name!r} does not fit"


def _is_single(value: Any) -> bool:
    return (
        value is None
        or isinstance(value, str | bytes)
        or not (hasattr(value, "__len__") or getattr(value, "shape", ()) != ())
    )


def _pandas(why: str) -> Any:
    try:
        return import_module("pandas")
    except ImportError:
        raise SignatureError(f"{why}: install pandas, or give a data frame that has them") from None
