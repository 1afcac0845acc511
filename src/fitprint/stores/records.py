"""Events on their way to the records of their subjects, and what is decided about acts."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field

from fitprint import clock
from fitprint.entities import TERMINAL_STATUSES, Decision
from fitprint.errors import RefusedError
from fitprint.events import (
    EXPERIMENT_ACTS,
    MODEL_ACTS,
    RUN_ACTS,
    STORE_EVENTS,
    Act,
    Batch,
    Event,
    ExperimentAct,
    ModelAct,
    RunAct,
    RunMoved,
    RunPurged,
)
from fitprint.stores.changes import Touched, kind_of
from fitprint.stores.experiments import Experiments
from fitprint.stores.folding import Draft, Life
from fitprint.stores.registry import Outcome, Registry

__all__ = ["Records"]


@dataclass(slots=True)
class Records:
    """All that a store holds, or what of it a batch may change.

    Attributes:
        runs: drafts by the run's id; one comes to be with the first event of its run.
        purged: ids of runs that are gone for good.
        decisions: by the act's id.
        now: the store's clock, in microseconds since the epoch.
        touched: what was changed since the last :meth:`take_touched`.
    """

    runs: MutableMapping[str, Draft] = field(default_factory=dict)
    experiments: Experiments = field(default_factory=Experiments)
    registry: Registry = field(default_factory=Registry)
    purged: set[str] = field(default_factory=set)
    decisions: dict[str, Decision] = field(default_factory=dict)
    now: Callable[[], int] = clock.now
    touched: Touched = field(default_factory=dict)

    def take_touched(self) -> Touched:
        """Return what was changed, and begin anew."""
        for id_, kinds in self.experiments.touched.items():
            self.touched["experiment", id_] = kinds
        for id_, kinds in self.registry.touched.items():
            self.touched["registered model", id_] = kinds
        taken, self.touched, self.experiments.touched, self.registry.touched = (
            self.touched,
            {},
            {},
            {},
        )
        return taken

    def fold(self, event: Event, batch: Batch) -> None:
        """Add what an event of the batch says."""
        if isinstance(event, (*RUN_ACTS, *EXPERIMENT_ACTS)):
            self._decide(event, batch)
        elif isinstance(event, MODEL_ACTS):
            self._decide_registry(event, batch)
        elif isinstance(event, STORE_EVENTS):
            pass  # for fitprint.stores.arrivals
        elif event.run not in self.purged:
            known = self.runs.get(event.run)
            was_hidden = known is not None and known.life.experiment is None
            draft = self._draft(event.run)
            draft.fold(event, batch.journal, self.experiments)
            kinds = self.touched.setdefault(("run", event.run), set())
            kinds.add(kind_of(event))
            # what came before its start shows now
            if was_hidden and draft.life.experiment is not None:
                kinds.update(
                    ("recorded", "ended")
                    if draft.life.status in TERMINAL_STATUSES
                    else ("recorded",)
                )

    def _draft(self, run: str) -> Draft:
        draft = self.runs.get(run)
        if draft is None:
            draft = self.runs[run] = Draft(Life(run))
        return draft

    def _decide(self, act: RunAct | ExperimentAct, batch: Batch) -> None:
        refusal = None
        try:
            if isinstance(act, EXPERIMENT_ACTS):
                self.experiments.fold(act)
            else:
                self._do(act, batch)
        except RefusedError as reason:
            refusal = str(reason)
        if act.id:
            subject, subject_id = (
                ("experiment", act.experiment)
                if isinstance(act, EXPERIMENT_ACTS)
                else ("run", act.run)
            )
            name, actor = type(act).__name__, _actor(act, batch)
            self.decisions[act.id] = Decision(
                act.id, name, subject, subject_id, actor, act.time, self.now(), refusal
            )

    def _decide_registry(self, act: ModelAct, batch: Batch) -> None:
        now, actor, name = (
            self.registry.time_of(act, self.now()),
            _actor(act, batch),
            type(act).__name__,
        )
        try:
            outcome, refusal = self.registry.fold(act, actor, now), None
        except RefusedError as reason:
            model = self.registry.find(act.name)
            if model is not None:
                model.changed = now  # no two decisions about it have the same time
            version, alias = getattr(act, "version", None) or None, getattr(act, "alias", None)
            about = "back" if getattr(act, "back", False) else ""
            subject = model.id if model is not None else ""
            outcome, refusal = Outcome(subject, version, alias, about=about), str(reason)
        if act.id:
            subject_id, version, alias, before, about = outcome
            self.decisions[act.id] = Decision(
                act.id,
                name,
                "registered model",
                subject_id,
                actor,
                act.time,
                now,
                refusal,
                version,
                alias,
                before,
                act.reason,
                about,
            )

    def _do(self, act: RunAct, batch: Batch) -> None:
        if act.run in self.purged:
            raise RefusedError(f"the run {act.run} is gone for good")
        if isinstance(act, (RunMoved, RunPurged)):
            self._check(act)
        if isinstance(act, RunPurged):
            self.purged.add(act.run)
            del self.runs[act.run]
            self.touched["run", act.run] = {"purged"}
        else:
            self._draft(act.run).fold(act, batch.journal, self.experiments)
            self.touched.setdefault(("run", act.run), set()).add("edited")

    def _check(self, act: RunMoved | RunPurged) -> None:
        draft = self.runs.get(act.run)
        if draft is None or draft.life.experiment is None:
            raise RefusedError(f"the store has no run {act.run}")
        if isinstance(act, RunPurged) and draft.life.deleted_time is None:
            raise RefusedError(f"the run {act.run} is not in the trash: delete it first")
        if isinstance(act, RunMoved) and act.experiment not in self.experiments.by_id:
            raise RefusedError(f"the store has no experiment with the id {act.experiment}")


def _actor(act: Act, batch: Batch) -> str:
    return act.actor or str(batch.writer.get("user", ""))
