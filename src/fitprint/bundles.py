"""Bundles: runs in one file, to carry from any store to any other.

A bundle is a ZIP archive with

- ``manifest.json``:
  ``{"format": "fitprint-bundle", "version": 1, "fitprint": ..., "runs": [...], "blobs": [...]}``. A
  run is ``{"id": ..., "metrics": [{"key", "goal", "count"}, ...]}``, a blob ``{"digest", "size"}``.
  Where experiments of these runs have tags or notes, there is
  ``"experiments": [{"name", "tags", "note"}, ...]``, too, which readers of before pass over.
- ``runs/ID.jsonl``: the run's events, metrics apart, one in each line, as the journal writes them.
  The first is its start.
- ``runs/ID.metrics``: the metrics in the manifest's order, each as four columns (step int64,
  timestamp int64, value float64, epoch float64; little-endian) of ``count`` numbers.
- ``blobs/HEX``: the bytes of artifacts, by the hexadecimal digits of their SHA-256.

The same runs give the same bytes. Members are deflated, unless that would make the archive more
than a hundred times smaller than what it holds: who imports takes such a one, above 64 MiB, for a
bomb. The manifest has at most 16 MiB, a run's events 32 MiB, and a run 2^24 points.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, NamedTuple

import fitprint
from fitprint import clock, events
from fitprint.access import create_file, open_regular, temporary_folder
from fitprint.artifacts.blobs import Blobs
from fitprint.artifacts.paths import checked_path
from fitprint.artifacts.staging import Staging
from fitprint.entities import OPEN_STATUSES, Artifact, History, RunRecord, to_little
from fitprint.errors import FitprintError, IntegrityError
from fitprint.events import Event, MetricPoints, RunStarted
from fitprint.hooks.manager import hooks
from fitprint.ids import new_id
from fitprint.journal.codec import decode_event, encode_event
from fitprint.models.travelling import portable
from fitprint.recording.workspace import Workspace
from fitprint.replay import describe, events_of, has_run, keep, with_known_parent
from fitprint.stores.lineage import moved_together
from fitprint.stores.memory import MemoryStore
from fitprint.stores.protocol import Store

__all__ = ["Imported", "export_runs", "import_runs", "read_runs"]

_FORMAT, _VERSION = "fitprint-bundle", 1
_PIECE = 1 << 20
# bytes that any bundle may become, and times its size that a larger one may
_SMALL, _RATIO = 64 << 20, 100
_MOST_MANIFEST, _MOST_TEXT = 16 << 20, 32 << 20  # bytes that are read into memory at once
_MOST_POINTS = 1 << 24  # of a run
_RUN_ID = re.compile(r"[0-9a-f]{32}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Imported:
    """Ids of the runs that an import added, and of those that were there already."""

    added: tuple[str, ...]
    present: tuple[str, ...]


# -- export ----------------------------------------------------------------------------------------


def export_runs(workspace: Workspace, run_ids: Iterable[str], path: Path) -> list[str]:
    """Write runs, their descendants and their artifacts to a new file, which appears whole or not
    at all; return their ids.

    Models that were kept under the user's seal leave in a form that needs none
    (:mod:`fitprint.models.travelling`).

    Raises:
        FitprintError: a run has not ended, the file is there already, or it cannot be written.
        RunNotFoundError: there is no such run.
        ArtifactNotFoundError, IntegrityError: the bytes of an artifact are gone, have not arrived
            yet, or have changed.
    """
    if path.exists():
        raise FitprintError(f"{path} is there already; remove it, or name another file with -o")
    store = workspace.store
    records = list(_family(store, run_ids))
    running = [record.id for record in records if record.status in OPEN_STATUSES]
    if running:
        raise FitprintError(
            f"these runs have not ended: {', '.join(running)}; export them when they have"
        )
    partial = path.with_name(f".{path.name}.{new_id()}")
    try:
        with (
            temporary_folder("fitprint-export-") as folder,
            os.fdopen(create_file(partial), "wb") as file,
        ):
            anew = Staging(folder)
            flavors = hooks().registered("register_flavors")
            leaving = [portable(record, workspace.blobs, anew, flavors) for record in records]
            for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
                file.seek(0)
                file.truncate()
                with zipfile.ZipFile(file, "w", method) as archive:
                    _write(archive, store, anew, workspace.blobs, leaving)
                if not _bursts(archive, file.tell()):
                    break
        partial.rename(path)
    except OSError as error:
        raise FitprintError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return [record.id for record in records]


def _family(store: Store, run_ids: Iterable[str]) -> Iterator[RunRecord]:
    """Yield the runs and all below them, each once, parents first."""
    seen: set[str] = set()
    for run_id in run_ids:
        for record in moved_together(store, store.run(run_id)):
            if record.id not in seen:
                seen.add(record.id)
                yield record


def _write(
    archive: zipfile.ZipFile,
    store: Store,
    anew: Staging,
    blobs: Blobs,
    records: Sequence[RunRecord],
) -> None:
    sizes = {artifact.digest: artifact.size for record in records for artifact in record.artifacts}
    manifest: dict[str, Any] = {
        "format": _FORMAT,
        "version": _VERSION,
        "fitprint": fitprint.__version__,
        "runs": [{"id": record.id, "metrics": _metrics(record)} for record in records],
        "blobs": [{"digest": digest, "size": size} for digest, size in sorted(sizes.items())],
    }
    names = {record.experiment for record in records}
    described = [
        each for each in store.experiments() if each.name in names and (each.tags or each.note)
    ]
    if described:
        told = [
            {"name": each.name, "tags": dict(sorted(each.tags.items())), "note": each.note}
            for each in described
        ]
        manifest["experiments"] = sorted(told, key=itemgetter("name"))
    with _member(archive, "manifest.json") as file:
        file.write(
            _bounded(
                json.dumps(manifest, indent=1).encode(),
                _MOST_MANIFEST,
                "these runs have too many metrics and artifacts",
            )
        )
    for record in records:
        with _member(archive, f"runs/{record.id}.jsonl") as file:
            text = b"".join(encode_event(event) + b"\n" for event in events_of(record))
            file.write(
                _bounded(
                    text, _MOST_TEXT, f"the run {record.id} has too many parameters and artifacts"
                )
            )
        if sum(summary.count for summary in record.metrics.values()) > _MOST_POINTS:
            raise FitprintError(
                f"the run {record.id} has more than {_MOST_POINTS} points of metrics, too many for "
                "a bundle"
            )
        with _member(archive, f"runs/{record.id}.metrics") as file:
            for key in sorted(record.metrics):
                history = store.metric_history(record.id, key)
                for column in history.columns:
                    file.write(to_little(column))
    for digest in sorted(sizes):
        with (
            _member(archive, _blob_name(digest)) as file,
            (anew if digest in anew else blobs).open(digest) as source,
        ):
            if _copied(source, file) != digest:
                raise blobs.change(digest)


def _bounded(text: bytes, most: int, complaint: str) -> bytes:
    if len(text) > most:
        raise FitprintError(
            f"{complaint} for one bundle ({len(text) >> 20} MiB of text, at most {most >> 20}); "
            "export fewer runs at once"
        )
    return text


def _bursts(archive: zipfile.ZipFile, size: int) -> bool:
    """Tell whether an archive of this size would become so much larger that it is taken for a bomb.

    Python's reader gives no more of a member than the directory of the archive says, so that the
    sizes in it hold.
    """
    return sum(about.file_size for about in archive.infolist()) > max(_SMALL, _RATIO * size)


def _metrics(record: RunRecord) -> list[dict[str, Any]]:
    return [
        {"key": key, "goal": summary.goal, "count": summary.count}
        for key, summary in sorted(record.metrics.items())
    ]


@contextmanager
def _member(archive: zipfile.ZipFile, name: str) -> Iterator[IO[bytes]]:
    # with the same time for all, so that the same runs give the same bytes
    about = zipfile.ZipInfo(name)
    about.compress_type = archive.compression
    about.external_attr = 0o600 << 16
    with archive.open(about, "w", force_zip64=True) as file:
        yield file


def _copied(source: IO[bytes], target: IO[bytes]) -> str:
    """Copy, and return the digest of what was copied."""
    total = hashlib.sha256()
    while piece := source.read(_PIECE):
        total.update(piece)
        target.write(piece)
    return f"sha256:{total.hexdigest()}"


def _blob_name(digest: str) -> str:
    return f"blobs/{digest.removeprefix('sha256:')}"


# -- import ----------------------------------------------------------------------------------------


def import_runs(workspace: Workspace, path: Path) -> Imported:
    """Add the runs of a bundle to the store and their artifacts to the home; runs that are there
    already stay as they are.

    Nothing of a run appears before all of it was found to be sound. A run whose parent is neither
    here nor in the bundle becomes one without a parent and keeps its id in the tag
    ``fitprint.parent``. Experiments of runs that are added get the tags that they have not, and the
    note if they have none.

    Raises:
        FitprintError: there is no such file, it is no bundle, or it is damaged.
        IntegrityError: the bytes of an artifact do not match their digest.
    """
    store = workspace.store
    with ExitStack() as stack:
        with _spoken(path):
            archive = stack.enter_context(zipfile.ZipFile(stack.enter_context(open_regular(path))))
        with _spoken(path):
            bundle = _Bundle(path, archive)
            present = [run_id for run_id in bundle.metrics if has_run(store, run_id)]
            new = [run_id for run_id in bundle.metrics if run_id not in set(present)]
            # Each is read twice, so that there is never more than one run in memory.
            bundle.bring(
                {
                    artifact.digest
                    for run_id in new
                    for artifact in _artifacts(bundle.events(run_id))
                },
                workspace.staging,
            )
        for run_id in new:
            _append(store, bundle, run_id, workspace.facts())
        new = [run_id for run_id in new if has_run(store, run_id)]  # one that was purged stays away
        names = {store.run(run_id).experiment for run_id in new}
        for told in bundle.experiments:
            if told.name in names:
                describe(store, told.name, told.tags, told.note, workspace.facts())
    workspace.bring_to_read()
    return Imported(tuple(new), tuple(present))


def read_runs(path: Path) -> list[RunRecord]:
    """Return the records of the runs of a bundle, and import nothing.

    Raises:
        FitprintError: there is no such file, it is no bundle, or it is damaged.
    """
    store = MemoryStore()
    with _spoken(path), open_regular(path) as file, zipfile.ZipFile(file) as archive:
        bundle = _Bundle(path, archive)
        for run_id in bundle.metrics:
            keep(store, f"bundle-{run_id}", bundle.events(run_id), {})
        return [store.run(run_id) for run_id in bundle.metrics]


def _append(store: Store, bundle: _Bundle, run_id: str, importer: Mapping[str, Any]) -> None:
    with _spoken(bundle.path):
        found = bundle.events(run_id)
    found = with_known_parent(
        found, lambda parent: parent in bundle.metrics or has_run(store, parent)
    )
    keep(store, f"bundle-{run_id}", found, {"bundle": bundle.path.name, **importer})


@contextmanager
def _spoken(path: Path) -> Iterator[None]:
    """Turn what a strange or damaged file causes into one clear error."""
    try:
        yield
    except FileNotFoundError:
        raise FitprintError(f"there is no file {path}") from None
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        KeyError,
        IndexError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        NotImplementedError,
        RuntimeError,
        struct.error,
    ) as error:
        raise FitprintError(
            f"{path} is not a bundle of `fitprint export`, or it is damaged ({error}); nothing "
            "more was imported"
        ) from error
    except OSError as error:
        raise FitprintError(
            f"cannot read {path}: {error.strerror or error}; give a file that `fitprint export` "
            "wrote"
        ) from error


class _Described(NamedTuple):
    """What a bundle says of an experiment."""

    name: str
    tags: Mapping[str, str]
    note: str


class _Bundle:
    """The inside of a bundle. Nothing that it says is believed before it was checked."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path = path
        self.archive = archive
        size = path.stat().st_size
        # Python reserves as much before it reads
        if not all(0 <= about.compress_size <= size for about in archive.infolist()):
            raise ValueError("it has members that are larger than itself")
        if _bursts(archive, size):
            raise ValueError(
                f"a file of {size} bytes would become more than {_RATIO} times as large"
            )
        with self._member("manifest.json", _MOST_MANIFEST) as file:
            manifest = json.loads(file.read())
        if manifest["format"] != _FORMAT:
            raise ValueError("its manifest says that it is something else")
        if type(manifest["version"]) is not int or manifest["version"] < 1:
            raise ValueError("its manifest has no version")
        if manifest["version"] > _VERSION:
            raise FitprintError(
                f"{path} was written by a newer fitprint ({manifest.get('fitprint')}); upgrade "
                "fitprint to import it"
            )
        self.metrics: dict[str, Sequence[Mapping[str, Any]]] = {
            run["id"]: run["metrics"] for run in manifest["runs"]
        }
        self.sizes: dict[str, int] = {blob["digest"]: blob["size"] for blob in manifest["blobs"]}
        counts = [metric["count"] for metrics in self.metrics.values() for metric in metrics]
        if not all(
            type(number) is int and number >= 0 for number in (*counts, *self.sizes.values())
        ):
            raise ValueError("its manifest has sizes that are none")
        if not all(map(_RUN_ID.fullmatch, self.metrics)) or not all(
            map(_DIGEST.fullmatch, self.sizes)
        ):
            raise ValueError("its manifest names what is no run and no digest")
        self.experiments = [
            _Described(each["name"], each["tags"], each["note"])
            for each in manifest.get("experiments", ())
        ]
        texts = [
            text
            for each in self.experiments
            for text in (each.name, each.note, *each.tags.keys(), *each.tags.values())
        ]
        if not all(isinstance(text, str) for text in texts) or not all(
            key for each in self.experiments for key in (each.name, *each.tags)
        ):
            raise ValueError("its manifest says of experiments what cannot be said of any")

    def _member(self, name: str, most: int) -> IO[bytes]:
        """Open a member that must not have more than so many bytes."""
        about = self.archive.getinfo(name)
        if about.file_size > most:
            raise ValueError(f"{name} has {about.file_size} bytes, and may have {most}")
        if about.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{name} is compressed in a way that no bundle is")
        return self.archive.open(about)

    def events(self, run_id: str) -> list[Event]:
        """Return the events of a run, metrics included, its end last."""
        with self._member(f"runs/{run_id}.jsonl", _MOST_TEXT) as lines:
            found = [_sound(decode_event(line.rstrip(b"\n")), run_id) for line in lines]
        starts = [event for event in found if isinstance(event, RunStarted)]
        ends = [event for event in found if isinstance(event, events.RunEnded)]
        if (
            len(starts) != 1
            or len(ends) != 1
            or found[0] is not starts[0]
            or ends[0].time < starts[0].time
        ):
            raise ValueError(f"the run {run_id} does not begin and end once")
        for artifact in _artifacts(found):
            if self.sizes.get(artifact.digest) != artifact.size:
                raise ValueError(f"the bytes of {artifact.path} of run {run_id} are missing")
        return [found[0], *self._points(run_id), *found[1:]]

    def _points(self, run_id: str) -> Iterator[MetricPoints]:
        name = f"runs/{run_id}.metrics"
        total = sum(metric["count"] for metric in self.metrics[run_id])
        if self.archive.getinfo(name).file_size != 32 * total:
            raise ValueError(f"the metrics of run {run_id} are not complete")
        with self._member(name, 32 * _MOST_POINTS) as file:
            for metric in self.metrics[run_id]:
                count = metric["count"]
                points = History.from_bytes(file.read(32 * count))
                key, goal, times = metric["key"], metric["goal"], points.timestamp
                if not (
                    isinstance(key, str)
                    and key
                    and goal in ("min", "max")
                    and count
                    and all(map(clock.is_time, times))
                ):
                    raise ValueError(f"a metric of run {run_id} is not understood")
                if len(points) != count:
                    raise ValueError("the metrics end too early")
                yield MetricPoints(run_id, times[-1], key, points, goal)

    def bring(self, digests: Iterable[str], staging: Staging) -> None:
        """Keep the bytes of these digests, each checked."""
        missing = [digest for digest in digests if digest not in staging]
        if not missing:
            return
        with staging.temporary(".import-") as folder:
            for digest in missing:
                size = self.sizes[digest]
                if self.archive.getinfo(_blob_name(digest)).file_size != size:
                    raise ValueError(f"{_blob_name(digest)} has another size than it should have")
                file = Path(folder) / "blob"
                with (
                    self._member(_blob_name(digest), size) as source,
                    os.fdopen(create_file(file), "wb") as target,
                ):
                    found = _copied(source, target)
                if found != digest:
                    raise IntegrityError(
                        f"{self.path} was changed: the bytes of {digest} do not match; nothing "
                        "more was imported"
                    )
                staging.adopt(file, digest)


def _artifacts(found: Iterable[Event]) -> Iterator[Artifact]:
    for event in found:
        if isinstance(event, events.ArtifactsLogged):
            yield from event.artifacts


def _sound(event: Event, run_id: str) -> Event:
    """Return the event if it is one that a bundle of this run may have.

    Raises:
        ValueError: it is not.
    """
    sound = (
        not isinstance(event, (*events.EXPERIMENT_ACTS, *events.MODEL_ACTS, *events.STORE_EVENTS))
        and event.run == run_id
    )
    if isinstance(event, RunStarted):
        sound = (
            sound
            and not event.resumed
            and (event.parent is None or bool(_RUN_ID.fullmatch(event.parent)))
        )
    elif isinstance(event, events.TagsSet):
        sound = sound and None not in event.tags.values()
    elif isinstance(event, events.ArtifactsLogged):
        sound = sound and all(_is_inside(artifact.path) for artifact in event.artifacts)
    elif isinstance(event, events.ModelLogged):
        sound = sound and _is_inside(event.model.path)
    elif isinstance(event, events.RUN_ACTS):
        sound = sound and isinstance(event, events.RunDeleted)
    if not sound:
        raise ValueError(f"a record of run {run_id} is not understood")
    return event


def _is_inside(path: Any) -> bool:
    """Tell whether the path stays inside the run when it is copied somewhere."""
    try:
        return bool(checked_path(path) == path)
    except FitprintError:
        return False
