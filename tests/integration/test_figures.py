"""Curves as figures of Matplotlib and Plotly."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

import fitprint

matplotlib = pytest.importorskip("matplotlib")


@pytest.fixture
def runs(home):
    """Two runs, whose names have what Matplotlib would take as a formula or leave out."""
    made = []
    for name in ("_a $x_{", "b"):
        with fitprint.start_run(name) as run:
            run.log_history("loss", [3.0, 2.0, math.nan, 1.0, 0.5])
            run.log_history("$acc", [0.1])
        made.append(run)
    return made


def test_runs_are_lines_and_metrics_are_panels(runs):
    """In the order given, with name and short id beside."""
    figure = fitprint.plot(runs, ["loss", "$acc"])
    first, second = figure.axes
    assert ["loss", "$acc"] == [axes.get_ylabel() for axes in figure.axes]
    named = [text.get_text().strip() for text in first.get_legend().get_texts()]
    assert [f"_a $x_{{ ({runs[0].id[-6:]})", f"b ({runs[1].id[-6:]})"] == named
    assert [[3.0, 2.0], [1.0, 0.5], [3.0, 2.0], [1.0, 0.5]] == [
        list(line.get_ydata()) for line in first.lines
    ]
    assert [[0.1], [0.1]] == [list(line.get_ydata()) for line in second.lines]
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_a_run_plots_itself(runs):
    """Over what is asked for."""
    figure = runs[1].plot("loss", x="time", log=True)
    assert "log" == figure.axes[0].get_yscale()
    assert "seconds since the start" == figure.axes[0].get_xlabel()
    assert "loss" == runs[1].plot().axes[0].get_ylabel()


@pytest.mark.parametrize(
    "options", [{"x": "hours"}, {"log": "yes"}, {"metric": 3}, {"metric": "los"}, {"runs": 3}]
)
def test_wrong_arguments_are_refused(runs, options):
    """As an error of ours."""
    with pytest.raises(fitprint.FitprintError):
        fitprint.plot(**{"runs": runs, **options})


def test_a_long_curve_is_thinned_out(home):
    """Its extremes stay."""
    with fitprint.start_run() as run:
        run.log_history("long", [float(place == 77_777) for place in range(100_000)])
    (line,) = run.plot("long").axes[0].lines
    assert len(line.get_ydata()) <= 2000
    assert 1.0 == max(line.get_ydata())


@pytest.mark.parametrize(
    ("name", "magic"),
    [("curves.png", b"\x89PNG"), ("curves.svg", b"<?xml"), ("curves.pdf", b"%PDF")],
)
def test_a_picture_is_written(runs, capsys, name, magic):
    """Of each kind; a letter that the font has not is no matter."""
    from fitprint.cli import main

    runs[1].name = "赤"
    assert 0 == main(["plot", runs[0].id, runs[1].id, "-m", "loss", "--log", "-o", name])
    assert f"written to {name}" in capsys.readouterr().err
    with open(name, "rb") as file:
        assert file.read(20).startswith(magic)


def test_a_place_that_is_not_there_is_an_error(runs, capsys):
    """And no traceback."""
    from fitprint.cli import main

    assert 1 == main(["plot", runs[0].id, "-o", "nowhere/curves.png"])
    assert "nowhere/curves.png" in capsys.readouterr().err


PROGRAM = """
import sys
import matplotlib
matplotlib.rcParams["lines.linewidth"] = 7.0
matplotlib.rcParams["savefig.dpi"] = 33
before, backend = list(dict.items(matplotlib.rcParams)), matplotlib.rcParams._get_backend_or_none()
import fitprint
with fitprint.start_run() as run:
    run.log_history("loss", [1.0, 2.0])
figure = run.plot()
figure.savefig("curve.png")
assert before == list(dict.items(matplotlib.rcParams)) and backend == matplotlib.rcParams._get_backend_or_none()
assert "matplotlib.pyplot" not in sys.modules
"""  # noqa: E501


def test_matplotlib_stays_as_it_was(programs):
    """Its settings, its backend, and nobody imports pyplot."""
    assert (0, "", "") == programs.run(PROGRAM)


WITHOUT = """
import sys
sys.modules["matplotlib"] = None
import fitprint
with fitprint.start_run() as run:
    run.log_history("loss", [1.0, 2.0])
try:
    run.plot()
except fitprint.FitprintError as error:
    print(error)
"""


def test_without_matplotlib_the_message_says_how_to_get_it(programs):
    """As an extra of fitprint."""
    assert (0, "a figure needs Matplotlib: pip install 'fitprint[plot]'\n", "") == programs.run(
        WITHOUT
    )


WITH_PLOTLY = """
import plotly.graph_objects
import fitprint
with fitprint.start_run() as run:
    run.log_history("loss", [1.0, float("nan"), 2.0])
figure = run.plot(log=True)
print(type(figure).__module__.partition(".")[0], list(figure.data[0].y), figure.layout.yaxis.type)
"""


def test_plotly_is_used_where_only_it_is_imported(programs):
    """With the same gaps."""
    status, shown, errors = programs.run(WITH_PLOTLY)
    assert (0, "plotly [1.0, None, 2.0, None] log\n") == (status, shown), errors


def test_the_core_imports_no_library_for_figures(programs):
    """Not even to draw in a terminal."""
    programs.run(
        "import fitprint\nwith fitprint.start_run('a') as run: run.log_history('loss', [1.0, 2.0])"
    )
    code = (
        "import sys; from fitprint.cli import main; main(['plot', 'a']); print(*sys.modules, "
        "file=sys.stderr)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command,
        env=programs.environment,
        cwd=programs.folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "loss" in done.stdout
    assert set() == set(done.stderr.split()) & {"matplotlib", "plotly", "numpy", "PIL"}


@pytest.mark.parametrize("kind", ["confusion", "roc", "importances"])
def test_what_a_plugin_records_is_plotted(home, capsys, kind):
    """In the terminal, and as a picture."""
    pytest.importorskip("fitprint_sklearn")
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    from fitprint.cli import main

    X, y = load_iris(return_X_y=True, as_frame=True)
    with fitprint.autolog():
        model = LogisticRegression(max_iter=2000).fit(X[::2], y[::2])
        model.score(X[1::2], y[1::2])
    assert 0 == main(["plot", "@last", f"--{kind}"])
    assert "LogisticRegression (" in capsys.readouterr().out
    assert 0 == main(["plot", "@last", f"--{kind}", "-o", "plot.png"])
    with open("plot.png", "rb") as file:
        assert b"\x89PNG" == file.read(4)
