"""The conformance kit: what plugins are held against, by pytest or by ``fitprint plugins check NAME``.

A plugin says in its module ``conformance`` (``fitprint_toylearn.conformance``) what there is to check: subclasses of the
classes below. Its tests import them under names that begin with ``Test``.
"""

from __future__ import annotations

from fitprint.testing.capture import CapturedRuns, captured_runs
from fitprint.testing.checks import Check, Conformance, Item, NotApplicable
from fitprint.testing.frameworks.conformance import Case, FrameworkConformance

__all__ = [
    "CapturedRuns",
    "Case",
    "Check",
    "Conformance",
    "FrameworkConformance",
    "Item",
    "NotApplicable",
    "captured_runs",
]
