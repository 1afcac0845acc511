"""What a plugin registers to look at models in operation: what they are given, and what they
answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Watcher"]


@dataclass(frozen=True, slots=True)
class Watcher:
    """What looks at models that are served, after their answers were sent.

    Attributes:
        open: returns what watches one model, given its URI, such as ``models:/churn/3`` or a
            folder. That has ``observe(inputs, predictions)``, called with each batch by the thread
            that asks the model, which it must neither change nor keep waiting, and ``close()``,
            called once the model is served no more. Where there is nothing to watch, such as no
            record of the training, ``open`` raises a :class:`~fitprint.errors.FitprintError`.
    """

    open: Callable[[str], Any]
