"""The plugins of a third party, from their sources."""

from fitprint_folder import FolderStore
from fitprint_folder.conformance import FolderConformance
from fitprint_toyboost.conformance import ToyboostConformance as TestToyboost

__all__ = ["TestFolder", "TestToyboost"]


class TestFolder(FolderConformance):
    def open(self, folder):
        # it is not installed, so nothing registers it
        return FolderStore(self.uri.format(folder=folder))
