"""How events become experiments, and which experiment a name means: the one place that knows,
shared by every store of ours.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import itemgetter

from fitprint.entities import ChangeKind
from fitprint.errors import RefusedError
from fitprint.events import (
    ExperimentAct,
    ExperimentArchived,
    ExperimentCreated,
    ExperimentNoted,
    ExperimentRenamed,
    ExperimentRestored,
    ExperimentTagged,
    RunStarted,
)

__all__ = ["ALWAYS", "Bearers", "ExperimentDraft", "Experiments"]

ALWAYS = -(2**63)
"""Since when the first experiment of a name has had it."""

Bearers = list[tuple[int, str]]
"""Who bore a name: the time since when, and the experiment's id; the first ``ALWAYS``, the last
until now.
"""


@dataclass(slots=True)
class ExperimentDraft:
    """What events say of one experiment. A tag that was removed is None."""

    id: str
    name: str
    created: int
    archived: int | None = None
    note: str = ""
    tags: dict[str, str | None] = field(default_factory=dict)


class Experiments:
    """Experiments by id, and who bore which name since when.

    A name leads to the experiment that bore it at the time, also where that is called otherwise by
    now. So what a journal recorded before a renaming, or a program that does not know of it,
    belongs where it should.

    Args:
        spelled: gives a text the form in which the store keeps it.
    """

    def __init__(self, spelled: Callable[[str], str] = str) -> None:
        self.by_id: dict[str, ExperimentDraft] = {}
        self.bearers: dict[str, Bearers] = {}
        self.touched: dict[str, set[ChangeKind]] = {}
        self._spelled = spelled

    def of_start(self, event: RunStarted) -> str:
        """Return the id of the experiment of a run that starts; a name that nobody ever bore begins
        to exist.
        """
        name = self._spelled(event.experiment)
        bearers = self.bearers.get(name)
        if not bearers:
            return self._add(_drawn(event.experiment, event.run), name, event.time).id
        at = bisect_right(bearers, event.time, key=itemgetter(0))
        experiment = self.by_id[bearers[max(at - 1, 0)][1]]
        experiment.created = min(experiment.created, event.time)
        if experiment.archived is not None and event.time > experiment.archived:
            experiment.archived = None
            self._touch(experiment.id, "edited")
        return experiment.id

    def fold(self, act: ExperimentAct) -> None:
        """Do the act.

        Raises:
            RefusedError: it cannot be done.
        """
        if isinstance(act, ExperimentCreated):
            name = self._free(act.name)
            if act.experiment in self.by_id:
                raise RefusedError(
                    f"the store has an experiment with the id {act.experiment} already"
                )
            self._add(act.experiment, name, act.time)
            return
        experiment = self.by_id.get(act.experiment)
        if experiment is None:
            raise RefusedError(f"the store has no experiment with the id {act.experiment}")
        self._do(act, experiment)
        self._touch(experiment.id, "edited")

    def _do(self, act: ExperimentAct, experiment: ExperimentDraft) -> None:
        if isinstance(act, ExperimentRenamed):
            if self._spelled(act.name) != experiment.name:
                experiment.name = self._free(act.name)
                self._bear(experiment, act.time)
        elif isinstance(act, ExperimentTagged):
            experiment.tags.update(act.tags)
        elif isinstance(act, ExperimentNoted):
            experiment.note = act.text
        elif isinstance(act, ExperimentArchived):
            experiment.archived = act.time
        elif isinstance(act, ExperimentRestored):
            experiment.archived = None

    def _free(self, text: str) -> str:
        """Return the name in its spelling, which no experiment has now."""
        name = self._spelled(text)
        if not name:
            raise RefusedError("the name of an experiment cannot be empty")
        bearers = self.bearers.get(name)
        if bearers and self.by_id[bearers[-1][1]].name == name:
            raise RefusedError(f"there is an experiment {name!r} already")
        return name

    def _add(self, id_: str, name: str, time: int) -> ExperimentDraft:
        experiment = self.by_id[id_] = ExperimentDraft(id_, name, time)
        self._bear(experiment, time)
        self._touch(id_, "started")
        return experiment

    def _touch(self, id_: str, kind: ChangeKind) -> None:
        self.touched.setdefault(id_, set()).add(kind)

    def _bear(self, experiment: ExperimentDraft, time: int) -> None:
        bearers = self.bearers.setdefault(experiment.name, [])
        if not bearers or bearers[-1][1] != experiment.id:
            bearers.append((max(time, bearers[-1][0] + 1) if bearers else ALWAYS, experiment.id))


def _drawn(name: str, run: str) -> str:
    """Return an id for the experiment that begins with a run: the same whenever a store folds its
    events anew.
    """
    return hashlib.sha256(f"{run}\0{name}".encode("utf-8", "backslashreplace")).hexdigest()[:32]
