"""The checks of a store plugin, and how to open the store of a folder."""

from __future__ import annotations

from fitprint.testing.stores import (
    acting,
    asking,
    changing,
    living,
    processes,
    querying,
    reading,
    registering,
    sharing,
    values,
    writing,
)
from fitprint.testing.stores.subject import StoreSubject

__all__ = ["StoreConformance"]


class StoreConformance(StoreSubject):
    """Check that a store keeps its protocol.

    Attributes:
        uri: URI of a store; ``{folder}`` in it is replaced by a new empty folder for each check.
        across_processes: whether a process that opens the same URI finds the same runs.

    Example:
        >>> class TestLines(StoreConformance):
        ...     uri = "lines://{folder}/runs.jsonl"
    """

    checks = (
        *writing.CHECKS,
        *values.CHECKS,
        *reading.CHECKS,
        *acting.CHECKS,
        *querying.CHECKS,
        *processes.CHECKS,
        *sharing.CHECKS,
        *changing.CHECKS,
        *asking.CHECKS,
        *registering.CHECKS,
        *living.CHECKS,
    )
