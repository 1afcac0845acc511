"""What is handed over in the wrong form is refused by one clear error, and changes nothing."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import fitprint
from fitprint.errors import (
    ExperimentNotFoundError,
    FitprintError,
    InvalidMetricError,
    InvalidParamError,
    MetricNotFoundError,
    QueryError,
    SettingsError,
)
from fitprint.recording.versions import RegisteredModel

pytestmark = pytest.mark.usefixtures("home")

ODD: tuple[Any, ...] = (
    None,
    True,
    3,
    -1,
    2.5,
    float("nan"),
    b"x",
    "",
    "a\0b",
    "\ud800",
    [],
    ["a"],
    {},
    {3: 4},
    {"a": None},
    object(),
    type,
)
PLACES = {
    "path": "p.json",
    "file": __file__,
    "folder": __file__,
    "text": "x",
    "content": {},
    "table": {"a": [1]},
    "figure": None,
    "image": None,
}
VERBS: dict[str, tuple[str, ...]] = {
    "log_param": ("key",),
    "log_params": ("params",),
    "log_metric": ("key", "value", "step", "epoch", "timestamp", "goal"),
    "log_metrics": ("metrics", "step", "epoch", "timestamp"),
    "set_tag": ("key",),
    "set_tags": ("tags",),
    "log_text": ("path",),
    "log_dict": ("path",),
    "log_figure": ("figure", "path"),
    "log_image": ("image", "path"),
    "log_table": ("table", "path"),
    "log_artifact": ("file", "path"),
    "log_artifacts": ("folder", "path"),
    "log_input": ("data", "name", "role"),
    "start_run": ("name", "run_id", "experiment", "tags", "nested"),
    "get_run": ("run",),
    "search_runs": (
        "experiment_names",
        "filter_string",
        "order_by",
        "max_results",
        "output_format",
    ),
    "search_model_versions": ("filter_string", "order_by", "max_results"),
    "follow_changes": ("consumer", "seconds"),
    "collect_garbage": ("trash_days", "grace_hours", "dry_run"),
    "set_experiment": ("name",),
    "delete_run": ("run",),
    "restore_run": ("run",),
    "load_model": ("uri", "trust"),
    "loop": ("iterable", "name", "total", "progress", "run_name"),
    "autolog": ("disable",),
    "end_run": ("status",),
}
USUAL = PLACES | {
    "key": "k",
    "value": 1.0,
    "params": {"a": 1},
    "metrics": {"m": 1.0},
    "tags": {"t": 1},
    "data": [[1]],
    "run": "@last",
}
USUAL |= {"uri": "runs:/@last/none", "iterable": [1], "name": "n"}
USUAL |= {"consumer": "me", "on_change": print}


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        (fitprint.search_runs, ("filter_string", "order_by", "max_results")),
        (fitprint.search_model_versions, ("filter_string", "order_by", "max_results")),
        (RegisteredModel.versions, ("filter_string",)),
        (RegisteredModel.history, ("alias", "limit")),
        (fitprint.sql, ("limit", "timeout")),
        (fitprint.copy_runs, ("filter_string",)),
        (fitprint.collect_garbage, ("trash_days", "grace_hours")),
        (fitprint.follow_changes, ("seconds",)),
        (fitprint.load_model, ("trust",)),
        (fitprint.load_predictor, ("trust",)),
        (fitprint.evaluate, ("metrics", "trust")),
    ],
)
def test_filters_limits_and_names_are_none_by_default(call, arguments) -> None:
    """Who passes an option on need not know what it is by default."""
    parameters = inspect.signature(call).parameters
    assert dict.fromkeys(arguments) == {name: parameters[name].default for name in arguments}


@pytest.mark.parametrize("verb", VERBS)
def test_fault_7_no_argument_causes_an_error_of_pythons_own(verb: str) -> None:
    """Each argument of each verb takes each odd value, or refuses it by an error of fitprint's."""
    call: Callable[..., Any] = getattr(fitprint, verb)
    needed = [
        name
        for name, parameter in inspect.signature(call).parameters.items()
        if parameter.default is parameter.empty
    ]
    for argument in VERBS[verb]:
        for value in ODD:
            fitprint.start_run("around", nested=False)
            given = {name: USUAL[name] for name in needed if name in USUAL} | {argument: value}
            try:
                call(**given)
            except FitprintError:
                pass
            while fitprint.active_run():
                fitprint.end_run()
    fitprint.autolog(disable=True)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: fitprint.log_metrics("a"),
            InvalidMetricError,
            r"such as log_metrics\(\{'loss': 0.1\}\), not 'a'",
        ),
        (
            lambda: fitprint.log_params(["a"]),
            InvalidParamError,
            r"such as log_params\(\{'lr': 0.1\}\), not \['a'\]",
        ),
        (
            lambda: fitprint.set_tags(3),
            FitprintError,
            r"such as set_tags\(\{'team': 'a'\}\), not 3",
        ),
        (
            lambda: fitprint.set_tag(None, "x"),
            FitprintError,
            "a tag's name must be a text that is not empty, not None",
        ),
        (
            lambda: fitprint.log_param(["k"], 1),
            InvalidParamError,
            "a parameter's name must be a text that is not empty",
        ),
        (
            lambda: fitprint.log_artifacts(""),
            FitprintError,
            "the folder to record must be a path, not ''",
        ),
        (lambda: fitprint.log_input(3), FitprintError, "log_input takes data.*not 3"),
        (
            lambda: fitprint.search_runs(max_results=-1),
            FitprintError,
            "max_results must be a whole number from 0 on, not -1",
        ),
        (
            lambda: fitprint.search_runs(max_results="5"),
            FitprintError,
            "max_results must be a whole number from 0 on, not '5'",
        ),
        (
            lambda: fitprint.search_runs(order_by=3),
            QueryError,
            "an ordering must be a list of texts, not 3",
        ),
        (
            lambda: fitprint.search_runs(["nosuch"]),
            ExperimentNotFoundError,
            "no experiment 'nosuch'; there are: 'Default'",
        ),
        (
            lambda: fitprint.search_runs("Defualt"),
            ExperimentNotFoundError,
            "no experiment 'Defualt'; did you mean 'Default'",
        ),
        (
            lambda: fitprint.search_runs(filter_string="status = 'FINSHED'"),
            QueryError,
            "there are: RUNNING, FINISHED, FAILED, KILLED",
        ),
        (
            lambda: fitprint.search_runs(filter_string="status in ('FAILED', 'DONE')"),
            QueryError,
            "no run has the status 'DONE'",
        ),
        (
            lambda: fitprint.start_run(nested="no"),
            FitprintError,
            "nested must be True or False, not 'no'",
        ),
        (
            lambda: fitprint.autolog(disable="yes"),
            SettingsError,
            "disable must be True or False, not 'yes'",
        ),
        (
            lambda: fitprint.configure(model_limit_mb=-1),
            SettingsError,
            "must be a number from 0 on, not -1",
        ),
        (
            lambda: fitprint.configure(exit_wait=float("nan")),
            SettingsError,
            "must be a number, not nan",
        ),
        (
            lambda: fitprint.configure(nosuch=None),
            SettingsError,
            "unknown setting 'nosuch' from call",
        ),
        (
            lambda: fitprint.configure(sklearn={3: 4}),
            SettingsError,
            "unknown setting 'sklearn.3'|unknown setting 'sklearn'",
        ),
        (
            lambda: fitprint.follow_changes("me", print, seconds="a"),
            FitprintError,
            "seconds must be a number of seconds, more than 0 and up to a year, not 'a'",
        ),
        (
            lambda: fitprint.sql("SELECT 1", timeout=0),
            FitprintError,
            "timeout must be a number of seconds, more than 0 and up to a day, not 0",
        ),
        (
            lambda: fitprint.create_registered_model("churn").history(limit=-1),
            FitprintError,
            "limit must be a whole number from 0 on, not -1",
        ),
        (lambda: fitprint.loop(3), FitprintError, "a loop goes over what has items"),
        (
            lambda: fitprint.loop([1], total=-1),
            FitprintError,
            "total must be a whole number from 0 on",
        ),
        (
            lambda: fitprint.active_run().summary("nosuch"),
            MetricNotFoundError,
            "has no metric 'nosuch'; its metrics: loss",
        ),
        (
            lambda: fitprint.active_run().download(3),
            FitprintError,
            "an artifact's path must be a text, not 3",
        ),
        (
            lambda: fitprint.active_run().log_metric("loss", 1.0, goal="least"),
            InvalidMetricError,
            "goal 'min' or 'max'",
        ),
    ],
)
def test_fault_7_what_was_expected_is_named(
    call: Callable[[], Any], error: type[FitprintError], message: str
) -> None:
    """By the error that the verb raises for other wrong values, too."""
    with fitprint.start_run():
        fitprint.log_metric("loss", 1.0)
        with pytest.raises(error, match=message):
            call()


def test_fault_7_a_run_that_is_refused_does_not_begin() -> None:
    """Its tags are looked at before it starts."""
    with pytest.raises(FitprintError, match="such as tags="):
        fitprint.start_run("refused", tags="a")  # type: ignore[arg-type]
    assert [] == fitprint.search_runs()


def test_fault_7_good_tags_are_set_beside_bad_names() -> None:
    """As good parameters are recorded beside bad ones."""
    with (
        fitprint.start_run() as run,
        pytest.raises(FitprintError, match="a tag's name must be a text"),
    ):
        run.set_tags({"a": 1, 3: 4})  # type: ignore[dict-item]
    assert {"a": "1"} == run.tags


def test_fault_7_one_ordering_may_be_a_text() -> None:
    """It is one item, not a letter each."""
    for name in ("b", "a"):
        with fitprint.start_run(name, nested=False):
            pass
    assert ["a", "b"] == [run.name for run in fitprint.search_runs(order_by="name asc")]


def test_fault_7_an_experiment_that_was_set_may_have_no_run_yet() -> None:
    """A script may look for earlier runs of its own before the first."""
    fitprint.set_experiment("new")
    assert [] == fitprint.search_runs(["new"])


def test_fault_7_a_row_of_a_table_has_names_and_values() -> None:
    """Whatever has ``items()`` as a dict does is taken."""

    class Row:
        def __bool__(self) -> bool:
            raise ValueError("of several values")

        def items(self) -> list[tuple[str, float]]:
            return [("a", 1.0)]

    with fitprint.start_run() as run:
        run.log_metrics(Row())  # type: ignore[arg-type]
        run.log_params(Row())  # type: ignore[arg-type]
    assert ({"a": 1.0}, {"a": 1.0}) == (run.metrics, run.params)


def test_fault_7_a_run_prints_what_it_is() -> None:
    """Name, id, status and experiment; of a handle that recorded it,
    without a look into the store.
    """
    with fitprint.start_run("swift", experiment="race") as run:
        assert f"<fitprint.Run {run.id[-6:]} 'swift', RUNNING>" == repr(run)
        run.log_metric("loss", 0.25)
    assert (
        f"<fitprint.Run {run.id[-6:]} 'swift', FINISHED, loss 0.25>"
        == repr(run)
        == str(fitprint.get_run(run.id))
    )


def test_fault_7_what_a_run_has_prints_in_a_line() -> None:
    """Models, data, curves and the record itself do not fill a screen with their facts."""
    with fitprint.start_run() as run:
        run.log_model({"a": 1})
        run.log_input([[1.0, 2.0]] * 100)
        run.log_history("loss", [1.0] * 1000)
        run.log_params({str(number): number for number in range(100)})
    assert 300 > max(len(repr(each)) for each in (run.models, run.datasets, run.record))
    assert "History(1000 points)" == repr(run.history("loss"))


def test_fault_7_a_run_knows_how_long_it_took() -> None:
    """In seconds; while it goes on, so far."""
    with fitprint.start_run() as run:
        first = run.duration
        assert 0 <= first <= run.duration
    assert (run.end_time - run.start_time).total_seconds() == run.duration  # type: ignore[operator]
