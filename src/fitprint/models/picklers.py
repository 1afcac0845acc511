"""The user's own pickles: written in one pass, with what the program has imported already, and read
back under the user's seal.
"""

from __future__ import annotations

import hashlib
import pickle
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fitprint.errors import FitprintError, IntegrityError
from fitprint.models.trust import Trust
from fitprint.models.unpicklable import part_at_fault

__all__ = ["Pickled", "load_own", "pickled"]

_PROTOCOL = 5  # the newest that each Python that fitprint knows reads
_FRAME = b"\x95"
_REFERENCE = re.compile(rb"\x94\x93")  # the end of a name that is looked up, in these protocols
_NAMED = re.compile(rb"\x8c[\x01-\xff]([A-Za-z_][\w.]*)\x94(?:\x8c[\x01-\xff][^\x94]*\x94)\x93\Z")
_LONGEST = 2 * 257 + 2  # bytes of such a reference: two texts with their marks
_COPIES = ("cloudpickle", "joblib.externals.cloudpickle")  # older joblib brings its own


@dataclass(frozen=True, slots=True)
class Pickled:
    """A pickle in memory.

    Attributes:
        pieces: its bytes.
        serialization: "pickle"; "cloudpickle" if code is in it.
        modules: modules that it looks names up in, as far as a quick look tells.
    """

    pieces: tuple[bytes, ...]
    serialization: Literal["pickle", "cloudpickle"]
    modules: frozenset[str]


def pickled(model: object) -> Pickled:
    """Pickle a model: by reference to its classes, or by value where references would lead nowhere
    elsewhere.

    That is so for what the program itself defines. cloudpickle writes such a model, the copy that
    the program has imported; it is only imported if the program has none, and a model without it
    would be lost.

    Raises:
        FitprintError: the model cannot be pickled; the text names the part at fault.
    """
    problem: Exception
    try:
        plain = _Stream(refused=b"__main__")
        pickle.Pickler(plain, _PROTOCOL).dump(model)
        return Pickled(tuple(plain.pieces), "pickle", frozenset(plain.modules()))
    except Exception as error:  # noqa: BLE001 - a model's own code runs here and may raise anything
        problem = error
    dumps: Any = pickle.dumps
    try:
        cloudpickle = _cloudpickle()
        dumps = cloudpickle.dumps
        by_value = _Stream()
        cloudpickle.CloudPickler(by_value, _PROTOCOL).dump(model)
        return Pickled(tuple(by_value.pieces), "cloudpickle", frozenset(by_value.modules()))
    except Exception as error:  # noqa: BLE001 - the same
        if isinstance(problem, _RefusedError):
            return _by_reference(model)
        remedy = (
            " (cloudpickle may be able to: install it)" if isinstance(error, ImportError) else ""
        )
        at_fault = part_at_fault(model, dumps)
        if at_fault is not None:
            path = at_fault.partition(", a ")[0]
            remedy += (
                f". At fault is {at_fault}: del {path} before the model is saved, or leave "
                "it out in __getstate__"
            )
        raise FitprintError(
            f"a {type(model).__qualname__} cannot be pickled: {problem}{remedy}"
        ) from problem


def _by_reference(model: object) -> Pickled:
    stream = _Stream()
    try:
        pickle.Pickler(stream, _PROTOCOL).dump(model)
    except Exception as error:
        raise FitprintError(f"a {type(model).__qualname__} cannot be pickled: {error}") from error
    return Pickled(tuple(stream.pieces), "pickle", frozenset(stream.modules()))


def _cloudpickle() -> Any:
    for name in _COPIES:
        if name in sys.modules:
            return sys.modules[name]
    import cloudpickle  # type: ignore[import-untyped, unused-ignore]

    return cloudpickle


def load_own(directory: Path, path: Path, trust: Trust) -> Any:
    """Unpickle what a program of this user recorded, without a question.

    The bytes are compared with their sealed digest where they lie in memory: no one can exchange
    them between the look and the use.

    Raises:
        IntegrityError: they are not what was recorded.
        FitprintError: a class or function is missing that the pickle refers to; the text names it.
    """
    data = path.read_bytes()
    name = path.relative_to(directory).as_posix()
    if f"sha256:{hashlib.sha256(data).hexdigest()}" != trust.own.get(name):
        raise IntegrityError(
            f"the bytes of {name} of {trust.uri} have changed since they were recorded"
        )
    try:
        return pickle.loads(data)  # noqa: S301 - the user's own program wrote these very bytes
    except (AttributeError, ImportError) as error:
        raise FitprintError(
            f"{trust.uri} refers to code that cannot be found here ({error}): define or import it "
            "under the same name before loading"
        ) from error


class _RefusedError(Exception):
    """A piece holds what was not to be in it."""


class _Stream:
    """What a pickler writes to: it keeps the pieces, and stops the pickler at the first that holds
    a certain text.
    """

    def __init__(self, refused: bytes | None = None) -> None:
        self.pieces: list[bytes] = []
        self._refused = refused

    def write(self, piece: Any) -> int:
        data = piece if type(piece) is bytes else bytes(piece)  # the memory of an array may change
        if self._refused is not None and _holds_names(data) and self._refused in data:
            raise _RefusedError
        self.pieces.append(data)
        return len(data)

    def modules(self) -> Iterator[str]:
        for piece in filter(_holds_names, self.pieces):
            for end in _REFERENCE.finditer(piece):
                found = _NAMED.search(piece, max(0, end.end() - _LONGEST), end.end())
                if (
                    found is not None
                    and (name := found[1].decode("ascii", "replace")) in sys.modules
                ):
                    yield name


def _holds_names(piece: bytes) -> bool:
    """Tell a frame of the pickle, or its small beginning, from the content of a large array or
    text.
    """
    return piece.startswith(_FRAME) or len(piece) < 1 << 16
