"""Fixtures for pytest: put ``from fitprint.testing.fixtures import runs`` into your
``conftest.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fitprint.testing.capture import CapturedRuns, captured_runs

__all__ = ["runs"]


@pytest.fixture
def runs() -> Iterator[CapturedRuns]:
    """Record into a temporary home and a memory store, and return the runs.

    All installed plugins take part, and their errors are raised.
    """
    with captured_runs() as captured:
        yield captured
