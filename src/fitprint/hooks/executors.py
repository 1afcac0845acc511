"""What a plugin registers for an engine that runs the steps of a flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Executor"]


@dataclass(frozen=True, slots=True)
class Executor:
    """An engine that runs steps elsewhere, or here.

    Attributes:
        open: returns the engine, given an address ("" where the user gave none) and how many steps
            may run at once. An engine has ``submit(function, *args)``, which returns a future with
            ``result()`` and ``add_done_callback(function)``, as those of :mod:`concurrent.futures`
            have, and ``close()`` or ``shutdown()``. If its ``submit`` takes ``timeout`` or
            ``resources`` by name, it gets what a step asks for.
    """

    open: Callable[[str, int], Any]
