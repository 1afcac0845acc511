"""What steps hand on: values as files by digest, and back."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fitprint import clock, events
from fitprint.artifacts.paths import checked_path
from fitprint.data.stat_cache import StatCache
from fitprint.data.trees import read_tree
from fitprint.entities import Artifact
from fitprint.errors import FitprintError
from fitprint.hooks.manager import hooks
from fitprint.recording.workspace import current
from fitprint_flow.steps import FlowError, Options
from fitprint_flow.tables import read_frame, read_table, write_frame, write_table

if TYPE_CHECKING:
    from fitprint.recording.run import Run
    from fitprint.recording.workspace import Workspace

__all__ = ["Document", "digest_of", "digest_of_file", "digests_in", "is_document", "load", "store"]

Document = Mapping[str, Any]
"""What says how a value lies in files: ``{"kind": "npy", "path": ..., "digest": ...}``, or a list,
tuple or dict of such.
"""

_PLAIN = (bool, int, float, str, type(None))
_MOST_DEEP = 50


def digest_of(document: Document) -> str:
    """Return the digest of a value: equal digests mean equal files in equal places."""
    text = json.dumps(document, sort_keys=True, ensure_ascii=False)
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"


def digest_of_file(path: Path, home: Path | None = None) -> str:
    """Return the digest of a file's bytes, or of a folder (see :mod:`fitprint.data.trees`); "" if
    there is nothing.

    Args:
        home: the home whose stat cache knows bytes that were read before; without it all are read.

    Raises:
        FlowError: it cannot be read.
    """
    if not path.exists():
        return ""
    try:
        return read_tree(path, None if home is None else StatCache(home, path)).digest
    except FitprintError as error:
        raise FlowError(str(error)) from None


def _files_of(folder: Path) -> list[str]:
    """Return the paths of the files inside a folder that a step returned.

    Raises:
        FlowError: something in it has no bytes or cannot be read, or fitprint writes into it.
    """
    place, home = folder.absolute(), current().home
    if place in (home, *home.parents):
        raise FlowError(
            f"{folder} holds what fitprint itself writes ({home}); return a folder beside it"
        )
    try:
        return [file.path for file in read_tree(folder).files]
    except FitprintError as error:
        raise FlowError(str(error)) from None


def digests_in(document: Document) -> Iterator[str]:
    """Yield the digests of all files that make a value."""
    if "of" in document:
        of = document["of"]
        for each in of.values() if isinstance(of, Mapping) else of:
            yield from digests_in(each)
    elif "files" in document:
        yield from document["files"].values()
    else:
        yield document["digest"]


# -- storing ---------------------------------------------------------------------------------------


def store(value: Any, run: Run, options: Options) -> Document:
    """Keep a value as artifacts of a run, below ``output``, and return what says how.

    Raises:
        FlowError: nothing can write such a value; the message says what to do.
    """
    writer = _Writer(run, options)
    document = writer.write(value, 0)
    if writer.artifacts:
        run.workspace.writer.append(
            events.ArtifactsLogged(run.id, clock.now(), tuple(writer.artifacts))
        )
    return document


class _Writer:
    def __init__(self, run: Run, options: Options) -> None:
        self._run = run
        self._options = options
        self._count = 0
        self.artifacts: list[Artifact] = []

    def write(self, value: Any, depth: int) -> Document:
        if depth > _MOST_DEEP:
            raise FlowError(f"a value is nested more than {_MOST_DEEP} times; return a flatter one")
        if _is_json(value):
            text = json.dumps(value, ensure_ascii=False)
            return self._keep("json", "json", text.encode("utf-8", "surrogatepass"))
        if type(value) in (list, tuple):
            return {
                "kind": type(value).__name__,
                "of": [self.write(each, depth + 1) for each in value],
            }
        if type(value) is dict and all(type(key) is str for key in value):
            return {
                "kind": "dict",
                "of": {key: self.write(each, depth + 1) for key, each in value.items()},
            }
        if isinstance(value, Path):
            return self._path(value)
        for library, write in _LIBRARIES.items():
            if library not in sys.modules:
                continue
            try:
                found = write(value)
            except FlowError as error:
                if self._options.allow_pickle:
                    return self._pickle(value)
                raise FlowError(f"{error}, or allow pickles: @step(allow_pickle=True)") from error
            if found is not None:
                return self._keep(*found)
        return self._object(value)

    def _keep(self, kind: str, suffix: str, data: bytes) -> Document:
        digest = self._run.workspace.staging.put_bytes(data)
        path = f"{self._place()}.{suffix}"
        self.artifacts.append(Artifact(path, digest, len(data)))
        return {"kind": kind, "path": path, "digest": digest}

    def _place(self) -> str:
        self._count += 1
        return f"output/{self._count}"

    def _path(self, value: Path) -> Document:
        folder, staging = self._place(), self._run.workspace.staging
        if value.is_file():
            path = checked_path(f"{folder}/{value.name}")
            digest, size = staging.put_file(value)
            self.artifacts.append(Artifact(path, digest, size))
            return {"kind": "file", "path": path, "digest": digest}
        if not value.is_dir():
            raise FlowError(f"the step returned the path {value}, where there is no file")
        files = {}
        for file in _files_of(value):
            digest, size = staging.put_file(value / file)
            self.artifacts.append(Artifact(checked_path(f"{folder}/{file}"), digest, size))
            files[file] = digest
        return {"kind": "folder", "path": folder, "name": value.name, "files": files}

    def _object(self, value: Any) -> Document:
        from fitprint.models.flavor import choose_flavor

        flavors = [
            flavor
            for flavor in hooks().registered("register_flavors").values()
            if flavor.name != "pickle"
        ]
        if any(flavor.accepts(value) for flavor in flavors):
            flavor = choose_flavor(value, flavors)
            path = self._place()
            logged = self._run.log_model(value, path, flavor=flavor.name)
            _, files = self._run.models_here[logged.path]
            return {
                "kind": "model",
                "path": path,
                "files": {file.path: file.digest for file in files},
            }
        if self._options.allow_pickle:
            return self._pickle(value)
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        if type(value) is dict:
            kind = "dict with a key that is no text"
        raise FlowError(
            f"its result holds a {kind}, which no flavor, NumPy or Arrow can write; return "
            "numbers, texts, lists, dicts, arrays, tables, models or a Path, or allow pickles: "
            "@step(allow_pickle=True)"
        )

    def _pickle(self, value: Any) -> Document:
        try:
            return self._keep("pickle", "pickle", pickle.dumps(value, protocol=5))
        except Exception as error:
            raise FlowError(f"its result cannot be pickled: {error}") from error


def _is_json(value: Any) -> bool:
    if type(value) in _PLAIN:
        return True
    try:
        if type(value) is list:
            return all(map(_is_json, value))
        if type(value) is dict:
            return all(type(key) is str for key in value) and all(map(_is_json, value.values()))
    except RecursionError:
        raise FlowError("a value is nested too deeply, or holds itself") from None
    return False


def _numpy(value: Any) -> tuple[str, str, bytes] | None:
    import numpy as np

    if type(value) is not np.ndarray and not isinstance(value, np.generic):
        return None
    if value.dtype.hasobject:
        raise FlowError(
            "its result holds an array of Python objects; give it a type, such as "
            "array.astype(float) or array.astype(str), or return a list"
        )
    written = io.BytesIO()
    np.lib.format.write_array(written, np.asanyarray(value), allow_pickle=False)
    return "npy" if isinstance(value, np.ndarray) else "number", "npy", written.getvalue()


def _pandas(value: Any) -> tuple[str, str, bytes] | None:
    import pandas as pd

    # another type, such as one with places on a map, would come back as a plain one
    if type(value) is pd.DataFrame:
        return "frame", "arrow", write_frame(value)
    if type(value) is not pd.Series:
        return None
    # without a name a series would get a number for one
    if value.name is None:
        return "unnamed", "arrow", write_frame(value.rename("values").to_frame())
    return "series", "arrow", write_frame(value.to_frame())


def _arrow(value: Any) -> tuple[str, str, bytes] | None:
    import pyarrow as pa

    return ("table", "arrow", write_table(value)) if isinstance(value, pa.Table) else None


_LIBRARIES = {"numpy": _numpy, "pandas": _pandas, "pyarrow": _arrow}


# -- loading ---------------------------------------------------------------------------------------


def is_document(document: Any) -> bool:
    """Tell whether what a record says of a result is what :func:`store` writes; anybody who writes
    to the store can write others.
    """
    try:
        return _is_sound(document)
    except (FitprintError, AttributeError, KeyError, TypeError, RecursionError):
        return False


def _is_sound(document: Any) -> bool:
    kind = document["kind"]
    if "of" in document:
        of = document["of"]
        if kind == "dict":
            return all(isinstance(name, str) and _is_sound(each) for name, each in of.items())
        return kind in ("list", "tuple") and isinstance(of, list) and all(map(_is_sound, of))
    if kind in ("model", "folder"):
        name = (document["name"] or "folder") if kind == "folder" else "model"
        names, digests = [document["path"], name, *document["files"]], document["files"].values()
    elif kind in ("file", *_READERS):
        names, digests = [document["path"]], [document["digest"]]
    else:
        return False
    return all(map(checked_path, names)) and all(isinstance(each, str) for each in digests)


def load(
    document: Document, workspace: Workspace, run_id: str, folder: Path, options: Options
) -> Any:
    """Return a value that :func:`store` kept on the run ``run_id``.

    Args:
        folder: where files are put that are handed on as paths; they are there as long as it is.
        options: of the step whose value it is: it alone says what may run code, not the record.

    Raises:
        IntegrityError, ArtifactNotFoundError, PendingBytesError: its bytes changed, are gone, or
            are elsewhere.
        UntrustedModelError: it is a model of types that the step did not name as trusted.
    """
    kind = document["kind"]
    if "of" in document:
        of = document["of"]
        if kind == "dict":
            return {
                name: load(each, workspace, run_id, folder, options) for name, each in of.items()
            }
        values = [load(each, workspace, run_id, folder, options) for each in of]
        return tuple(values) if kind == "tuple" else values
    if kind == "model":
        from fitprint.models.fetching import fetch_model
        from fitprint.recording.run import Run

        return fetch_model(
            f"runs:/{run_id}/{document['path']}",
            options.trust,
            hooks().registered("register_flavors"),
            lambda _: (Run(workspace, run_id), document["path"]),
        )
    if kind == "folder":
        target = (
            folder / checked_path(document["path"]) / checked_path(document["name"] or "folder")
        )
        target.mkdir(parents=True, exist_ok=True)
        for name, digest in document["files"].items():
            _put(target / checked_path(name), workspace.blobs.read(digest))
        return target
    if kind == "pickle" and not options.allow_pickle:
        raise FlowError(
            "its value was kept as a pickle, and the step does not allow them (any more)"
        )
    data = workspace.blobs.read(document["digest"])
    if kind == "file":
        return _put(folder / checked_path(document["path"]), data)
    return _READERS[kind](data)


def _put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _read_array(data: bytes) -> Any:
    import numpy as np

    return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)


_READERS: Mapping[str, Callable[[bytes], Any]] = {
    "json": lambda data: json.loads(data.decode("utf-8", "surrogatepass")),
    "npy": _read_array,
    "number": lambda data: _read_array(data)[()],
    "frame": read_frame,
    "series": lambda data: read_frame(data).iloc[:, 0],
    "unnamed": lambda data: read_frame(data).iloc[:, 0].rename(None),
    "table": read_table,
    "pickle": pickle.loads,
}
