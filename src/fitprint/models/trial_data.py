"""Rows of odd numbers, for the predictions of trials: they lead many ways through a model."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

__all__ = ["attempt", "odd_rows"]

_ODD = (
    0.0,
    1.0,
    -1.0,
    0.5,
    2.0,
    1e-30,
    -1e-30,
    1e30,
    -1e30,
    3e38,
    -3e38,
    math.inf,
    -math.inf,
    math.nan,
    2.0**31,
    -(2.0**31),
)
_MOST = 200_000  # numbers


def odd_rows(features: int, *, whole: bool = False) -> list[list[float]]:
    """Return rows of numbers: some the same in all columns, some at random, of all sizes; the same
    at each call.

    Args:
        whole: only small whole numbers, such as the codes of categories.

    Raises:
        MemoryError: a file says that there are more features than a row of a trial has room for.
    """
    if features > 50 * _MOST:
        raise MemoryError(f"there are {features} features")
    draw = random.Random(features)  # noqa: S311 - for variety alone
    count = max(4, min(64, _MOST // max(1, features)))
    if whole:
        return [[float(row)] * features for row in range(count // 2)] + [
            [float(draw.randrange(40)) for _ in range(features)] for _ in range(count // 2)
        ]
    rows = [[odd] * features for odd in _ODD[: count // 2]]
    for number in range(count - len(rows)):
        scale = 10.0 ** draw.uniform(-3, 4)
        rows.append(
            [
                draw.choice(_ODD)
                if number % 3 == 0 and draw.random() < 0.3
                else draw.gauss(0, scale)
                for _ in range(features)
            ]
        )
    return rows


def attempt(call: Callable[..., Any], *arguments: Any, **named: Any) -> None:
    """Call something whose errors are no matter: only whether it comes back."""
    try:
        call(*arguments, **named)
    except Exception:  # noqa: BLE001, S110 - as said above
        pass
