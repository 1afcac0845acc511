"""What differs among runs: a row for each metric, parameter, tag and fact, with the value of each
run.

As JSON (``to_dict``, ``fitprint compare --json``) a comparison is an object with ``schema`` (1),
``runs`` (id, name, status, experiment, start_time, duration), ``baseline`` (the id of a run, or
null), ``sections`` and ``notes``. A section has ``name`` ("metrics", "params", "tags", "data",
"packages", "environment", "code"), ``hidden`` (the number of rows that are left out) and ``rows``.
A row has ``key``, ``differs``, ``values`` by the id of a run (a run that lacks it is missing), and
for metrics ``goal`` ("min", "max" or null), ``best`` (ids) and, with a baseline, ``deltas``: by id,
``delta``, ``percent`` and ``better`` (each may be null). A later version may add fields; ``schema``
changes if one is taken away or means something else. NaN and infinities are texts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Literal

from fitprint.entities import MetricSummary, RunRecord
from fitprint.errors import FitprintError
from fitprint.query.goals import is_told
from fitprint.views.facts import (
    ABSENT,
    Fact,
    code_facts,
    data_facts,
    environment_facts,
    package_facts,
)
from fitprint.views.fields import strict, timestamp
from fitprint.views.ranking import natural, ranked_metrics, ranked_params

__all__ = ["ABSENT", "Comparison", "Delta", "Row", "Section", "Subject", "compared"]

# metrics of what the process and the machine used, which say nothing about a model
_OF_MACHINE = "system/"
_TIME = re.compile(r"(_time|_seconds|_ms|duration)\Z")
# of which more is neither better nor worse
_COUNT = re.compile(r"(\A|_)(n_iter|iterations?|epochs?|rounds|steps)\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Subject:
    """A run to compare.

    Attributes:
        environment: what ``environment.json`` says; None where that is not known.
    """

    record: RunRecord
    environment: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Delta:
    """How a metric's value differs from the baseline's.

    Attributes:
        delta: None where one of the values is missing or not finite.
        percent: of the baseline's magnitude; None where that is 0, too.
        better: by the metric's goal; None where there is no goal or no difference.
    """

    delta: float | None = None
    percent: float | None = None
    better: bool | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One metric, parameter, tag or fact.

    Attributes:
        values: of each run, in the order of the runs; :data:`ABSENT` where it has none.
        differs: whether the runs have not all the same.
        counts: whether such a difference makes the runs different; times that something took never
            do.
        goal: of a metric: "min" or "max", None if the runs do not agree, for counts such as
            ``n_iter``, and where the name says nothing.
        best: of a metric: positions of the runs with the best value, () where that says nothing.
        deltas: of a metric: of each run against the baseline, () without one.
        common: whether every run has it, of those of which that is known.
        is_metric: whether the values are those of a metric.
    """

    key: str
    values: tuple[Any, ...]
    differs: bool
    counts: bool = True
    goal: Literal["min", "max"] | None = None
    best: tuple[int, ...] = ()
    deltas: tuple[Delta, ...] = ()
    common: bool = True
    is_metric: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """The rows of one kind.

    ``hidden`` is the number of those that are left out because they tell nothing.
    """

    name: str
    rows: tuple[Row, ...]
    hidden: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """Runs, and what differs among them.

    Attributes:
        runs: their records, in the order asked for.
        baseline: position of the run to which the others are compared; None if there is none.
        notes: what could not be compared, and why.
    """

    runs: tuple[RunRecord, ...]
    baseline: int | None
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether anything differs but how long something took."""
        return any(row.differs and row.counts for section in self.sections for row in section.rows)

    def __str__(self) -> str:
        from fitprint.views.comparison_table import render

        text, hints = render(self)
        return "\n".join([text, *(["", *hints] if hints else [])])

    def __repr__(self) -> str:
        counts = ", ".join(
            f"{len(section.rows)} {section.name}" for section in self.sections if section.rows
        )
        return f"<fitprint.Comparison of {len(self.runs)} runs: {counts or 'no difference'}>"

    def _repr_html_(self) -> str:
        from fitprint.views.comparison_markup import comparison_page

        return comparison_page(self)

    def section(self, name: str) -> Section:
        """Return a section; one without rows if there is none of this name."""
        return next(
            (section for section in self.sections if section.name == name), Section(name, ())
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON values, in the form that the module describes."""
        ids = [run.id for run in self.runs]
        content = {
            "schema": 1,
            "runs": [
                {
                    "id": run.id,
                    "name": run.name,
                    "status": run.status,
                    "experiment": run.experiment,
                    "start_time": timestamp(run.start_time),
                    "duration": None
                    if run.end_time is None
                    else (run.end_time - run.start_time) / 1e6,
                }
                for run in self.runs
            ],
            "baseline": None if self.baseline is None else ids[self.baseline],
            "sections": [
                {
                    "name": section.name,
                    "hidden": section.hidden,
                    "rows": [_row_fields(row, ids) for row in section.rows],
                }
                for section in self.sections
            ],
            "notes": list(self.notes),
        }
        fields: dict[str, Any] = strict(content)
        return fields

    def columns(self) -> dict[str, list[Any]]:
        """Return a column for each row by its name, such as ``metrics.val_loss``, with a value for
        each run; None where it has none.
        """
        columns: dict[str, list[Any]] = {
            name: [getattr(run, name) for run in self.runs]
            for name in ("id", "name", "status", "experiment")
        }
        for section in self.sections:
            for row in section.rows:
                columns[f"{section.name}.{row.key}"] = [
                    None if value is ABSENT else value for value in row.values
                ]
        return columns

    def to_pandas(self) -> Any:
        """Return a ``pandas.DataFrame`` with a row for each run: ``id``, ``name``, ``status``,
        ``experiment``, then ``metrics.KEY`` (float64), ``params.KEY``, ``tags.KEY``, ``data.KEY``
        and so on, with their types.

        Raises:
            FitprintError: pandas is not installed.
        """
        try:
            pandas: Any = import_module("pandas")
        except ImportError:
            raise FitprintError("to_pandas() needs pandas: pip install pandas") from None
        return pandas.DataFrame(
            {
                name: pandas.Series(
                    values, dtype="float64" if name.startswith("metrics.") else object
                )
                for name, values in self.columns().items()
            }
        )


def _row_fields(row: Row, ids: Sequence[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "key": row.key,
        "differs": row.differs,
        "values": {
            run: value for run, value in zip(ids, row.values, strict=True) if value is not ABSENT
        },
    }
    if row.is_metric:
        fields |= {"goal": row.goal, "best": [ids[position] for position in row.best]}
        if row.deltas:
            fields["deltas"] = {
                run: {"delta": each.delta, "percent": each.percent, "better": each.better}
                for run, each in zip(ids, row.deltas, strict=True)
            }
    return fields


def compared(
    subjects: Sequence[Subject],
    *,
    baseline: int | None = None,
    whole: bool = False,
    notes: Iterable[str] = (),
) -> Comparison:
    """Return what differs among the runs; with ``whole``, what is the same, too.

    Without ``whole`` are left out: what is equal; parameters that only some of the runs have, and
    those by default; metrics of the machine; and facts that are never the same twice, such as the
    number of a process.
    """
    records = [subject.record for subject in subjects]
    rows = _Rows(records, baseline, whole)
    environments = [subject.environment for subject in subjects]
    return Comparison(
        tuple(records),
        baseline,
        (
            rows.metrics(),
            rows.params(),
            rows.section(
                "tags",
                [{key: Fact(value) for key, value in record.tags.items()} for record in records],
                "tag",
            ),
            rows.section("data", data_facts(records, baseline or 0), "fact"),
            rows.section("packages", _each(environments, package_facts), "fact"),
            rows.section("environment", _each(environments, environment_facts), "fact"),
            rows.section(
                "code",
                [
                    None if environment is None else code_facts(record, environment)
                    for record, environment in zip(records, environments, strict=True)
                ],
                "fact",
            ),
        ),
        tuple(notes),
    )


def _each(
    environments: Sequence[Mapping[str, Any] | None],
    facts_of: Callable[[Mapping[str, Any]], dict[str, Fact]],
) -> list[dict[str, Fact] | None]:
    """Return the facts of each environment; many runs share one, which is looked at once."""
    known: dict[int, dict[str, Fact] | None] = {}
    for environment in environments:
        if id(environment) not in known:
            known[id(environment)] = None if environment is None else facts_of(environment)
    return [known[id(environment)] for environment in environments]


class _Rows:
    """The runs that are compared, and which rows are wanted."""

    def __init__(self, records: Sequence[RunRecord], baseline: int | None, whole: bool) -> None:
        self.records, self.baseline, self.whole = records, baseline, whole

    def section(self, name: str, found: Sequence[Mapping[str, Fact] | None], kind: str) -> Section:
        """Return a section of facts; None stands for a run of which they are not known."""
        # many runs share what is known of them
        known = list({id(facts): facts for facts in found if facts is not None}.values())
        rows = []
        hidden = 0
        for key in _ordered(known):
            have = [facts[key] for facts in known if key in facts]
            different = len({fact.token for fact in have}) > 1
            common = len(have) == len(known)
            counts = not any(fact.passing for fact in have)
            # What one kind of model has by default and another lacks tells nothing.
            by_default = kind == "param" and not different and not any(fact.chosen for fact in have)
            if not self.whole and (by_default or not counts or (common and not different)):
                hidden += 1
                continue
            values = tuple(
                ABSENT if facts is None or key not in facts else facts[key].value for facts in found
            )
            rows.append(
                Row(key, values, differs=different or not common, counts=counts, common=common)
            )
        return Section(name, tuple(rows), hidden)

    def params(self) -> Section:
        digests = [
            {artifact.path: artifact.digest for artifact in record.artifacts}
            for record in self.records
        ]
        found = [
            {
                key: Fact(
                    param.value,
                    known.get(param.spilled) if param.spilled else None,
                    chosen=param.provenance in ("set", "config"),
                )
                for key, param in record.params.items()
            }
            for record, known in zip(self.records, digests, strict=True)
        ]
        section = self.section("params", found, "param")
        places = {key: place for place, key in enumerate(ranked_params(self.records))}
        return replace(
            section,
            rows=tuple(
                sorted(
                    section.rows,
                    key=lambda row: (places.get(row.key, len(places)), natural(row.key)),
                )
            ),
        )

    def metrics(self) -> Section:
        keys = {key: None for record in self.records for key in record.metrics}
        rows = []
        for key in keys:
            if not self.whole and key.startswith(_OF_MACHINE):
                continue
            row = self._metric(key, [record.metrics.get(key) for record in self.records])
            if self.whole or row.differs:
                rows.append(row)
        places = {key: place for place, key in enumerate(ranked_metrics(self.records))}
        rows.sort(key=lambda row: (places.get(row.key, len(places)), natural(row.key)))
        return Section("metrics", tuple(rows), len(keys) - len(rows))

    def _metric(self, key: str, summaries: Sequence[MetricSummary | None]) -> Row:
        values = tuple(ABSENT if summary is None else summary.last for summary in summaries)
        goals = {summary.goal for summary in summaries if summary is not None}
        goal = goals.pop() if len(goals) == 1 and not _COUNT.search(key) else None
        if goal == "max" and not is_told(key):
            goal = None  # nobody said so: "max" is what is taken where a name says nothing
        finite = [value for value in values if value is not ABSENT and math.isfinite(value)]
        top = (
            None
            if goal is None or len(set(finite)) < 2
            else min(finite)
            if goal == "min"
            else max(finite)
        )
        return Row(
            key,
            values,
            differs=len({Fact(value).token for value in values}) > 1,
            counts=not _TIME.search(key) and not key.startswith(_OF_MACHINE),
            goal=goal,
            best=()
            if top is None
            else tuple(position for position, value in enumerate(values) if value == top),
            deltas=()
            if self.baseline is None
            else tuple(_delta(value, values[self.baseline], goal) for value in values),
            common=ABSENT not in values,
            is_metric=True,
        )


def _delta(value: Any, base: Any, goal: str | None) -> Delta:
    if value is ABSENT or base is ABSENT or not (math.isfinite(value) and math.isfinite(base)):
        return Delta()
    delta = value - base
    if not math.isfinite(delta):
        return Delta()
    percent = 100 * (delta / abs(base)) if base else None
    if percent is not None and not math.isfinite(percent):
        percent = None
    return Delta(
        delta, percent, None if goal is None or not delta else (delta < 0) == (goal == "min")
    )


def _ordered(found: Sequence[Mapping[str, Fact]]) -> list[str]:
    """Return all keys: those that come first in one run before those that come later, so that
    neighbours stay together.
    """
    keys: dict[str, None] = {}
    for facts in found:
        keys.update(dict.fromkeys(facts))
    return list(keys)
