"""What the artifact stores are held against: S3 in moto's server, Google and Azure in one that
knows as much of them as is needed; and file systems of fsspec's, in a folder and in memory.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
from functools import cache
from pathlib import Path
from urllib.parse import quote

from fitprint.artifacts.protocol import ArtifactStore
from fitprint.testing.artifacts import ArtifactStoreConformance
from fitprint.testing.checks import Item
from fitprint_objectstore.artifacts import ObjectArtifacts
from fitprint_objectstore.filesystems import FsspecArtifacts
from fitprint_objectstore.server import CLOUDS, Server

__all__ = [
    "AzureConformance",
    "FolderConformance",
    "GoogleConformance",
    "MemoryConformance",
    "S3Conformance",
]


def _until_the_end(server: Server) -> str:
    """See to it that a server ends with this process, and return its URL."""
    mine = os.getpid()
    atexit.register(lambda: server.stop() if os.getpid() == mine else None)
    return server.endpoint


@cache
def _s3() -> str:
    server = Server()
    server.ask("conformance", "PUT")
    return _until_the_end(server)


@cache
def _clouds() -> str:
    return _until_the_end(Server(CLOUDS))


def _opened(scheme: str, folder: Path, options: str) -> ArtifactStore:
    """Open a prefix that is the folder's own."""
    return ObjectArtifacts(
        f"{scheme}://conformance/{hashlib.sha256(str(folder).encode()).hexdigest()[:24]}?{options}"
    )


class S3Conformance(ArtifactStoreConformance):
    """A prefix for each folder, in the bucket ``conformance``."""

    uri = "s3://{folder}"

    def open(self, folder: Path) -> ArtifactStore:
        login = "access_key_id=testing&secret_access_key=testing-secret"
        return _opened("s3", folder, f"endpoint={_s3()}&region=us-east-1&{login}")

    def test_conforms(self, item: Item) -> None:
        self.open(Path())  # starts the server, before a check copies this process
        super().test_conforms(item)


class GoogleConformance(S3Conformance):
    uri = "gs://{folder}"

    def open(self, folder: Path) -> ArtifactStore:
        login = json.dumps(
            {
                "gcs_base_url": _clouds(),
                "disable_oauth": True,
                "client_email": "",
                "private_key": "",
                "private_key_id": "",
            }
        )
        return _opened("gs", folder, f"base_url={_clouds()}&service_account_key={quote(login)}")


class AzureConformance(S3Conformance):
    uri = "az://{folder}"

    def open(self, folder: Path) -> ArtifactStore:
        return _opened(
            "az", folder, f"endpoint={_clouds()}&account_name=testing&skip_signature=true"
        )


class FolderConformance(ArtifactStoreConformance):
    """fsspec's own look at a folder."""

    uri = "fsspec+file://{folder}"

    def open(self, folder: Path) -> ArtifactStore:
        return FsspecArtifacts(self.uri.format(folder=folder))


class MemoryConformance(FolderConformance):
    """fsspec's memory, which renames by copying."""

    uri = "fsspec+memory://{folder}"
    across_processes = False
