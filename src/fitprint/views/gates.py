"""Whether a run is good enough: what was required, and what came of it.

As JSON (``to_dict``, ``fitprint check --json``) it is an object with ``schema`` (1), ``passed``,
``run`` (id, name, status, experiment), ``baseline`` (null, or ``asked``, ``id`` and ``name``), and
``checks``. A check has ``kind`` ("require" or "no-worse-than"), ``name`` (the expression, or the
metric), ``passed`` and ``reason``, one sentence. One of kind "no-worse-than" has ``goal`` ("min" or
"max"), ``value``, ``baseline``, ``delta`` (each null where it is missing) and ``tolerance``, too. A
later version may add fields; ``schema`` changes if one is taken away or means something else. NaN
and infinities are texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fitprint.entities import RunRecord
from fitprint.ids import short_id
from fitprint.views.fields import strict
from fitprint.views.wording import clean

__all__ = ["Baseline", "Check", "Gate"]

# XML 1.0 has no characters but these, not even escaped
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a run is compared with.

    Attributes:
        asked: what named it.
        run: its record.
    """

    asked: str
    run: RunRecord


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was required.

    Attributes:
        name: the expression, or the metric.
        reason: a sentence on why it passed or failed.
        goal: of a comparison: which direction of the metric is better.
        value: of a comparison: the metric's last value; None where the run has none.
        baseline: the same of the baseline.
        tolerance: by how much the value may be worse.
    """

    kind: Literal["require", "no-worse-than"]
    name: str
    passed: bool
    reason: str
    goal: Literal["min", "max"] | None = None
    value: float | None = None
    baseline: float | None = None
    tolerance: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        fields: dict[str, Any] = {
            "kind": self.kind,
            "name": self.name,
            "passed": self.passed,
            "reason": self.reason,
        }
        if self.kind == "no-worse-than":
            both = self.value is not None and self.baseline is not None
            fields |= {
                "goal": self.goal,
                "value": self.value,
                "baseline": self.baseline,
                "delta": self.value - self.baseline if both else None,  # type: ignore[operator]
                "tolerance": self.tolerance,
            }
        return fields


@dataclass(frozen=True, slots=True)
class Gate:
    """A run, and whether it is good enough; true in a condition if it is.

    Attributes:
        run: its record.
        checks: all that was required.
        baseline: what it was compared with, if it was.
    """

    run: RunRecord
    checks: Sequence[Check]
    baseline: Baseline | None = None

    @property
    def passed(self) -> bool:
        """Whether everything that was required holds."""
        return all(check.passed for check in self.checks)

    def __bool__(self) -> bool:
        return self.passed

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values, in the form that the module describes."""
        base = self.baseline
        content = {
            "schema": 1,
            "passed": self.passed,
            "run": {
                "id": self.run.id,
                "name": self.run.name,
                "status": self.run.status,
                "experiment": self.run.experiment,
            },
            "baseline": None
            if base is None
            else {"asked": base.asked, "id": base.run.id, "name": base.run.name},
            "checks": [check.to_dict() for check in self.checks],
        }
        fields: dict[str, Any] = strict(content)
        return fields

    def to_junit(self) -> str:
        """Return it as a report of JUnit's, which CI systems show: a test for each check."""
        from xml.etree import ElementTree as ET  # what compares runs needs none

        failed = sum(not check.passed for check in self.checks)
        counts = {"tests": str(len(self.checks)), "failures": str(failed), "errors": "0"}
        root = ET.Element("testsuites", counts)
        title = _xml(f"fitprint check {self.run.name} {short_id(self.run.id)}")
        suite = ET.SubElement(root, "testsuite", {"name": title, **counts, "skipped": "0"})
        for check in self.checks:
            where = _xml(f"fitprint.{self.run.experiment}")
            case = ET.SubElement(
                suite, "testcase", {"classname": where, "name": _xml(_titled(check)), "time": "0"}
            )
            if not check.passed:
                told = _xml(check.reason)
                ET.SubElement(case, "failure", {"message": told, "type": check.kind}).text = told
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'

    def __str__(self) -> str:
        lines = [
            f"{'passed' if check.passed else 'FAILED'}  {clean(_titled(check))}: "
            f"{clean(check.reason)}"
            for check in self.checks
        ]
        return "\n".join(lines)


def _titled(check: Check) -> str:
    return check.name if check.kind == "require" else f"{check.name} no worse than the baseline"


def _xml(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)
