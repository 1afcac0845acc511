"""What fitprint itself brings keeps the promises that plugins are held against."""

from fitprint.testing.own import EnvironmentConformance as TestEnvironment
from fitprint.testing.own import FolderArtifactsConformance as TestFolderArtifacts
from fitprint.testing.own import JoblibConformance as TestJoblib
from fitprint.testing.own import MemoryArtifactsConformance as TestMemoryArtifacts
from fitprint.testing.own import MemoryStoreConformance as TestMemoryStore
from fitprint.testing.own import MultiprocessingConformance as TestMultiprocessing
from fitprint.testing.own import PickleFlavorConformance as TestPickleFlavor
from fitprint.testing.own import SqliteStoreConformance as TestSqliteStore

__all__ = [
    "TestEnvironment",
    "TestFolderArtifacts",
    "TestJoblib",
    "TestMemoryArtifacts",
    "TestMemoryStore",
    "TestMultiprocessing",
    "TestPickleFlavor",
    "TestSqliteStore",
]
