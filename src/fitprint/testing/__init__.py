"""The conformance kit: it checks plugins, with pytest or with ``fitprint plugins check NAME``.

A plugin's module ``conformance`` (``fitprint_toylearn.conformance``) contains what to check:
subclasses of the classes below. Its tests import them under names that begin with ``Test``.
"""

from __future__ import annotations

from fitprint.testing.artifacts import ArtifactStoreConformance
from fitprint.testing.capture import CapturedRuns, captured_runs
from fitprint.testing.carriers import CarrierConformance
from fitprint.testing.checks import Check, Conformance, Item, NotApplicable
from fitprint.testing.flavors import FlavorConformance, ModelCase
from fitprint.testing.frameworks.conformance import FrameworkConformance
from fitprint.testing.frameworks.subject import Case
from fitprint.testing.isolation import isolated
from fitprint.testing.plugins import Report, Result, check_plugin
from fitprint.testing.stores.conformance import StoreConformance

__all__ = [
    "ArtifactStoreConformance",
    "CapturedRuns",
    "CarrierConformance",
    "Case",
    "Check",
    "Conformance",
    "FlavorConformance",
    "FrameworkConformance",
    "Item",
    "ModelCase",
    "NotApplicable",
    "Report",
    "Result",
    "StoreConformance",
    "captured_runs",
    "check_plugin",
    "isolated",
]
