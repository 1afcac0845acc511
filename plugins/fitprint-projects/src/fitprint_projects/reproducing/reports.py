"""What a reproduction found: a verdict, and for each item whether it came out the same.

As JSON (``to_dict``, ``fitprint reproduce --json``) a report is an object with ``schema`` (1),
``verdict``, ``run`` and ``reproduction`` (id and name; the second is null where nothing ran),
``reasons`` (why it is impossible), ``differences`` (what differed before anything was computed:
objects with ``what`` and ``detail``), ``notes``, and ``items``: each with ``section`` ("data",
"params", "metrics", "models", "run"), ``name``, ``outcome`` ("same", "within", "different",
"missing", "added"), ``recorded``, ``now``, ``detail`` and ``reasons``. NaN and infinities are
texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fitprint.entities import RunRecord
from fitprint.ids import short_id
from fitprint.views.fields import strict

__all__ = ["Item", "Outcome", "Report", "Verdict", "verdict_of"]

Outcome = Literal["same", "within", "different", "missing", "added"]
Verdict = Literal["EXACT", "WITHIN", "DIFFERENT", "IMPOSSIBLE"]

_EXIT: dict[Verdict, int] = {"EXACT": 0, "WITHIN": 0, "DIFFERENT": 1, "IMPOSSIBLE": 3}


@dataclass(frozen=True, slots=True)
class Item:
    """One data set, parameter, metric or model.

    Attributes:
        section: "data", "params", "metrics", "models" or "run".
        outcome: "within" is a metric or a model that differs by no more than is tolerated.
        recorded: the value of then, and ``now`` that of the reproduction; None if it has none.
        detail: how they differ.
        reasons: what may have made the difference, the likeliest first.
    """

    section: str
    name: str
    outcome: Outcome
    recorded: Any = None
    now: Any = None
    detail: str = ""
    reasons: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "section": self.section,
            "name": self.name,
            "outcome": self.outcome,
            "recorded": self.recorded,
            "now": self.now,
            "detail": self.detail,
            "reasons": list(self.reasons),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What a reproduction found.

    Attributes:
        verdict: EXACT, WITHIN, DIFFERENT or IMPOSSIBLE.
        run: that was reproduced.
        reproduction: the new run; None where there is none.
        items: that were compared.
        differences: of code, packages, Python, seeds, threads and hardware, as pairs of what it is
            and how it differs.
        reasons: why it is impossible.
        notes: what else is to be known.
    """

    verdict: Verdict
    run: RunRecord
    reproduction: RunRecord | None = None
    items: tuple[Item, ...] = ()
    differences: tuple[tuple[str, str], ...] = ()
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def exit_status(self) -> int:
        return _EXIT[self.verdict]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values, in the form that the module describes."""
        runs = [
            None if record is None else {"id": record.id, "name": record.name}
            for record in (self.run, self.reproduction)
        ]
        content: dict[str, Any] = strict(
            {
                "schema": 1,
                "verdict": self.verdict,
                "run": runs[0],
                "reproduction": runs[1],
                "reasons": list(self.reasons),
                "differences": [
                    {"what": what, "detail": detail} for what, detail in self.differences
                ],
                "notes": list(self.notes),
                "items": [item.to_dict() for item in self.items],
            }
        )
        return content

    @property
    def summary(self) -> str:
        """One sentence."""
        name = f"{self.run.name} ({short_id(self.run.id)})"
        if self.verdict == "IMPOSSIBLE":
            return f"{name} cannot be reproduced"
        told = {
            "EXACT": "came out exactly the same",
            "WITHIN": "came out the same within the tolerance",
            "DIFFERENT": "came out different",
        }
        counts = [
            f"{sum(item.section == section for item in self.items)} {section}"
            for section in ("data", "params", "metrics", "models")
            if any(item.section == section for item in self.items)
        ]
        return f"{name} {told[self.verdict]}: {', '.join(counts)} compared"


def verdict_of(items: Sequence[Item]) -> Verdict:
    """Return the verdict on what was compared."""
    outcomes = {item.outcome for item in items}
    if outcomes - {"same", "within"}:
        return "DIFFERENT"
    return "WITHIN" if "within" in outcomes else "EXACT"
