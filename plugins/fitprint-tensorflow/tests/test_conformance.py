"""The plugin keeps the promises of the conformance kit."""

from fitprint_tensorflow.conformance import KerasConformance as TestKeras
from fitprint_tensorflow.conformance import KerasFlavorConformance as TestKerasFlavor

__all__ = ["TestKeras", "TestKerasFlavor"]
