"""The plugin keeps the promises of autologging, and its flavor those of models."""

from fitprint_catboost.conformance import CatBoostConformance as TestCatBoost
from fitprint_catboost.conformance import CatBoostFlavorConformance as TestCatBoostFlavor

__all__ = ["TestCatBoost", "TestCatBoostFlavor"]
