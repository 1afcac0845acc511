"""Any store to any store: runs, experiments and registered models made anew, each exactly once,
with their bytes.

A run appears whole or not at all: its histories are handed over first, in bounded pieces that the
store keeps out of sight, and its start comes with all else at the end. So a copying that is killed
goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from fitprint import clock
from fitprint.arguments import checked_text, checked_truth, nearest, shown
from fitprint.copying.origin import Described, Importer, Listed, Origin, is_of_all, reason_of
from fitprint.copying.registry import CopiedVersion, copy_registry
from fitprint.copying.stores import StoreOrigin
from fitprint.entities import Artifact, RunRecord
from fitprint.errors import FitprintError, StoreError
from fitprint.events import Event, ExperimentArchived, ExperimentCreated, MetricPoints
from fitprint.hooks.manager import hooks
from fitprint.ids import new_id
from fitprint.journal.codec import encode_event
from fitprint.recording.workspace import Workspace, current, given, settle
from fitprint.replay import act, describe, events_of, has_run, keep, with_known_parent
from fitprint.stores.addresses import address_of, public

__all__ = [
    "Copied",
    "CopiedVersion",
    "Described",
    "Importer",
    "Listed",
    "Origin",
    "copy_runs",
    "import_from",
]

_PIECE = 1 << 16  # points that are handed over at once
_SQLITE = "sqlite:///"
_NO_POINTS: Sequence[MetricPoints] = ()

Progress = Callable[[int, int], None]
"""Is told how many runs are done, of how many."""


@dataclass(slots=True)
class Copied:
    """What a copying did, or (``dry_run``) would do.

    Attributes:
        added: ids of the runs that are there now and were not before.
        present: how many were there already.
        open: ids of those that go on, or that are below one that goes on: they are copied once that
            has ended.
        failed: why others were left out, by id.
        files: how many files of bytes travelled, and ``size`` how many bytes they had.
        versions: the versions of registered models that were added.
        problems: what else could not be carried over, in words.
    """

    added: list[str] = field(default_factory=list)
    present: int = 0
    open: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    files: int = 0
    size: int = 0
    versions: list[CopiedVersion] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    dry_run: bool = False


def copy_runs(
    source: str,
    target: str,
    filter_string: str | None = None,
    *,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Copied:
    """Copy runs from one store to another, with their histories, files, experiments and registered
    models; doing it again adds what is new.

    A run, which its id tells, is copied once, and stays as it is in the target. Runs that go on are
    left out. Registered models keep their numbers where the target has none of the name.

    Args:
        source: URI of a store, which is only read; bytes are found where its readers find them, or
            in this home.
        target: URI of a store. Bytes go to its artifact store, or to this home where it has none.
        filter_string: copy the runs that match (see :mod:`fitprint.query`), with all below them,
            and the registered models that have a version of one of them; everything by default, the
            trash included.
        dry_run: copy nothing, and say what would be.
        progress: is called with the number of runs that are done, and of how many, now and then.

    Raises:
        StoreError: a store cannot be opened, or does not answer; what was copied so far stays, and
            the next call goes on from there.
        QueryError: the filter cannot be understood.
    """
    checked_truth(dry_run, "dry_run")
    chosen = "" if filter_string is None else checked_text(filter_string, "a filter", empty=True)
    for uri, what in ((source, "the source"), (target, "the target")):
        checked_text(uri, f"{what}, the URI of a store,")
    if _lacks_file(source) and not _is_current(source):
        raise StoreError(f"there is no store {public(source)}: its file does not exist")
    with ExitStack() as stack:
        origin = stack.enter_context(
            closing(StoreOrigin(_workspace(source, stack, artifacts=""), chosen))
        )
        if address_of(source) == address_of(target):
            raise FitprintError(f"{public(source)} and {public(target)} are the same store")
        return _transferred(origin, target, stack, dry_run=dry_run, progress=progress)


def import_from(
    importer: str, uri: str, *, dry_run: bool = False, progress: Progress | None = None
) -> Copied:
    """Take in what another program recorded, by an importer that a plugin brings; doing it again
    adds what is new.

    Args:
        importer: its name, such as "mlflow".
        uri: where the records are, in the words of that program.
        dry_run: take in nothing, and say what would be.
        progress: is called with the number of runs that are done, and of how many, now and then.

    Raises:
        FitprintError: there is no such importer, or nothing to import at the URI.
    """
    known: dict[str, Importer] = dict(hooks().registered("register_importers"))
    if importer not in known:
        have = (
            f"there are: {', '.join(sorted(known))}{nearest(importer, list(known))}"
            if known
            else "install a plugin that brings one"
        )
        raise FitprintError(f"no installed plugin imports from {shown(importer)}; {have}")
    with closing(known[importer].open(uri)) as origin, ExitStack() as stack:
        return _transferred(origin, current().store_uri, stack, dry_run=dry_run, progress=progress)


def _transferred(
    origin: Origin, target: str, stack: ExitStack, *, dry_run: bool, progress: Progress | None
) -> Copied:
    workspace = _workspace(target, stack)
    if dry_run and not workspace.destination.is_made(workspace.home):  # to open it would make it
        return _transfer(origin, None, dry_run=True, progress=progress)
    return _transfer(origin, workspace, dry_run=dry_run, progress=progress)


def _workspace(uri: str, stack: ExitStack, **settings: str) -> Workspace:
    """Return the workspace of this home with the store at the URI."""
    if _is_current(uri):
        return current()
    workspace = Workspace(
        settle({**given(), "home": str(current().home), "store": uri, **settings})
    )
    stack.callback(workspace.close)
    return workspace


def _is_current(uri: str) -> bool:
    return address_of(uri) == address_of(current().store_uri)


def _lacks_file(uri: str) -> bool:
    return uri.startswith(_SQLITE) and not Path(uri.removeprefix(_SQLITE)).exists()


def _transfer(
    origin: Origin, target: Workspace | None, *, dry_run: bool, progress: Progress | None
) -> Copied:
    done = Copied(problems=origin.problems, dry_run=dry_run)
    chosen = _chosen(origin, done)
    if target is None or dry_run:
        # without a delivery, which would change it
        store = None if target is None else target.known_store()
        new = [run for run in chosen if store is None or not has_run(store, run)]
        done.added, done.present = new, len(chosen) - len(new)
        return done
    transfer = _Transfer(origin, target, done, chosen)
    for place, run in enumerate(chosen, 1):
        transfer.do(run)
        if progress is not None:
            progress(place, len(chosen))
    transfer.describe()
    done.versions = copy_registry(origin, target.store, transfer.bring, transfer.writer)
    return done


def _chosen(origin: Origin, done: Copied) -> dict[str, None]:
    """Return the ids of the runs that have ended, as those above them have; of the others the
    report tells.
    """
    parents: dict[str, str | None] = {}
    opened: set[str] = set()
    for run, parent, is_open in origin.runs():
        parents[run] = parent
        if is_open:
            opened.add(run)
    chosen: dict[str, None] = {}
    for run in parents:
        if any(each in opened for each in _lineage(run, parents)):
            done.open.append(run)
        else:
            chosen[run] = None
    return chosen


def _lineage(run: str, parents: dict[str, str | None]) -> Iterator[str]:
    seen: set[str] = set()
    above: str | None = run
    # a record may say that a run is below itself
    while above is not None and above in parents and above not in seen:
        yield above
        seen.add(above)
        above = parents[above]


class _Transfer:
    """Runs on their way from an origin to a workspace's store."""

    def __init__(
        self, origin: Origin, target: Workspace, done: Copied, chosen: dict[str, None]
    ) -> None:
        self._origin = origin
        self._target = target
        self._store = target.store
        self._done = done
        self._chosen = chosen
        self._brought: set[str] = set()
        self._experiments: set[str] = set()
        self._before = {each.name for each in self._store.experiments()}
        self.writer = {**target.facts(), "copied_from": origin.uri}

    def do(self, run: str) -> None:
        """Copy a run, or say in the report why not."""
        if has_run(self._store, run):
            self._done.present += 1
            return
        try:
            record = self._origin.run(run)
            self.bring(record.artifacts)
            counts = self._hand_over(record)
        except Exception as error:
            # what it has is odd or not whole; others may be
            if is_of_all(error):
                raise
            self._done.failed[run] = reason_of(error)
            return
        if not has_run(self._store, run):
            self._done.failed[run] = f"{self._store.uri} does not take it: it was purged there"
            return
        self._done.added.append(run)
        self._experiments.add(record.experiment)
        if counts != {key: summary.count for key, summary in self._store.run(run).metrics.items()}:
            self._done.problems.append(
                f"the run {run} has other points than in {self._origin.uri}: it changed while it "
                "was copied"
            )

    def _hand_over(self, record: RunRecord) -> dict[str, int]:
        """Hand over all but the last piece of the histories, then that with what says what the run
        is; return the points of each metric.
        """
        counts: dict[str, int] = {}
        journal = f"copy-{record.id}"
        there = self._store.position(journal)
        place, held = 0, _NO_POINTS
        for piece in _pieces(self._origin.points(record)):
            if held:
                if place >= there:
                    keep(self._store, journal, held, self.writer, place)
                place += 1
            held = piece
            for event in piece:
                if not isinstance(event.key, str):
                    raise FitprintError(f"a metric cannot be called {shown(event.key)}")
                counts[event.key] = counts.get(event.key, 0) + len(event.points)
        start, *others = with_known_parent(
            events_of(record), lambda parent: parent in self._chosen or has_run(self._store, parent)
        )
        for each in (start, *others):
            encode_event(each)  # raises where a journal could not hold it either
        whole: list[Event] = [start, *held, *others]
        keep(self._store, journal, whole, self.writer, place)
        return counts

    def bring(self, files: Iterable[Artifact]) -> None:
        """Bring bytes, each checked against its digest, to where the readers of the target find
        them; those that are there stay.

        Raises:
            ArtifactNotFoundError: the origin does not have them.
            IntegrityError: it has others under their digest.
        """
        new = {file.digest: file for file in files if file.digest not in self._brought}
        target = self._target
        travelled = (
            target.shared.carry(new.values(), self._origin.open) if target.shares_bytes() else None
        )
        if travelled is None:
            travelled = [
                file for file in new.values() if target.staging.size_of(file.digest) != file.size
            ]
            for file in travelled:
                with self._origin.open(file.digest) as source:
                    target.staging.take(file.digest, source, file.size)
        self._brought.update(new)
        self._done.files += len(travelled)
        self._done.size += sum(file.size for file in travelled)

    def describe(self) -> None:
        """Make the experiments that have no run here, and say of the others what the origin says
        and nobody has said here.
        """
        # by their present names alone: a former one leads to somebody else's
        known = {each.name: each.id for each in self._store.experiments()}
        for told in self._origin.experiments():
            is_new = told.name not in self._before
            id_ = known.get(told.name, "")
            if not id_:
                id_ = known[told.name] = new_id()
                act(
                    self._store,
                    [ExperimentCreated(id_, clock.now(), new_id(), "", told.name)],
                    self.writer,
                )
            if is_new or told.name in self._experiments:
                describe(self._store, told.name, told.tags, told.note, self.writer)
            if is_new and told.is_archived:
                act(self._store, [ExperimentArchived(id_, clock.now(), new_id(), "")], self.writer)


def _pieces(points: Iterator[MetricPoints]) -> Iterator[list[MetricPoints]]:
    """Yield the points in pieces of bounded size, of one metric or of several."""
    piece: list[MetricPoints] = []
    room = _PIECE
    for event in points:
        start, count = 0, len(event.points)
        while start < count:
            end = min(count, start + room)
            part = event.points if end - start == count else event.points.part(start, end)
            piece.append(replace(event, time=part.timestamp[-1], points=part))
            room -= end - start
            start = end
            if not room:
                yield piece
                piece, room = [], _PIECE
    if piece:
        yield piece
