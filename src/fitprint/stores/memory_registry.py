"""The registered models of the reference store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fitprint.entities import Decision, RunRecord
from fitprint.errors import RegisteredModelNotFoundError
from fitprint.query.grammar import Query
from fitprint.registered import ModelVersionRecord, RegisteredModelRecord, VersionPage
from fitprint.stores import evaluation, paging
from fitprint.stores.protocol import ModelRegistry
from fitprint.stores.registry import ModelDraft, Registry, model_record, version_record

if TYPE_CHECKING:
    from fitprint.stores.memory import MemoryStore

__all__ = ["MemoryRegistry"]


class MemoryRegistry(ModelRegistry):
    """What a store in memory says of registered models.

    Args:
        folded: returns it, asked at each call.
    """

    def __init__(self, folded: Callable[[], MemoryStore]) -> None:
        self._folded = folded

    def models(self) -> Sequence[RegisteredModelRecord]:
        with self._folded().held() as records:
            return sorted(
                (_model(records.registry, each) for each in records.registry.by_id.values()),
                key=lambda model: model.name,
            )

    def model(self, name: str) -> RegisteredModelRecord:
        with self._folded().held() as records:
            return _model(records.registry, self._found(records.registry, name))

    def version(self, name: str, number: int) -> ModelVersionRecord:
        with self._folded().held() as records:
            model = self._found(records.registry, name)
            if number not in model.versions:
                raise RegisteredModelNotFoundError(
                    f"the registered model {model.name!r} has no version {number}"
                )
            return version_record(model, model.versions[number])

    def search(self, query: Query, *, limit: int = 100, token: str | None = None) -> VersionPage:
        columns = paging.columns(query)
        folded = self._folded()
        with folded.held() as records:
            runs = {run.id: run for run in folded.runs()}
            models = records.registry.by_id.values()
            versions = [
                version_record(model, version)
                for model in models
                for version in model.versions.values()
            ]
        candidates = [_Candidate.of(each, runs.get(each.run_id)) for each in versions]
        chosen = [
            each
            for each in candidates
            if evaluation.is_wanted(query, each.deleted_time)
            and evaluation.matches(query.where, each)
        ]
        found = {each.id: (evaluation.place_of(each, columns), each.record) for each in chosen}
        places = evaluation.page(query, [place for place, _ in found.values()], token)
        page = [found[str(place[-1])][1] for place in places[:limit]]
        return VersionPage(
            page, paging.token(query, places[limit - 1]) if len(places) > limit else None
        )

    def decisions(
        self,
        model_id: str,
        *,
        act: str | None = None,
        alias: str | None = None,
        until: int | None = None,
        limit: int = 1000,
    ) -> Sequence[Decision]:
        with self._folded().held() as records:
            found = [
                each
                for each in records.decisions.values()
                if each.subject_id == model_id
                and act in (None, each.act)
                and alias in (None, each.alias)
                and (until is None or each.decided_at <= until)
            ]
        return sorted(found, key=lambda each: each.decided_at, reverse=True)[:limit]

    def _found(self, registry: Registry, name: str) -> ModelDraft:
        model = registry.find(name)
        if model is None:
            raise RegisteredModelNotFoundError(
                f"there is no registered model {name!r} in {self._folded().uri}"
            )
        return model


def _model(registry: Registry, draft: ModelDraft) -> RegisteredModelRecord:
    former = [
        name for name, id_ in registry.names.items() if id_ == draft.id and name != draft.name
    ]
    numbers = [
        each.number
        for each in draft.versions.values()
        if draft.removed(each.created, each.deleted) is None
    ]
    return model_record(draft, tuple(sorted(former)), max(numbers, default=None))


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A version as a query sees it: its own attributes and tags, and what its run recorded."""

    record: ModelVersionRecord
    id: str
    name: str
    version: float
    alias: tuple[str, ...]
    run_id: str | None
    flavor: str
    digest: str
    stage: str
    actor: str
    note: str
    created: int
    deleted_time: int | None
    tags: Mapping[str, str]
    params: Mapping[str, Any]
    metrics: Mapping[str, Any]
    datasets: Sequence[Any]

    @classmethod
    def of(cls, record: ModelVersionRecord, run: RunRecord | None) -> _Candidate:
        return cls(
            record=record,
            id=record.id,
            name=record.name,
            version=record.version,
            alias=record.aliases,
            run_id=record.run_id or None,
            flavor=record.model.flavor,
            digest=record.model.digest,
            stage=record.stage,
            actor=record.actor,
            note=record.note,
            created=record.created,
            deleted_time=record.deleted_time,
            tags=record.tags,
            params=run.params if run is not None else {},
            metrics=run.metrics if run is not None else {},
            datasets=run.datasets if run is not None else (),
        )
