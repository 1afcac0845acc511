"""What people do to runs and experiments afterwards: renaming, moving, notes, the archive,
purging.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fitprint
from fitprint.errors import (
    ExperimentNotFoundError,
    FitprintError,
    RefusedError,
    RunNotFoundError,
    StoreError,
)
from fitprint.recording import workspace

pytestmark = pytest.mark.usefixtures("home")


def make(name: str, experiment: str | None = None) -> fitprint.Run:
    with fitprint.start_run(name, experiment=experiment, nested=False) as run:
        fitprint.log_metric("loss", 0.5)
    return run


def names() -> dict[str, int]:
    return {experiment.name: experiment.run_count for experiment in fitprint.experiments()}


def test_a_renamed_experiment_is_found_by_its_former_name_and_gets_its_runs() -> None:
    """A script that still says the old name goes on to record to the same experiment."""
    make("a", "iris")
    renamed = fitprint.rename_experiment("iris", "flowers")
    make("b", "iris")
    assert ("flowers", ("iris",)) == (renamed.name, renamed.former_names)
    assert {"flowers": 2} == names()
    assert (
        fitprint.get_experiment("iris").id
        == fitprint.get_experiment("flowers").id
        == fitprint.get_experiment(renamed.id).id
    )
    assert fitprint.get_run("b").experiment == "flowers"


def test_a_name_that_is_taken_is_refused_with_a_reason() -> None:
    """Nothing has changed then."""
    make("a", "iris")
    make("b", "wine")
    with pytest.raises(RefusedError, match="there is an experiment 'wine' already"):
        fitprint.rename_experiment("iris", "wine")
    with pytest.raises(RefusedError, match="there is an experiment 'wine' already"):
        fitprint.create_experiment("wine", tags={"team": "a"})
    assert {"iris": 1, "wine": 1} == names()


@pytest.mark.parametrize("name", ["", "  ", None, 3])
def test_a_name_is_a_text_with_something_in_it(name: object) -> None:
    """The message shows what was given."""
    make("a", "iris")
    with pytest.raises(
        FitprintError, match="the name of an experiment must be a text that is not empty"
    ):
        fitprint.rename_experiment("iris", name)  # type: ignore[arg-type]
    with pytest.raises(
        FitprintError, match="the name of an experiment must be a text that is not empty"
    ):
        fitprint.create_experiment(name)  # type: ignore[arg-type]


def test_an_experiment_that_is_not_there_is_named() -> None:
    """The message says what there is, or what was meant."""
    make("a", "iris")
    with pytest.raises(
        ExperimentNotFoundError, match="there is no experiment 'iriss'; did you mean 'iris'?"
    ):
        fitprint.rename_experiment("iriss", "x")


def test_an_experiment_with_tags_and_a_note() -> None:
    """They are there from the beginning, and can be changed."""
    made = fitprint.create_experiment("iris", tags={"team": "a", "year": 2026}, note="# Flowers")
    assert ("iris", {"team": "a", "year": "2026"}, "# Flowers", 0) == (
        made.name,
        made.tags,
        made.note,
        made.run_count,
    )
    fitprint.set_experiment_tags("iris", {"year": None})
    assert ({"team": "a"}, "new") == (
        fitprint.get_experiment("iris").tags,
        fitprint.set_experiment_note("iris", "new").note,
    )


def test_tags_and_notes_of_experiments_are_looked_at_as_those_of_runs() -> None:
    """Secrets are withheld, and what is no text is refused before anything is made."""
    made = fitprint.create_experiment("iris", tags={"api_key": "sk-1234567890abcdef", "team": "a"})
    assert made.tags == {"api_key": "[redacted]", "team": "a"}
    assert (
        fitprint.set_experiment_tags("iris", {"password": "hunter2hunter2"}).tags["password"]
        == "[redacted]"
    )
    for wrong in ({"tags": {1: "a"}}, {"tags": "team"}, {"note": 3}):
        with pytest.raises(FitprintError):
            fitprint.create_experiment("wine", **wrong)
    with pytest.raises(FitprintError, match="a note must be a text"):
        fitprint.set_experiment_note("iris", 3)  # type: ignore[arg-type]
    assert {"iris": 0} == names()


def test_an_experiment_is_named_by_a_text_or_itself() -> None:
    """What the verbs return can be handed back; anything else is a clear error, short however long
    a name is.
    """
    run = make("a", "x" * 10_000)
    iris = fitprint.create_experiment("iris")
    run.move(iris)
    assert (
        fitprint.rename_experiment(iris, "flowers").id
        == fitprint.archive_experiment(iris).id
        == iris.id
    )
    for wrong in (None, 5, [], ""):
        with pytest.raises(FitprintError, match="an experiment's name or id must be a text"):
            fitprint.get_experiment(wrong)  # type: ignore[arg-type]
    with pytest.raises(ExperimentNotFoundError) as caught:
        fitprint.get_experiment("beer")
    assert len(str(caught.value)) < 500


def test_an_archived_experiment_leaves_the_lists_and_comes_back() -> None:
    """By hand, or with the next run in it."""
    make("a", "iris")
    assert fitprint.archive_experiment("iris").archived_time is not None
    assert [] == fitprint.search_runs()
    assert ["a"] == [run.name for run in fitprint.search_runs(experiment_names=["iris"])]
    fitprint.restore_experiment("iris")
    assert ["a"] == [run.name for run in fitprint.search_runs()]
    fitprint.archive_experiment("iris")
    make("b", "iris")
    assert ["b", "a"] == [run.name for run in fitprint.search_runs()]


def test_a_run_is_renamed_moved_and_noted() -> None:
    """The handle says so at once, and so does everybody else."""
    run = make("a", "iris")
    make("b", "wine")
    run.rename("better")
    run.move("wine")
    run.set_note("# Why")
    for each in (run, fitprint.get_run("better")):
        assert ("better", "wine", "# Why") == (each.name, each.experiment, each.note)
    with pytest.raises(ExperimentNotFoundError, match="'beer'"):
        run.move("beer")


@pytest.mark.parametrize("name", ["", " ", "\t\n", None, 5])
def test_a_name_that_nobody_sees_is_refused(name: Any) -> None:
    """The run keeps the one that it has."""
    with (
        fitprint.start_run("a") as run,
        pytest.raises(FitprintError, match="the name of a run must be a text that is not empty"),
    ):
        run.rename(name)
    assert fitprint.get_run(run.id).name == "a"


def test_an_open_run_can_be_renamed() -> None:
    """It keeps the name when it ends."""
    with fitprint.start_run("a") as run:
        run.rename("better")
        assert run.name == "better"
    assert fitprint.get_run(run.id).name == "better"


def test_a_purged_run_is_gone_with_all_below_it() -> None:
    """Only what is in the trash can be purged."""
    with fitprint.start_run("a") as run, fitprint.start_run("child", nested=True) as child:
        pass
    with pytest.raises(RefusedError, match="is not in the trash: delete it first"):
        fitprint.purge_run(run.id)
    fitprint.delete_run(run.id)
    assert [run.id, child.id] == list(fitprint.purge_run(run.id))
    for each in (run, child):
        with pytest.raises(RunNotFoundError):
            fitprint.get_run(each.id)
        with pytest.raises(RunNotFoundError):
            fitprint.restore_run(each.id)


def test_what_the_store_has_not_decided_stays_written_down(home: Path, tmp_path: Path) -> None:
    """The store of another process is locked: the error says that the act is kept, and it is done
    later.
    """
    path = tmp_path / "team.db"
    fitprint.configure(store=f"sqlite:///{path}")
    make("a", "iris")
    assert {"iris": 1} == names()
    script = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('BEGIN "
        "EXCLUSIVE'); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StoreError, match="your request is kept"):
            fitprint.rename_experiment("iris", "flowers")
        holder.kill()
    workspace.current().sync()
    assert {"flowers": 1} == names()
