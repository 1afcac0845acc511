"""What a command compares: the data of a run, of a model's training, of a file, or a profile."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fitprint.arguments import shown
from fitprint.cli.datafiles import read_data
from fitprint.data.description import Description
from fitprint.data.profiles import profile
from fitprint.data.sampling import SampledColumn, sample
from fitprint.errors import FitprintError, RunNotFoundError, StoreError
from fitprint.recording.model_uris import SCHEME
from fitprint.recording.reading import RunReader

__all__ = [
    "DriftError",
    "MissingDataError",
    "Side",
    "find_side",
    "profile_of",
    "side_of",
    "single_columns",
]

_PROFILES = "profiles/"
_PREDICTION = "prediction"
_TABLES = (".csv", ".tsv", ".parquet", ".pq")
_FILES = (*_TABLES, ".json", ".jsonl")
_LARGEST = 1 << 30  # bytes of a JSON file


class DriftError(FitprintError):
    """Two sides cannot be compared as it was asked."""


class MissingDataError(StoreError):
    """There is no such file, or no profile of the data."""


@dataclass(frozen=True, slots=True)
class Side:
    """Data, as far as they are known.

    Attributes:
        name: what was asked for.
        columns: of each column what its profile tells, by name.
        values: of each column the values that were read, by name; none where only the profile is
            known.
    """

    name: str
    columns: Mapping[str, Mapping[str, Any]]
    values: Mapping[str, SampledColumn] = field(default_factory=dict, repr=False)


def find_side(what: str) -> Side:
    """Return what a text names: ``models:/NAME@ALIAS`` (the data of its training), a file
    (``.csv``, ``.tsv``, ``.parquet``, ``.json``, ``.jsonl``), a profile that a run has recorded as
    a file, ``RUN``, or ``RUN:DATASET``.

    Raises:
        MissingDataError: there is no such file, or the run has no profile of these data.
        DriftError: a file cannot be read.
        StoreError: there is no such run or model.
    """
    if what.startswith(SCHEME):
        from fitprint.recording.versions import get_model_version

        version = get_model_version(what)
        if version.run_id is None:
            raise MissingDataError(f"no run is known that has recorded {what}")
        return _of_run(what, _run(version.run_id), "")
    path = Path(what)
    if path.suffix.lower() in _FILES or path.is_file():
        return _of_file(what, path)
    try:
        return _of_run(what, _run(what), "")
    except RunNotFoundError as error:
        name, sign, data = what.rpartition(":")
        if not sign or not name:
            raise MissingDataError(
                f"{error}; a registered model is written models:/NAME, and a file ends in "
                f"{', '.join(_FILES)}"
            ) from None
        try:
            return _of_run(what, _run(name), data)
        except RunNotFoundError:
            raise error from None


def side_of(name: str, data: Any) -> Side:
    """Return data in memory as a side: a data frame, a dict of columns, a list of records or an
    array. At most 8192 evenly spread values of each column are looked at.

    Raises:
        DriftError: the data are of another kind, or have no columns.
    """
    columns: dict[str, Mapping[str, Any]] = {}
    values: dict[str, SampledColumn] = {}
    for part in single_columns(data):
        taken = sample(Description(part))
        if taken is None:
            raise DriftError(f"{name} is no data of which values can be taken")
        told = profile(taken, readable=("*",))["columns"]
        for one, column in zip(taken.columns, told, strict=True):
            columns[one.name] = column
            values[one.name] = one
    if not columns:
        raise DriftError(f"{name} has no columns")
    return Side(name, columns, values)


def single_columns(data: Any) -> Sequence[Any]:
    """Return data column by column: of one column more rows are taken than of many."""
    if isinstance(data, Mapping):
        return [{key: value} for key, value in data.items()]
    if hasattr(data, "iloc") and hasattr(data, "columns"):
        return [data.iloc[:, place : place + 1] for place in range(data.shape[1])]
    return [data]


def profile_of(run: RunReader, data: str = "") -> Mapping[str, Any]:
    """Return the profile of a run's data.

    Args:
        run: the run.
        data: ``NAME`` or ``ROLE/NAME`` of the data set; by default the first with the role "train"
            that has a profile.

    Raises:
        MissingDataError: there is none.
    """
    from fitprint.recording import deferred

    deferred.finish(run.workspace.settings["exit_wait"])
    run.refresh()
    paths = [each.path for each in run.artifacts if each.path.startswith(_PROFILES)]
    sets = [(each.role, each.name) for each in run.datasets]
    wanted = [(role, name) for role, name in sets if data in ("", name, f"{role}/{name}")]
    if data == _PREDICTION:
        wanted.append(("train", _PREDICTION))
    for role, name in sorted(wanted, key=lambda pair: pair[0] != "train"):
        found = run.profile(name, role)
        if found:
            return found
    if not paths:
        raise MissingDataError(
            f"the run {run.name} has no profile of its data: profiles are recorded while the "
            'setting "profile" is on'
        )
    have = ", ".join(sorted(path.removeprefix(_PROFILES).removesuffix(".json") for path in paths))
    raise MissingDataError(f"the run {run.name} has no profile of {shown(data)}; it has: {have}")


def _run(name: str) -> RunReader:
    from fitprint.cli import reading

    return reading.run_named(name)


def _of_run(what: str, run: RunReader, data: str) -> Side:
    return Side(what, _columns(profile_of(run, data), what))


def _columns(told: Mapping[str, Any], what: str) -> dict[str, Mapping[str, Any]]:
    columns = told.get("columns")
    if not isinstance(columns, list) or not all(isinstance(each, Mapping) for each in columns):
        raise DriftError(f"{what} is no profile: it has no list of columns")
    return {str(each.get("name", "")): each for each in columns}


# -- files -----------------------------------------------------------------------------------------


def _of_file(what: str, path: Path) -> Side:
    if not path.is_file():
        raise MissingDataError(f"there is no file {what}")
    suffix = path.suffix.lower()
    if suffix in _TABLES:
        return side_of(what, read_data(what))
    if suffix not in _FILES:
        raise DriftError(f"{what} is no file of data: give one that ends in {', '.join(_FILES)}")
    if path.stat().st_size > _LARGEST:
        raise DriftError(f"{what} is too large for JSON; write it as Parquet or CSV")
    try:
        text = path.read_text(encoding="utf-8")
        content = (
            [json.loads(line) for line in text.splitlines() if line.strip()]
            if suffix == ".jsonl"
            else json.loads(text)
        )
    except (OSError, ValueError, RecursionError) as error:
        raise DriftError(f"{what} cannot be read: {type(error).__name__}: {error}") from None
    if isinstance(content, dict) and isinstance(content.get("columns"), list):
        return Side(what, _columns(content, what))
    if isinstance(content, list) and content and all(isinstance(each, dict) for each in content):
        names = dict.fromkeys(name for each in content for name in each)
        content = {name: [each.get(name) for each in content] for name in names}
    if not isinstance(content, dict) or not all(
        isinstance(each, list) for each in content.values()
    ):
        raise DriftError(f"{what} is neither a profile, nor records, nor a dict of columns")
    return side_of(what, content)
