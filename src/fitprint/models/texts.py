"""Texts, as files have them, as values of a signature's types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Any

from fitprint.data.schema import Field
from fitprint.errors import SignatureError
from fitprint.models.faults import expected

__all__ = ["from_texts", "times_from_texts"]

_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


def from_texts(field: Field, texts: Sequence[str], column: object) -> list[Any]:
    """Return the values that texts write; an empty text is a missing value.

    Whole numbers may be written as floats, truth values as ``true``, ``false``, 1 or 0 in any case,
    times in ISO 8601.

    Raises:
        SignatureError: a text is none of the field's type, or is empty where the training data had
            no room for missing values; it names column and row.
    """
    word = field.type
    inner = word[9:-1] if word.startswith("category[") else word
    read = _reader(inner)
    is_text = read is _text
    may_miss = field.nullable or field.categories is not None
    values: list[Any] = []
    for row, text in enumerate(texts):
        if text:
            try:
                values.append(read(text))
            except ValueError:
                raise _fault(field, "text", column, row) from None
        elif may_miss or is_text:
            values.append(None if may_miss else "")
        else:
            raise _fault(field, "nothing", column, row)
    return values


def times_from_texts(field: Field, values: Sequence[Any], column: object) -> Sequence[Any]:
    """Return the values with times in the place of texts, if the field is of times; JSON has no
    other way to write one.

    Raises:
        SignatureError: as :func:`from_texts`.
    """
    if not field.type.startswith("datetime["):
        return values
    found: list[Any] = []
    for row, value in enumerate(values):
        try:
            found.append(_time(value) if isinstance(value, str) else value)
        except ValueError:
            raise _fault(field, "text", column, row) from None
    return found


def _fault(field: Field, what: str, column: object, row: int) -> SignatureError:
    return SignatureError(
        f"column {column!r}, row {row}: {what} where {expected(field)} is expected", column, row
    )


def _reader(word: str) -> Callable[[str], Any]:
    family = word.partition("[")[0].rstrip("0123456789")
    return {
        "bool": _truth,
        "int": _whole,
        "uint": _whole,
        "float": _float,
        "datetime": _time,
        "string": _text,
        "object": _text,
        "null": _text,
    }.get(family, _none)


def _float(text: str) -> float:
    if "_" in text:  # Python's own way to write one
        raise ValueError
    return float(text)


def _whole(text: str) -> float:
    if "_" in text:
        raise ValueError
    try:
        return int(text)
    except ValueError:
        value = float(text)
        if not value.is_integer():
            raise
        return value


def _truth(text: str) -> bool:
    value = _TRUTHS.get(text.strip().lower())
    if value is None:
        raise ValueError
    return value


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(f"{text[:-1]}+00:00" if text.endswith(("Z", "z")) else text)
    return found if found.tzinfo is None else found.astimezone(timezone.utc)


def _text(text: str) -> str:
    return text


def _none(text: str) -> Any:
    raise ValueError(len(text))
