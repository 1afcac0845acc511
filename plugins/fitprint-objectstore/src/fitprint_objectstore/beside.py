"""How a forked child reaches a bucket: it lets a fresh interpreter do it.

What obstore does, threads of its own do, and of these a fork copies none: the child would wait for
ever. So it starts a process for each
thing that it wants. Both speak over pipes: a line of JSON, then bytes.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import suppress
from typing import IO, Any, BinaryIO, cast

from fitprint.artifacts.protocol import Source
from fitprint.errors import ArtifactNotFoundError, IntegrityError, StoreError

__all__ = ["Beside", "is_copy", "main"]

_PIECE = 1 << 20
_ERRORS = {kind.__name__: kind for kind in (ArtifactNotFoundError, IntegrityError, StoreError)}
_FIRST = os.getpid()  # obstore is imported in the same process


def is_copy() -> bool:
    """Tell whether this process is a fork of one in which obstore's threads may run."""
    return os.getpid() != _FIRST


class _Process(subprocess.Popen[bytes]):
    """It may end before it has read everything, and says why."""

    def __exit__(self, *error: object) -> None:
        with suppress(BrokenPipeError):
            super().__exit__(*error)  # type: ignore[arg-type]


class Beside:
    """The objects of a bucket, by a fresh interpreter."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def size_of(self, key: str) -> int | None:
        with self._started(verb="size_of", key=key) as process:
            return cast("int | None", _answer(process))

    def put(self, key: str, digest: str, source: Source, size: int) -> None:
        with self._started(verb="put", key=key, digest=digest, size=size) as process:
            target = cast("IO[bytes]", process.stdin)
            try:
                while piece := source.read(_PIECE):
                    target.write(len(piece).to_bytes(4, "big") + piece)
                target.write(bytes(4))
                target.flush()
            except BrokenPipeError:
                pass  # the answer says why
            except BaseException:
                process.kill()
                raise
            _answer(process)

    def open(self, key: str) -> BinaryIO:
        process = self._started(verb="open", key=key)
        try:
            _answer(process)
        except BaseException:
            process.__exit__(None, None, None)
            raise
        return io.BufferedReader(_Output(process))

    def _started(self, **order: Any) -> _Process:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
        command = [sys.executable, "-m", "fitprint_objectstore.beside"]
        process = _Process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        target = cast("IO[bytes]", process.stdin)
        with suppress(BrokenPipeError):  # there will be no answer
            target.write(json.dumps({"uri": self._uri, **order}).encode() + b"\n")
            target.flush()
        return process


def _answer(process: _Process) -> Any:
    line = cast("IO[bytes]", process.stdout).readline()
    if not line.endswith(b"\n"):
        raise StoreError(
            f"the process that talks to the artifact store ended with status {process.wait()}"
        )
    told = json.loads(line)
    if "error" in told:
        raise _ERRORS[told["error"]](told["message"])
    return told["value"]


class _Output(io.RawIOBase):
    """What the process writes, until it ends."""

    def __init__(self, process: _Process) -> None:
        self._process = process

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any, /) -> int:
        count = cast("io.BufferedReader", self._process.stdout).readinto(target)
        if not count and len(target) and self._process.wait():
            raise StoreError("the process that reads from the artifact store ended too early")
        return count

    def close(self) -> None:
        if not self.closed:
            self._process.kill()
            self._process.__exit__(None, None, None)
        super().close()


class _Frames:
    """The pieces that the other process sends. One that ends before it has said so is an error."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, _size: int, /) -> bytes:
        head = self._file.read(4)
        size = int.from_bytes(head, "big")
        piece = self._file.read(size) if len(head) == 4 else b""
        if len(head) < 4 or len(piece) < size:
            raise StoreError("the process that wanted to write has ended")
        return piece


def main() -> None:
    """Do what the process that has started this one wants."""
    from fitprint_objectstore.bucket import Bucket

    given, target = sys.stdin.buffer, sys.stdout.buffer
    order = json.loads(given.readline())
    opened: BinaryIO | None = None
    value: int | None = None
    try:
        bucket = Bucket(order["uri"])
        if order["verb"] == "put":
            bucket.put(order["key"], order["digest"], _Frames(given), order["size"])
        elif order["verb"] == "open":
            opened = bucket.open(order["key"])
        else:
            value = bucket.size_of(order["key"])
        answer: dict[str, Any] = {"value": value}
    except StoreError as error:
        kind = type(error).__name__ if type(error).__name__ in _ERRORS else StoreError.__name__
        answer = {"error": kind, "message": str(error)}
    try:
        target.write(json.dumps(answer).encode() + b"\n")
        while opened is not None and (piece := opened.read(_PIECE)):
            target.write(piece)
        target.flush()
    except BrokenPipeError:
        os._exit(1)  # nobody listens any more


if __name__ == "__main__":
    main()
