"""Artifact stores, each with one fault."""

import io
from pathlib import Path

from fitprint.artifacts.folder import FolderArtifacts
from fitprint.errors import ArtifactNotFoundError
from fitprint.ids import new_id


class InAFolder(FolderArtifacts):
    """Opened with the folder itself."""

    def __init__(self, folder):
        super().__init__(f"file://{folder}/bytes")
        self.root = Path(folder) / "bytes"

    def path_of(self, digest):
        return self.root / digest[7:9] / digest[9:]


class DoesNotVerify(InAFolder):
    def put(self, digest, source, size):
        if digest not in self:
            data = source.read(1 << 30)
            self.path_of(digest).parent.mkdir(parents=True, exist_ok=True)
            self.path_of(digest).write_bytes(data)


class FollowsPaths(InAFolder):
    def __contains__(self, name):
        return (self.root / name).is_file() or super().__contains__(name)

    def open(self, name):
        return (self.root / name).open("rb") if (self.root / name).is_file() else super().open(name)


class ReadsAgain(InAFolder):
    def put(self, digest, source, size):
        data = source.read(1 << 30)
        super().put(digest, io.BytesIO(data), size)


class KeepsTwice(InAFolder):
    def put(self, digest, source, size):
        super().put(digest, source, size)
        (self.root / new_id()).write_bytes(b"once more")


class LosesItsEnd(InAFolder):
    def open(self, digest):
        with super().open(digest) as file:
            return io.BytesIO(file.read()[:100_000])


class KeepsInMemory(InAFolder):
    def __init__(self, folder):
        super().__init__(folder)
        self.kept = {}

    def put(self, digest, source, size):
        super().put(digest, source, size)
        with super().open(digest) as file:
            self.kept[digest] = file.read()
        self.path_of(digest).unlink()

    def open(self, digest):
        return io.BytesIO(self.kept[digest]) if digest in self.kept else super().open(digest)


class ReadsWhole(InAFolder):
    def put(self, digest, source, size):
        data = b"".join(iter(lambda: source.read(1 << 20), b""))
        super().put(digest, io.BytesIO(data), size)


class RaisesFileNotFound(InAFolder):
    def open(self, digest):
        try:
            return super().open(digest)
        except ArtifactNotFoundError as error:
            raise FileNotFoundError(digest) from error


class WritesInPlace(InAFolder):
    def put(self, digest, source, size):
        target = self.path_of(digest)
        if target.is_file():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            while piece := source.read(4096):
                file.write(piece)
                file.flush()


class ForgetsAtTheEnd(InAFolder):
    def close(self):
        for path in self.root.glob("*/*"):
            path.unlink()


class ListsNothing(InAFolder):
    def kept(self):
        return iter(())


class RemovesWhatIsNew(InAFolder):
    def remove(self, digest, before):
        return super().remove(digest, before + 1e6)


class TouchesNothing(InAFolder):
    def put(self, digest, source, size):
        if digest not in self:
            super().put(digest, source, size)


class KeepsWhatIsRemoved(InAFolder):
    def remove(self, digest, before):
        return True


class KnowsOneOwner(InAFolder):
    def owners(self):
        return list(super().owners())[:1]


class SaysNothing(InAFolder):
    def __init__(self, folder):
        super().__init__(folder)
        self.uri = ""
