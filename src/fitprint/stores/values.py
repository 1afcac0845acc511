"""The two forms in which a search sees a parameter: its text, and its number if it has one."""

from __future__ import annotations

import json
import math
import re
from functools import cache
from typing import Any

__all__ = ["number_of", "text_of", "texts_equal_to"]


@cache
def _number() -> re.Pattern[str]:
    return re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def text_of(value: Any) -> str:
    """Return a parameter's text form: what ``str`` gives, and JSON for lists and dicts."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else str(value)


def number_of(value: Any) -> float | None:
    """Return what numeric comparisons see: a number, also one logged as text; None for NaN and for
    everything else.
    """
    if isinstance(value, str):
        return float(value) if _number().fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:  # an int beyond every float
        return float("inf") if value > 0 else float("-inf")
    return None if math.isnan(number) else number


def texts_equal_to(literal: Any) -> tuple[str, ...]:
    """Return the text forms that equal a literal of a query; none for a number, which is compared
    as one.
    """
    if isinstance(literal, str):
        return (literal,)
    if isinstance(literal, bool):
        return ("True", "true") if literal else ("False", "false")
    if literal is None:
        return ("None", "null")
    return ("nan", "NaN") if math.isnan(literal) else ()
