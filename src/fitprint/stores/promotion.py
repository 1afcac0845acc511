"""What must hold before an alias of a registered model leads to another version.

The rules of an alias are data in the store, judged where its moves are folded, so that they hold for everybody:

- ``approvals``: how many people, others than the one who moves the alias, must have approved the version for it;
- ``beats``: a metric, such as ``"test_accuracy_score"``, by which the version must be better than the one to which the alias leads, both
  evaluated on the same data, as their digests say (see :func:`fitprint.evaluate`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fitprint.errors import RefusedError

if TYPE_CHECKING:
    from fitprint.registered import ModelEvaluation
    from fitprint.stores.registry import VersionDraft

__all__ = ["checked_rules", "judge", "spoken"]

_MOST_APPROVALS = 20


def checked_rules(rules: Any) -> dict[str, Any]:
    """Return the rules, without those that ask for nothing.

    Raises:
        RefusedError: they are none that this version knows.
    """
    if not isinstance(rules, Mapping) or set(rules) - {"approvals", "beats"}:
        raise RefusedError(f"the rules of an alias are 'approvals' (a number) and 'beats' (a metric), not {str(rules)[:100]!r}")
    approvals, beats = rules.get("approvals") or 0, rules.get("beats") or ""
    if type(approvals) is not int or not 0 <= approvals <= _MOST_APPROVALS:
        raise RefusedError(f"'approvals' is the number of people who must approve, 0 to {_MOST_APPROVALS}, not {str(approvals)[:40]!r}")
    if not isinstance(beats, str):
        raise RefusedError(f"'beats' is the name of a metric, such as 'test_accuracy_score', not {str(beats)[:40]!r}")
    return {key: value for key, value in (("approvals", approvals), ("beats", beats)) if value}


def spoken(rules: Mapping[str, Any]) -> str:
    """Return the rules in words."""
    parts = []
    if count := rules.get("approvals"):
        parts.append("another person approves" if count == 1 else f"{count} other people approve")
    if metric := rules.get("beats"):
        parts.append(f"better {metric} than the version before, on the same data")
    return " and ".join(parts) or "no rules"


def judge(rules: Mapping[str, Any], name: str, alias: str, version: VersionDraft, holder: VersionDraft | None, actor: str) -> None:
    """See that the rules let ``actor`` move the alias to the version.

    Args:
        rules: of the alias.
        name: of the registered model, and ``alias`` the alias, for the reason.
        version: to which it is to lead.
        holder: to which it leads now.
        actor: who moves it.

    Raises:
        RefusedError: they do not; the message says why, and what to do.
    """
    reasons = [*_approvals(rules, name, alias, version, actor), *_beats(rules, name, alias, version, holder)]
    if reasons:
        raise RefusedError(f"the rules of {name}@{alias} do not let version {version.number} have it: {'; '.join(reasons)}")


def _approvals(rules: Mapping[str, Any], name: str, alias: str, version: VersionDraft, actor: str) -> Iterator[str]:
    wanted = int(rules.get("approvals", 0))
    others = sorted(set(version.approvals.get(alias, ())) - {actor})
    if len(others) < wanted:
        have = f"only {', '.join(others)} did" if others else "nobody did"
        who = "somebody else" if wanted == 1 else f"{wanted} others"
        yield f"{who} than {actor or 'you'} must approve it, and {have} (`fitprint models approve {name} {version.number} {alias}`)"


def _beats(rules: Mapping[str, Any], name: str, alias: str, version: VersionDraft, holder: VersionDraft | None) -> Iterator[str]:
    metric = rules.get("beats", "")
    if not metric or holder is None or holder.number == version.number:
        return
    hint = f"`fitprint evaluate models:/{name}/N DATA` tells it"
    ours, theirs = _value(version, metric), _value(holder, metric)
    for number, found in ((version.number, ours), (holder.number, theirs)):
        if found is None:
            yield f"the {metric} of version {number} is not known ({hint})"
    if ours is None or theirs is None:
        return
    (evaluation, value), (other, before) = ours, theirs
    key = metric[len(_data_name(version, metric)) + 1 :]
    if (evaluation.digest, evaluation.target_digest) != (other.digest, other.target_digest) or not evaluation.digest:
        yield f"version {version.number} and version {holder.number}, which has {alias}, were evaluated on other data ({hint})"
    elif not (value < before if evaluation.goals.get(key) == "min" else value > before):
        yield f"its {metric} is {value:.6g}, that of version {holder.number} is {before:.6g}"


def _data_name(version: VersionDraft, metric: str) -> str:
    """Return the name of the data in the name of a metric; "" where the version was not evaluated on any such."""
    found = (
        name for name, each in version.evaluations.items() if metric.startswith(f"{name}_") and metric[len(name) + 1 :] in each.metrics
    )
    return next(found, "")


def _value(version: VersionDraft, metric: str) -> tuple[ModelEvaluation, float] | None:
    name = _data_name(version, metric)
    if not name:
        return None
    evaluation = version.evaluations[name]
    return evaluation, evaluation.metrics[metric[len(name) + 1 :]]
