"""Batches of nothing but numbers, told and made in one go.

Each way here gives what :func:`fitprint.models.batches.conform` would give, or nothing where it is
not sure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from fitprint.data.schema import Schema
from fitprint.models.batches import EXACT_FLOAT

__all__ = ["Numbers"]

_NUMBER = frozenset({int, float})
_FAMILIES = frozenset({"int", "uint", "float"})


class Numbers:
    """What a batch is if all columns are numbers, told from Python values and arrays in one go.

    Attributes:
        named: the model has named columns, and not one array.
        width: number of columns.
        truths: places of columns of truth values.
    """

    def __init__(self, schema: Schema) -> None:
        fields = schema.fields
        self.named = schema.container == "table"
        self.width = len(fields) if self.named else fields[0].shape[1]
        self._families = [field.type.rstrip("0123456789") for field in fields]
        if not self.named:
            self._families *= self.width
        self._type = fields[0].type
        self._whole = [
            place for place, family in enumerate(self._families) if family in {"int", "uint"}
        ]
        self.truths = [place for place, family in enumerate(self._families) if family == "bool"]
        self._is_narrow = any(field.type in {"float16", "float32"} for field in fields)
        self.numpy = import_module("numpy")

    @classmethod
    def of(cls, schema: Schema | None) -> Numbers | None:
        """Return it for a schema of numbers; None for another, and where there is no numpy."""
        if schema is None or not schema.fields or find_spec("numpy") is None:
            return None
        families = {field.type.rstrip("0123456789") for field in schema.fields}
        if schema.container == "table":
            is_plain = all(field.shape == (-1,) for field in schema.fields)
            is_plain &= len(set(schema.names)) == len(schema.fields)
            return cls(schema) if is_plain and families <= {*_FAMILIES, "bool"} else None
        shape = schema.fields[0].shape
        is_matrix = schema.container == "array" and len(shape) == 2 and shape[1] > 0
        return cls(schema) if is_matrix and families <= _FAMILIES else None

    def array(self, flat: list[Any], count: int, *, by_column: bool) -> tuple[Any, bool] | None:
        """Return the array that stands for a frame of Python values, and whether all columns of the
        frame have its type; None if not all are numbers that surely fit.

        It lies in memory as the frame's values do, column by column: sums of products come out the
        same to the last bit.
        """
        kinds = set(map(type, flat))
        if self.truths or not kinds <= _NUMBER:
            return self._array_of_columns(flat, count, by_column=by_column)
        made = self._made(flat, kinds)
        if made is None:
            return None
        array = (
            made.reshape(self.width, count).T
            if by_column
            else self.by_column(made.reshape(count, self.width))
        )
        return (array, len(kinds) == 1) if self._is_whole(array) else None

    def of_lists(self, flat: list[Any], count: int) -> Any:
        """Return the array that a model of an array is given for Python values; None if it is not
        sure.
        """
        kinds = set(map(type, flat))
        if not kinds <= _NUMBER or self._type not in {"float64", "float32", "int64"}:
            return None
        if self._type == "int64" and float in kinds:
            return None
        if self._type == "float32" and int in kinds:
            return None
        made = self._made(flat, kinds)
        if made is None:
            return None
        if made.dtype != self._type:
            if made.dtype.kind == "i" and not self._is_exact(made):
                return None
            with self.numpy.errstate(over="ignore"):
                made = made.astype(self._type)
            if self._type == "float32" and not self.numpy.isfinite(made).all():
                return None
        return made.reshape(count, self.width)

    def of_arrays(self, found: Sequence[Any]) -> tuple[Any, bool] | None:
        """Return the array that stands for a frame of arrays, one for each column."""
        numpy = self.numpy
        columns = []
        for family, column in zip(self._families, found, strict=True):
            if type(column) is not numpy.ndarray or column.ndim not in {1, 2}:
                return None
            if column.size != len(column):
                return None
            if column.dtype.kind != "b" if family == "bool" else column.dtype.kind not in "iuf":
                return None
            columns.append(column.reshape(-1))
        lengths = set(map(len, columns))
        return self._stacked(columns) if len(lengths) == 1 and 0 not in lengths else None

    def by_column(self, array: Any) -> Any:
        """Return an array as it lies in memory where it is a frame's."""
        return self.numpy.asfortranarray(array)

    def takes(self, data: Any) -> bool:
        """Tell whether a matrix is surely what the model takes, as it is."""
        return (
            type(data) is self.numpy.ndarray
            and data.ndim == 2
            and data.shape[1] == self.width
            and len(data) > 0
            and data.dtype.kind in "iuf"
            and data.dtype.isnative
            and data.dtype.itemsize <= 8
            and not self.truths
            and self._is_whole(data)
        )

    def _made(self, flat: list[Any], kinds: set[type]) -> Any:
        numpy = self.numpy
        try:
            made = numpy.array(flat, dtype="int64" if kinds == {int} else "float64")
        except OverflowError:
            return None
        return None if len(kinds) > 1 and not self._is_exact(made) else made

    def _is_exact(self, found: Any) -> bool:
        """Tell that no whole number among these loses, or has lost, a digit as a float."""
        return not ((found >= EXACT_FLOAT) | (found <= -EXACT_FLOAT)).any()

    def _is_whole(self, array: Any) -> bool:
        """Tell whether columns of whole numbers hold nothing else, missing values aside."""
        if not self._whole or array.dtype.kind != "f":
            return True
        if array.dtype != "float64":
            return False  # without any value such columns get another type
        found = array if len(self._whole) == self.width else array[:, self._whole]
        numpy = self.numpy
        return bool(((numpy.trunc(found) == found) | numpy.isnan(found)).all())

    def _array_of_columns(
        self, flat: list[Any], count: int, *, by_column: bool
    ) -> tuple[Any, bool] | None:
        """Do :meth:`array` with truth values and missing values among the columns."""
        columns = []
        for place, family in enumerate(self._families):
            where = (
                slice(place * count, (place + 1) * count)
                if by_column
                else slice(place, None, self.width)
            )
            column = flat[where]
            kinds = set(map(type, column))
            if kinds == {bool}:  # fits any number
                columns.append(self.numpy.array(column))
                continue
            if type(None) in kinds:
                column = [math.nan if each is None else each for each in column]
                kinds = (kinds | {float}) - {type(None)}
                if kinds == {float} and self._is_narrow:
                    return None
            if family == "bool" or not kinds <= _NUMBER:
                return None
            columns.append(self._made(column, kinds))
        return self._stacked(columns)

    def _stacked(self, columns: Sequence[Any]) -> tuple[Any, bool] | None:
        """Return :meth:`array` for columns that are arrays."""
        numpy = self.numpy
        if any(column is None for column in columns):
            return None
        dtypes = {column.dtype for column in columns}
        if not all(dtype.isnative and dtype.itemsize <= 8 for dtype in dtypes):
            return None
        target = numpy.result_type(*dtypes)
        if target.kind == "b" or ("bool" in dtypes and target not in ("int64", "float64")):
            return None  # frameworks have their own ways with truth values
        for column in columns:
            if column.dtype.kind in "iu" and target.kind == "f" and not self._is_exact(column):
                return None
        array = numpy.empty((self.width, len(columns[0])), target)
        for place, column in enumerate(columns):
            array[place] = column
        array = array.T
        return (array, len(dtypes) == 1) if self._is_whole(array) else None
