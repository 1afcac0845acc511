"""The object storage plugin of fitprint: the bytes of artifacts in a bucket of S3, Google Cloud
Storage or Azure, or in a file system of fsspec's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fitprint.hooks.markers import hookimpl
from fitprint.hooks.openers import Opener


def _open(uri: str) -> Any:
    from fitprint_objectstore.artifacts import ObjectArtifacts

    return ObjectArtifacts(uri)


def _open_fsspec(uri: str) -> Any:
    from fitprint_objectstore.filesystems import FsspecArtifacts

    return FsspecArtifacts(uri)


@hookimpl
def register_artifact_stores() -> Mapping[str, Opener]:
    return {
        "s3": Opener(_open),
        "gs": Opener(_open),
        "az": Opener(_open),
        "fsspec+": Opener(_open_fsspec),
    }
