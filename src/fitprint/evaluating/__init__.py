"""The verb that judges a model on data: metrics, tied to the data's digest, on the model's run."""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

from fitprint import clock
from fitprint.api import off
from fitprint.arguments import shown
from fitprint.data.description import Description, described
from fitprint.data.kinds import is_sparse, kind_of
from fitprint.data.parts import (
    column_of,
    labels_of,
    length_of,
    missing_rows,
    values_of,
    without_column,
)
from fitprint.errors import FitprintError, StoreError
from fitprint.evaluating.judges import (
    chosen_judges,
    default_judges,
    judged,
    registered_metrics,
    slices_of,
)
from fitprint.evaluating.subjects import Subject, subject_of
from fitprint.models.flavor import class_name
from fitprint.models.outcomes import Respondent
from fitprint.recording.run import Run
from fitprint.recording.versions import searched
from fitprint.recording.workspace import current
from fitprint.registered import ModelEvaluation
from fitprint.views.evaluation import Evaluation
from fitprint.views.fields import strict

__all__ = ["evaluate"]

_NAME = re.compile(r"\w[\w.-]{0,99}", re.ASCII)
_MOST_NOTES = 20
_MIDNIGHT = re.compile(r"(?:T00:00:00)?(?:\.0+)?$")  # what a date has behind it as a moment


def evaluate(
    model: Any,
    data: Any,
    target: Any,
    metrics: Mapping[str, Callable[[Any, Any], Any] | str]
    | Collection[Callable[[Any, Any], Any] | str]
    | str
    | None = None,
    *,
    name: str = "test",
    by: Any = None,
    trust: Collection[str] | None = None,
) -> Evaluation:
    """Return how good a model is on data, and record it on the model's run.

    The run gets a metric ``NAME_METRIC`` for each metric, such as ``test_accuracy_score``, the
    facts on the data with their digest, and the artifact ``evaluations/NAME.json``. A metric gets a
    further point if its value or the data have changed since the run was evaluated under the same
    name. Nothing else is recorded: the predictions made for this are not observed, and the model
    and the random generators of Python and numpy stay as they are.

    Args:
        model: a run, or what names one (see :func:`get_run`), which has a model; ``RUN/path`` or
            ``runs:/RUN/path`` for one of several; a version of a registered model, or its URI
            ``models:/NAME/3``; a folder with an ``MLmodel``; or an object with ``predict``. The run
            of an object is the one that trained it, if it was autologged or loaded with
            :func:`load_predictor`, else the current run; without either, nothing is recorded.
            Registered versions of this model get the result, too.
        data: a data frame, an array, a dict of columns or a list of records: what the model
            predicts from. Columns that it does not know are left out.
        target: the name of a column of ``data``, or the true values.
        metrics: names, such as ``["f1_score", "balanced_accuracy_score"]``, or functions
            ``f(true, predicted)`` under names of yours: ``{"cost": f}``. By default those that are
            usual for classes or for numbers.
        name: a short name of the data: letters, digits, ``_``, ``-`` and ``.``.
        by: the name of a column of ``data``, or a value for each row: also compute the metrics for
            the rows of each value. The 20 largest groups are shown, all others together.
        trust: as for :func:`load_model`.

    Raises:
        RunNotFoundError, AmbiguousRunError, ModelNotFoundError, UntrustedModelError: there is no
            such model, or it cannot be loaded.
        SignatureError: the data do not fit the model; the message names the column.
        FitprintError: the data have no rows, no such column, or a target with missing values; a
            metric is not known or fails.
    """
    name = _checked_name(name)
    wanted = chosen_judges(metrics)
    subject = subject_of(model, trust)
    features, true, groups = _parts(data, target, by)
    label = by if groups is not None and _is_label(data, by) else None
    with off(), _same_randomness():
        respondent = Respondent(subject.predictor, features.data, label)
        takes = {each.takes for each in (wanted or registered_metrics().values())} - {"predictions"}
        outcome = respondent.answer(true, takes)
        judges = wanted or default_judges(outcome.task)
        found, notes = judged(
            judges, outcome, class_name(subject.predictor.model), chosen=bool(wanted)
        )
        slices = slices_of([each for each in judges if each.name in found], outcome, groups)
    evaluation = Evaluation(
        name=name,
        model=class_name(subject.predictor.model),
        run=subject.run.id if subject.run is not None else None,
        run_name=subject.run.name if subject.run is not None else "",
        task=outcome.task,
        target=target if _is_label(data, target) else None,
        rows=len(true),
        metrics=found,
        by=label,
        slices=slices,
        digest="",
        target_digest="",
        model_digest=subject.digest,
        time=clock.now(),
        notes=tuple([*respondent.notes, *notes][:_MOST_NOTES]),
    )
    goals = {each.name: each.goal for each in judges}
    evaluation = _recorded(
        evaluation,
        subject.run,
        features,
        described(true),
        goals,
        is_registered=subject.version is not None,
    )
    try:
        _tell_registry(evaluation, subject, goals)
    except StoreError as error:
        if subject.version is not None:
            raise
        # what is recorded arrives later, and whether the model is registered nobody can tell
        note = f"the result could not be written to registered versions: {error}"
        evaluation = replace(evaluation, notes=(*evaluation.notes, note))
    return evaluation


# -- the data --------------------------------------------------------------------------------------


def _is_label(data: Any, value: Any) -> bool:
    """Tell whether a value names a column: a text does always, a number or tuple only where there
    is such a column.
    """
    if isinstance(value, str):
        return True
    return (
        isinstance(value, (int, tuple))
        and not isinstance(value, bool)
        and value in (labels_of(data) or ())
    )


def _parts(data: Any, target: Any, by: Any) -> tuple[Description, Any, Any]:
    """Return features, target and the values to slice by, looked at."""
    if data is None or isinstance(data, (bool, int, float, str, bytes)):
        told = "give a data frame, an array, a dict of columns or a list of records"
        raise FitprintError(
            f"there are no data in {shown(data)}: {told} (`fitprint evaluate` reads files)"
        )
    if target is None:
        raise FitprintError(
            "the target is missing: give the name of a column of the data, or the true values"
        )
    features, true = data, target
    if _is_label(data, target):
        true = column_of(data, target, "the target")
        features = without_column(data, target)
    groups = column_of(data, by, "the slices") if _is_label(data, by) else by
    true = _true_values(true)
    rows = length_of(features)
    if rows is None and isinstance(features, Mapping):
        raise FitprintError(
            "a dict of data holds columns, which are lists or arrays: {'a': [1.0]} instead of "
            "{'a': 1.0}"
        )
    if rows == 0 or len(true) == 0:
        raise FitprintError(
            "there are no rows to evaluate on"
            if rows in (0, len(true))
            else _lengths("the target", len(true), rows)
        )
    if rows is not None and len(true) != rows:
        raise FitprintError(_lengths("the target", len(true), rows))
    missing = missing_rows(true)
    if missing:
        what = "1 missing value" if len(missing) == 1 else f"{len(missing)} missing values"
        raise FitprintError(
            f"the target has {what}, the first in row {missing[0]} (counted from 0): leave these "
            "rows out"
        )
    return described(features), true, None if groups is None else _groups(groups, len(true))


def _true_values(target: Any) -> Any:
    if is_sparse(target):
        target = target.toarray()
    if isinstance(target, (bytes, Mapping)) or length_of(target) is None:
        raise FitprintError(
            f"the target must be the name of a column or the true values, not {shown(target)}"
        )
    values = values_of(target)
    if getattr(getattr(values, "dtype", None), "kind", "") in "Mm" and hasattr(values, "dtype"):
        raise FitprintError(
            "the target holds times, and there are no metrics for times: give numbers or classes"
        )
    return values


def _lengths(what: str, length: int, rows: int | None) -> str:
    return f"{what} has {length} values, and the data have {rows} rows: give a value for each row"


def _groups(values: Any, count: int) -> list[Any]:
    """Return a value for each row, None where it is missing."""
    values = (
        None
        if isinstance(values, (bytes, Mapping)) or length_of(values) is None
        else values_of(values)
    )
    if values is None or getattr(values, "ndim", 1) != 1:
        raise FitprintError("the slices are those of a column's name, or of one value for each row")
    if len(values) != count:
        raise FitprintError(_lengths("the column to slice by", len(values), count))
    missing = set(missing_rows(values))
    if kind_of(values) == "array" and values.dtype.kind in "Mm":
        return [
            None if row in missing else _MIDNIGHT.sub("", item)
            for row, item in enumerate(values.astype(str).tolist())
        ]
    items = values.tolist() if hasattr(values, "tolist") else list(values)
    plain = [item if isinstance(item, (str, int, float)) else str(item) for item in items]
    return [None if row in missing else item for row, item in enumerate(plain)]


@contextmanager
def _same_randomness() -> Iterator[None]:
    """Leave the random generators as they were: a model may draw from them to predict."""
    numpy: Any = sys.modules.get("numpy.random")
    before, of_numpy = random.getstate(), numpy.get_state() if numpy is not None else None
    try:
        yield
    finally:
        random.setstate(before)
        if of_numpy is not None:
            numpy.set_state(of_numpy)


# -- the record ------------------------------------------------------------------------------------


def _checked_name(name: Any) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise FitprintError(
            "the name of the data must be a short word of letters, digits, '_', '-' and '.', not "
            f"{shown(name)}"
        )
    return name


def _recorded(
    evaluation: Evaluation,
    run: Run | None,
    features: Description,
    true: Description,
    goals: Mapping[str, Literal["min", "max"]],
    *,
    is_registered: bool,
) -> Evaluation:
    """Record the evaluation on the run, if there is one, and return it with the data's digests."""
    dataset = features.dataset(evaluation.name, "test", target=true)
    target_digest = str(dataset.facts.get("target", {}).get("digest", ""))
    evaluation = replace(evaluation, digest=dataset.digest, target_digest=target_digest)
    if run is None and is_registered:
        return evaluation
    if run is None:
        note = (
            "not recorded: the model has no run, and none is current; call this inside "
            "`with fitprint.start_run():`"
        )
        return replace(evaluation, notes=(*evaluation.notes, note))
    run.refresh()  # somebody else may have evaluated it
    path = f"evaluations/{evaluation.name}.json"
    before = _before(run, path)
    is_same = (
        before.get("digest") == dataset.digest != ""
        and before.get("target_digest") == target_digest
    )
    if before and not is_same:
        evaluation = replace(
            evaluation,
            notes=(
                *evaluation.notes,
                f"these are other data than those that were {evaluation.name!r} before",
            ),
        )
    for key, value in evaluation.metrics.items():
        if not (is_same and before["metrics"].get(key) == strict(value)):
            run.log_metric(f"{evaluation.name}_{key}", value, goal=goals[key])
    if run.workspace.settings["datasets"] and not is_same:
        run.log_input(features, evaluation.name, "test", target=true)
    run.log_dict(evaluation.to_dict(), path)
    run.refresh()
    return evaluation


def _tell_registry(evaluation: Evaluation, subject: Subject, goals: Mapping[str, str]) -> None:
    """Tell the versions that are this model how good it is: that which was named, and those that
    were registered from the run.
    """
    versions = [subject.version] if subject.version is not None else []
    registry = current().known_store().registry if subject.run is not None else None
    if subject.run is not None and registry is not None:
        own = (
            []
            if subject.version is not None
            else searched(current(), f"run_id = '{subject.run.id}'")
        )
        versions += [each for each in own if each.record.model.digest == evaluation.model_digest]
    found = ModelEvaluation(
        evaluation.digest,
        evaluation.target_digest,
        dict(evaluation.metrics),
        {key: goals[key] for key in evaluation.metrics},
    )
    for version in versions:
        if version.record.evaluations.get(evaluation.name) != found:
            version.tell_evaluation(evaluation.name, found)


def _before(run: Run, path: str) -> Mapping[str, Any]:
    """Return what the run says of the evaluation before; nothing if there was none, or its bytes
    are elsewhere.
    """
    try:
        if not any(artifact.path == path for artifact in run.record.artifacts):
            return {}
        content = json.loads(run.read(path))
    except (FitprintError, ValueError):
        return {}
    return content if isinstance(content, dict) and isinstance(content.get("metrics"), dict) else {}
