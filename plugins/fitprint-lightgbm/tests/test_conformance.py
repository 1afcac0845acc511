"""The plugin keeps the promises of the conformance kit."""

from fitprint_lightgbm.conformance import LightGBMConformance as TestLightGBM
from fitprint_lightgbm.conformance import LightGBMFlavorConformance as TestLightGBMFlavor

__all__ = ["TestLightGBM", "TestLightGBMFlavor"]
