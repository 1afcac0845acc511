"""The compiled way in: what a model's signature says, worked out once for all batches.

What a batch is and what is refused is said by :func:`fitprint.models.batches.conform` alone. Here
are the quick ways for plain numbers, which is what most models take and most callers send. Where
they are not sure, ``conform`` is asked; what it refuses is looked at value by value, to say where
the fault is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import accumulate, chain, pairwise
from operator import itemgetter
from typing import Any

from fitprint.data.kinds import is_array, is_frame, is_sparse
from fitprint.data.schema import Schema, label
from fitprint.errors import SignatureError
from fitprint.models.batches import conform, framed, labels, rows
from fitprint.models.faults import fault_in
from fitprint.models.numbers import Numbers

__all__ = ["Batch", "Reader", "split"]

_MOST_ORDERS = 16  # of columns, that are remembered


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that fit a model's signature, in the form in which the model takes them.

    Attributes:
        data: a frame, an array, a dict or list of arrays, or what else the model takes.
        rows: number of rows; None where that cannot be told.
        reader: of the model, which made the batch.
        in_place: ``data`` is an array of numbers in the place of a frame of them.
    """

    data: Any
    rows: int | None
    reader: Reader
    in_place: bool = False

    def frame(self) -> Any:
        """Return the data as :meth:`Flavor.predict` takes them."""
        return self.reader.frame(self.data) if self.in_place else self.data


class Reader:
    """Makes batches of what callers have, as the signature of one model wants them.

    Usable from several threads. Rows and columns are those of plain Python values, as JSON brings
    them, or of numpy arrays; frames and all else that :meth:`Predictor.predict` takes go through
    :meth:`read`.

    Every method raises a :class:`SignatureError` for what does not fit. Where it is a value, the
    error names column and row, and says what kind of value stands there, never which.

    Args:
        schema: of the model's inputs; None if they are not known, and then nothing is checked.
        arrays: the model takes an array of numbers in the place of a frame of them
            (:meth:`Flavor.predict_array`).
    """

    def __init__(self, schema: Schema | None, *, arrays: bool = False) -> None:
        self.schema = schema
        self._arrays = arrays
        self._container = schema.container if schema is not None else "table"
        self._numbers = Numbers.of(schema)
        self._orders: dict[tuple[Any, ...], Callable[[Any], Sequence[Any]] | None] = {}
        self._index: Any = None
        self._pick = _picker(schema.names if schema is not None and schema.fields else ("",))

    def read(self, data: Any) -> Batch:
        """Return the batch of any data that a predictor takes."""
        kind = type(data)
        if self.schema is None:
            return Batch(data, rows(data), self)
        if kind is dict:
            return self.from_columns(data)
        if kind is list or kind is tuple:
            if data and isinstance(data[0], Mapping):
                return self.from_records(data)
            return self.from_rows(data)
        return self._conformed(data) if is_frame(data) else self.from_array(data)

    def from_rows(self, data: Sequence[Any], columns: Sequence[Any] | None = None) -> Batch:
        """Return the batch of a list of rows.

        Args:
            data: a list of lists, one for each row.
            columns: labels of the values in each row; by default those of the model, in its order.
                A model of an array takes the values by position, whatever they are called.
        """
        numbers, container = self._numbers, self._container
        if numbers is not None and data:
            batch = self._from_rows(numbers, data, columns)
            if batch is not None:
                return batch
        if columns is None or container not in {"table", "arrays", "records"}:
            return self._conformed(data, lambda: self._by_position(data))
        _check_rows(data, len(columns))
        if container != "table":
            return self.from_records([dict(zip(columns, row, strict=True)) for row in data])
        found = list(zip(*data, strict=True)) or [()] * len(columns)
        frame = framed(dict(enumerate(found)), columns)
        return self._conformed(frame, lambda: _labelled(columns, found))

    def from_records(self, data: Sequence[Mapping[Any, Any]]) -> Batch:
        """Return the batch of a list of dicts, one for each row."""
        numbers = self._numbers
        if numbers is not None and numbers.named and {dict}.issuperset(map(type, data)) and data:
            try:
                flat = list(chain.from_iterable(map(self._pick, data)))
            except KeyError:
                pass
            else:
                batch = self._of(numbers.array(flat, len(data), by_column=False))
                if batch is not None:
                    return batch
        if self.schema is None:
            _check_records(data)
            names = list(dict.fromkeys(key for row in data for key in row))
            found = {place: [row.get(name) for row in data] for place, name in enumerate(names)}
            return self._conformed(framed(found, names))
        return self._conformed(data, lambda: _by_key(data))

    def from_columns(self, data: Mapping[Any, Any]) -> Batch:
        """Return the batch of a dict of columns: lists or arrays, all of one length, or single
        values, which are one row.
        """
        numbers = self._numbers
        if numbers is not None and numbers.named:
            batch = self._from_columns(numbers, data)
            if batch is not None:
                return batch
        return self._conformed(data, lambda: _labelled(data, data.values()))

    def from_array(self, data: Any) -> Batch:
        """Return the batch of a matrix whose columns are in the model's order, or of what else has
        a shape.
        """
        numbers = self._numbers
        if numbers is not None and numbers.takes(data):
            if not numbers.named:
                return Batch(data, len(data), self)
            batch = self._of((numbers.by_column(data), True))
            if batch is not None:
                return batch
        return self._conformed(data)

    def join(self, batches: Sequence[Batch]) -> Batch:
        """Return one batch of the rows of several of this reader's, in their order.

        Raises:
            SignatureError: batches of this kind cannot be joined, or it cannot be told how many
                rows they have.
        """
        if len(batches) == 1:
            return batches[0]
        if any(batch.rows is None for batch in batches):
            raise SignatureError("batches without a number of rows cannot be joined")
        in_place = all(batch.in_place for batch in batches)
        data = _joined([batch.data if in_place else batch.frame() for batch in batches])
        count = sum(batch.rows or 0 for batch in batches)
        if in_place or self.schema is None:
            return Batch(data, count, self, in_place)
        return Batch(conform(self.schema, data), count, self)  # categories come together

    def frame(self, array: Any) -> Any:
        """Return the frame for which an array stands."""
        if self._index is None:
            self._index = labels(self.schema.names if self.schema is not None else ())
        frame = import_module("pandas").DataFrame(array, columns=self._index, copy=False)
        for place in self._numbers.truths if self._numbers is not None else ():
            frame.isetitem(place, frame.iloc[:, place].astype(bool))
        return frame

    def _of(self, found: tuple[Any, bool] | None) -> Batch | None:
        """Return the batch of an array whose columns stand for those of a frame.

        The frame has a type for each column, the array one for all; if they differ, the frame
        cannot be made of the array.
        """
        if found is None:
            return None
        array, is_uniform = found
        if self._arrays:
            return Batch(array, len(array), self, in_place=True)
        return Batch(self.frame(array), len(array), self) if is_uniform else None

    def _from_rows(
        self, numbers: Numbers, data: Sequence[Any], columns: Sequence[Any] | None
    ) -> Batch | None:
        width = numbers.width if columns is None else len(columns)
        if not _LISTS.issuperset(map(type, data)) or {width} != set(map(len, data)):
            return None
        chosen: Iterable[Any] = data
        if columns is not None and numbers.named:
            pick = self._order(columns)
            if pick is None:
                return None
            if pick is not _as_it_is:
                chosen = map(pick, data)
        elif width != numbers.width:
            return None
        flat = list(chain.from_iterable(chosen))
        if numbers.named:
            return self._of(numbers.array(flat, len(data), by_column=False))
        array = numbers.of_lists(flat, len(data))
        return None if array is None else Batch(array, len(data), self)

    def _from_columns(self, numbers: Numbers, data: Mapping[Any, Any]) -> Batch | None:
        kinds = set(map(type, data.values()))
        try:
            found = self._pick(data)
        except KeyError:
            return None
        if kinds <= _SINGLE:
            return self._of(numbers.array(list(found), 1, by_column=True))
        if kinds <= _LISTS:
            lengths = set(map(len, data.values()))
            if len(lengths) != 1 or 0 in lengths:
                return None
            flat = list(chain.from_iterable(found))
            return self._of(numbers.array(flat, lengths.pop(), by_column=True))
        return self._of(numbers.of_arrays(found)) if len(data) == numbers.width else None

    def _order(self, columns: Sequence[Any]) -> Callable[[Any], Sequence[Any]] | None:
        """Return what brings a row of these columns into the model's order; None if not all are
        there, each once.
        """
        try:
            key = tuple(columns)
            return self._orders[key]
        except KeyError:
            pass
        except TypeError:  # no label of a column
            return None
        names = self.schema.names if self.schema is not None else ()
        places = {label(name): place for place, name in enumerate(key)}
        pick: Callable[[Any], Sequence[Any]] | None = None
        if len(places) == len(key) and places.keys() >= set(names):
            found = [places[name] for name in names]
            pick = _as_it_is if found == list(range(len(key))) else _picker(found)
        if len(self._orders) >= _MOST_ORDERS:
            self._orders.clear()
        self._orders[key] = pick
        return pick

    def _by_position(self, data: Sequence[Any]) -> dict[Any, Any]:
        """Return the columns of a list of rows, as far as they can be told apart."""
        fields = self.schema.fields if self.schema is not None else ()
        names: Sequence[Any] = [field.name for field in fields]
        if self._container == "array":
            shape = fields[0].shape
            if len(shape) > 2:
                return {}
            names = range(shape[1]) if len(shape) == 2 and shape[1] >= 0 else [None]
        if not any(isinstance(row, list | tuple) for row in data) and len(names) == 1:
            return {names[0]: data}
        _check_rows(data, len(names))
        return _labelled(names, zip(*data, strict=True))

    def _conformed(
        self, data: Any, columns: Callable[[], Mapping[Any, Any]] | None = None
    ) -> Batch:
        """Return what ``conform`` makes of the data, or say where they do not fit."""
        if self.schema is None:
            return Batch(data, rows(data), self)
        try:
            found = conform(self.schema, data)
        except SignatureError as error:
            if error.row is None and columns is not None:
                fault = _fault(self.schema, columns())
                if fault is not None:
                    raise fault from None
            raise
        return Batch(found, rows(found), self)


def split(predictions: Any, counts: Sequence[int]) -> list[Any]:
    """Return the predictions of joined batches for each of them.

    Args:
        predictions: what the model gave: an array, a frame or series, a list, or a tuple or dict of
            these, with one item for each row.
        counts: rows of the batches, in order.

    Raises:
        ValueError: there are not as many predictions as rows.
    """
    if isinstance(predictions, Mapping):
        parts = {key: split(value, counts) for key, value in predictions.items()}
        return [
            {key: found[number] for key, found in parts.items()} for number in range(len(counts))
        ]
    if isinstance(predictions, tuple):
        several = [split(value, counts) for value in predictions]
        return [tuple(found[number] for found in several) for number in range(len(counts))]
    if not hasattr(predictions, "__len__") or rows(predictions) != sum(counts):
        raise ValueError("the model has not given one prediction for each row")
    sliced = predictions.iloc if hasattr(predictions, "iloc") else predictions
    ends = list(accumulate(counts, initial=0))
    return [sliced[start:end] for start, end in pairwise(ends)]


def _joined(parts: Sequence[Any]) -> Any:
    first = parts[0]
    if isinstance(first, Mapping):
        return {key: _joined([part[key] for part in parts]) for key in first}
    if isinstance(first, list) and first and is_array(first[0]):
        return [_joined(each) for each in zip(*parts, strict=True)]
    if isinstance(first, list):
        return list(chain.from_iterable(parts))
    if hasattr(first, "iloc"):
        return import_module("pandas").concat(parts, ignore_index=True)
    if is_frame(first):
        return import_module("polars").concat(parts, how="vertical_relaxed")
    if is_sparse(first):
        return import_module("scipy.sparse").vstack(parts, format=first.format)
    if type(first).__module__ == "numpy":
        return import_module("numpy").concatenate(parts)
    raise SignatureError(f"batches that are a {type(first).__qualname__} cannot be joined")


def _fault(schema: Schema, columns: Mapping[Any, Any]) -> SignatureError | None:
    """Return the error for the first value, column by column, that is not of its field's type."""
    for place, field in enumerate(schema.fields):
        if len(field.shape) == 1 and field.name is not None and field.name in columns:
            found = {field.name: columns[field.name]}
        else:
            found = dict(columns) if place == 0 and schema.container == "array" else {}
        for name, values in found.items():
            several = values if isinstance(values, list | tuple) else _listed(values)
            fault = fault_in(field, several, name)
            if fault is not None:
                return fault
    return None


def _listed(values: Any) -> Sequence[Any]:
    if is_array(values):
        return values if len(values.shape) == 1 else ()
    return (values,)


def _check_rows(data: Sequence[Any], width: int) -> None:
    for number, row in enumerate(data):
        is_row = isinstance(row, list | tuple)
        if not is_row or len(row) != width:
            has = f"has {len(row)} values" if is_row else "is no list of values"
            raise SignatureError(f"row {number} {has}, where there are {width} columns", row=number)


def _check_records(data: Sequence[Any]) -> None:
    for number, row in enumerate(data):
        if not isinstance(row, Mapping):
            raise SignatureError(f"row {number} is no record of values by column", row=number)


def _labelled(names: Iterable[Any], found: Iterable[Any]) -> dict[Any, Any]:
    return dict(zip(map(label, names), found, strict=False))


def _by_key(data: Sequence[Any]) -> dict[Any, Any]:
    _check_records(data)
    return {
        label(name): [row.get(name) for row in data]
        for name in dict.fromkeys(key for row in data for key in row)
    }


def _as_it_is(row: Any) -> Any:
    return row


def _picker(keys: Sequence[Any]) -> Callable[[Any], Sequence[Any]]:
    if len(keys) == 1:
        key = keys[0]
        return lambda found: (found[key],)
    return itemgetter(*keys)


_SINGLE = frozenset({int, float, bool, str, type(None)})
_LISTS = frozenset({list, tuple})
