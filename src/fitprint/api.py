"""The public verbs. Those that log do so to the current run (see
``fitprint.recording.context``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, overload

from fitprint import clock, events
from fitprint.arguments import (
    checked_count,
    checked_names,
    checked_seconds,
    checked_text,
    checked_truth,
    shown,
)
from fitprint.entities import Change, LoggedModel, RunRecord
from fitprint.errors import (
    ExperimentNotFoundError,
    FitprintError,
    ModelNotFoundError,
    NoActiveRunError,
    QueryError,
)
from fitprint.hooks.manager import hooks
from fitprint.ids import new_id
from fitprint.recording.context import current_run, off
from fitprint.recording.opening import make_current, open_run
from fitprint.recording.reading import RunReader
from fitprint.recording.run import Run
from fitprint.recording.runs import Runs
from fitprint.recording.workspace import current

if TYPE_CHECKING:
    from fitprint.models.predictor import Predictor

__all__ = [
    "active_run",
    "delete_run",
    "end_run",
    "follow_changes",
    "get_run",
    "load_model",
    "load_predictor",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_image",
    "log_input",
    "log_metric",
    "log_metrics",
    "log_model",
    "log_param",
    "log_params",
    "log_table",
    "log_text",
    "loop",
    "off",
    "purge_run",
    "restore_run",
    "search_runs",
    "set_tag",
    "set_tags",
    "start_run",
]


_MOST = 1000  # runs that a search returns
_LEASE = 60.0  # seconds
_YEAR = 31_536_000.0  # seconds


# -- runs ------------------------------------------------------------------------------------------


def start_run(
    name: str | None = None,
    *,
    run_id: str | None = None,
    experiment: str | None = None,
    tags: Mapping[str, Any] | None = None,
    nested: bool = True,
) -> Run:
    """Begin a run and make it current; it ends with ``end_run()``, with its ``with`` block, or with
    the program.

    Args:
        name: a readable name; a random one by default.
        run_id: continue this run (its id, or what else names it; see :func:`get_run`) instead of
            beginning a new one.
        experiment: name of the experiment; the setting ``experiment`` by default.
        tags: tags to set.
        nested: whether the run becomes a child of the current run, if there is one.

    Raises:
        RunNotFoundError, AmbiguousRunError: ``run_id`` names no run, or several.
        FitprintError: an argument is of the wrong type, or the run ``run_id`` is in the trash; no
            run begins.
    """
    checked_truth(nested, "nested")
    if run_id is not None:
        run_id = get_run(run_id).id
    run = open_run(
        name=name,
        experiment=experiment,
        parent=current_run() if nested else None,
        tags=tags,
        run_id=run_id,
    )
    make_current(run)
    return run


def end_run(status: Literal["FINISHED", "FAILED", "KILLED"] = "FINISHED") -> None:
    """End the current run; without one, do nothing."""
    run = current_run()
    if run is not None:
        run.end(status)


def active_run() -> Run | None:
    """Return the current run, or None."""
    return current_run()


def get_run(run: str | Run) -> Run:
    """Return the run that is meant: by its id, the beginning or the end of its id (at least 4
    digits), its name (the newest run of that name), or one of the words below.

    ``@last`` is the newest run that has no parent, ``@last:NAME`` the newest of a name,
    ``@best:METRIC`` the best by a metric's last value, ``@best:METRIC:FILTER`` the best of those
    that match, ``@best`` the best by the setting ``metric``, ``#tag`` and ``#tag=value`` the newest
    with a tag. A run itself is returned as it is.

    Raises:
        RunNotFoundError: there is none.
        AmbiguousRunError: it is the beginning or the end of several ids; the message lists them.
    """
    # with the language of filters, which a training does not need
    from fitprint.views import finding

    if isinstance(run, Run):
        return run
    record = finding.find_run(current().store, run, current().settings["metric"]).record
    return Run(current(), record.id, record=record)


def _in_trash(run: str | Run) -> RunRecord:
    """Return the newest run of this name in the trash, or else the one run that is meant."""
    from fitprint.views import finding

    return finding.in_trash(current().store, run) or _only(run)


def _only(run: str | Run) -> RunRecord:
    """Return the one run that is meant; several of one name are too many for what cannot be looked
    at again.
    """
    from fitprint.views import finding

    if isinstance(run, Run):
        return current().store.run(run.id)
    return finding.find_only(current().store, run, current().settings["metric"])


@overload
def search_runs(
    experiment_names: Sequence[str] | str | None = None,
    filter_string: str | None = None,
    order_by: Iterable[str] | str | None = None,
    max_results: int | None = None,
    output_format: Literal["list"] = "list",
    *,
    children: bool = False,
    view: str | None = None,
) -> Runs: ...


@overload
def search_runs(
    experiment_names: Sequence[str] | str | None = None,
    filter_string: str | None = None,
    order_by: Iterable[str] | str | None = None,
    max_results: int | None = None,
    *,
    output_format: Literal["pandas", "polars"],
    children: bool = False,
    view: str | None = None,
) -> Any: ...


def search_runs(
    experiment_names: Sequence[str] | str | None = None,
    filter_string: str | None = None,
    order_by: Iterable[str] | str | None = None,
    max_results: int | None = None,
    output_format: Literal["list", "pandas", "polars"] = "list",
    *,
    children: bool = False,
    view: str | None = None,
) -> Any:
    """Return the runs that match a filter.

    Runs that are part of another one, such as the candidates of a search, are left out unless you
    ask for them.

    Args:
        experiment_names: experiments to look in; all by default.
        filter_string: such as ``metrics.val_loss < 0.3 and params.C >= 1``; see
            :mod:`fitprint.query`.
        order_by: such as ``["metrics.val_loss ASC"]``, or one such text; newest first by default.
        max_results: return at most so many, 1000 by default.
        output_format: "list" for a :class:`fitprint.recording.runs.Runs`, a list of :class:`Run`;
            "pandas" or "polars" for a data frame.
        children: whether to return runs that are part of another one, too; a filter with
            ``parent_id`` includes them anyway.
        view: the name of a saved view (``fitprint views``). A filter given here applies as well;
            other arguments replace those of the view.

    Raises:
        QueryError: the filter or an order cannot be understood (the message points at the
            position), or no run has a metric, a parameter or a tag that the filter names (only
            ``is null`` may name what no run has).
        ExperimentNotFoundError: there is no experiment of this name, and it is not the one that the
            setting ``experiment`` names.
        FitprintError: an argument is of the wrong type.
    """
    from fitprint.stores.paging import every_run
    from fitprint.views.selection import question

    if output_format not in ("list", "pandas", "polars"):
        raise FitprintError(
            f"output_format must be 'list', 'pandas' or 'polars', not {output_format!r}"
        )
    filter_string = "" if filter_string is None else filter_string
    most = _MOST if max_results is None else checked_count(max_results, "max_results")
    checked_truth(children, "children")
    workspace = current()
    if view is not None:
        from fitprint.views.saved import find_view, joined

        saved = find_view(checked_text(view, "a view"), workspace.settings["home"])
        filter_string = joined(
            saved.filter, checked_text(filter_string, "a filter", QueryError, empty=True)
        )
        experiment_names = experiment_names or saved.experiment or None
        order_by = order_by or saved.sort
        most = min(most, saved.top or most)
    names = None
    if experiment_names is not None:
        names = [
            _experiment(name)
            for name in checked_names(experiment_names, "the experiments", QueryError)
        ]
    store = workspace.store
    query = question(store, filter_string, _order(order_by), names, parts=children)
    found = islice(every_run(store, query, min(1000, most)), most)
    runs = Runs(Run(workspace, record.id, record=record) for record in found)
    return runs if output_format == "list" else getattr(runs, f"to_{output_format}")()


def _experiment(name: str) -> str:
    """Return the present name of an experiment; one that was set may have no run yet."""
    from fitprint.stores.naming import find_experiment

    workspace = current()
    try:
        return find_experiment(workspace.store, name).name
    except ExperimentNotFoundError:
        if name == workspace.settings["experiment"]:
            return name
        if _is_filter(name):
            raise ExperimentNotFoundError(
                f"there is no experiment {shown(name)}; write "
                f"search_runs(filter_string={shown(name)})"
            ) from None
        raise


def _order(order_by: Iterable[str] | str | None) -> Sequence[str]:
    """Return an ordering in the words of the query language: ``-accuracy`` and ``accuracy desc``
    are understood as ``--sort`` does.
    """
    from fitprint.query.grammar import parse
    from fitprint.views.selection import ordering

    texts = () if order_by is None else checked_names(order_by, "an ordering", QueryError)
    try:
        parse("", order_by=texts)
    except QueryError:
        try:
            return [item for text in texts for item in ordering(current().store, text)]
        except QueryError:
            raise
        except FitprintError as error:
            raise QueryError(str(error)) from None
    return texts


def _is_filter(text: str) -> bool:
    from fitprint.query.grammar import parse

    try:
        return parse(text).where is not None
    except QueryError:
        return False


def delete_run(run: str | Run) -> Sequence[str]:
    """Move a run and all runs below it to the trash (see :func:`restore_run`).

    Args:
        run: a run, or what names one (see :func:`get_run`).

    Returns:
        The ids of the runs that were moved, the run itself first; none if it was there already.

    Raises:
        RunNotFoundError, AmbiguousRunError: ``run`` names no run, or several have the name.
    """
    from fitprint.stores.lineage import moved_together

    workspace = current()
    record = _only(run)
    if record.deleted_time is not None:
        return ()
    moved = [each.id for each in moved_together(workspace.store, record)]
    time = clock.now()  # one for all: it tells who went together
    workspace.writer.append(*(events.RunDeleted(run_id, time, new_id()) for run_id in moved))
    return moved


def restore_run(run: str | Run) -> Sequence[str]:
    """Take a run out of the trash, with the runs below it that went there with it.

    Args:
        run: an id, a unique prefix of one, or a name (of the newest run of that name in the trash).

    Returns:
        The ids of the runs that are back, the run itself first; none if it was not in the trash.

    Raises:
        RunNotFoundError, AmbiguousRunError: ``run`` names no run, or several.
    """
    from fitprint.stores.lineage import moved_together

    workspace = current()
    record = _in_trash(run)
    if record.deleted_time is None:
        return ()
    moved = [each.id for each in moved_together(workspace.store, record)]
    time = clock.now()
    workspace.writer.append(*(events.RunRestored(run_id, time, new_id()) for run_id in moved))
    return moved


def purge_run(run: str | Run) -> Sequence[str]:
    """Erase a run in the trash, and the runs below it that went there with it; they cannot be
    restored.

    Args:
        run: an id, a unique prefix of one, or a name (of the newest run of that name in the trash).

    Returns:
        The ids of the runs that are gone, the run itself first.

    Raises:
        RunNotFoundError, AmbiguousRunError: ``run`` names no run, or several.
        RefusedError: the run is not in the trash.
    """
    from fitprint.recording.acts import perform
    from fitprint.stores.lineage import moved_together

    workspace = current()
    record = _in_trash(run)
    gone = (
        [each.id for each in moved_together(workspace.store, record)]
        if record.deleted_time is not None
        else [record.id]
    )
    time = clock.now()
    perform(workspace, *(events.RunPurged(run_id, time, new_id(), "") for run_id in gone))
    return gone


# -- logging to the current run --------------------------------------------------------------------


def _current(verb: str) -> Run:
    run = current_run()
    if run is None:
        raise NoActiveRunError(
            f"{verb} needs a current run: call it inside `with fitprint.start_run():`, or on a "
            "run's handle"
        )
    return run


def log_param(key: str, value: Any) -> None:
    """Record one hyperparameter; see :meth:`Run.log_param`."""
    _current("log_param").log_param(key, value)


def log_params(params: Mapping[str, Any]) -> None:
    """Record hyperparameters; see :meth:`Run.log_params`."""
    _current("log_params").log_params(params)


def log_metric(
    key: str,
    value: float,
    step: int | None = None,
    epoch: float | None = None,
    timestamp: datetime | int | None = None,
    *,
    goal: Literal["min", "max"] | None = None,
) -> None:
    """Record one point of a metric; see :meth:`Run.log_metric`."""
    run = current_run()
    if run is None:
        run = _current("log_metric")
    run.log_metric(key, value, step, epoch, timestamp, goal=goal)


def log_metrics(
    metrics: Mapping[str, float],
    step: int | None = None,
    epoch: float | None = None,
    timestamp: datetime | int | None = None,
) -> None:
    """Record one point of each metric; see :meth:`Run.log_metrics`."""
    _current("log_metrics").log_metrics(metrics, step, epoch, timestamp)


def set_tag(key: str, value: Any) -> None:
    """Set a tag; None removes it."""
    _current("set_tag").set_tag(key, value)


def set_tags(tags: Mapping[str, Any]) -> None:
    """Set tags; None removes one."""
    _current("set_tags").set_tags(tags)


def log_text(text: str, path: str) -> None:
    """Record a text as an artifact; see :meth:`Run.log_text`."""
    _current("log_text").log_text(text, path)


def log_dict(content: Any, path: str) -> None:
    """Record a dict or list as a JSON artifact; see :meth:`Run.log_dict`."""
    _current("log_dict").log_dict(content, path)


def log_figure(figure: Any, path: str) -> None:
    """Record a Matplotlib or Plotly figure; see :meth:`Run.log_figure`."""
    _current("log_figure").log_figure(figure, path)


def log_image(image: Any, path: str) -> None:
    """Record a picture; see :meth:`Run.log_image`."""
    _current("log_image").log_image(image, path)


def log_table(table: Any, path: str) -> None:
    """Record a table; see :meth:`Run.log_table`."""
    _current("log_table").log_table(table, path)


def log_artifact(file: str | os.PathLike[str], path: str | None = None) -> None:
    """Record a copy of a file; see :meth:`Run.log_artifact`."""
    _current("log_artifact").log_artifact(file, path)


def log_artifacts(folder: str | os.PathLike[str], path: str = "") -> None:
    """Record copies of all files below a folder; see :meth:`Run.log_artifacts`."""
    _current("log_artifacts").log_artifacts(folder, path)


def log_input(data: Any, name: str = "data", role: str = "train") -> None:
    """Record facts on data; see :meth:`Run.log_input`."""
    _current("log_input").log_input(data, name, role)


def log_model(
    model: Any, path: str = "model", *, flavor: str | None = None, **options: Any
) -> LoggedModel:
    """Record a model; see :meth:`Run.log_model`."""
    return _current("log_model").log_model(model, path, flavor=flavor, **options)


def follow_changes(
    consumer: str, on_change: Callable[[Change], None], *, seconds: float | None = None
) -> int:
    """Call ``on_change`` for each run and each experiment to which something happened since the
    consumer's last call.

    The first call passes on everything there is. One process at a time follows for a consumer; a
    lease in the store says which one. Each change is passed on at least once. If ``on_change``
    raises or the process ends, the next call continues, and repeats up to a hundred changes. The
    function returns when there are no more changes: call it again whenever you want to know.

    Args:
        consumer: a name, such as "webhooks", under which the store remembers the last change that
            was passed on.
        on_change: gets each :class:`fitprint.entities.Change`; several changes of one run may come
            as one.
        seconds: how long the lease lasts if this process is killed, 60 by default; must be more
            than one call of ``on_change`` takes.

    Returns:
        The number of changes that were passed on; also 0 while another process follows for the
        consumer.

    Raises:
        QueryError: the store was replaced by one that does not know this consumer's position.
    """
    from fitprint.stores.following import follow

    checked_text(consumer, "the name of a consumer")
    lasts = _LEASE if seconds is None else checked_seconds(seconds, "seconds", _YEAR, "a year")
    return follow(current().store, consumer, on_change, seconds=lasts)


def load_model(uri: str, trust: Collection[str] | None = None) -> Any:
    """Load a recorded model, its bytes checked against their digests.

    Args:
        uri: ``runs:/RUN/path`` (RUN: an id, a unique prefix, or a name), ``models:/NAME@ALIAS`` and
            the like (see :func:`get_model_version`), or a directory that holds an ``MLmodel``.
        trust: names of the types and functions, such as ``"mypackage.MyModel"``, whose code may
            run while the model is loaded. What a framework's own safe format needs is trusted
            anyway; nothing is trusted because the model says so.

    Raises:
        ModelNotFoundError: there is no model at the URI.
        IntegrityError: a file differs from what was recorded.
        UntrustedModelError: it needs types that are not trusted; the message lists them.
    """
    from fitprint.models.fetching import fetch_model

    return fetch_model(uri, trust, hooks().registered("register_flavors"), _model_source)


def _model_source(uri: str) -> tuple[RunReader, str]:
    """Return what has the files of the model that a URI leads to, and their folder there."""
    scheme, _, rest = uri.partition(":/")
    if scheme == "models":
        from fitprint.recording.versions import get_model_version

        return get_model_version(uri).source, "model"
    if scheme != "runs":
        raise ModelNotFoundError(
            f"{uri!r} is not a model URI: give runs:/RUN/model, models:/NAME@ALIAS, or a folder "
            "with an MLmodel file"
        )
    name, _, path = rest.strip("/").partition("/")
    return get_run(name), path or "model"


def load_predictor(uri: str, trust: Collection[str] | None = None) -> Predictor:
    """Load a recorded model as a predictor, which has the same ``predict`` for every framework.

    ``predict`` takes a data frame, an array, a dict or a list of records, converts it to the form
    of the model's training data, and says which column does not fit.

    Args:
        uri: see :func:`load_model`.
        trust: see :func:`load_model`.

    Raises:
        ModelNotFoundError, IntegrityError, UntrustedModelError: as :func:`load_model` does.
    """
    from fitprint.models.fetching import fetch_predictor

    return fetch_predictor(uri, trust, hooks().registered("register_flavors"), _model_source)


def loop(iterable: Iterable[Any], **options: Any) -> Any:
    """Iterate over a hand-written training loop and record it; see
    :class:`fitprint.recording.loop.Loop`.
    """
    from fitprint.recording.loop import Loop

    return Loop(iterable, **options)
