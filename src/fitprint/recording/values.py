"""Metrics and their times as they are recorded: exact floats, microseconds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from fitprint import clock
from fitprint.data.values import error_text, type_name
from fitprint.errors import InvalidMetricError

__all__ = ["check_curve", "metric_value", "microseconds"]


def metric_value(key: str, value: Any) -> float:
    """Return a metric as the float that it equals: a real number, a scalar of an array library or
    an array of one element.

    Raises:
        InvalidMetricError: it is a str (also of digits), None, complex, or has not exactly one
            element.
    """
    kind = type(value)
    if kind is float:
        return value  # type: ignore[no-any-return]
    try:
        if kind is int or kind is bool:
            return float(value)
        return _number(value)
    except OverflowError:
        text = f"metric {key!r} is too large for a float; log its logarithm or scale it"
    except Exception as error:  # noqa: BLE001 - the conversion is the object's own code
        advice = _metric_advice(value)
        text = f"metric {key!r} must be one real number, not {type_name(value)}{advice}"
        if not isinstance(error, _NotANumberError):
            text += f" ({type(error).__name__}: {error_text(error)})"
    raise InvalidMetricError(text)


def check_curve(key: Any, goal: Any, times: Iterable[int]) -> None:
    """Raise TypeError or ValueError where a curve has a name,
    a goal or times that no metric has.
    """
    if not isinstance(key, str):
        raise TypeError("its name must be a text")
    if goal not in (None, "min", "max"):
        raise ValueError(f"goal must be 'min' or 'max', not {goal!r}")
    if not all(map(clock.is_time, times)):
        raise ValueError("times must be microseconds since the Unix epoch")


def microseconds(timestamp: datetime | float) -> int:
    """Return the time of a ``datetime``, or of milliseconds since the epoch, in microseconds.

    Raises:
        TypeError, ValueError, OverflowError: it is no time that a record may have.
    """
    time = (
        int(timestamp.timestamp() * 1_000_000)
        if isinstance(timestamp, datetime)
        else int(timestamp) * 1000
    )
    if not clock.is_time(time):
        raise ValueError(f"{timestamp!r} is no time that a calendar shows")
    return time


class _NotANumberError(Exception):
    """The value is of a kind that is never a metric."""


def _number(value: Any) -> float:
    if value is None or isinstance(value, (str, bytes, bytearray, complex, date, timedelta)):
        raise _NotANumberError
    if isinstance(value, float):
        return float(value)
    if type(value).__name__ == "MaskedConstant":  # numpy's; its item() is 0.0
        return math.nan
    item = getattr(value, "item", None)
    if callable(item):
        plain = item()
        if type(plain) is not type(value):
            return _number(plain)
    if isinstance(value, int) or hasattr(type(value), "__float__"):
        return float(value)
    raise _NotANumberError


def _metric_advice(value: Any) -> str:
    if value is None:
        return "; leave it out, or log float('nan') for a gap"
    if isinstance(value, str):
        return f" {value[:40]!r}; convert it with float(), or record it with set_tag()"
    if isinstance(value, complex):
        return "; log its real and imaginary parts, or its abs()"
    if getattr(value, "shape", None) or isinstance(value, (list, tuple, dict)):
        return "; log its mean or each element by a name of its own, or the whole with log_dict()"
    return "; convert it with float()"
