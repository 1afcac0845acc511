"""The public verbs: what is found again, how it is named, and what is told when it is not there."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fitprint
from fitprint.errors import (
    AmbiguousRunError,
    FitprintError,
    QueryError,
    RunNotFoundError,
    StoreError,
)
from fitprint.recording import workspace

pytestmark = pytest.mark.usefixtures("home")


def make(name: str, **params: Any) -> fitprint.Run:
    with fitprint.start_run(name, nested=False) as run:
        fitprint.log_params(params)
        fitprint.log_metric("loss", params.get("C", 0.0))
    return run


def test_a_run_is_found_by_id_prefix_name_and_last() -> None:
    """All of them lead to the same run; of a name the newest counts."""
    make("a")
    second = make("a")
    last = make("b")
    assert (
        second.id
        == fitprint.get_run(second.id).id
        == fitprint.get_run(second.id[:-1]).id
        == fitprint.get_run("a").id
    )
    assert last.id == fitprint.get_run("@last").id == fitprint.get_run("b").id


def test_a_run_that_is_not_there_is_named() -> None:
    """The message says where was looked and how runs are listed; a prefix of several names them."""
    with pytest.raises(RunNotFoundError, match="there is no run yet in memory://"):
        fitprint.get_run("@last")
    first, second = make("a"), make("b")
    with pytest.raises(
        RunNotFoundError, match="no run has the name or id 'nothing'.*`fitprint ls` lists runs"
    ):
        fitprint.get_run("nothing")
    common = first.id[:8]
    assert second.id.startswith(common)
    with pytest.raises(AmbiguousRunError) as caught:
        fitprint.get_run(common)
    assert first.id[-6:] in str(caught.value)
    assert second.id[-6:] in str(caught.value)
    for verb in (
        fitprint.delete_run,
        fitprint.restore_run,
        lambda run: fitprint.start_run(run_id=run),
    ):
        with pytest.raises(RunNotFoundError):
            verb("nothing")


def test_searching_filters_and_orders() -> None:
    """Newest first by default; filters, orders, experiments and limits as asked."""
    for C in (0.1, 1.0, 10.0):
        make(f"C={C}", C=C)
    with fitprint.start_run("apart", experiment="other"):
        pass

    def names(**options: Any) -> list[str]:
        return [run.name for run in fitprint.search_runs(**options)]

    assert ["apart", "C=10.0", "C=1.0", "C=0.1"] == names()
    assert ["C=10.0", "C=1.0"] == names(filter_string="params.C >= 1")
    assert ["C=0.1", "C=1.0"] == names(
        filter_string="metrics.loss < 5", order_by=["metrics.loss ASC"]
    )
    assert ["apart"] == names(experiment_names=["other"])
    assert ["apart", "C=10.0"] == names(max_results=2)
    assert [] == names(max_results=0)
    with pytest.raises(QueryError, match=r"params\.C >>"):
        names(filter_string="params.C >> 1")
    with pytest.raises(FitprintError, match="must be 'list', 'pandas' or 'polars', not 'json'"):
        names(output_format="json")


def test_more_runs_than_a_page_are_found() -> None:
    """Paging is nobody's business."""
    for _ in range(1100):
        with fitprint.start_run():
            pass
    assert 1100 == len({run.id for run in fitprint.search_runs(max_results=5000)})
    assert 1050 == len(fitprint.search_runs(max_results=1050))


def test_a_deleted_run_is_out_of_sight_and_comes_back() -> None:
    """The trash keeps everything."""
    run = make("a", C=1)
    fitprint.delete_run(run.id)
    assert [] == fitprint.search_runs()
    fitprint.restore_run(run.id)
    (found,) = fitprint.search_runs()
    assert {"C": 1} == found.params


def test_a_run_in_the_trash_does_not_go_on() -> None:
    """What were recorded there would not be seen: the error says how to get it back, and nothing
    begins.
    """
    run = make("a", C=1)
    fitprint.delete_run(run.id)
    with pytest.raises(
        FitprintError,
        match=f"the run a is in the trash; take it out first: fitprint restore {run.id[-6:]}",
    ):
        fitprint.start_run(run_id=run.id)
    assert fitprint.active_run() is None
    fitprint.restore_run(run.id)
    with fitprint.start_run(run_id=run.id) as again:
        assert run.id == again.id


@pytest.mark.parametrize("verb", ["get_run", "delete_run", "restore_run", "purge_run"])
def test_no_run_is_meant_by_nothing(verb: str) -> None:
    """The empty text is the beginning of every id."""
    run = make("a")
    fitprint.delete_run(make("b").id)
    for wrong in ("", None, 5):
        with pytest.raises(FitprintError, match="a run is named by a text"):
            getattr(fitprint, verb)(wrong)
    assert [run.id] == [each.id for each in fitprint.search_runs()]


def test_experiments_group_runs() -> None:
    """One begins to exist with its first run, and is chosen for all new runs or for one."""
    make("a")
    fitprint.set_experiment("mine")
    assert ["Default"] == [experiment.name for experiment in fitprint.experiments()]
    make("b")
    with fitprint.start_run("c", experiment="other", nested=False):
        pass
    assert {"Default": 1, "mine": 1, "other": 1} == {
        experiment.name: experiment.run_count for experiment in fitprint.experiments()
    }


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("nowhere://x", "no installed plugin provides stores at nowhere://"),
        ("sqlit:///x.db", "did you mean sqlite://?"),
        ("runs.db", "it needs a scheme"),
        (
            "postgresql://host/db",
            "use memory://, sqlite://, or install a plugin that brings this one",
        ),
    ],
)
def test_a_store_that_there_is_not_is_told_when_it_is_read(uri: str, message: str) -> None:
    """Recording goes on, reading says what is wrong, and nothing is lost."""
    fitprint.configure(store=uri)
    run = make("a", C=1)
    with pytest.raises(StoreError) as caught:
        fitprint.search_runs()
    assert message in str(caught.value)
    assert list((workspace.current().home / "journal").iterdir())
    assert not run.is_open


def test_public_names_come_lazily() -> None:
    """``import fitprint`` loads nothing of weight; all names are there, listed and documented."""
    script = """
import sys
before = set(sys.modules)
import fitprint
light = {name for name in set(sys.modules) - before if name.partition(".")[0] not in ("fitprint", "__future__", "typing")}
print(sorted(light), sorted(name for name in sys.modules if name.startswith("fitprint.")))
assert set(fitprint.__all__) <= set(dir(fitprint))
for name in fitprint.__all__:
    assert getattr(fitprint, name).__doc__, name
try:
    fitprint.nothing
except AttributeError as error:
    print(error)
"""  # noqa: E501
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "[] []\nmodule 'fitprint' has no attribute 'nothing'\n" == done.stdout


def test_the_home_keeps_itself_out_of_version_control(home: Path) -> None:
    """The folder brings its own ``.gitignore``, and is made with the first run only."""
    assert not home.exists()
    fitprint.search_runs()
    make("a")
    assert "*" in (home / ".gitignore").read_text().splitlines()


def make_search(name: str = "search", children: int = 3) -> fitprint.Run:
    """Record a run with children, the first of which has a child of its own."""
    with fitprint.start_run(name) as search:
        for number in range(children):
            with fitprint.start_run(f"{name} child {number}"):
                if not number:
                    with fitprint.start_run(f"{name} grandchild"):
                        pass
    return search


def test_children_are_searched_when_they_are_asked_for() -> None:
    """By the argument, or by a filter on their parent; runs that match are found without them."""
    search = make_search()
    assert ["search"] == [run.name for run in fitprint.search_runs()]
    assert [] == fitprint.search_runs(filter_string="name like '%child%'")
    assert 5 == len(fitprint.search_runs(children=True))
    assert 4 == len(fitprint.search_runs(filter_string="name like '%child%'", children=True))
    assert 3 == len(fitprint.search_runs(filter_string=f"parent_id = '{search.id}'"))


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("metrics.val_los < 1", "no run has a metric 'val_los'; did you mean 'val_loss'?"),
        ("params.lrr = 1 or params.lr = 1", "no run has a parameter 'lrr'; did you mean 'lr'?"),
        ("tags.lr = '1'", "no run has a tag 'lr'; there is a parameter of this name"),
        ("experiment = 'Defautl'", "no run has an experiment 'Defautl'; did you mean 'Default'?"),
    ],
)
def test_a_filter_with_a_key_that_no_run_has_is_an_error(condition: str, told: str) -> None:
    """It is mistyped, and nobody would know why no run matches."""
    with fitprint.start_run():
        fitprint.log_param("lr", 1)
        fitprint.log_metric("val_loss", 0.5)
    with pytest.raises(QueryError, match=re.escape(told)):
        fitprint.search_runs(filter_string=condition)


def test_a_filter_may_ask_for_what_no_run_has_yet() -> None:
    """For runs without a tag that is to be set; and of a store without any key, for everything."""
    assert [] == fitprint.search_runs(filter_string="tags.job = '42'")
    run = make("a", lr=1)
    assert [run.id] == [
        found.id
        for found in fitprint.search_runs(filter_string="tags.job is null and params.lr = 1")
    ]


def test_fault_22_what_is_below_a_run_goes_to_the_trash_and_comes_back_with_it() -> None:
    """A search goes with all below it, at any depth; restored, it brings back those that went with
    it and no others.
    """
    search = make_search()
    earlier = next(run for run in search.children() if run.name == "search child 2")
    assert [earlier.id] == fitprint.delete_run(earlier.id)
    assert 4 == len(fitprint.delete_run(search.id))
    assert [] == fitprint.search_runs()
    assert [] == list(fitprint.delete_run(search.id))
    assert 4 == len(fitprint.restore_run(search.id))
    assert ["search", "search child 0", "search child 1", "search grandchild"] == sorted(
        run.name for run in fitprint.search_runs(children=True)
    )


def test_fault_22_a_run_in_the_trash_does_not_shadow_live_ones_of_its_name() -> None:
    """The name leads to the live run, though the other is newer; restoring takes the one in the
    trash.
    """
    live, gone = make("a"), make("a")
    fitprint.delete_run(gone.id)
    assert live.id == fitprint.get_run("a").id
    assert gone.id == fitprint.get_run(gone.id).id
    assert [gone.id] == fitprint.restore_run("a")


def test_fault_22_a_run_that_is_not_in_the_trash_is_not_restored() -> None:
    """Nothing comes back, and nothing is written."""
    run = make("a")
    assert [] == list(fitprint.restore_run(run.id))


def test_fault_22_a_run_that_is_below_itself_is_deleted_once() -> None:
    """A record may say so; the family has each run once."""
    from fitprint import events
    from fitprint.recording.workspace import current

    writer = current().writer
    writer.append(
        events.RunStarted("x", 1, "Default", "x", "y"),
        events.RunStarted("y", 2, "Default", "y", "x"),
    )
    assert ["x", "y"] == fitprint.delete_run("x")


def test_odd_arguments_are_named(tmp_path: Path) -> None:
    """By an error that says what is asked for; a folder may be given as a path."""
    for uri in (None, 5, "x" * 300, tmp_path / "nothing"):
        with pytest.raises(
            FitprintError, match="give runs:/RUN/model, models:/NAME@ALIAS, or a folder"
        ):
            fitprint.load_model(uri)  # type: ignore[arg-type]
    with (
        fitprint.start_run() as run,
        pytest.raises(FitprintError, match="artifact's path is a text such as 'plots/roc.png'"),
    ):
        run.log_text("content", None)  # type: ignore[arg-type]
    with pytest.raises(FitprintError, match="must not be empty; leave it out for 'Default'"):
        fitprint.set_experiment("")


def test_a_run_is_named_by_what_it_is() -> None:
    """The newest, the newest of a name, the best by a metric, that of those that match, the one
    with a tag.
    """
    first = make("a")
    first.set_tag("team", "x")
    for number, loss in enumerate([3.0, 1.0, math.nan, 2.0]):
        with fitprint.start_run("b") as run:
            run.log_param("n", number)
            run.log_metric("val_loss", loss)
            run.log_metric("NDCG:top=3", loss)
    last = fitprint.search_runs(max_results=1)[0]
    found = {
        name: fitprint.get_run(name).params.get("n")
        for name in (
            "@last",
            "@last:b",
            "@best:val_loss",
            "@best:val_loss:params.n != 1",
            "@best:NDCG:top=3",
            "@best:NDCG:top=3:params.n < 3",
        )
    }
    assert {
        "@last": 3,
        "@last:b": 3,
        "@best:val_loss": 1,
        "@best:val_loss:params.n != 1": 3,
        "@best:NDCG:top=3": 0,
        "@best:NDCG:top=3:params.n < 3": 0,
    } == found
    assert [first.id] * 4 == [
        fitprint.get_run(name).id for name in ("@last:a", "#team", "#team=x", "a")
    ]
    assert last is fitprint.get_run(last)
    fitprint.configure(metric=["nothing", "val_loss"])
    assert 1 == fitprint.get_run("@best").params["n"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("@last:zzz", "no run is called 'zzz'"),
        ("@best:val_los", "no run has a metric 'val_los'; did you mean 'val_loss'"),
        (
            "@best:val_loss:params.n > 7",
            "no runs that match 'params.n > 7' with a number for the metric 'val_loss'",
        ),
        ("@best:nan", "no runs with a number for the metric 'nan'"),
        ("@best", "needs a metric"),
        ("#colour", "no run has the tag 'colour'; did you mean 'color'"),
        ("#color=green", "no run has the tag 'color=green'"),
        ("#=green", "write the tag's name before the ="),
    ],
)
def test_a_name_that_fits_nothing_says_what_to_do(name: str, message: str) -> None:
    """Also a metric that is NaN in every run."""
    with fitprint.start_run("a", tags={"color": "red"}) as run:
        run.log_metrics({"val_loss": 1.0, "nan": math.nan})
    with pytest.raises(FitprintError, match=re.escape(message)):
        fitprint.get_run(name)


def test_runs_are_named_by_the_end_of_their_id() -> None:
    """From four digits on: those that are shown are the last six, and one may write the first of
    them.
    """
    run = make("a")
    for part in (run.id[-4:], run.id[-6:], run.id[-6:-2], run.id[-10:], run.id[:20]):
        assert run.id == fitprint.get_run(part).id
    with pytest.raises(FitprintError, match="no run has"):
        fitprint.get_run(run.id[-3:])


def test_several_runs_of_a_name_are_too_many_to_delete() -> None:
    """The newest is shown, but none is removed; what is in the trash is in nobody's way."""
    older, newer = make("a"), make("a")
    assert newer.id == fitprint.get_run("a").id
    with pytest.raises(
        AmbiguousRunError,
        match=f"several runs are called 'a': {newer.id[-6:]} .*; {older.id[-6:]} .*@last:a",
    ):
        fitprint.delete_run("a")
    assert [newer.id] == fitprint.delete_run(newer)
    assert [older.id] == fitprint.delete_run("a")


def test_an_ordering_is_given_as_on_the_command_line() -> None:
    """A dash for the greatest first, names without a prefix; what no run has gets a suggestion."""
    for C in (0.1, 1.0, 10.0):
        make(f"C={C}", C=C)
    for order in ("-loss", "loss desc", ["-metrics.loss"], "-C", "metrics.loss DESC"):
        assert ["C=10.0", "C=1.0", "C=0.1"] == [
            run.name for run in fitprint.search_runs(order_by=order)
        ]
    with pytest.raises(
        QueryError,
        match="no run has a metric, parameter or tag 'los' to sort by; did you mean 'loss'",
    ):
        fitprint.search_runs(order_by="-los")


def test_the_best_run_is_that_of_the_experiments_metric() -> None:
    """Where no setting says by what runs are judged, and the tags of the experiments agree;
    infinities are no best.
    """
    for loss in (2.0, 1.0, -math.inf):
        with fitprint.start_run("a") as run:
            run.log_metric("my_loss", loss)
    fitprint.set_experiment_tags("Default", {"metric": "my_loss"})
    assert 1.0 == fitprint.get_run("@best").metrics["my_loss"]
    fitprint.configure(metric=["my_los"])
    with pytest.raises(
        FitprintError,
        match=("no run has a metric 'my_los' by which to judge runs; did you mean 'my_loss'"),
    ):
        fitprint.get_run("@best")


def test_experiments_have_a_short_text() -> None:
    """Name, number of runs, and whether they are in the archive."""
    make("a")
    assert "[<fitprint.Experiment 'Default', 1 run>]" == repr(fitprint.experiments())
    assert "<fitprint.Experiment 'Default', 1 run, archived>" == repr(
        fitprint.archive_experiment("Default")
    )
