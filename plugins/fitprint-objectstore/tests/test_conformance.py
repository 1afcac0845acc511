"""The artifact stores keep the promises of every artifact store."""

import subprocess
import sys

from fitprint_objectstore.conformance import AzureConformance as TestAzure
from fitprint_objectstore.conformance import FolderConformance as TestFolder
from fitprint_objectstore.conformance import GoogleConformance as TestGoogle
from fitprint_objectstore.conformance import MemoryConformance as TestMemory
from fitprint_objectstore.conformance import S3Conformance as TestS3

__all__ = ["TestAzure", "TestFolder", "TestGoogle", "TestMemory", "TestS3"]


def test_the_command_finds_all_of_it_right():
    command = [sys.executable, "-m", "fitprint", "plugins", "check", "objectstore"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=200)

    assert 0 == done.returncode, done.stdout
    assert "objectstore: 70 passed, 11 skipped in " in done.stdout
