"""What fitprint itself brings, held against the kit like anybody's plugin."""

from __future__ import annotations

from typing import Any

from fitprint.models.pickle_flavor import PickleFlavor
from fitprint.testing.artifacts import ArtifactStoreConformance
from fitprint.testing.flavors import FlavorConformance, ModelCase
from fitprint.testing.stores.conformance import StoreConformance

__all__ = [
    "FolderArtifactsConformance",
    "MemoryArtifactsConformance",
    "MemoryStoreConformance",
    "PickleFlavorConformance",
    "SqliteStoreConformance",
]


class MemoryStoreConformance(StoreConformance):
    """The reference store."""

    uri = "memory://{folder}"
    across_processes = False


class SqliteStoreConformance(StoreConformance):
    """The default store."""

    uri = "sqlite:///{folder}/fitprint.db"


class FolderArtifactsConformance(ArtifactStoreConformance):
    """Artifacts in a folder."""

    uri = "file://{folder}/bytes"


class MemoryArtifactsConformance(ArtifactStoreConformance):
    """Artifacts in memory."""

    uri = "memory://{folder}"
    across_processes = False


class Line:
    """A model of nobody's framework."""

    def __init__(self, slope: float, extra: Any = None) -> None:
        self.slope = slope
        self.extra = extra

    def predict(self, values: list[float]) -> list[float]:
        return [self.slope * value for value in values]


def _predict(model: Line) -> list[float]:
    return model.predict([1.0, 2.5])


def _line() -> Line:
    return Line(0.5)


def _values() -> dict[str, Any]:
    return {"weights": [0.1 + 0.2, float("inf"), None], "classes": ("a", b"b"), "nested": {"deep": {1, 2}}}


def _holding(thing: Any) -> Line:
    return Line(0.5, thing)


class PickleFlavorConformance(FlavorConformance):
    """The flavor of last resort."""

    flavor = PickleFlavor()
    cases = (ModelCase("object", _line, _predict, holding=_holding, safe=False), ModelCase("values", _values, safe=False))
