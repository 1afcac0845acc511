"""``fitprint compare``, and ``fitprint.compare``."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import signal
import subprocess
import sys

import pytest

import fitprint
from fitprint.cli.pages import page_of
from fitprint.cli.terminal import Terminal
from fitprint.entities import RunRecord
from fitprint.views.comparison import Subject, compared
from fitprint.views.comparison_table import Page, render


def record(name, params=None, metrics=None, **options):
    """Record a run that has ended, and return its id."""
    with fitprint.start_run(name=name, **options) as run:
        run.log_params(params or {})
        run.log_metrics(metrics or {})
    return run.id


@pytest.fixture
def three(home):
    """Three runs that differ in one parameter and two metrics."""
    return [
        record("first", {"lr": 0.1, "solver": "a"}, {"val_loss": 0.5, "score": 0.8}),
        record("second", {"lr": 0.2, "solver": "a"}, {"val_loss": 0.4, "score": 0.7}),
        record("third", {"lr": 0.3, "solver": "a"}, {"val_loss": 0.6, "score": 0.9}),
    ]


def lines(text):
    """Return the words of each line."""
    return [line.split() for line in text.splitlines()]


def test_two_runs_stand_side_by_side(command, three):
    """The first is the baseline; a star marks the best, an arrow what is better; what is equal is
    counted on standard error.
    """
    done = command("compare", "first", "second")
    assert 0 == done.status
    found = lines(done.out)
    assert [["first", "second"], ["id", three[0][-6:], three[1][-6:]], ["baseline"]] == found[:3]
    assert ["score", "↑", "0.8*", "0.7", "-0.1", "-12.5%"] in found
    assert ["val_loss", "↓", "0.5", "0.4*", "-0.1", "-20%"] in found
    assert ["lr", "0.1", "0.2"] in found
    assert "solver" not in done.out
    assert (
        "fitprint: not shown: 1 parameter (equal, or defaults that only some runs have); --all "
        "shows them\n"
    ) == done.err


def test_all_shows_what_is_equal(command, three):
    """With nothing left out."""
    done = command("compare", "first", "second", "--all")
    assert ["solver", "a", "a"] in lines(done.out)
    assert "" == done.err


def test_more_runs_have_a_baseline_only_if_asked(command, three):
    """It is added in front where it is not among them."""
    assert "%" not in command("compare", *three).out
    found = lines(command("compare", "first", "second", "--baseline", "third").out)
    assert ["third", "first", "second"] == found[0]
    assert ["score", "↑", "0.9*", "0.8", "-0.1", "-11.1%", "0.7", "-0.2", "-22.2%"] in found


def test_a_filter_names_runs(command, three):
    """In the order asked for, the first of them."""
    found = lines(command("compare", "-q", "params.lr > 0", "--sort", "-score", "--top", "2").out)
    assert ["third", "first"] == found[0]
    assert ["first", "third"] == lines(
        command("compare", "-q", "metrics.score > 0.75", "first").out
    )[0]


def test_many_runs_stand_below_each_other(command, home):
    """A line for each, with the columns for which there is room; the rest is named with the way to
    it.
    """
    for number in range(8):
        record(
            f"run{number}",
            {f"param_{letter}": number for letter in "abcdefghijkl"},
            {"score": number / 10},
        )
    done = command("compare", "-q", "", "--sort", "name")
    found = lines(done.out)
    assert [f"run{number}" for number in range(8)] == [words[1] for words in found[-8:]]
    assert max(map(len, done.out.splitlines())) <= 120
    assert "0.7*" in found[-1]
    assert "no room for" in done.err
    assert "--csv and --json, which have all" in done.err


@pytest.mark.parametrize("width", [40, 80, 120, 200])
@pytest.mark.parametrize("count", [2, 3, 5, 9])
def test_it_fits(width, count):
    """Whatever the width, no line is longer, and every run is there."""
    subjects = []
    for number in range(count):
        with_name = RunRecord(
            f"{number:032}", f"a run with a very long name {number}", "e", "FINISHED", 0, 1
        )
        subjects.append(
            Subject(
                with_name,
                {
                    "process": {"host": "h" * 100 + str(number)},
                    "python": {"version": f"3.{number}"},
                },
            )
        )
    text, _ = render(compared(subjects, baseline=0), Page(width))
    assert max(map(len, text.splitlines())) <= max(width, 60)
    assert all(f"{number:032}"[-6:] in text for number in range(count))


def test_long_texts_are_told_apart(home):
    """Where the end alone differs, the beginning that they share is left out."""
    base = "a/folder/that/is/deep/" * 4
    one, two = record("a", {"path": f"{base}one.csv"}), record("b", {"path": f"{base}two.csv"})
    line = next(
        words for words in lines(str(fitprint.compare([one, two]))) if words[:1] == ["path"]
    )
    assert ["…", "one.csv", "…", "two.csv"] == [
        part for word in line[1:] for part in (word[0], word[-7:])
    ]


def test_colours_say_what_is_better(three):
    """On a terminal with colours: green and red by the goal; without them there is the sign, and
    the star.
    """
    comparison = fitprint.compare(["first", "second"])
    text, _ = render(
        comparison,
        Page(120, style=lambda text, *styles: f"<{','.join(styles)}:{text}>" if styles else text),
    )
    assert "<red:-12.5%>" in text
    assert "<green:-20%>" in text
    assert "\x1b" not in str(comparison)


def test_without_unicode(three):
    """The arrows are words."""
    text, _ = render(fitprint.compare(["first", "second"]), Page(120, unicode=False))
    assert text.isascii()
    assert ["val_loss", "min"] in [words[:2] for words in lines(text)]


def test_json(command, three):
    """The form that is documented, on standard output alone;
    nothing is left out for want of room.
    """
    done = command("compare", *three, "--json")
    content = json.loads(done.out)
    assert (1, three, None, "") == (
        content["schema"],
        [run["id"] for run in content["runs"]],
        content["baseline"],
        done.err,
    )
    assert content == fitprint.compare(three).to_dict()


def test_csv(command, three):
    """A line for each run, a column for each row, exact."""
    record("fourth", {"lr": [1, 2]}, {"score": 1 / 3})
    rows = list(csv.DictReader(io.StringIO(command("compare", *three, "fourth", "--csv").out)))
    assert (["0.1", "0.2", "0.3", "[1, 2]"], repr(1 / 3)) == (
        [row["params.lr"] for row in rows],
        rows[3]["metrics.score"],
    )


def test_markdown(command, three):
    """A table; what names and values contain is no markup and ends no cell."""
    record("a|b <b>*x*</b> [y](z)\n`", {"lr": "|`<script>`\n"}, {"score": 0.1})
    done = command("compare", "first", fitprint.get_run("@last").id, "--md")
    rows = done.out.splitlines()
    assert [r"a\|b \<b\>\*x\*\</b\> \[y\](z)\\n\`", "**0.8**", r"\|\`\<script\>\`\\n"] == [
        rows[0].split(" | ")[2].split(" `")[0],
        next(row for row in rows if "score" in row).split(" | ")[1],
        next(row for row in rows if "lr" in row).split(" | ")[2].rstrip(" |"),
    ]
    assert "(-87.5%)" in done.out


def test_texts_steer_no_terminal(command, home):
    """Names, keys and values with control characters are shown as escapes."""
    one = record("a\x1b[2J", {"p\x1b]0;x\x07": "v\x1b[31m"}, {"m\r": 1.0})
    two = record("b\u202e", {"p\x1b]0;x\x07": "w\n"}, {"m\r": 2.0})
    for form in ([], ["--all"], ["--md"]):
        out = command("compare", one, two, *form).out
        assert all(letter.isprintable() for letter in out.replace("\n", ""))


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        ([], 2, "name two or more runs"),
        (["first"], 1, "only first"),
        (["first", "first"], 1, "only first"),
        (["first", "nix"], 1, "'nix'"),
        (["-q", "params.lr > 9"], 1, "no run matches 'params.lr > 9'"),
        (["-q", "params.lr > 0.25"], 1, "only third"),
        (["-q", "params.lr >> 1"], 1, "^"),
        (["-q", "", "--sort", "scor"], 1, "did you mean 'score'?"),
        (["first", "second", "--baseline", "nix"], 1, "'nix'"),
        (["first", "second", "--top", "2"], 2, "are for the runs of a filter"),
        (["-q", "", "--top", "-1"], 2, "must be a whole number"),
        (["first", "second", "--json", "--md"], 2, "not allowed"),
    ],
)
def test_mistakes_are_told(command, three, words, status, told):
    """One clear line with what to do, and nothing on standard output."""
    done = command("compare", *words)
    assert (status, "") == (done.status, done.out)
    assert told in done.err


def test_no_runs_at_all(command):
    """It says where none are."""
    done = command("compare", "a", "b")
    assert (1, True) == (done.status, "no run" in done.err)


def test_runs_that_do_not_differ(command, home):
    """That is said."""
    done = command("compare", record("a", {"p": 1}), record("b", {"p": 1}))
    assert (0, True) == (done.status, "nothing differs among these runs" in done.err)


def test_a_run_that_goes_on_and_one_that_failed(command, home):
    """Their states are told, and what is known so far is compared."""
    run = fitprint.start_run(name="going")
    run.log_metric("acc", math.nan)
    failed = fitprint.start_run(name="failed", nested=False)
    failed.log_metric("acc", 1.0)
    failed.end("FAILED")
    found = lines(command("compare", "going", "failed").out)
    assert ["status", "RUNNING", "FAILED"] in found
    assert ["acc", "↑", "NaN", "1"] in found
    assert ["so", "far"] == next(words for words in found if words[:1] == ["took"])[2:4]
    run.end()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_run_that_was_killed(command, tmp_path):
    """What it had recorded is compared."""
    script = (
        "import fitprint, os, signal\n"
        "run = fitprint.start_run(name='dead')\n"
        "run.log_metric('m', 1.0)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    home = tmp_path / "home"
    environment = {**os.environ, "FITPRINT_HOME": str(home)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=False, timeout=60)
    subprocess.run(
        [sys.executable, "-c", script.replace("dead", "dead too").replace("1.0", "2.0")],
        env=environment,
        check=False,
        timeout=60,
    )
    done = subprocess.run(
        [sys.executable, "-m", "fitprint", "compare", "dead", "dead too"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ["status", "KILLED", "KILLED"] in lines(done.stdout)


def test_the_verb_takes_handles_ids_prefixes_and_names(three):
    """The same comparison, whoever is named how."""
    run = fitprint.get_run("second")
    assert fitprint.compare(["first", run]) == fitprint.compare(
        (each for each in (three[0], three[1])), baseline=fitprint.get_run("first")
    )


@pytest.mark.parametrize("runs", ["first", None, 3, [], ["first"], [3, 4], {"a": 1}])
def test_the_verb_refuses_what_is_no_list_of_runs(three, runs):
    """An error of ours says what was expected."""
    with pytest.raises(fitprint.FitprintError):
        fitprint.compare(runs)


def test_the_hints_of_python_are_python(three):
    """There is no option to give."""
    text = str(fitprint.compare(three))
    assert ("--" in text, "all=True shows them" in text) == (False, True)


def test_the_page_is_that_of_the_terminal(monkeypatch):
    """Width, signs and colours."""
    monkeypatch.setenv("COLUMNS", "77")
    page = page_of(Terminal(io.StringIO()))
    assert (77, "text") == (page.width, page.style("text", "bold"))


def test_parameters_are_told_as_they_are(home):
    """A float is never taken for a whole number, and the best of a metric is a star's business
    alone.
    """
    one, two = record("a", {"lr": 1.0, "n": 1}), record("b", {"lr": 0.123456789, "n": 1.5})
    found = lines(str(fitprint.compare([one, two])))
    assert (["lr", "1.0", "0.1235"], ["n", "1", "1.5"]) == (
        next(w for w in found if w[:1] == ["lr"]),
        next(w for w in found if w[:1] == ["n"]),
    )


def test_parameters_get_room_beside_metrics(home):
    """Of many runs with many metrics, what was varied is seen, too."""
    subjects = [
        record(
            f"r{number}",
            {"lr": number, "depth": number},
            {f"metric_{letter}": number for letter in "abcdefghijkl"},
        )
        for number in range(8)
    ]
    head = [word for words in lines(str(fitprint.compare(subjects)))[:4] for word in words]
    assert {"lr", "depth"} <= set(head)


@pytest.mark.parametrize("count", [2, 9])
def test_markdown_fits_a_comment(command, home, count):
    """With very many rows the first ones are shown, the others counted; --all shows all."""
    runs = [
        record(f"r{number}", {f"p{key}": number for key in range(1000)}, {"m": number})
        for number in range(count)
    ]
    out = command("compare", *runs, "--md").out
    assert len(out) < 30_000
    assert out.endswith(
        "Not shown: 960 more parameters.\n" if count == 2 else "Not shown: 961 more columns.\n"
    )
    assert "p999" in command("compare", *runs, "--md", "--all").out


def test_columns_show_the_same_parts(home):
    """Where one run has no room for its differences, none shows them; percents are left."""
    runs = [
        record("a", {}, {"acc": 0.5}),
        record("b", {}, {"acc": 0.4}),
        record("c", {}, {"acc": 0.123456789}),
    ]
    text, _ = render(fitprint.compare(runs, baseline=runs[0]), Page(58))
    assert ["acc", "↑", "0.5*", "0.4", "-20%", "0.1235", "-75.3%"] in lines(text)
    text, _ = render(fitprint.compare(runs, baseline=runs[0]), Page(120))
    assert ["acc", "↑", "0.5*", "0.4", "-0.1", "-20%", "0.1235", "-0.377", "-75.3%"] in lines(text)
