"""Keeping LightGBM's log lines to ourselves while it works for us: predicting repeats the warnings
that training gave.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["silent"]

_lock = threading.Lock()
_silenced: dict[int, int] = {}  # threads, with the depth of their blocks


class _Filter:
    """Stands for the logger that LightGBM has, and lets through what other threads
    than ours say.
    """

    def __init__(self, logger: Any) -> None:
        self.logger = logger

    def __getattr__(self, name: str) -> Any:
        return _ignore if threading.get_ident() in _silenced else getattr(self.logger, name)


def _ignore(*_arguments: Any, **_options: Any) -> None:
    pass


@contextmanager
def silent() -> Iterator[None]:
    """Let LightGBM log nothing in this thread; other threads, and loggers that they register
    meanwhile, are left alone.
    """
    thread, module = threading.get_ident(), sys.modules.get("lightgbm.basic")
    logger = getattr(module, "_LOGGER", None)
    if logger is None:
        yield
        return
    with _lock:
        _silenced[thread] = _silenced.get(thread, 0) + 1
        # LightGBM has no other door
        if not isinstance(module._LOGGER, _Filter):  # type: ignore[union-attr]  # noqa: SLF001
            module._LOGGER = _Filter(logger)  # type: ignore[union-attr]  # noqa: SLF001
    try:
        yield
    finally:
        with _lock:
            _silenced[thread] -= 1
            if not _silenced[thread]:
                del _silenced[thread]
            placed = module._LOGGER  # type: ignore[union-attr]  # noqa: SLF001
            if not _silenced and isinstance(placed, _Filter):
                module._LOGGER = placed.logger  # type: ignore[union-attr]  # noqa: SLF001
