"""Keys of steps, and the runs that stand for a key: what is to be run, and why."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from fitprint.entities import RunRecord
from fitprint.errors import FitprintError
from fitprint.query.expressions import And, Comparison, Field, Order, Query
from fitprint.recording.workspace import Workspace, current
from fitprint_flow.code import CodeReader
from fitprint_flow.values import Document, digest_of, digests_in, is_document

if TYPE_CHECKING:
    from fitprint_flow.graph import Flow, Step

__all__ = [
    "CACHED_FROM",
    "DOCUMENT",
    "FLOW",
    "KEY",
    "STEP",
    "Cache",
    "Key",
    "Planned",
    "origin_of",
    "plan",
    "runs_of",
    "why",
]

FLOW, STEP, KEY, CACHED_FROM = "flow", "flow.step", "flow.key", "cached_from"  # tags
DOCUMENT = "flow"
_FORMAT = 2  # of keys and documents: another one finds nothing of this one
_MOST_LOOKED_AT = 20  # runs of one key whose outputs may be gone or damaged
_NEWEST = (Order(Field("attribute", "start_time"), descending=True),)


@dataclass(frozen=True, slots=True)
class Key:
    """The key of a step: its digest, and the parts that it is made of."""

    digest: str
    parts: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, step: Step, reader: CodeReader, outputs: Mapping[str, Document]) -> Key:
        """Return the key of a step, given what it takes from others."""
        parts = step.key_parts(reader, outputs)
        parts["packages"]["python"] = ".".join(map(str, sys.version_info[:2]))
        return cls(digest_of({"format": _FORMAT, "parts": parts}).removeprefix("sha256:"), parts)

    def changes_since(self, parts: Mapping[str, Any]) -> list[str]:
        """Return in words what differs from the parts of an earlier key."""
        told = []
        for kind, mine in self.parts.items():
            theirs = parts.get(kind, {})
            for name in sorted(mine.keys() | theirs.keys()):
                before, now = theirs.get(name), mine.get(name)
                if before == now:
                    continue
                what = kind if kind in ("code", "version") else _SINGULAR[kind]
                detail = "is new" if before is None else "is gone" if now is None else "changed"
                if kind == "packages" and before and now:
                    detail = f"{before} → {now}"
                told.append(f"{what} {name} {detail}" if kind != "version" else f"version {detail}")
        return told


_SINGULAR = {"params": "parameter", "inputs": "input", "packages": "package"}


@dataclass(frozen=True, slots=True)
class Planned:
    """What would happen to a step.

    Attributes:
        state: "cached": ``run`` stands for it; "run": it is run; "open": that depends on whether
            the steps that it needs return something else than before.
        run: id of the run whose result is taken; "" where there is none.
        reasons: why it is run, in words.
    """

    name: str
    state: Literal["cached", "run", "open"]
    run: str = ""
    reasons: tuple[str, ...] = ()


class Cache:
    """The runs of steps in a store, by key.

    A run stands for a key if it is FINISHED, not in the trash, and all bytes of its result are
    there and have their digests.
    """

    def __init__(self, workspace: Workspace, flow: str) -> None:
        self._workspace = workspace
        self._flow = flow
        self._store = workspace.store
        self._sound: dict[str, bool] = {}
        self._near: dict[str, list[RunRecord]] | None = None

    def find(self, key: Key) -> RunRecord | None:
        """Return the newest run that stands for the key."""
        return next((record for record in self._candidates(key) if self._is_whole(record)), None)

    def damaged(self, key: Key) -> str:
        """Return why runs of this key do not stand for it; "" if there are none."""
        for record in self._candidates(key):
            if not self._is_whole(record):
                return f"the result of run {record.id} is gone or has changed"
        return ""

    def latest(self, step: str) -> RunRecord | None:
        """Return the newest run of the step that ended well."""
        condition = (*_is(FLOW, self._flow), *_is(STEP, step), *_ENDED)
        return next(iter(self._search(condition, 1)), None)

    def _candidates(self, key: Key) -> Iterator[RunRecord]:
        near = self._nearby().get(key.digest, [])
        yield from near
        for record in self._search((*_is(KEY, key.digest), *_ENDED), _MOST_LOOKED_AT):
            if record not in near and _output(record) is not None:
                yield record

    def _nearby(self) -> dict[str, list[RunRecord]]:
        """Return the steps of the flow's last run by key, in which most of them are found at the
        cost of one question.
        """
        if self._near is None:
            self._near = {}
            condition = (*_is(FLOW, self._flow), _NO_STEP, _OVER)
            for run in self._search(condition, 1):
                for record in self._store.children(run.id):
                    if record.status == "FINISHED" and _output(record) is not None:
                        self._near.setdefault(record.tags.get(KEY, ""), []).insert(0, record)
        return self._near

    def _search(self, condition: tuple[Comparison, ...], limit: int) -> Sequence[RunRecord]:
        return self._store.search_runs(Query(And(condition), _NEWEST), limit=limit).runs

    def _is_whole(self, record: RunRecord) -> bool:
        document = _output(record)
        return (
            document is not None
            and is_document(document)
            and all(map(self._is_sound, digests_in(document)))
        )

    def _is_sound(self, digest: str) -> bool:
        if digest not in self._sound:
            total = hashlib.sha256()
            try:
                with self._workspace.blobs.open(digest) as file:
                    while piece := file.read(1 << 20):
                        total.update(piece)
                self._sound[digest] = f"sha256:{total.hexdigest()}" == digest
            except (FitprintError, OSError):
                self._sound[digest] = False
        return self._sound[digest]


def _is(tag: str, value: str) -> tuple[Comparison, ...]:
    return (Comparison(Field("tag", tag), "=", value),)


_ENDED = (Comparison(Field("attribute", "status"), "=", "FINISHED"),)
_OVER = Comparison(Field("attribute", "status"), "in", ("FINISHED", "FAILED", "KILLED"))
_NO_STEP = Comparison(Field("tag", STEP), "is null")


def _output(record: RunRecord) -> Mapping[str, Any] | None:
    document = record.documents.get(DOCUMENT)
    return document.get("output") if isinstance(document, Mapping) else None


def plan(flow: Flow, only: Sequence[str] = (), *, force: bool = False) -> list[Planned]:
    """Return what a run of the flow would do with each step, in the order of the run."""
    cache, reader = Cache(current(), flow.name), CodeReader()
    outputs: dict[str, Document] = {}
    planned: list[Planned] = []
    for step in flow.order(only):
        waits = [name for name in step.needs if name not in outputs]
        if force or not step.options.cache:
            reason = "every step was asked for" if force else "its results are not kept (cache)"
            planned.append(Planned(step.name, "run", reasons=(reason,)))
            continue
        if waits:
            told = f"runs again if {' or '.join(waits)} returns something else than before"
            planned.append(Planned(step.name, "open", reasons=(told,)))
            continue
        key = Key.of(step, reader, outputs)
        hit = cache.find(key)
        if hit is None:
            planned.append(Planned(step.name, "run", reasons=why(cache, step.name, key)))
            continue
        outputs[step.name] = hit.documents[DOCUMENT]["output"]
        planned.append(Planned(step.name, "cached", origin_of(hit)))
    return planned


def runs_of(flow: str) -> list[RunRecord]:
    """Return the runs of a flow, newest first, without those in the trash."""
    from fitprint.stores.paging import every_run

    query = Query(And((*_is(FLOW, flow), _NO_STEP)), _NEWEST)
    return list(every_run(current().store, query))


def why(cache: Cache, step: str, key: Key) -> tuple[str, ...]:
    """Return why no run stands for the key of a step."""
    if told := cache.damaged(key):
        return (told,)
    latest = cache.latest(step)
    if latest is None:
        return ("no run of it has ended well yet",)
    document = latest.documents.get(DOCUMENT)
    parts = document.get("parts") if isinstance(document, Mapping) else None
    changes = key.changes_since(parts) if isinstance(parts, Mapping) else []
    return tuple(changes) or ("nothing that is known of the last run tells why",)


def origin_of(record: RunRecord) -> str:
    """Return the id of the run that computed what a run of a step has."""
    return record.tags.get(CACHED_FROM, record.id)
