"""What must hold before an alias of a registered model leads to another version.

The rules of an alias are data in the store, judged where its moves are folded, so that they hold
for everybody:

- ``approvals``: how many people, others than the one who moves the alias, must have approved the
  version for it;
- ``beats``: a metric, such as ``"test_accuracy_score"``, by which the version must be better than
  the one to which the alias leads, both evaluated on the same data, as their digests say (see
  :func:`fitprint.evaluate`).
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
        raise RefusedError(
            "the rules of an alias are 'approvals' (a number) and 'beats' (a metric), not "
            f"{str(rules)[:100]!r}"
        )
    approvals, beats = rules.get("approvals") or 0, rules.get("beats") or ""
    if type(approvals) is not int or not 0 <= approvals <= _MOST_APPROVALS:
        raise RefusedError(
            f"'approvals' is the number of people who must approve, 0 to {_MOST_APPROVALS}, not "
            f"{str(approvals)[:40]!r}"
        )
    if not isinstance(beats, str):
        raise RefusedError(
            "'beats' is the name of a metric, such as 'test_accuracy_score', not "
            f"{str(beats)[:40]!r}"
        )
    return {key: value for key, value in (("approvals", approvals), ("beats", beats)) if value}


def spoken(rules: Mapping[str, Any]) -> str:
    """Return the rules in words."""
    parts = []
    if count := rules.get("approvals"):
        parts.append("another person approves" if count == 1 else f"{count} other people approve")
    if metric := rules.get("beats"):
        parts.append(f"better {metric} than the version before, on the same data")
    return " and ".join(parts) or "no rules"


def judge(
    rules: Mapping[str, Any],
    name: str,
    alias: str,
    version: VersionDraft,
    holder: VersionDraft | None,
    actor: str,
) -> None:
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
    reasons = [
        *_approvals(rules, name, alias, version, actor),
        *_beats(rules, name, version, holder),
    ]
    if reasons:
        raise RefusedError(
            f"the rules of {name}@{alias} do not let version {version.number} have it: "
            f"{'; '.join(reasons)}"
        )


def _approvals(
    rules: Mapping[str, Any], name: str, alias: str, version: VersionDraft, actor: str
) -> Iterator[str]:
    wanted = int(rules.get("approvals", 0))
    others = sorted(set(version.approvals.get(alias, ())) - {actor})
    if len(others) < wanted:
        have = f"only {', '.join(others)} did" if others else "nobody did"
        who = "somebody else" if wanted == 1 else f"{wanted} others"
        yield (
            f"{who} than {actor or 'you'} must approve it, and {have} (`fitprint models "
            f"approve {name} {version.number} {alias}`)"
        )


def _beats(
    rules: Mapping[str, Any], name: str, version: VersionDraft, holder: VersionDraft | None
) -> Iterator[str]:
    metric = rules.get("beats", "")
    if not metric or holder is None or holder.number == version.number:
        return
    hint = (
        f"`fitprint evaluate models:/{name}/{version.number} DATA --target COLUMN`, and the "
        f"same for version {holder.number}"
    )
    data = [
        each
        for each in sorted({*version.evaluations, *holder.evaluations})
        if metric.startswith(f"{each}_")
    ]
    ours, theirs = (
        [_value(each, name_of, metric[len(name_of) + 1 :]) for name_of in data]
        for each in (version, holder)
    )
    both = [
        (one, two)
        for one, two in zip(ours, theirs, strict=True)
        if one is not None and two is not None
    ]
    if not both:
        missing = [
            each.number for each, found in ((version, ours), (holder, theirs)) if not any(found)
        ]
        which = (
            " and ".join(f"version {number}" for number in missing)
            or "both versions on data of one name"
        )
        yield f"the {metric} of {which} is not known ({hint})"
        return
    (evaluation, value, goal), (other, before, other_goal) = both[0]
    if (evaluation.digest, evaluation.target_digest) != (
        other.digest,
        other.target_digest,
    ) or not evaluation.digest:
        yield (
            f"version {version.number} and version {holder.number}, the one before, were "
            f"evaluated on other data ({hint})"
        )
    elif goal != other_goal:
        yield (
            f"which {metric} is better is not the same for version {version.number} ({goal}) "
            f"and version {holder.number} ({other_goal})"
        )
    elif not (value < before if goal == "min" else value > before):
        yield f"its {metric} is {value:.6g}, that of version {holder.number} is {before:.6g}"


def _value(version: VersionDraft, data: str, key: str) -> tuple[ModelEvaluation, float, str] | None:
    """Return an evaluation on data of this name, its value of a metric, and whether less or more is
    better.
    """
    evaluation = version.evaluations.get(data)
    if evaluation is None or key not in evaluation.metrics:
        return None
    return evaluation, evaluation.metrics[key], evaluation.goals.get(key, "max")
