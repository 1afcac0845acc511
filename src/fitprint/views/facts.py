"""Facts on data, packages, environment and code of runs, each under a key of its own, so that they
can be compared.

The facts come from records of any origin and may have any form: what is not as fitprint writes it
is taken as it is, or left out.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import Any, Final

from fitprint.entities import Dataset, RunRecord
from fitprint.views.wording import value_text

__all__ = [
    "ABSENT",
    "PATCH",
    "SOURCES",
    "Absent",
    "Columns",
    "Fact",
    "code_facts",
    "columns_of",
    "data_facts",
    "environment_facts",
    "named_data",
    "package_facts",
    "part",
]

PATCH = "code/uncommitted.patch"
SOURCES = "code/untracked.zip"
_MOST_FACTS = 5000  # of an environment
_DEEPEST = 6
_MOST_NAMED = 3  # columns that differ and are named in a cell
# What is never the same twice, or follows from something else that is told.
_PASSING = (
    "process.pid process.parent_pid process.scheduler process.command process.script "
    "process.folder process.project python.executable python.build hardware.memory.available "
    "hardware.memory.swap threads git packages"
).split()
# are told elsewhere
_OF_CODE = (
    "seal",
    "process.command",
    "process.script",
    "process.folder",
    "process.project",
    "git",
    "packages",
)


class Absent(Enum):
    """The value of a run that has none; None is a value."""

    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class Fact:
    """A value, and what else decides whether two are the same.

    Attributes:
        value: any JSON value.
        identity: what is compared in place of the value, if there is such a thing.
        chosen: whether somebody set it.
        passing: whether it is another one each time, and tells nothing.
    """

    value: Any
    identity: Any = None
    chosen: bool = False
    passing: bool = False

    @property
    def token(self) -> Any:
        """Return what is equal for equal values alone: 1 and 1.0 are equal, True is not 1, and NaN
        is NaN.
        """
        return _token(self.value if self.identity is None else self.identity)


def _token(value: Any) -> Any:
    if isinstance(value, (bool, str)) or value is None:
        return type(value), value
    if isinstance(value, (int, float)):
        return "NaN" if value != value else value
    try:
        if isinstance(value, Mapping):
            return frozenset((key, _token(item)) for key, item in value.items())
        if isinstance(value, (list, tuple)):
            return tuple(map(_token, value))
    except RecursionError:  # deeper than we go ourselves, though it can be read
        pass
    return type(value).__name__, repr(value)


# -- data ------------------------------------------------------------------------------------------

Columns = dict[str, str]  # types by name


def data_facts(records: Sequence[RunRecord], reference: int) -> list[dict[str, Fact]]:
    """Return of each run what its data were.

    Columns are told as they differ from those of the run at ``reference``.

    Data sets are matched by their role where no run has two of one, else by role and name.
    """
    named = named_data(records)
    keys = {key for sets in named for key in sets}
    shared = {key for key in keys if all(key in sets for sets in named)}
    columns = [{key: columns_of(dataset) for key, dataset in sets.items()} for sets in named]
    # Where one run knows the names of the columns alone, the types of others say nothing.
    for key in {key for each in columns for key, found in each.items() if "" in found.values()}:
        for each in columns:
            if key in each:
                each[key] = dict.fromkeys(each[key], "")
    return [
        dict(_facts(sets, each, columns[reference], shared))
        for sets, each in zip(named, columns, strict=True)
    ]


def named_data(records: Sequence[RunRecord]) -> list[dict[str, Dataset]]:
    """Return the data sets of each run by the name under which they are compared: their role, and
    their own name where that is needed.
    """
    crowded = {role for record in records for role, count in _roles(record).items() if count > 1}
    return [_named(record, crowded) for record in records]


def _roles(record: RunRecord) -> dict[str, int]:
    counts: dict[str, int] = {}
    for dataset in record.datasets:
        counts[dataset.role] = counts.get(dataset.role, 0) + 1
    return counts


def _named(record: RunRecord, crowded: set[str]) -> dict[str, Dataset]:
    named: dict[str, Dataset] = {}
    for dataset in record.datasets:
        title = f"{dataset.role} {dataset.name}" if dataset.role in crowded else dataset.role
        key, number = title, 1
        while key in named:
            number += 1
            key = f"{title} ({number})"
        named[key] = dataset
    return named


def _facts(
    sets: Mapping[str, Dataset],
    columns: Mapping[str, Columns],
    base: Mapping[str, Columns],
    shared: Collection[str],
) -> Iterator[tuple[str, Fact]]:
    for key, dataset in sets.items():
        facts = dataset.facts
        lone = key not in shared  # of data that other runs have not, it is enough to say which
        if key == dataset.role:
            yield f"{key} name", Fact(dataset.name, passing=lone)
        if dataset.digest:
            yield f"{key} digest", Fact(dataset.digest)
        for name in ("shape", "type", "dtype", "missing"):
            if facts.get(name) is not None:
                value = facts[name]
                told = "×".join(map(str, value)) if isinstance(value, (list, tuple)) else value
                yield f"{key} {name}", Fact(told, passing=lone and name != "shape")
        if columns[key]:
            yield (
                f"{key} columns",
                Fact(
                    _told(columns[key], base.get(key, {})),
                    tuple(columns[key].items()),
                    passing=lone,
                ),
            )
        target = part(facts, "target")
        if target.get("digest"):
            yield f"{key} target", Fact(target["digest"], passing=lone)


def columns_of(dataset: Dataset) -> Columns:
    """Return names and types of the columns, as far as they are known."""
    schema, names = dataset.facts.get("schema"), dataset.facts.get("feature_names")
    if isinstance(schema, (list, tuple)):
        fields = [entry for entry in schema if isinstance(entry, Mapping)]
        return {
            str(entry.get("name")): str(entry.get("dtype", entry.get("type", "")))
            for entry in fields
        }
    return dict.fromkeys(map(str, names), "") if isinstance(names, (list, tuple)) else {}


def _told(columns: Columns, base: Columns) -> str:
    """Return columns as they differ from others."""
    if not base or base == columns:
        return str(len(columns))
    changes = [
        *(f"+{name}" for name in columns if name not in base),
        *(f"-{name}" for name in base if name not in columns),
        *(
            f"{name}: {base[name]} → {kind}"
            for name, kind in columns.items()
            if name in base and base[name] != kind
        ),
    ]
    if not changes:
        return f"{len(columns)}, in another order"
    more = [f"{len(changes) - _MOST_NAMED} more"] if len(changes) > _MOST_NAMED else []
    return ", ".join([str(len(columns)), *changes[:_MOST_NAMED], *more])


# -- environment and code --------------------------------------------------------------------------


def package_facts(environment: Mapping[str, Any]) -> dict[str, Fact]:
    """Return the versions of the installed packages, those first that the program had imported."""
    packages = part(environment, "packages")
    versions, imported = part(packages, "installed"), packages.get("imported")
    first = (
        [name for name in imported if isinstance(name, str) and name in versions]
        if isinstance(imported, (list, tuple))
        else []
    )
    return {str(name): Fact(versions[name]) for name in dict.fromkeys([*first, *versions])}


def environment_facts(environment: Mapping[str, Any]) -> dict[str, Fact]:
    """Return what is known of interpreter, machine and process, flat: ``hardware.cpu.model``."""
    return {
        key: Fact(_listed(value), passing=_is_below(key, _PASSING))
        for key, value in islice(_flat(environment), _MOST_FACTS)
        if not _is_below(key, _OF_CODE)
    }


def code_facts(record: RunRecord, environment: Mapping[str, Any]) -> dict[str, Fact]:
    """Return what is known of command, script, repository, commit and what is not committed."""
    process, git = part(environment, "process"), part(environment, "git")
    script = part(git, "script")
    digests = {artifact.path: artifact.digest for artifact in record.artifacts}
    command = process.get("command")
    told = {
        "command": _line(command) if isinstance(command, (list, tuple)) else command,
        "folder": process.get("folder"),
        "repository": git.get("repository"),
        "remote": git.get("remote"),
        "branch": git.get("branch"),
        "commit": git.get("commit"),
        "patch": digests.get(PATCH),
        "untracked sources": digests.get(SOURCES),
        "script": script.get("path", process.get("script")),
        "script digest": script.get("digest"),
        **{f"submodule {name}": commit for name, commit in part(git, "submodules").items()},
    }
    return {key: Fact(value) for key, value in told.items() if value not in (None, "")}


def _line(command: Sequence[Any]) -> str:
    """Return a command, the program without its folder: which interpreter it was is told apart."""
    program, *words = map(str, command or [""])
    return shlex.join([program.replace("\\", "/").rpartition("/")[2], *words])


def part(facts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the facts below a name; none where there is something else."""
    found = facts.get(name)
    return found if isinstance(found, Mapping) else {}


def _is_below(key: str, prefixes: Sequence[str]) -> bool:
    return any(key == prefix or key.startswith(f"{prefix}.") for prefix in prefixes)


def _flat(content: Mapping[str, Any], above: str = "", depth: int = 1) -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        key = f"{above}{name}"
        if key == "packages":  # by the hundred
            continue
        if isinstance(value, Mapping) and depth < _DEEPEST:
            yield from _flat(value, f"{key}.", depth + 1)
        elif value not in (None, "", [], {}):
            yield key, value


def _listed(value: Any) -> Any:
    """Return a list in a line, devices by their model."""
    if not isinstance(value, (list, tuple)):
        return value
    return ", ".join(
        str(item["model"]) if isinstance(item, Mapping) and "model" in item else value_text(item)
        for item in value
    )
