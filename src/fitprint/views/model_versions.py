"""Registered models and their versions as JSON and in words, and how two versions differ."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fitprint.entities import Decision, RunRecord
from fitprint.models.signature import fits
from fitprint.registered import ModelVersionRecord, RegisteredModelRecord
from fitprint.stores.registry import KNOWN
from fitprint.views.fields import timestamp
from fitprint.views.wording import clean, number, size, value_text

__all__ = [
    "Difference",
    "VersionComparison",
    "compared_versions",
    "decision_fields",
    "deed",
    "model_fields",
    "version_fields",
]

_DISTRIBUTION = re.compile(r"[A-Za-z0-9._-]+")


def model_fields(record: RegisteredModelRecord) -> dict[str, Any]:
    """Return what a listing says of a registered model."""
    return {
        "name": record.name,
        "id": record.id,
        "former_names": list(record.former_names),
        "created": timestamp(record.created),
        "changed": timestamp(record.changed),
        "deleted_time": timestamp(record.deleted_time),
        "latest": record.latest,
        "version_count": record.version_count,
        "aliases": dict(record.aliases),
        "rules": {alias: dict(rules) for alias, rules in record.rules.items()},
        "tags": dict(record.tags),
        "note": record.note,
    }


def version_fields(record: ModelVersionRecord) -> dict[str, Any]:
    """Return what a listing says of a version."""
    model = record.model
    return {
        "name": record.name,
        "version": record.version,
        "uri": f"models:/{record.name}/{record.version}",
        "run_id": record.run_id or None,
        "path": model.path,
        "flavor": model.flavor,
        "digest": model.digest,
        "facts": dict(model.facts),
        "files": [
            {"path": file.path, "digest": file.digest, "size": file.size}
            for file in record.artifacts
        ],
        "created": timestamp(record.created),
        "actor": record.actor,
        "deleted_time": timestamp(record.deleted_time),
        "aliases": list(record.aliases),
        "stage": record.stage,
        "tags": dict(record.tags),
        "note": record.note,
        "approvals": {alias: list(names) for alias, names in record.approvals.items()},
        "evaluations": {
            data: {
                "digest": each.digest,
                "target_digest": each.target_digest,
                "metrics": dict(each.metrics),
                "goals": dict(each.goals),
            }
            for data, each in record.evaluations.items()
        },
    }


def decision_fields(decision: Decision) -> dict[str, Any]:
    """Return what a history says of an act."""
    return {
        "id": decision.id,
        "act": decision.act,
        "did": deed(decision),
        "version": decision.version,
        "alias": decision.alias,
        "before": decision.before,
        "actor": decision.actor,
        "reason": decision.reason,
        "requested_at": timestamp(decision.requested_at),
        "decided_at": timestamp(decision.decided_at),
        "refusal": decision.refusal,
    }


def deed(decision: Decision) -> str:
    """Return in words what an act did, or was to do."""
    told = _done(decision, clean(decision.about))
    return told if decision.refusal is None else f"refused: {told}"


def _done(decision: Decision, about: str) -> str:
    if decision.act == "ModelVersionCreated":
        if not decision.version:
            return "a version registered"
        return f"version {decision.version} {about if about == KNOWN else 'registered'}"
    if decision.act == "AliasMoved":
        before, after = (
            f"version {number}" if number else "none"
            for number in (decision.before, decision.version)
        )
        if decision.refusal is not None:
            return f"@{decision.alias} → {'back' if about == 'back' else after}"
        return f"@{decision.alias}: {before} → {after}{', back' if about == 'back' else ''}"
    if decision.act == "ModelVersionEdited":
        return (
            f"version {decision.version}: "
            f"{about or 'edit'}{f' for @{decision.alias}' if decision.alias else ''}"
        )
    return about or "edit"


@dataclass(frozen=True, slots=True)
class Difference:
    """What two versions have in common or not: a section, what it is, and its text in the one and
    in the other ("-": none).
    """

    section: str
    key: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class VersionComparison:
    """How one version differs from another.

    Attributes:
        before: the version that is compared with.
        after: the other.
        breaks: what fails for somebody who calls the one like the other, in words; none where
            nothing does.
        differences: what is not the same.
    """

    before: ModelVersionRecord
    after: ModelVersionRecord
    breaks: tuple[str, ...]
    differences: tuple[Difference, ...]

    def __str__(self) -> str:
        lines = [f"models:/{each.name}/{each.version}" for each in (self.before, self.after)]
        lines = [f"{lines[0]} → {lines[1]}"]
        lines += [f"callers break: {each}" for each in self.breaks] or [
            "callers: nothing breaks, as far as the signatures tell"
        ]
        return "\n".join(
            [
                *lines,
                *(
                    f"{each.section} {each.key}: {each.before} → {each.after}"
                    for each in self.differences
                ),
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "schema": 1,
            "before": {"name": self.before.name, "version": self.before.version},
            "after": {"name": self.after.name, "version": self.after.version},
            "breaks": list(self.breaks),
            "differences": [
                {
                    "section": each.section,
                    "key": each.key,
                    "before": each.before,
                    "after": each.after,
                }
                for each in self.differences
            ],
        }


def compared_versions(
    before: ModelVersionRecord,
    after: ModelVersionRecord,
    runs: Sequence[RunRecord | None] = (None, None),
) -> VersionComparison:
    """Return how ``after`` differs from ``before``; ``runs`` are those that recorded them, where
    they are still there.
    """
    found = []
    for section, one, other in _sections(before, after, runs):
        for key in sorted(one.keys() | other.keys()):
            values = one.get(key, "-"), other.get(key, "-")
            if values[0] != values[1]:
                found.append(Difference(section, clean(key), *values))
    return VersionComparison(before, after, tuple(_breaks(before, after)), tuple(found))


_Fields = Mapping[str, Mapping[str, Any]]
_Sides = tuple[str, Mapping[str, str], Mapping[str, str]]


def _sections(
    before: ModelVersionRecord, after: ModelVersionRecord, runs: Sequence[RunRecord | None]
) -> Iterator[_Sides]:
    yield "model", _model(before), _model(after)
    for side in ("inputs", "outputs"):
        yield side[:-1], _described(before, side), _described(after, side)
    for data in sorted(before.evaluations.keys() | after.evaluations.keys()):
        yield "evaluation", _evaluation(before, data), _evaluation(after, data)
    one, other = runs
    if one is not None and other is not None:
        known = {
            f"{data}_{key}"
            for each in (before, after)
            for data, found in each.evaluations.items()
            for key in found.metrics
        }
        yield "metric", _metrics(one, known), _metrics(other, known)
        yield "param", _params(one, other), _params(other, one)
        yield "data", _data(one), _data(other)
    yield "requirement", _requirements(before), _requirements(after)


def _metrics(run: RunRecord, known: Collection[str]) -> dict[str, str]:
    return {key: number(summary.last) for key, summary in run.metrics.items() if key not in known}


def _params(run: RunRecord, other: RunRecord) -> dict[str, str]:
    """Return its parameters; what it has by default, and the other one lacks, tells nothing."""
    return {
        key: value_text(param.value)
        for key, param in run.params.items()
        if key in other.params or param.provenance != "default"
    }


def _data(run: RunRecord) -> dict[str, str]:
    return {f"{each.name} ({each.role})": each.digest[:19] or "-" for each in run.datasets}


def _model(version: ModelVersionRecord) -> dict[str, str]:
    facts = version.model.facts
    told = {"flavor": version.model.flavor, "digest": version.model.digest[:19]}
    told |= {key: str(facts[key]) for key in ("class", "serialization") if facts.get(key)}
    told["size"] = size(sum(file.size for file in version.artifacts))
    return {key: clean(value) for key, value in told.items()}


def _evaluation(version: ModelVersionRecord, data: str) -> dict[str, str]:
    each = version.evaluations.get(data)
    if each is None:
        return {}
    return {
        f"{data} digest": each.digest[:19],
        **{f"{data}_{key}": number(value) for key, value in each.metrics.items()},
    }


def _requirements(version: ModelVersionRecord) -> dict[str, str]:
    lines = [str(line) for line in version.model.facts.get("requirements") or ()]
    names = [_DISTRIBUTION.match(line) for line in lines]
    return {
        found.group(): clean(line[found.end() :]) or "any"
        for line, found in zip(lines, names, strict=True)
        if found
    }


def _fields(version: ModelVersionRecord, side: str) -> dict[str, Mapping[str, Any]] | None:
    signature = version.model.facts.get("signature")
    described = signature.get(side) if isinstance(signature, Mapping) else None
    if not isinstance(described, Mapping):
        return None
    return {
        str(field.get("name") or f"column {place}"): field
        for place, field in enumerate(described.get("fields", ()), 1)
    }


def _described(version: ModelVersionRecord, side: str) -> dict[str, str]:
    """Return the type of each input or output, and the order of named ones."""
    fields = _fields(version, side)
    if fields is None:
        return {"": "not known"}
    told = {
        name: f"{field.get('type')}{field.get('shape') or ''}{'?' if field.get('nullable') else ''}"
        for name, field in fields.items()
    }
    return {clean(key): clean(value) for key, value in told.items()} | {
        "order": clean(", ".join(fields))
    }


def _breaks(before: ModelVersionRecord, after: ModelVersionRecord) -> Iterator[str]:
    """Yield what fails, or comes out otherwise, for who calls the one like the other."""
    old, new = _fields(before, "inputs"), _fields(after, "inputs")
    if old is None or new is None:
        if (old is None) != (new is None):
            yield (
                f"only version {(after if new is not None else before).version} has a "
                "signature, so this is unknown"
            )
    else:
        yield from _broken_inputs(before, old, new)
    outputs, others = _fields(before, "outputs"), _fields(after, "outputs")
    if outputs is not None and others is not None and _forms(outputs) != _forms(others):
        yield f"the outputs are others: {_listed(outputs)} before, {_listed(others)} now"


def _broken_inputs(before: ModelVersionRecord, old: _Fields, new: _Fields) -> Iterator[str]:
    for name, field in new.items():
        known = old.get(name)
        if known is None:
            if field.get("required", True):
                yield (
                    f"it needs the input {clean(name)}, which version {before.version} does "
                    "not take"
                )
        elif not fits(str(field.get("type")), str(known.get("type"))):
            yield (
                f"the input {clean(name)} is {clean(str(field.get('type')))} in the place of "
                f"{clean(str(known.get('type')))}"
            )
        elif known.get("nullable") and not field.get("nullable"):
            yield f"the input {clean(name)} may not be missing any more"
        elif known.get("shape") != field.get("shape"):
            yield (
                f"the input {clean(name)} has the shape {field.get('shape')} in the place of "
                f"{known.get('shape')}"
            )
    gone = [name for name in old if name not in new]
    if gone:
        told = f"{', '.join(map(clean, gone[:5]))}{' ...' if len(gone) > 5 else ''}"
        yield (
            f"it does not take {told} any more: load_predictor leaves it out, a model that was "
            "loaded by load_model may refuse it"
        )
    if [name for name in old if name in new] != [name for name in new if name in old]:
        yield (
            "the inputs come in another order: arrays mean something else now, and a model of "
            "load_model may refuse frames"
        )


def _forms(fields: _Fields) -> list[tuple[Any, Any]]:
    return [(field.get("type"), field.get("shape")) for field in fields.values()]


def _listed(fields: Mapping[str, Mapping[str, Any]]) -> str:
    return clean(
        ", ".join(f"{name} {field.get('type')}" for name, field in list(fields.items())[:5])
    )
