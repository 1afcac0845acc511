"""Artifact stores, each with one fault."""

import hashlib
from pathlib import Path

from fitprint.artifacts.local import BlobStore
from fitprint.errors import ArtifactNotFoundError
from fitprint.ids import new_id


class DoesNotVerify(BlobStore):
    def read(self, digest):
        with self.open(digest) as file:
            return file.read()


class FollowsPaths(BlobStore):
    def path_of(self, digest):
        return self.root / digest.removeprefix("sha256:")

    def read(self, digest):
        return self.open(digest).read() if digest in self else super().read(digest)


class OwnDigests(BlobStore):
    def put_bytes(self, data):
        super().put_bytes(data)
        return f"sha256:{hashlib.sha3_256(data).hexdigest()}"


class KeepsTwice(BlobStore):
    def put_bytes(self, data):
        self.root.mkdir(exist_ok=True)
        (self.root / new_id()).write_bytes(data)
        return super().put_bytes(data)


class LinksFiles(BlobStore):
    def put_file(self, path):
        digest = f"sha256:{hashlib.sha256(Path(path).read_bytes()).hexdigest()}"
        target = self.path_of(digest)
        target.parent.mkdir(parents=True)
        target.hardlink_to(path)
        return digest, target.stat().st_size


class ReadsWhole(BlobStore):
    def put_file(self, path):
        data = Path(path).read_bytes()
        return self.put_bytes(data), len(data)


class RaisesFileNotFound(BlobStore):
    def open(self, digest):
        try:
            return super().open(digest)
        except ArtifactNotFoundError as error:
            raise FileNotFoundError(digest) from error


class WritesInPlace(BlobStore):
    def put_bytes(self, data):
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        target = self.path_of(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            for start in range(0, len(data), 4096):
                file.write(data[start : start + 4096])
                file.flush()
        return digest
