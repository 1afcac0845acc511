"""What fitprint itself brings keeps the promises that plugins are held against."""

from fitprint.testing.own import FolderArtifactsConformance as TestFolderArtifacts
from fitprint.testing.own import MemoryArtifactsConformance as TestMemoryArtifacts
from fitprint.testing.own import MemoryStoreConformance as TestMemoryStore
from fitprint.testing.own import PickleFlavorConformance as TestPickleFlavor
from fitprint.testing.own import SqliteStoreConformance as TestSqliteStore

__all__ = ["TestFolderArtifacts", "TestMemoryArtifacts", "TestMemoryStore", "TestPickleFlavor", "TestSqliteStore"]
