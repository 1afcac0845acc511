"""How one run differs from another: what a comparison of the two says, and the code line by line.

As JSON (``to_dict``, ``fitprint diff --json``) a difference is an object with the fields of a
comparison (see :mod:`fitprint.views.comparison`), in which the first run is the baseline, and
``differs``; ``packages``: ``added`` and ``removed`` (versions by name) and ``changed`` (both
versions by name); ``columns``: for each data set that differs ``data``, ``added`` and ``removed``
(types by name), and ``changed`` (both types by name); and ``code``: for each kind of change
``what`` ("tracked files", "uncommitted changes", "untracked files"), ``diff`` (a unified diff) and
``cut`` (whether there was more).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fitprint.ids import short_id
from fitprint.views.code_changes import Change, Sources, code_changes
from fitprint.views.comparison import Comparison
from fitprint.views.facts import ABSENT, columns_of, named_data
from fitprint.views.fields import strict

if TYPE_CHECKING:
    from fitprint.context.git import Repository

__all__ = ["Changed", "Difference", "Sources", "differing"]


@dataclass(frozen=True, slots=True)
class Changed:
    """Names that came, went, or mean something else: packages with their versions, or columns of
    data with their types.
    """

    what: str
    added: dict[str, Any]
    removed: dict[str, Any]
    changed: dict[str, tuple[Any, Any]]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def to_dict(self) -> dict[str, Any]:
        return {
            "added": self.added,
            "removed": self.removed,
            "changed": {name: list(both) for name, both in self.changed.items()},
        }


@dataclass(frozen=True, slots=True, repr=False)
class Difference:
    """Two runs and how they differ.

    Attributes:
        comparison: of both; the first is the baseline.
        packages: that differ.
        columns: of each data set of which they differ.
        code: lines that differ.
    """

    comparison: Comparison
    packages: Changed
    columns: tuple[Changed, ...] = ()
    code: tuple[Change, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether anything differs but how long something took."""
        return self.comparison.differs or bool(self.code)

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as JSON values, in the form that the module describes."""
        content = {
            **self.comparison.to_dict(),
            "differs": self.differs,
            "packages": self.packages.to_dict(),
            "columns": [{"data": each.what, **each.to_dict()} for each in self.columns],
            "code": [
                {"what": change.what, "diff": change.text, "cut": change.is_cut}
                for change in self.code
            ],
        }
        fields: dict[str, Any] = strict(content)
        return fields

    def _repr_html_(self) -> str:
        from fitprint.views.comparison_markup import difference_page

        return difference_page(self)

    def __str__(self) -> str:
        from fitprint.views.difference_text import render

        text, hints = render(self)
        return "\n".join([text, *(["", *hints] if hints else [])])

    def __repr__(self) -> str:
        old, new = self.comparison.runs
        return (
            f"<fitprint.Difference of {short_id(old.id)} and {short_id(new.id)}: "
            f"{'different' if self.differs else 'no difference'}>"
        )


def differing(
    comparison: Comparison,
    old: Sources,
    new: Sources,
    repository: Repository | None,
    notes: Sequence[str],
) -> Difference:
    """Return the difference of the two runs of a comparison.

    Args:
        comparison: of the two, the first being the baseline.
        old: what was recorded of the first run's code.
        new: what was recorded of the second run's.
        repository: that may have the commits.
        notes: what could not be compared so far.
    """
    told = list(notes)
    code = code_changes(old, new, repository, told)
    return Difference(
        replace(comparison, notes=tuple(told)),
        _packages(comparison),
        tuple(_columns(comparison)),
        code,
    )


def _packages(comparison: Comparison) -> Changed:
    rows = [(row.key, *row.values) for row in comparison.section("packages").rows if row.differs]
    return _changed(
        "packages",
        {name: old for name, old, _ in rows if old is not ABSENT},
        {name: new for name, _, new in rows if new is not ABSENT},
    )


def _columns(comparison: Comparison) -> list[Changed]:
    before, after = named_data(comparison.runs)
    both = [
        _changed(name, columns_of(before[name]), columns_of(after[name]))
        for name in before
        if name in after
    ]
    return [each for each in both if each]


def _changed(what: str, before: dict[str, Any], after: dict[str, Any]) -> Changed:
    return Changed(
        what,
        {name: value for name, value in after.items() if name not in before},
        {name: value for name, value in before.items() if name not in after},
        {
            name: (value, after[name])
            for name, value in before.items()
            if name in after and "" != after[name] != value != ""
        },
    )
