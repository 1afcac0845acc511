"""What a notebook shows of runs, experiments and curves."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser

import pytest

import fitprint
from fitprint.views.markup import svg_curve

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\x1b[2J\u202e"


class Tags(HTMLParser):
    """Collects the elements of a page with their attributes, and checks that they are closed as
    they were opened.
    """

    def __init__(self, page):
        super().__init__()
        self.elements, self.attributes, self.text = set(), set(), ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def pages(home):
    """Pages of hostile records."""
    with fitprint.start_run(HOSTILE, experiment=HOSTILE, tags={HOSTILE: HOSTILE}) as run:
        run.log_params({HOSTILE: HOSTILE})
        for step in range(5):
            run.log_metrics({HOSTILE: step, "nan": math.nan, "one": math.inf})
        run.log_text("x", "a.txt")
    run.note = HOSTILE
    with fitprint.start_run("other", experiment="other") as other:
        other.log_params({HOSTILE: "b"})
    history = run.history(HOSTILE)
    experiments = fitprint.experiments()
    compared, difference = fitprint.compare([run, other]), fitprint.diff(run, other)
    empty = fitprint.search_runs(max_results=0)
    shown = (
        compared,
        difference,
        run,
        fitprint.search_runs(),
        history,
        experiments,
        run.history("nan"),
        empty,
    )
    return [item._repr_html_() for item in shown]


def test_no_text_of_a_record_becomes_an_element(pages):
    """Nor an attribute; and nothing is fetched from anywhere."""
    for page in pages:
        seen = Tags(page)
        assert seen.elements <= {
            "style",
            "div",
            "table",
            "tr",
            "th",
            "td",
            "b",
            "span",
            "i",
            "svg",
            "path",
            "details",
            "summary",
            "pre",
        }
        assert seen.attributes <= {
            "class",
            "style",
            "title",
            "width",
            "height",
            "d",
            "fill",
            "stroke",
            "stroke-width",
        }
        assert "://" not in page
        assert "\x1b" not in page
        assert "\u202e" not in page


def test_a_report_is_one_file_without_anything_from_elsewhere(home, tmp_path, monkeypatch, capsys):
    """Of one run with its curves and its note, of several with what differs; hostile texts are
    texts.
    """
    from fitprint.cli import main

    monkeypatch.chdir(tmp_path)
    for value in (0.1, 0.2):
        with fitprint.start_run(HOSTILE, tags={HOSTILE: HOSTILE}) as run:
            run.log_param("lr", value)
            run.log_history("val_loss", [1.0, value])
    run.note = f"first line\n{HOSTILE}"
    assert 0 == main(["export", "--html", run.id])
    assert 0 == main(["export", "--html", "--all", "-o", "all.html", "--title", HOSTILE])
    one, many = (
        (tmp_path / f"{run.id[-6:]}.html").read_text("utf-8"),
        (tmp_path / "all.html").read_text("utf-8"),
    )
    for page in (one, many):
        assert page.startswith("<!doctype html>")
        assert "<script" not in page
        assert "<img" not in page
        assert "://" not in page
    assert "<figcaption>val_loss" in one
    assert "first line\n&lt;script&gt;" in one
    assert "What differs" in many


def test_runs_are_shown_with_what_tells_them_apart(home):
    """The metric with its curve, and the parameters."""
    for number in range(3):
        with fitprint.start_run(f"run {number}") as run:
            run.log_params({"lr": number / 10, "same": 1})
            run.log_history("val_loss", [number + 1.0, 0.5])
    page = fitprint.search_runs()._repr_html_()
    assert ["name", "id", "age", "time", "val_loss", "", "lr"] == re.findall(
        r"<th[^>]*>([^<]*)", page
    )
    assert 3 == page.count("<svg")
    assert "0.2" in page


def test_a_hundred_runs_are_small(home):
    """Less than 60 kB, curves included; the rest is counted."""
    for number in range(101):
        with fitprint.start_run("a run with quite a long name") as run:
            run.log_params({f"parameter_{key}": number + key for key in range(10)})
            run.log_history("val_loss", [math.sin(step + number) for step in range(200)])
    page = fitprint.search_runs()._repr_html_()
    assert 100 == page.count("<svg")
    assert 60_000 > len(page.encode())
    assert "1 more runs" in page


def test_a_curve_has_gaps_where_there_is_no_number():
    """And none at all without two numbers."""
    assert 3 == svg_curve([1.0, 2.0, math.nan, 3.0, math.inf, 1.0, 1.5]).count("M")
    assert "" == svg_curve([math.nan, 1.0]) == svg_curve([])
    assert "NaN" not in svg_curve([-1.7e308, 1.7e308])
    assert "nan" not in svg_curve([1.0, 1.0])


def test_a_comparison_says_what_differs_and_which_is_better(home):
    """The best is bold, the difference to the baseline has the color of its direction; what is
    equal is counted.
    """
    for loss in (0.5, 0.25):
        with fitprint.start_run(f"loss {loss}") as run:
            run.log_params({"lr": loss, "same": 1})
            run.log_metric("val_loss", loss)
    page = fitprint.compare(["loss 0.5", "loss 0.25"])._repr_html_()
    assert '<b>0.25</b> <span style="color:#2f9e53">-50%</span>' in page
    assert "1 more parameter<" in page
    assert "same" not in page
