"""A framework plugin of a third party, from its sources."""

from fitprint_toyboost.conformance import ToyboostConformance as TestToyboost

__all__ = ["TestToyboost"]
