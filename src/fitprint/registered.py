"""Frozen records of the model registry: what a store returns of registered models, and a reader
sees.

Apart from :mod:`fitprint.entities`, since a training has no use for them. Times are microseconds
since the Unix epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fitprint.entities import Artifact, LoggedModel

__all__ = [
    "STAGES",
    "ModelEvaluation",
    "ModelVersionRecord",
    "RegisteredModelRecord",
    "VersionPage",
    "why_no_name",
]

STAGES = ("None", "Staging", "Production", "Archived")
"""MLflow's stages of a version, for those who use them."""

_MOST_LETTERS = 250  # of a name


def why_no_name(text: object) -> str:
    """Return why a registered model cannot have this name; "" if it can."""
    if (
        isinstance(text, str)
        and 0 < len(text) <= _MOST_LETTERS
        and text == text.strip()
        and text.isprintable()
    ):
        found = sorted(set(text) & set("/@?:"))
        if not found:
            return ""
    shown = repr(text)[:80]
    told = (
        f"a name is 1 to {_MOST_LETTERS} visible letters, without / @ ? : and without blanks "
        "at its ends"
    )
    return f"a registered model cannot be called {shown}: {told}"


@dataclass(frozen=True, slots=True)
class ModelEvaluation:
    """How good a version of a model was on named data, as :func:`fitprint.evaluate` found it.

    Attributes:
        digest: of the data, and ``target_digest`` of the true values: numbers on other data are not
            compared.
        metrics: by name, such as "accuracy_score", and ``goals``: "min" or "max" of each.
    """

    digest: str
    target_digest: str
    metrics: Mapping[str, float]
    goals: Mapping[str, str]

    def to_json(self) -> list[Any]:
        """Return it as acts carry it."""
        return [self.digest, self.target_digest, dict(self.metrics), dict(self.goals)]


@dataclass(frozen=True, slots=True)
class ModelVersionRecord:
    """A version of a registered model: the files of a model at the time it was registered, which
    stay whatever becomes of its run.

    Attributes:
        id: 32 hexadecimal digits.
        name: the present name of the registered model, whose version ``version`` (1, 2 ...) this
            is.
        run_id: the run that recorded it; "" if none is known.
        model: where it was in the run, its flavor, the digest over its files, and facts on it.
        artifacts: its files, by paths inside the model's directory.
        created: when it was registered, by the store's clock, by ``actor``.
        note: what somebody wrote down about it (Markdown).
        aliases: that lead to it now.
        stage: "None", "Staging", "Production" or "Archived", for those who use MLflow's stages.
        evaluations: by the name of the data.
        approvals: who approved it for an alias, by the alias.
        deleted_time: None unless it was removed.
    """

    id: str
    name: str
    version: int
    run_id: str
    model: LoggedModel
    artifacts: tuple[Artifact, ...] = field(default=(), repr=False)
    created: int = 0
    actor: str = ""
    note: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    stage: str = "None"
    evaluations: Mapping[str, ModelEvaluation] = field(default_factory=dict, repr=False)
    approvals: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    deleted_time: int | None = None


@dataclass(frozen=True, slots=True)
class RegisteredModelRecord:
    """A model that people speak of by name, and its versions.

    Attributes:
        id: 32 hexadecimal digits, the same whatever the name.
        former_names: names that lead here, too.
        created: by the store's clock.
        changed: time of the last act on it, done or refused, by the store's clock.
        note: what it is about (Markdown).
        aliases: the version that each leads to.
        rules: what must hold before an alias is moved, by alias (see
            :mod:`fitprint.stores.promotion`).
        latest: the newest version that was not removed; None if there is none.
        version_count: the number of versions that were not removed.
        deleted_time: None unless it was removed.
    """

    id: str
    name: str
    created: int
    changed: int
    former_names: tuple[str, ...] = ()
    note: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, int] = field(default_factory=dict)
    rules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    latest: int | None = None
    version_count: int = 0
    deleted_time: int | None = None


@dataclass(frozen=True, slots=True)
class VersionPage:
    """Some versions, and the token that fetches those after them (None: there are no more)."""

    versions: Sequence[ModelVersionRecord]
    token: str | None = None
