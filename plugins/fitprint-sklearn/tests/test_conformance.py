"""The plugin keeps the promises of the conformance kit."""

from fitprint_sklearn.conformance import SklearnConformance as TestSklearn
from fitprint_sklearn.conformance import SklearnFlavorConformance as TestSklearnFlavor

__all__ = ["TestSklearn", "TestSklearnFlavor"]
