"""The plugin keeps the promises of the conformance kit."""

from fitprint_xgboost.conformance import XGBoostConformance as TestXGBoost
from fitprint_xgboost.conformance import XGBoostFlavorConformance as TestXGBoostFlavor

__all__ = ["TestXGBoost", "TestXGBoostFlavor"]
