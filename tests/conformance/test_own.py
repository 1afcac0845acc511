"""What fitprint itself brings keeps the promises that plugins are held against."""

from fitprint.testing.own import BlobStoreConformance as TestBlobStore
from fitprint.testing.own import MemoryStoreConformance as TestMemoryStore
from fitprint.testing.own import PickleFlavorConformance as TestPickleFlavor
from fitprint.testing.own import SqliteStoreConformance as TestSqliteStore

__all__ = ["TestBlobStore", "TestMemoryStore", "TestPickleFlavor", "TestSqliteStore"]
