"""The store keeps the promises of every store, whether there is a server or not."""

from fitprint_mlflow.conformance import MlflowConformance as TestMlflow
from fitprint_mlflow.conformance import MlflowSafeConformance as TestMlflowSafe

__all__ = ["TestMlflow", "TestMlflowSafe"]
