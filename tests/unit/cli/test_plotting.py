"""``fitprint plot`` in a terminal, and the curves that it draws."""

from __future__ import annotations

import math
import re
import sys

import pytest

import fitprint
from fitprint.cli.drawing import draw
from fitprint.cli.terminal import Terminal, display_width
from fitprint.views.curves import Curve, Panel


@pytest.fixture
def runs(home):
    """Two runs with the same curves, one of which has a metric of its own, too."""
    made = []
    for name, factor in (("a", 1.0), ("b", 2.0)):
        with fitprint.start_run(name) as run:
            for step in range(5):
                run.log_metrics(
                    {"loss": factor / (step + 1), "val_loss": factor * (1 + step)},
                    step=step,
                    epoch=step / 2,
                )
            run.log_metric("score", factor)
            if name == "b":
                run.log_history("alone", [1.0, 2.0])
        made.append(run)
    return made


def drawn(y, x=None, *, width=40, height=8, log=False, others=()):
    """Return the lines of one panel, as a pipe gets them."""
    curves = [Curve("one", range(len(y)) if x is None else x, y), *others]
    return draw(Panel("metric", "step", curves), Terminal(sys.__stdout__), width, height, log=log)


def test_the_curve_that_says_most_is_drawn_with_its_axes(command, runs, monkeypatch):
    """Held-out metrics before others, curves before single values."""
    monkeypatch.setenv("COLUMNS", "80")
    done = command("plot", "a")
    assert (0, "") == (done.status, done.err)
    title, *_, ends, legend = lines = done.out.splitlines()
    assert "val_loss" == title
    assert ["0", "step", "4"] == ends.split()
    assert f"  ⠶ a ({runs[0].id[-6:]})" == legend
    assert re.match(r" +5 ┤", lines[1])
    assert max(map(display_width, lines)) <= 80


def test_several_runs_have_letters_where_there_are_no_colors(command, runs):
    """The legend says which is which."""
    shown = command("plot", "a", "b", "-m", "loss").out
    assert re.search(r"a a \(\w{6}\)   b b \(\w{6}\)$", shown.strip())
    assert {"a", "b"} <= set("".join(re.findall(r"[┤│](.*)", shown)))


def test_several_metrics_are_panels_and_a_run_without_one_is_said(command, runs):
    """Names and patterns, each metric once."""
    done = command("plot", "a", "b", "-m", "*loss", "-m", "loss", "-m", "alone")
    assert ["loss", "val_loss", "alone"] == re.findall(r"^(\w+)$", done.out, re.MULTILINE)
    assert "1 of these 2 runs has no 'alone'" in done.err


@pytest.mark.parametrize(
    ("axis", "below"), [("step", "step"), ("time", "seconds since the start"), ("epoch", "epoch")]
)
def test_the_axis_is_chosen(command, runs, axis, below):
    """Step, time or epoch."""
    assert below in command("plot", "a", "-m", "loss", "-x", axis).out.splitlines()[-2]


def test_an_axis_that_was_not_recorded_is_an_error(command, runs):
    """With what to do."""
    done = command("plot", "b", "-m", "alone", "-x", "epoch")
    assert (1, "") == (done.status, done.out)
    assert "no epoch was recorded with 'alone'; draw it over the step or the time" in done.err


def test_an_unknown_metric_is_an_error_with_a_suggestion(command, runs):
    """Also where nothing is near."""
    assert (
        "none of these runs has a metric 'val_los'; did you mean 'val_loss'?"
        in command("plot", "a", "-m", "val_los").err
    )
    assert "there are: loss, score, val_loss" in command("plot", "a", "-m", "zzz").err
    assert 1 == command("plot", "a", "-m", "zzz").status


def test_runs_without_a_shared_metric_say_what_there_is(command, runs):
    """And a run without any says that."""
    with fitprint.start_run("c") as run:
        pass
    done = command("plot", "c")
    assert 1 == done.status
    assert "the run has no metrics: there is nothing to plot" in done.err
    run.log_metric("other", 1.0)
    assert (
        "these runs share no metric to plot; there are: loss, other, score, val_loss"
        in command("plot", "a", "c").err
    )


@pytest.mark.parametrize(
    "words", [(), ("a", "-x", "hours"), ("a", "-o", "curve.doc"), ("a", "-o", "curve")]
)
def test_arguments_without_sense_are_refused(command, runs, words):
    """With the status for that."""
    assert 2 == command("plot", *words).status


def test_a_run_named_twice_is_drawn_once(command, runs):
    """By its name and by its id."""
    assert 1 == command("plot", "a", runs[0].id).out.count("a (")


def test_gaps_stay_gaps():
    """NaN and infinities are drawn nowhere, and nothing is drawn across them."""
    lines = drawn([1.0] * 10 + [math.nan, math.inf] + [math.nan] * 8 + [1.0] * 10)
    (row,) = [line for line in lines if re.search("[⠀-⣿]{3}", line)]
    assert re.search(r"[⠀-⣿]+ {5,}[⠀-⣿]+", row)


@pytest.mark.parametrize(
    "values", [[1.0], [0.0], [-5.0, -5.0], [sys.float_info.max, -sys.float_info.max], [5e-324, 0.0]]
)
def test_extreme_curves_are_drawn(values):
    """One point, a level one, and the whole range of floats."""
    lines = drawn(values)
    assert 12 == len(lines)
    assert any("⠀" <= letter <= "⣿" for line in lines[1:9] for letter in line)


def test_without_a_number_there_is_a_line():
    """That says so."""
    assert ["metric", "  2 points, none of them a number"] == drawn([math.nan, math.inf])
    assert ["metric", "  2 points, none of them above zero, as a logarithmic axis needs"] == drawn(
        [0.0, -1.0], log=True
    )


def test_a_logarithmic_axis_is_even_in_powers():
    """Its middle is the geometric one."""
    assert ["100", "1", "0.01"] == [
        line.split()[0] for line in drawn([0.01, 100.0], height=9, log=True) if "┤" in line
    ]


def test_curves_rise_to_the_right():
    """The first point is in the lowest row at the left, the last in the highest at the right."""
    rows = [
        line.partition("┤")[2] or line.partition("│")[2] for line in drawn(list(range(50)))[1:9]
    ]
    assert rows[0].rstrip()[-1] != " "
    assert 30 < len(rows[0])
    assert rows[-1][0] != " "


def test_more_curves_than_can_be_named_are_counted():
    """The legend has a bound."""
    others = [Curve(f"run {place}", [0, 1], [0.0, place]) for place in range(30)]
    assert "  and 11 more" == drawn([1.0, 2.0], others=others)[-1]


@pytest.fixture
def recorded(home):
    """A run with the data of the plots that plugins record."""
    with fitprint.start_run("model") as run:
        run.log_dict(
            {"labels": ["cat", "dog\x1b[2J"], "counts": [[7, 1], [2.5, 90]]},
            "plots/confusion_matrix.json",
        )
        curve = {
            "label": "dog",
            "positives": 4,
            "negatives": 2,
            "true_positives": [2, 4],
            "false_positives": [0, 2],
        }
        run.log_dict({"curves": [curve]}, "plots/roc_and_precision_recall.json")
        rows = [[1.0, -2.0, None], [3.0, -6.0, 0.5]]
        run.log_dict(
            {"kind": "coefficients", "features": ["a", "b", "c"], "rows": rows},
            "plots/feature_coefficients.json",
        )
    return run


def test_a_confusion_matrix_is_shown_as_a_table(command, recorded):
    """A row for each true class; nothing of a label steers the terminal."""
    done = command("plot", "model", "--confusion")
    title, head, *rows = done.out.splitlines()
    assert (0, f"model ({recorded.id[-6:]})") == (done.status, title)
    assert ["true", "/", "predicted", "cat", "dog\\x1b[2J"] == head.split()
    assert [["cat", "7", "1"], ["dog\\x1b[2J", "2.5", "90"]] == [row.split() for row in rows]


def test_roc_curves_begin_at_zero_and_end_at_one(command, recorded):
    """Of both rates."""
    lines = command("plot", "model", "--roc").out.splitlines()
    assert ["0", "false", "positive", "rate", "1"] == lines[-2].split()
    assert re.search(r"^ +1 ┤", lines[1])
    assert f"dog of model ({recorded.id[-6:]})" in lines[-1]


def test_importances_are_bars_with_the_largest_first(command, recorded):
    """Of several classes the mean of what they come to without their signs."""
    _, *bars = command("plot", "model", "--importances").out.splitlines()
    assert [["b", "4"], ["a", "2"], ["c", "0.25"]] == [bar.split()[:2] for bar in bars]
    lengths = [bar.count("█") for bar in bars]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] == pytest.approx(2 * lengths[1], abs=1)


@pytest.mark.parametrize("kind", ["confusion", "roc", "importances"])
def test_what_was_not_recorded_is_an_error(command, runs, kind):
    """The message names the artifact that would have it."""
    done = command("plot", "a", f"--{kind}")
    assert (1, "") == (done.status, done.out)
    assert "the run has no artifact plots/" in done.err


@pytest.mark.parametrize(
    ("kind", "path", "content"),
    [
        ("confusion", "plots/confusion_matrix.json", {"labels": ["a"], "counts": [[1, 2]]}),
        ("confusion", "plots/confusion_matrix.json", [1]),
        (
            "roc",
            "plots/roc_and_precision_recall.json",
            {
                "curves": [
                    {
                        "label": "a",
                        "negatives": 0,
                        "positives": 1,
                        "true_positives": [1],
                        "false_positives": [0],
                    }
                ]
            },
        ),
        ("roc", "plots/roc_and_precision_recall.json", {"curves": 7}),
        (
            "importances",
            "plots/feature_importances.json",
            {"features": ["a", "b"], "values": ["x", {}]},
        ),
    ],
)
def test_data_of_another_form_are_an_error(command, home, kind, path, content):
    """Such as a file of the user's own that has the same name."""
    with fitprint.start_run("odd") as run:
        run.log_dict(content, path)
    done = command("plot", "odd", f"--{kind}")
    assert (1, "") == (done.status, done.out)
    assert "cannot be read: the artifact has another form" in done.err


@pytest.mark.parametrize(
    "words",
    [
        ("--roc", "--confusion"),
        ("--roc", "-m", "loss"),
        ("--roc", "--log"),
        ("--confusion", "-x", "time"),
    ],
)
def test_options_that_go_with_curves_alone_are_refused(command, recorded, words):
    """With the status for that."""
    assert 2 == command("plot", "model", *words).status
