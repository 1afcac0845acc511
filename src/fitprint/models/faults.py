"""Faults: which value of a column of plain objects does not fit the model's type."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fitprint.data.schema import Field, family_of, type_of_values
from fitprint.errors import SignatureError
from fitprint.models.signature import fits

__all__ = ["NUMBERS", "expected", "fault_in", "is_number"]

NUMBERS = frozenset({"bool", "int", "uint", "float", "complex"})
"""Families of types between which nothing but a number can stand."""

_WORDS = {
    "bool": "true or false",
    "int": "an integer",
    "uint": "an integer",
    "float": "a float",
    "complex": "a complex number",
    "string": "a text",
    "bytes": "bytes",
    "datetime": "a time",
    "timedelta": "a time span",
    "decimal": "a decimal",
    "date": "a date",
}


def is_number(field: Field) -> bool:
    """Tell if the field's values are numbers or truth values."""
    return field.type.rstrip("0123456789") in NUMBERS


def fault_in(field: Field, values: Iterable[Any], column: object) -> SignatureError | None:
    """Return the error for the first value that does not fit the field; None if all do.

    A value fits if a column of nothing else would (:func:`fitprint.models.signature.fits`); where
    numbers are expected, nothing but numbers and missing values do.
    """
    known: set[type] = set()  # types of which every value fits
    for row, value in enumerate(values):
        kind = type(value)
        if kind in known:
            continue
        word = type_of_values((value,))
        if _fits(field, word, value):
            if kind in _PLAIN and (kind is not float or fits(field.type, "float64")):
                known.add(kind)
            continue
        where = f"row {row}" if column is None else f"column {column!r}, row {row}"
        return SignatureError(
            f"{where}: {_told(field, word)} where {expected(field)} is expected",
            column,
            row,
        )
    return None


def expected(field: Field) -> str:
    """Return what a value of the field is, in words."""
    if field.type.startswith("category["):
        return f"{_name(field.type[9:-1])} (a category)"
    return _name(field.type)


_PLAIN = frozenset({bool, int, float, str, bytes, type(None)})


def _fits(field: Field, word: str, value: Any) -> bool:
    if word == "null":
        return True
    if word == "object":
        return not is_number(field) and not field.type.startswith("category[")
    if fits(field.type, word):
        return True
    if not word.startswith("float"):
        return False
    family = family_of(field.type)
    if family in {"int", "uint"}:
        return value in _INFINITIES or float(value).is_integer()
    return family == "bool" and value in {0.0, 1.0}


_INFINITIES = (float("inf"), float("-inf"))  # whole numbers as far as numpy.trunc can see


def _told(field: Field, word: str) -> str:
    family = _family(word)
    if family == "float":
        return "a fraction" if _family(field.type) in {"int", "uint"} else "a number"
    if family == _family(field.type) == "datetime":
        return "a time with a zone" if "," in word else "a time without a zone"
    return {"string": "text", "object": "neither a number nor a text", "int": "a number"}.get(
        family, _WORDS.get(family, word)
    )


def _name(word: str) -> str:
    return _WORDS.get(_family(word), word)


def _family(word: str) -> str:
    return word.partition("[")[0].rstrip("0123456789")
