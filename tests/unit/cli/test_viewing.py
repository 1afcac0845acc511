"""``fitprint views``, and ``--view``."""

from __future__ import annotations

import json

import pytest

import fitprint


@pytest.fixture
def runs(home, tmp_path, monkeypatch):
    """A project with four runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("")
    for place, name in enumerate(["zero", "one", "two", "three"]):
        with fitprint.start_run(name, experiment="iris" if place else "other"):
            fitprint.log_params({"lr": place, "solver": "ab"[place % 2]})
            fitprint.log_metrics({"val_auc": place / 10, "loss": 1 / (place + 1)})


def names(text):
    """Return the names of a table."""
    return [
        name
        for line in text.splitlines()
        for name in ("zero", "one", "two", "three")
        if f" {name} " in line
    ]


@pytest.fixture
def view(command, runs):
    """A view that says something of everything."""
    words = [
        "-q",
        "metrics.val_auc < 0.25",
        "--sort",
        "-val_auc",
        "--cols",
        "loss,lr",
        "-m",
        "val_auc",
        "--by",
        "solver",
        "--top",
        "2",
    ]
    done = command("views", "save", "best", "iris", *words)
    assert (0, "") == (done.status, done.out)
    assert "saved the view 'best'" in done.err


def test_a_view_is_listed(command, view):
    """With its filter, in its order, grouped, with its columns."""
    done = command("ls", "--view", "best")
    assert ["two", "one"] == names(done.out)
    heads = [line.split()[5:] for line in done.out.splitlines() if line.startswith("status")]
    assert [["loss", "lr"], ["loss", "lr"]] == heads
    assert "a, 1 run" in done.out


def test_other_options_narrow_a_view_or_replace_what_it_says(command, view):
    """A filter holds beside that of the view."""
    assert ["one"] == names(command("ls", "--view", "best", "-q", "params.lr = 1").out)
    assert ["one", "two"] == names(command("ls", "--view", "best", "--sort", "val_auc").out)
    assert ["zero"] == names(command("ls", "other", "--view", "best").out)
    assert ["two"] == names(command("ls", "--view", "best", "--top", "1").out)


def test_the_runs_of_a_view_are_compared_plotted_and_exported(command, view, tmp_path):
    """Only those."""
    compared = json.loads(command("compare", "--view", "best", "--json").out)
    assert ["two", "one"] == [run["name"] for run in compared["runs"]]
    assert "val_auc" in command("plot", "--view", "best").out
    done = command("export", "--view", "best", "-o", str(tmp_path / "file.zip"))
    assert (0, True) == (done.status, "2 runs" in done.err)


def test_a_view_is_a_page_with_its_columns_and_groups(command, view, tmp_path):
    """As the note of an experiment shows it."""
    assert 0 == command("export", "--html", "--view", "best", "-o", str(tmp_path / "v.html")).status
    text = (tmp_path / "v.html").read_text(encoding="utf-8")
    assert 2 == text.count('<th class="n">loss<th class="n">lr</tr>')
    assert "<h3>a</h3>" in text
    assert "What differs" in text


def test_views_are_shown_as_data(command, view):
    """One as an object, all as a list."""
    expected = {
        "name": "best",
        "filter": "metrics.val_auc < 0.25",
        "experiment": "iris",
        "sort": "-val_auc",
        "columns": "loss,lr",
        "metric": ["val_auc"],
        "by": "solver",
        "top": 2,
    }
    assert expected == json.loads(command("views", "show", "best", "--json").out)
    assert [expected] == json.loads(command("views", "--json").out)


def test_views_are_shown_as_text(command, view):
    """What they say, and nothing that they do not say."""
    command("views", "save", "plain", "--sort", "lr")
    assert "name        plain\nsort        lr\n" == command("views", "show", "plain").out
    table = command("views").out
    assert [
        "view",
        "experiment",
        "filter",
        "sort",
        "columns",
        "metric",
        "by",
        "top",
    ] == table.splitlines()[0].split()
    assert 3 == len(table.splitlines())


def test_a_view_is_removed(command, view):
    """Then there is none, which is told."""
    assert 0 == command("views", "rm", "best").status
    assert ("", 0) == (command("views").out, command("views").status)
    assert "there is no view yet" in command("views").err
    assert 1 == command("ls", "--view", "best").status


def test_runs_are_judged_by_a_metric_that_is_given(command, runs):
    """In the place of the one that one would choose; one that no run has is an error with a
    suggestion.
    """
    assert ["val_auc", "loss"] == [
        word for word in command("ls").out.split() if word in ("val_auc", "loss")
    ][:2]
    assert ["loss", "val_auc"] == [
        word for word in command("ls", "-m", "loss").out.split() if word in ("val_auc", "loss")
    ][:2]
    done = command("ls", "-m", "lss")
    assert (1, True) == (done.status, "did you mean 'loss'?" in done.err)


def test_plot_asks_for_runs(command, runs):
    """By name, or by a view."""
    done = command("plot")
    assert (2, "fitprint: name the runs: RUN ..., or --view NAME\n") == (done.status, done.err)


def test_the_note_of_an_experiment_is_a_report_with_its_views(command, view, tmp_path):
    """Text as it was written, and in its places the tables of the views: of the experiment, unless
    they say another.
    """
    command("views", "save", "all", "--sort", "val_auc")
    note = "# So far\n<b>b</b> is better:\n\n![The best](view:best)\nand all:\n![](view:all)\n"
    command("experiments", "note", "iris", note)
    done = command("export", "--note", "iris", "-o", str(tmp_path / "report.html"))
    assert 0 == done.status
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert (
        "<h1>iris</h1>\n"
        "<pre># So far\n"
        "&lt;b&gt;b&lt;/b&gt; is better:\n"
        "</pre><h2>The best</h2><h3>a</h3>"
    ) in text
    best, every = text.split("<h2>all</h2>")
    assert ["two", "one"] == [
        name for name in ("two", "one", "three", "zero") if f"</i>{name}<" in best
    ]
    assert ["one", "two", "three"] == sorted(
        ("one", "two", "three"), key=lambda name: every.index(f"</i>{name}<")
    )
    assert "zero" not in every
    assert '<th class="n">loss<th class="n">lr</tr>' in best


@pytest.mark.parametrize(
    ("note", "words", "told"),
    [
        ("", ["--note", "iris"], "has no note"),
        ("![](view:bset)", ["--note", "iris"], "there is no view 'bset'; did you mean 'best'?"),
        ("x", ["--note", "irsi"], "irsi"),
        ("x", ["--note", "iris", "--all"], "the views that it embeds say which runs are shown"),
    ],
)
def test_a_report_that_cannot_be_written_is_told(command, view, tmp_path, note, words, told):
    """No file is left."""
    command("experiments", "note", "iris", note)
    done = command("export", *words, "-o", str(tmp_path / "report.html"))
    assert (True, True) == (done.status in (1, 2), told in done.err)
    assert not (tmp_path / "report.html").exists()
