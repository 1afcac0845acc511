"""The verb that judges a model: which model and run are meant, what is computed, what is recorded,
and what is told of mistakes.
"""

from __future__ import annotations

import json
import random
import types
from collections.abc import Iterator
from typing import Any

import pytest

import fitprint
from fitprint.errors import AmbiguousRunError, FitprintError, ModelNotFoundError, RunNotFoundError
from fitprint.hooks import manager
from fitprint.hooks.markers import hookimpl
from fitprint.hooks.metrics import Metric, Outcome
from fitprint.views.ranking import own_metric

ROWS = [
    {"size": size, "town": town, "kind": size > 2}
    for size, town in ((1, "Oslo"), (2, "Rome"), (3, "Oslo"), (4, "Bonn"))
]
DATA = {
    "size": [1, 2, 3, 4],
    "town": ["Oslo", "Rome", "Oslo", "Bonn"],
    "kind": [False, True, True, True],
}
KINDS = [False, True, True, True]


class Sizes:
    """A model that calls large what is larger than two."""

    def predict(self, data: Any) -> list[bool]:
        sizes = data["size"] if isinstance(data, dict) else [row["size"] for row in data]
        return [size > 2 for size in sizes]


def share(true: Any, predicted: Any) -> float:
    """Return the share of rows for which the prediction is right."""
    return sum(a == b for a, b in zip(true, predicted, strict=True)) / len(true)


def of_outcome(outcome: Outcome) -> float:
    return share(outcome.true, outcome.predicted)


def far(outcome: Outcome) -> float:
    return float(sum(abs(a - b) for a, b in zip(outcome.true, outcome.predicted, strict=True)))


def sure(outcome: Outcome) -> float:
    return float(sum(outcome.probabilities))


METRICS = {
    "share_score": Metric(of_outcome, default_for=["classification"]),
    "sure_score": Metric(sure, default_for=["classification"], takes="probabilities"),
    "far_error": Metric(
        lambda outcome: sum(
            abs(a - b) for a, b in zip(outcome.true, outcome.predicted, strict=True)
        ),
        "min",
        ["regression"],
    ),
}


@pytest.fixture(autouse=True)
def plugin(home: Any) -> Iterator[None]:
    """One plugin brings metrics, and none of the installed ones takes part."""
    brought = types.SimpleNamespace(register_metrics=hookimpl(lambda: METRICS))
    manager.reset(manager.Hooks(disabled=["*"], extra={"toy": brought}, strict=True))
    yield
    manager.reset()


@pytest.fixture
def run() -> fitprint.Run:
    """A run that has a model."""
    with fitprint.start_run("sizes") as run:
        run.log_model(Sizes())
    return run


def points(run: fitprint.Run, key: str) -> list[float]:
    return list(fitprint.get_run(run.id).history(key).value)


# -- which model and run ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        lambda run: run,
        lambda run: run.id,
        lambda run: "sizes",
        lambda run: "@last",
        lambda run: "sizes/model",
        lambda run: f"runs:/{run.id}/model",
        lambda run: fitprint.load_predictor(f"runs:/{run.id}/model"),
    ],
    ids=["run", "id", "name", "@last", "path", "uri", "predictor"],
)
def test_the_model_of_a_run_is_judged_on_that_run(run: fitprint.Run, model: Any) -> None:
    """However the run is named, the metrics are its own, though another run is current."""
    named = model(run)
    with fitprint.start_run("other") as other:
        other_metrics = other.metrics
        found = fitprint.evaluate(named if named != "@last" else "sizes", DATA, "kind")
    assert (run.id, "sizes", 0.75) == (found.run, found.run_name, found.metrics["share_score"])
    assert [0.75] == points(run, "test_share_score")
    assert {} == other_metrics == fitprint.get_run(other.id).metrics


def test_a_folder_is_judged_on_the_current_run(run: fitprint.Run, tmp_path: Any) -> None:
    """It has no run of its own; without a current one nothing is recorded,
    and the result says so.
    """
    folder = run.download("model", tmp_path / "copy")
    trust = [f"{Sizes.__module__}.Sizes"]
    alone = fitprint.evaluate(folder, DATA, "kind", trust=trust)
    with fitprint.start_run() as around:
        fitprint.evaluate(str(folder), DATA, "kind", trust=trust)
    assert alone.run is None
    assert "not recorded: the model has no run" in alone.notes[-1]
    assert [0.75] == points(around, "test_share_score")
    assert {} == fitprint.get_run(run.id).metrics


def test_an_object_is_judged_on_the_current_run() -> None:
    """A model that nobody has recorded."""
    assert fitprint.evaluate(Sizes(), DATA, "kind").run is None
    with fitprint.start_run() as run:
        assert run.id == fitprint.evaluate(Sizes(), DATA, "kind").run


def test_a_run_with_several_models_asks_for_the_path(run: fitprint.Run) -> None:
    """Unless one of them is at the usual place."""
    run.log_model(Sizes(), "best")
    assert run.id == fitprint.evaluate(run, DATA, "kind").run
    with fitprint.start_run("two") as two:
        two.log_model(Sizes(), "first")
        two.log_model(Sizes(), "second")
    with pytest.raises(
        FitprintError, match="the run two has 2 models: first, second; give two/PATH"
    ):
        fitprint.evaluate(two, DATA, "kind")
    assert two.id == fitprint.evaluate("two/second", DATA, "kind").run


# -- what is computed ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "target"),
    [
        (DATA, "kind"),
        (DATA, KINDS),
        (ROWS, KINDS),
        ([{**row, "kind": kind} for row, kind in zip(ROWS, KINDS, strict=True)], "kind"),
    ],
    ids=["dict", "dict and values", "records", "records with target"],
)
def test_data_come_in_several_forms(data: Any, target: Any) -> None:
    """The target is a column or apart."""
    found = fitprint.evaluate(Sizes(), data, target)
    assert ("classification", 4, {"share_score": 0.75}) == (found.task, found.rows, found.metrics)
    assert ("kind" if target == "kind" else None) == found.target


def test_quantities_have_metrics_of_their_own() -> None:
    """The default is chosen by what the target is."""
    found = fitprint.evaluate(lambda data: [1.5, 2.5, 3.25], {"a": [1, 2, 3]}, [1.5, 2.0, 3.0])
    assert ("regression", {"far_error": 0.75}) == (found.task, found.metrics)


def test_metrics_are_names_and_functions() -> None:
    """Alone, in a list and under names of one's own; they need no plugin but for the names."""
    model, given = Sizes(), (DATA, "kind")
    assert {"share": 0.75} == fitprint.evaluate(model, *given, share).metrics
    assert {"share_score": 0.75} == fitprint.evaluate(model, *given, "share_score").metrics
    assert {"share_score": 0.75, "share": 0.75} == fitprint.evaluate(
        model, *given, ["share_score", share]
    ).metrics
    both = fitprint.evaluate(model, *given, {"mine": share, "theirs": "share_score"})
    assert {"mine": 0.75, "theirs": 0.75} == both.metrics
    manager.reset(manager.Hooks(disabled=["*"]))
    assert {"share": 0.75} == fitprint.evaluate(model, *given, share).metrics
    with pytest.raises(FitprintError, match="pip install fitprint-sklearn, or give functions"):
        fitprint.evaluate(model, *given)
    with pytest.raises(FitprintError, match="pip install fitprint-sklearn, or give functions"):
        fitprint.evaluate(model, *given, "share_score")


def test_slices_have_the_same_metrics() -> None:
    """The largest comes first; a missing value is a slice of its own;
    the values may stand apart.
    """
    found = fitprint.evaluate(Sizes(), DATA, "kind", by="town")
    assert [("Oslo", 2, 1.0), ("Bonn", 1, 1.0), ("Rome", 1, 0.0)] == [
        (s.value, s.rows, s.metrics["share_score"]) for s in found.slices
    ]
    apart = fitprint.evaluate(Sizes(), DATA, "kind", by=[1, None, 1, float("nan")])
    assert [(1, 2), (None, 2)] == [(each.value, each.rows) for each in apart.slices]
    assert (["1", "missing"], None) == ([each.label for each in apart.slices], apart.by)


def test_small_slices_are_one() -> None:
    """Twenty are shown, and the rest together, with the number of its values."""
    data = {"size": list(range(50)), "kind": [True] * 50}
    slices = fitprint.evaluate(Sizes(), data, "kind", by="size").slices
    assert (21, 50) == (len(slices), sum(each.rows for each in slices))
    assert (30, 30, "30 others", None) == (
        slices[-1].others,
        slices[-1].rows,
        slices[-1].label,
        slices[-1].value,
    )


def test_a_metric_that_fails_on_a_slice_is_left_out() -> None:
    """Of one row there may be no such number."""

    def pairs(true: Any, predicted: Any) -> float:
        return 1 / (len(true) - 1)

    found = fitprint.evaluate(Sizes(), DATA, "kind", pairs, by="town")
    assert [{"pairs": 1.0}, {}, {}] == [each.metrics for each in found.slices]
    assert "-" in str(found).splitlines()[-1]


def test_a_usual_metric_that_fails_is_a_note() -> None:
    """The others are there all the same; one that was chosen is an error."""
    METRICS["bad_score"] = Metric(lambda outcome: 1 / 0, default_for=["classification"])
    try:
        found = fitprint.evaluate(Sizes(), DATA, "kind")
        assert {"share_score": 0.75} == found.metrics
        assert "bad_score could not be computed: ZeroDivisionError: division by zero" in found.notes
        with pytest.raises(
            FitprintError, match="bad_score could not be computed: ZeroDivisionError"
        ):
            fitprint.evaluate(Sizes(), DATA, "kind", "bad_score")
    finally:
        del METRICS["bad_score"]


def test_warnings_of_metrics_are_notes() -> None:
    """They say which metric they are of."""

    def careful(true: Any, predicted: Any) -> float:
        import warnings

        warnings.warn("few rows", stacklevel=1)
        return 1.0

    assert ("careful: few rows",) == fitprint.evaluate(Sizes(), DATA, "kind", careful).notes[:1]


# -- what is recorded ------------------------------------------------------------------------------


def test_the_run_gets_metrics_facts_and_an_artifact(run: fitprint.Run) -> None:
    """Tied to the digest of the data; what is in the artifact is the result itself."""
    found = fitprint.evaluate(run, DATA, "kind", by="town")
    record = fitprint.get_run(run.id).record
    (dataset,) = record.datasets
    assert ("test", "test", found.digest) == (dataset.name, dataset.role, dataset.digest)
    assert found.target_digest == dataset.facts["target"]["digest"] != ""
    assert found.to_dict() == json.loads(run.read("evaluations/test.json"))
    assert "test_share_score" == own_metric(record)


def test_the_same_verdict_is_recorded_once(run: fitprint.Run) -> None:
    """A further point says that the number or the data are others."""
    for _ in range(2):
        fitprint.evaluate(run, DATA, "kind")
    assert [0.75] == points(run, "test_share_score")
    fitprint.evaluate(run, DATA, "kind", {"share_score": share, "new": share})
    assert ([0.75], [0.75]) == (points(run, "test_share_score"), points(run, "test_new"))
    other = {"size": [1, 2, 4, 4], "kind": KINDS}
    assert (
        "these are other data than those that were 'test' before"
        in fitprint.evaluate(run, other, "kind").notes
    )
    assert [0.75, 0.75] == points(run, "test_share_score")
    fitprint.evaluate(run, other, "kind", name="july")
    assert [0.75] == points(run, "july_share_score")
    assert ["test", "test", "july"] == [
        dataset.name for dataset in fitprint.get_run(run.id).record.datasets
    ]


def test_goals_are_those_of_the_metrics(run: fitprint.Run) -> None:
    """What a plugin says counts more than what the name sounds like."""
    METRICS["odd"] = Metric(of_outcome, "min")
    try:
        fitprint.evaluate(run, DATA, "kind", ["odd", "share_score"])
    finally:
        del METRICS["odd"]
    summaries = fitprint.get_run(run.id).record.metrics
    assert ("min", "max") == (summaries["test_odd"].goal, summaries["test_share_score"].goal)


def test_settings_say_what_is_recorded_of_data(run: fitprint.Run) -> None:
    """Without data sets, the digest still ties the numbers to the data."""
    fitprint.configure(datasets=False)
    found = fitprint.evaluate(fitprint.get_run(run.id), DATA, "kind")
    assert () == tuple(fitprint.get_run(run.id).record.datasets)
    assert "" != found.digest


def test_random_generators_stay_as_they_were() -> None:
    """A model may draw from them to predict."""

    def drawing(data: Any) -> list[bool]:
        return [random.random() > 0.5 for _ in data["size"]]

    random.seed(3)
    expected = random.getstate()
    fitprint.evaluate(drawing, DATA, "kind")
    assert expected == random.getstate()


# -- what is told ----------------------------------------------------------------------------------


class Short(Sizes):
    """A model that forgets a row."""

    def predict(self, data: Any) -> list[bool]:
        return super().predict(data)[1:]


@pytest.mark.parametrize(
    ("model", "data", "target", "options", "message"),
    [
        (
            Sizes(),
            DATA,
            "knid",
            {},
            "the data have no column 'knid' for the target; did you mean 'kind'",
        ),
        (
            Sizes(),
            DATA,
            "weight",
            {},
            "no column 'weight' for the target; its columns are 'size', 'town', 'kind'",
        ),
        (
            Sizes(),
            DATA,
            "kind",
            {"by": "tonw"},
            "no column 'tonw' for the slices; did you mean 'town'",
        ),
        (
            Sizes(),
            [1, 2],
            "kind",
            {},
            "the target 'kind' names a column, and a list has no named columns",
        ),
        (Sizes(), DATA, None, {}, "the target is missing"),
        (Sizes(), DATA, 5, {}, "the target must be the name of a column or the true values, not 5"),
        (Sizes(), DATA, KINDS[1:], {}, "the target has 3 values, and the data have 4 rows"),
        (
            Sizes(),
            DATA,
            [True, None, True, None],
            {},
            "the target has 2 missing values, the first in row 1",
        ),
        (
            Sizes(),
            DATA,
            [1.0, 2.0, float("nan"), 3.0],
            {},
            "the target has 1 missing value, the first in row 2",
        ),
        (
            Sizes(),
            {"size": [1, 2], "kind": [True]},
            [True, True],
            {},
            "differ in their numbers of rows: 'size' 2, 'kind' 1",
        ),
        (
            Sizes(),
            {"size": 1},
            [True],
            {},
            "a dict of data holds columns, which are lists or arrays",
        ),
        (Sizes(), {"size": [], "kind": []}, "kind", {}, "there are no rows to evaluate on"),
        (Sizes(), [], [], {}, "there are no rows to evaluate on"),
        (Sizes(), None, "kind", {}, "there are no data in None"),
        (
            Sizes(),
            "data.csv",
            "kind",
            {},
            "there are no data in 'data.csv'.*`fitprint evaluate` reads files",
        ),
        (
            Sizes(),
            DATA,
            "kind",
            {"by": [1, 2]},
            "the column to slice by has 2 values, and the data have 4 rows",
        ),
        (
            Sizes(),
            DATA,
            "kind",
            {"by": 3.5},
            "the slices are those of a column's name, or of one value for each row",
        ),
        (
            Sizes(),
            DATA,
            "kind",
            {"metrics": "shared_score"},
            "the metric 'shared_score' is not known; did you mean 'share_score'",
        ),
        (
            Sizes(),
            DATA,
            "kind",
            {"metrics": ["zzz"]},
            "the metric 'zzz' is not known; there are far_error, share_score, sure_score",
        ),
        (Sizes(), DATA, "kind", {"metrics": []}, "the list of metrics is empty"),
        (Sizes(), DATA, "kind", {"metrics": 3}, "metrics are names or functions"),
        (Sizes(), DATA, "kind", {"metrics": [3]}, "a metric needs a name"),
        (
            Sizes(),
            DATA,
            "kind",
            {"metrics": {"a": 3}},
            "the metric 'a' must be a name or a function, not 3",
        ),
        (
            Sizes(),
            DATA,
            "kind",
            {"metrics": lambda true, predicted: 1},
            "a metric needs a name: give {'name': function}",
        ),
        (
            Sizes(),
            DATA,
            "kind",
            {"metrics": {"cost": lambda true, predicted: "1"}},
            "metric 'cost' must be one real number, not str",
        ),
        (
            Sizes(),
            DATA,
            "kind",
            {"metrics": "sure_score"},
            "sure_score takes probabilities, which a .*Sizes does not give",
        ),
        (Sizes(), DATA, "kind", {"name": "a b"}, "the name of the data must be a short word"),
        (Sizes(), DATA, "kind", {"name": "../up"}, "the name of the data must be a short word"),
        (Short(), DATA, "kind", {}, "the model returned 3 predictions for 4 rows"),
        (
            Sizes(),
            {"weight": [1], "kind": [True]},
            "kind",
            {},
            "Sizes.predict failed on these data: KeyError: 'size'",
        ),
        (Sizes, DATA, "kind", {}, "give a trained model, not the class Sizes"),
        (5, DATA, "kind", {}, "a int is not a model: it has no method predict"),
        (None, DATA, "kind", {}, "a NoneType is not a model"),
    ],
)
def test_a_mistake_is_told(model: Any, data: Any, target: Any, options: Any, message: str) -> None:
    """In one sentence with the remedy; nothing is recorded."""
    with fitprint.start_run() as run, pytest.raises(FitprintError, match=message) as caught:
        fitprint.evaluate(model, data, target, **options)
    assert "\n" not in str(caught.value)
    assert ({}, ()) == (dict(run.metrics), tuple(run.record.artifacts))


def test_a_run_without_a_model_says_so() -> None:
    """And what leads nowhere says where was looked."""
    with fitprint.start_run("bare"):
        pass
    with pytest.raises(
        FitprintError,
        match=r"the run bare \(\w+\) has no model: record models .* or give the model itself",
    ):
        fitprint.evaluate("bare", DATA, "kind")
    with pytest.raises(
        RunNotFoundError, match="nor is there a folder of this name with an MLmodel file"
    ):
        fitprint.evaluate("nothing/here", DATA, "kind")
    with pytest.raises(ModelNotFoundError, match="is not a model"):
        fitprint.evaluate("runs:/bare/model", DATA, "kind")


def test_an_ambiguous_run_is_told(run: fitprint.Run) -> None:
    """As everywhere."""
    with fitprint.start_run() as other:
        pass
    common = next(
        run.id[:length]
        for length in range(len(run.id), 3, -1)
        if other.id.startswith(run.id[:length])
    )
    with pytest.raises(AmbiguousRunError):
        fitprint.evaluate(common, DATA, "kind")
