"""What the store is held against."""

from fitprint.testing import StoreConformance


class FolderConformance(StoreConformance):
    uri = "folder://{folder}/store"
