"""The verbs for data in files: what a file or folder was, whether it still is that, and its bytes.

What `fitprint data add` records is a run of the kind "data" with one data set, whose digest is that
of :mod:`fitprint.data.trees`, and the artifact ``data.json``, the list of files. Kept bytes are
artifacts of this run like others: they travel to the artifact store, into bundles and copies, and
are freed with the run. Any run with a data set of the same digest has used these data.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fitprint import clock, events
from fitprint.access import create_file, make_folder
from fitprint.arguments import checked_place, checked_text, checked_truth
from fitprint.artifacts.paths import checked_path
from fitprint.data.trees import PARTIAL, Changes, File, Tree, read_tree
from fitprint.entities import Artifact, Dataset
from fitprint.errors import FitprintError, IntegrityError, RunNotFoundError
from fitprint.ids import new_id, short_id
from fitprint.query.expressions import And, Comparison, Field, Query
from fitprint.query.grammar import parse
from fitprint.recording.data_files import dataset_of, told_place, whole_path
from fitprint.recording.opening import open_run
from fitprint.recording.run import Run
from fitprint.recording.workspace import Workspace, current
from fitprint.stores.paging import every_run

__all__ = ["Data", "add_data", "get_data"]

_KIND = "data"  # of the runs that record data
_LIST = "data.json"
_FORMAT, _VERSION = "fitprint-data", 1
_DIGEST = re.compile(r"sha256:[0-9a-f]{6,64}")
_TOGETHER = 500  # artifacts that are recorded at a time
_ABANDONED = 3600  # seconds
_PIECE = 1 << 20
_NAMED = 5  # files in a message


class Data(NamedTuple):
    """Data that were added.

    Attributes:
        run: that records them.
        dataset: the facts, with the digest.
        kept: whether their bytes are kept.
    """

    run: Run
    dataset: Dataset
    kept: bool

    @property
    def name(self) -> str:
        return self.dataset.name

    @property
    def digest(self) -> str:
        """``sha256:`` and 64 digits; see :mod:`fitprint.data.trees`."""
        return self.dataset.digest

    def tree(self) -> Tree:
        """Return the files that the data had.

        Raises:
            IntegrityError: the list of files is damaged.
            StoreError: it cannot be read.
        """
        try:
            content = json.loads(self.run.read(_LIST))
            if content["format"] != _FORMAT or content["version"] != _VERSION:
                raise ValueError("it was written by another version of fitprint")
            tree = Tree.from_json(content)
            if tree.digest != self.digest:
                raise ValueError("it has another digest than the data")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise IntegrityError(
                f"the list of files of {self.name} ({short_id(self.run.id)}) cannot be "
                f"used: {error}"
            ) from None
        return tree

    def verify(self, path: str | os.PathLike[str] | None = None) -> Changes:
        """Return how a file or folder differs from the data; all bytes are read. The result is
        false in a condition if nothing differs.

        Args:
            path: where the data lie now; where they lay when they were added, by default.

        Raises:
            FitprintError: it is not there, or cannot be read.
            IntegrityError, StoreError: as for :meth:`tree`.
        """
        place = (
            Path(self.run.workspace.home.parent, str(self.dataset.facts.get("path", "")))
            if path is None
            else checked_place(path, "the path of the data")
        )
        return self.tree().changes(read_tree(place))

    def download(
        self, destination: str | os.PathLike[str] | None = None, *, overwrite: bool = False
    ) -> Path:
        """Write the kept bytes, each file checked against its digest; return where they are.

        Files that are there with the same bytes stay as they are, and so do others that the data
        have not. Where the bytes of a file cannot be had, those before it are there already.

        Args:
            destination: the file or folder; by default one of the data's name in the working
                directory.
            overwrite: replace files that have other bytes.

        Raises:
            FitprintError: the bytes were not kept, or a file with other bytes is in the way and
                ``overwrite`` is False, or a folder is: nothing is written. Or a place cannot be
                written.
            IntegrityError, StoreError: kept bytes have changed, or cannot be read.
        """
        checked_truth(overwrite, "overwrite")
        if not self.kept:
            raise FitprintError(
                f"the bytes of {self.name} were not kept: `fitprint data add PATH --keep` "
                "keeps them, where the data are"
            )
        name = self.name.replace("/", "_")
        if name in ("", ".", "..") or "\0" in name:  # no name, or a folder that is there already
            name = "data"
        root = Path(name) if destination is None else checked_place(destination, "the destination")
        tree = self.tree()
        missing = [
            (file, place) for file, place in _places(tree, root) if not _is_there(file, place)
        ]
        others = [place for _, place in missing if os.path.lexists(place)]
        if others and not overwrite:
            raise FitprintError(
                f"{_counted(others)} other bytes than the data; nothing is written: give another "
                "destination (-o), or --overwrite to replace them"
            )
        folders = [place for place in others if place.is_dir() and not place.is_symlink()]
        if folders:
            raise FitprintError(
                f"{str(folders[0])!r} is a folder, and a file of the data has its name; nothing is "
                "written: move it, or give another destination (-o)"
            )
        try:
            if tree.is_folder:
                make_folder(root)
            for folder in {place.parent for _, place in missing}:
                _remove_abandoned(folder)
            for file, place in missing:
                self._bring(file, place, overwrite=overwrite)
        except OSError as error:
            told = repr(str(error.filename or root))
            raise FitprintError(
                f"{told} cannot be written: {error.strerror or error}; make room or another "
                "destination (-o), then get the rest the same way"
            ) from None
        return root

    def _bring(self, file: File, place: Path, *, overwrite: bool) -> None:
        make_folder(place.parent)
        blobs = self.run.workspace.blobs
        digest = f"sha256:{file.hex}"
        temporary = place.with_name(f"{PARTIAL}{new_id()}")
        total = hashlib.sha256()
        try:
            with blobs.open(digest) as source, os.fdopen(create_file(temporary), "wb") as target:
                while piece := source.read(_PIECE):
                    total.update(piece)
                    target.write(piece)
            if total.hexdigest() != file.hex:
                raise blobs.change(digest)
            if not overwrite and os.path.lexists(place):
                raise FitprintError(f"{place} appeared meanwhile, and stays as it is")
            temporary.replace(place)
        finally:
            temporary.unlink(missing_ok=True)


def _places(tree: Tree, root: Path) -> Iterator[tuple[File, Path]]:
    """Yield each file and where it is to be.

    Raises:
        FitprintError: a link in the destination leads out of it.
    """
    inside = Path(os.path.realpath(root))
    sound: set[Path] = set()
    for file in tree.files:
        place = root / file.path if tree.is_folder else root
        if tree.is_folder and place.parent not in sound:
            real = Path(os.path.realpath(place.parent))
            if inside != real and inside not in real.parents:
                raise FitprintError(f"{str(place.parent)!r} is a link that leads out of {root}")
            sound.add(place.parent)
        yield file, place


def _remove_abandoned(folder: Path) -> None:
    """Remove files that a program was writing when it was killed: nothing has grown for an hour."""
    for path in folder.glob(f"{PARTIAL}*"):
        try:
            if clock.now() / 1e6 - path.lstat().st_mtime > _ABANDONED:
                path.unlink()
        except OSError:
            pass  # somebody else removes it


def _is_there(file: File, place: Path) -> bool:
    if place.is_symlink() or not place.is_file() or place.stat().st_size != file.size:
        return False
    return read_tree(place).files[0].hex == file.hex


def _counted(places: list[Path]) -> str:
    named = ", ".join(repr(str(place)) for place in places[:_NAMED])
    more = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
    return f"{named}{more} {'has' if len(places) == 1 else 'have'}"


def add_data(path: str | os.PathLike[str], *, keep: bool = False, name: str | None = None) -> Data:
    """Record which bytes a file or folder has, and keep them if that is asked for.

    The same data at the same place are recorded once; bytes that are no longer kept are kept again.

    Args:
        path: the file or folder.
        keep: keep its bytes, as those of artifacts.
        name: a short name; the last part of the path by default.

    Raises:
        FitprintError: it is not there, something in it cannot be read or changes meanwhile.
        StoreError: the bytes cannot be kept.
    """
    checked_truth(keep, "keep")
    if name is not None:
        checked_text(name, "the name of the data")
    workspace = current()
    dataset, tree = dataset_of(workspace, path, name or "", _KIND)
    for data in _with_digest(workspace, dataset.digest):
        known = data.dataset
        if (
            known.name == dataset.name
            and known.facts.get("path") == dataset.facts["path"]
            and (data.kept or not keep)
        ):
            if keep:  # what got lost meanwhile is kept again
                lost = [file for file in tree.files if not _is_kept(workspace, file)]
                list(_kept(workspace, Path(path), Tree(tree.is_folder, lost)))
            return data
    kept = list(_kept(workspace, Path(path), tree)) if keep else []
    content = {"format": _FORMAT, "version": _VERSION, **tree.to_json()}
    text = json.dumps(content, separators=(",", ":")).encode()
    run = open_run(name=dataset.name, kind=_KIND, workspace=workspace)
    try:
        dataset = Dataset(dataset.name, _KIND, dataset.digest, {**dataset.facts, "kept": keep})
        run.log_input(dataset)
        run.log_bytes(text, _LIST)
        for start in range(0, len(kept), _TOGETHER):
            some = tuple(kept[start : start + _TOGETHER])
            workspace.writer.append(events.ArtifactsLogged(run.id, clock.now(), some))
    except BaseException:
        run.end("FAILED")
        raise
    run.end()
    return Data(run, dataset, keep)


def _is_kept(workspace: Workspace, file: File) -> bool:
    digest = f"sha256:{file.hex}"
    size = workspace.staging.size_of(digest)
    if size is None:
        try:
            workspace.blobs.open(digest).close()
        except FitprintError:
            return False
    return size is None or size == file.size


def _kept(workspace: Workspace, path: Path, tree: Tree) -> Iterator[Artifact]:
    for file in tree.files:
        place = path / file.path if tree.is_folder else path
        digest, size = workspace.staging.put_file(place)
        if digest != f"sha256:{file.hex}":
            raise FitprintError(
                f"{str(place)!r} changes while it is kept; try again when nothing writes to it"
            )
        yield Artifact(_artifact_path(file, path.name), digest, size)


def _artifact_path(file: File, name: str) -> str:
    """Return under which path the bytes are seen among the artifacts; the list of files says what
    they are.
    """
    inside = f"data/{file.path or name}"
    try:
        plain = "\\" not in inside and checked_path(inside) == inside
        inside.encode()
    except (FitprintError, UnicodeEncodeError):
        plain = False
    return inside if plain else f"odd-names/{hashlib.sha256(os.fsencode(inside)).hexdigest()}"


# -- which data are meant --------------------------------------------------------------------------


def get_data(data: str | Run | Data) -> Data:
    """Return data that were added.

    Args:
        data: their digest or its beginning (``sha256:`` and 6 digits or more), the path that was
            added, or a run, or what names one, that has used or recorded them.

    Raises:
        RunNotFoundError: there are none, or no such run.
        FitprintError: several are meant; the message names them.
    """
    from fitprint.views.finding import find_run  # what records needs none of it

    if isinstance(data, Data):
        return data
    if isinstance(data, Run):
        return _of_run(data)
    text = checked_text(data, "what names data")
    if _DIGEST.fullmatch(text):
        return _by_digest(text)
    workspace = current()
    if os.path.lexists(text):
        told = told_place(workspace, whole_path(text))
        for each in _added(workspace, Comparison(Field("attribute", "kind"), "=", _KIND)):
            if each.dataset.facts.get("path") == told:
                return each
    record = find_run(workspace.store, text, workspace.settings["metric"]).record
    return _of_run(Run(workspace, record.id, record=record))


def _of_run(run: Run) -> Data:
    found: dict[str, Data] = {}
    for dataset in run.record.datasets:
        for digest in (dataset.digest, dataset.facts.get("file_digest")):
            if isinstance(digest, str) and digest:
                for data in _with_digest(run.workspace, digest):
                    if run.kind != _KIND or data.run.id == run.id:
                        found.setdefault(digest, data)
    if not found:
        raise RunNotFoundError(
            f"no data of the run {run.name} ({short_id(run.id)}) were added: `fitprint data add "
            "PATH` does that"
        )
    if len(found) > 1:
        told = ", ".join(f"{each.name} ({each.digest[:19]})" for each in found.values())
        raise FitprintError(f"the run {run.name} has used several: {told}; name one by its digest")
    return next(iter(found.values()))


def _by_digest(text: str) -> Data:
    found = _with_digest(current(), text)
    if not found:
        raise RunNotFoundError(
            f"no data with the digest {text} were added to {current().store_uri}: `fitprint data "
            "add PATH` does that"
        )
    digests = {data.digest for data in found}
    if len(digests) > 1:
        raise FitprintError(f"{text} is the beginning of {len(digests)} digests; give more digits")
    return found[0]


def _with_digest(workspace: Workspace, digest: str) -> list[Data]:
    """Return what was added with a digest, or with one that begins so; kept ones first, then the
    newest.
    """
    kind = Comparison(Field("attribute", "kind"), "=", _KIND)
    begins = Comparison(Field("dataset", "digest"), "like", f"{digest}%")
    return sorted(_added(workspace, kind, begins), key=lambda data: not data.kept)


def _added(workspace: Workspace, *conditions: Comparison) -> Iterator[Data]:
    finished = Comparison(Field("attribute", "status"), "=", "FINISHED")
    query = Query(And((*conditions, finished)), parse("").order)
    for record in every_run(workspace.store, query):
        for dataset in record.datasets[:1]:
            kept = dataset.facts.get("kept") is True
            yield Data(Run(workspace, record.id, record=record), dataset, kept)
