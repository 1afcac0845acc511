"""Listings that are kept by name in the project's file."""

from __future__ import annotations

from pathlib import Path

import pytest

import fitprint
from fitprint.errors import FitprintError, QueryError
from fitprint.settings import load_settings
from fitprint.views.saved import SavedView, find_view, joined, remove_view, save_view, saved_views

OTHERS = """\
[project]  # mine
name = 'x'

[tool.fitprint]
metric = ["val_auc"]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of a project in whose folder one is."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "pyproject.toml"
    path.write_text(OTHERS, encoding="utf-8")
    return path


BEST = SavedView(
    "best",
    "params.solver = \"a\\b\" and tags.ü = 'é'",
    "iris",
    "-val_auc,lr",
    "val_*,lr",
    ("val_auc", "auc"),
    "model",
    3,
)


def test_a_view_is_kept_and_found(project):
    """All that it says; and nothing else of the file has changed."""
    save_view(BEST)
    assert BEST == find_view("best")
    assert project.read_text(encoding="utf-8").startswith(
        OTHERS + "\n[tool.fitprint.views.best]\nfilter = "
    )


def test_a_view_takes_the_place_of_one_of_its_name(project):
    """Where that is in the file."""
    save_view(BEST)
    save_view(SavedView("other", sort="lr"))
    save_view(SavedView("best", top=5))
    assert (
        OTHERS
        + '\n[tool.fitprint.views.best]\ntop = 5\n\n[tool.fitprint.views.other]\nsort = "lr"\n'
        == project.read_text(encoding="utf-8")
    )


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_view_that_is_removed_leaves_the_file_as_it_was(project, end):
    """To the byte, line ends included."""
    before = OTHERS.replace("\n", end).encode()
    project.write_bytes(before)
    save_view(SavedView("a", sort="lr"))
    save_view(BEST)
    assert {"a", "best"} == saved_views().keys()
    remove_view("best")
    remove_view("a")
    assert before == project.read_bytes()


def test_views_are_no_settings(project):
    """They are in the table of the settings, and no setting is unknown for that."""
    save_view(BEST)
    settings = load_settings(start=project.parent)
    assert (["val_auc"], ()) == (settings["metric"], settings.problems)


def test_a_table_that_was_written_by_hand_is_changed(project):
    """With its empty lines; what is said of the next table stays."""
    project.write_text(
        "# of best\n[ tool.fitprint.views.'best' ] # it\n\nsort = 'lr'\n\n# of x\n[x]\ny = 1\n",
        encoding="utf-8",
    )
    save_view(SavedView("best", top=1))
    assert (
        "# of best\n[tool.fitprint.views.best]\ntop = 1\n\n# of x\n[x]\ny = 1\n"
        == project.read_text(encoding="utf-8")
    )


@pytest.mark.parametrize(
    "text",
    [
        "tool.fitprint.views.best.sort = 'lr'\n",
        "[tool.fitprint.views]\nbest = {sort = 'lr'}\n",
        (
            "[x]\n"
            "y = '''\n"
            "[tool.fitprint.views.best]\n"
            "'''\n"
            "[tool.fitprint.views]\n"
            "best = {sort = 'lr'}\n"
        ),
    ],
)
def test_a_file_that_is_written_in_its_own_way_is_not_changed(project, text):
    """But read: the view is changed by hand there."""
    project.write_text(text, encoding="utf-8")
    assert "lr" == find_view("best").sort
    for change in (lambda: save_view(BEST), lambda: remove_view("best")):
        with pytest.raises(FitprintError, match="edit that file yourself"):
            change()
    assert text == project.read_text(encoding="utf-8")
    assert [project] == list(project.parent.iterdir())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[tool.fitprint.views.a]\nfiltre = 'x'\n", "has a key 'filtre'; did you mean 'filter'?"),
        ("[tool.fitprint.views.a]\ntop = '3'\n", "top of .* must be a whole number, not '3'"),
        ("[tool.fitprint.views.a]\nmetric = [1]\n", "must be a list of texts"),
        ("[tool.fitprint]\nviews = 3\n", "must have a table for each view"),
        ("[tool.fitprint.views.a\n", "is not valid TOML"),
    ],
)
def test_what_is_wrong_in_the_file_is_told(project, text, told):
    """When a view is looked for."""
    project.write_text(text, encoding="utf-8")
    with pytest.raises(FitprintError, match=told):
        find_view("a")


def test_an_unknown_view_gets_a_suggestion(project):
    """As every name does."""
    save_view(BEST)
    with pytest.raises(FitprintError, match=r"there is no view 'bset'; did you mean 'best'\?"):
        find_view("bset")


@pytest.mark.parametrize("name", ["", "a b", "a.b", "a\n", "x" * 65])
def test_odd_names_are_refused(project, name):
    """A view's name is the name of a table."""
    with pytest.raises(FitprintError, match="the name of a view"):
        save_view(SavedView(name))


def test_a_filter_that_cannot_be_read_is_not_kept(project):
    """It is told where it is written."""
    with pytest.raises(QueryError):
        save_view(SavedView("a", "params.lr <<"))
    assert OTHERS == project.read_text(encoding="utf-8")


def test_a_folder_without_a_project_has_no_views(project):
    """One is told what to make."""
    project.unlink()
    assert {} == saved_views()
    with pytest.raises(FitprintError, match="make one where yours begins"):
        save_view(BEST)


def test_filters_are_joined():
    """All of them hold, whatever words they are made of."""
    assert "" == joined("", " ")
    assert "a = 1" == joined("", "a = 1")
    assert "(a = 1 or b = 2) and (c = 3)" == joined("a = 1 or b = 2", "c = 3")


def test_runs_are_searched_by_a_view(project, home):
    """A filter given beside it holds, too, and what else is given replaces what the view says."""
    for place in range(4):
        with fitprint.start_run(str(place), experiment="iris" if place else "other"):
            fitprint.log_metric("val_auc", place / 10)
    save_view(SavedView("best", "metrics.val_auc < 0.3", "iris", "-val_auc", top=2))

    def found(**options):
        return [run.name for run in fitprint.search_runs(view="best", **options)]

    assert ["2", "1"] == found()
    assert ["1"] == found(filter_string="metrics.val_auc < 0.2")
    assert ["1", "2"] == found(order_by="val_auc")
    assert ["0"] == found(experiment_names="other")
    assert ["2"] == found(max_results=1)
