"""``fitprint ls``."""

from __future__ import annotations

import csv
import io
import json
import math

import pytest

import fitprint
from fitprint import clock


def record(name, params=None, metrics=None, tags=None, **options):
    """Record a run that has ended, and return its id."""
    with fitprint.start_run(name=name, tags=tags, **options) as run:
        run.log_params(params or {})
        for key, values in (metrics or {}).items():
            run.log_history(key, values if isinstance(values, list) else [values])
    return run.id


def names(text):
    """Return the names in a table, in order."""
    head, *lines = text.splitlines()
    at = head.index("name")
    return [line[at:].split("  ")[0] for line in lines]


@pytest.fixture
def three(home):
    """Three runs that differ in one parameter and one metric."""
    return [
        record(
            "first",
            {"lr": 0.1, "solver": "a", "epochs": 3},
            {"val_loss": [3.0, 2.0, 1.0], "size": 7.0},
        ),
        record(
            "second",
            {"lr": 0.2, "solver": "a", "epochs": 3},
            {"val_loss": [3.0, 2.5, 0.5], "size": 7.0},
        ),
        record(
            "third",
            {"lr": 1.0, "solver": "a", "epochs": 3},
            {"val_loss": [1.0, 2.0, 3.0], "size": 7.0},
        ),
    ]


def test_the_table_shows_what_tells_runs_apart(command, three):
    """Newest first; metrics that differ, the curve, then parameters that do; no column for what is
    the same.
    """
    done = command("ls")
    assert (0, "") == (done.status, done.err)
    head, *lines = done.out.splitlines()
    assert ["status", "id", "name", "age", "time", "val_loss", "lr"] == head.split()
    assert ["third", "second", "first"] == names(done.out)
    assert ["▁▅█", "█▇▁", "█▅▁"] == [
        next(word for word in line.split() if "█" in word) for line in lines
    ]
    assert [run[-6:] for run in reversed(three)] == [line.split()[2] for line in lines]
    assert ["● FINISHED"] * 3 == [line[:10] for line in lines]


def test_one_run_shows_all_its_metrics_and_what_was_set(command, home):
    """With nothing to compare, what the user set tells most."""
    with fitprint.start_run(name="only") as run:
        run.log_params({"a": 1, "b": 2}, defaults=["b"])
        run.log_metric("m", 0.5)
    assert ["status", "id", "name", "age", "time", "m", "a"] == command("ls").out.splitlines()[
        0
    ].split()


def test_a_default_that_others_lack_is_no_column(command, home):
    """Runs of different estimators differ in every default; only what was set counts."""
    with fitprint.start_run(name="ridge") as run:
        run.log_params({"alpha": 1.0, "tol": 0.1}, defaults=["tol"])
    with fitprint.start_run(name="forest") as run:
        run.log_params({"depth": 3, "leaf": 1}, defaults=["leaf"])
    assert {"alpha", "depth"} == set(command("ls").out.splitlines()[0].split()[5:])


def test_nan_and_infinity_are_shown(command, home):
    """A diverged run says so."""
    record("a", metrics={"loss": math.nan})
    record("b", metrics={"loss": math.inf})
    assert ["inf", "NaN"] == [line.split()[-1] for line in command("ls").out.splitlines()[1:]]


def test_statuses_are_shown(command, home):
    """A run that goes on, one that failed, one that was killed."""
    fitprint.start_run(name="killed").end("KILLED")
    with pytest.raises(ZeroDivisionError), fitprint.start_run(name="failed"):
        1 / 0  # noqa: B018
    with fitprint.start_run(name="running"):
        lines = command("ls").out.splitlines()[1:]
    assert ["◐ RUNNING", "✕ FAILED", "■ KILLED"] == [" ".join(line.split()[:2]) for line in lines]


def test_age_and_time_are_shown(command, home):
    """How long ago it began, and how long it took."""
    with clock.replaced(lambda: 1_000_000_000_000_000):
        run = fitprint.start_run(name="old")
    with clock.replaced(lambda: 1_000_000_090_000_000):
        run.end()
    with clock.replaced(lambda: 1_000_007_200_000_000):
        assert ["2h", "1m30s"] == command("ls").out.splitlines()[1].split()[4:]


@pytest.mark.parametrize("scheme", ["memory", "sqlite"])
def test_children_are_folded_with_their_number(command, home, monkeypatch, scheme):
    """A search with its candidates is one row, whether or not the store can count; what is in the
    trash does not count.
    """
    monkeypatch.setenv("FITPRINT_STORE", f"{scheme}:///{home}.db")
    with fitprint.start_run(name="search"):
        record("one")
        record("two")
        record("three")
    fitprint.delete_run("two")
    assert ["search (+2)"] == names(command("ls").out)


def test_all_unfolds_children_below_their_parent(command, home):
    """Oldest first, indented."""
    with fitprint.start_run(name="search"):
        with fitprint.start_run(name="one"):
            record("inner")
        record("two")
    record("alone")
    lines = command("ls", "--all").out.splitlines()
    at, end = lines[0].index("name"), lines[0].index("age")
    assert ["alone", "search", "└ one", "  └ inner", "└ two"] == [
        line[at : end - 2].rstrip() for line in lines[1:]
    ]


def test_a_filter_that_cannot_be_read_points_at_the_place(command, three):
    """Status 1, and a caret below the filter."""
    done = command("ls", "-q", "params.lr << 1")
    assert (1, "") == (done.status, done.out)
    assert done.err.splitlines()[-2:] == ["  params.lr << 1", "             ^"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("val_loss", ["second", "first", "third"]),
        ("-val_loss", ["third", "first", "second"]),
        ("lr", ["first", "second", "third"]),
        ("-params.lr", ["third", "second", "first"]),
        ("metrics.val_loss desc", ["third", "first", "second"]),
        ("max(val_loss),-lr", ["third", "second", "first"]),
        ("name", ["first", "second", "third"]),
        ("-start_time", ["third", "second", "first"]),
        ("size,-name", ["third", "second", "first"]),
    ],
)
def test_sorting(command, three, keys, expected):
    """By metrics, parameters or attributes; a dash turns the order round, also as a word of its
    own.
    """
    assert expected == names(command("ls", "--sort", keys).out)


def test_sorting_by_an_odd_key(command, home):
    """Characters that the language does not know in a bare name do no harm."""
    record("a", metrics={"acc @ 5`s": 1.0})
    record("b", metrics={"acc @ 5`s": 2.0})
    assert ["b", "a"] == names(command("ls", "--sort", "-acc @ 5`s").out)


def test_sorting_by_an_unknown_key_gets_a_suggestion(command, three):
    """Status 1."""
    done = command("ls", "--sort", "-val_los")
    assert 1 == done.status
    assert "did you mean 'val_loss'?" in done.err


def test_top_lists_fewer(command, three):
    """The best two, and a word on standard error that there are more."""
    done = command("ls", "--sort", "val_loss", "--top", "2")
    assert ["second", "first"] == names(done.out)
    assert "these are the first 2; --top N shows more" in done.err


@pytest.mark.parametrize("top", ["0", "-1", "x"])
def test_top_needs_a_number_above_zero(command, three, top):
    """Status 2."""
    assert 2 == command("ls", f"--top={top}").status


def test_chosen_columns(command, three):
    """Patterns and names, in the order given; an unknown one is an error that suggests."""
    assert ["lr", "val_loss"] == command("ls", "--cols", "l?,val_*").out.splitlines()[0].split()[5:]
    assert ["epochs", "experiment"] == command(
        "ls", "--cols", "params.epochs,experiment"
    ).out.splitlines()[0].split()[5:]
    done = command("ls", "--cols", "epoch")
    assert (1, "") == (done.status, done.out)
    assert "did you mean 'epochs'?" in done.err


def test_experiments(command, home):
    """One experiment is listed alone; of several, the table says which; an unknown one is told."""
    record("a", experiment="alpha")
    record("b", experiment="beta")
    assert "experiment" in command("ls").out.splitlines()[0]
    assert ["a"] == names(command("ls", "alpha").out)
    assert "experiment" not in command("ls", "alpha").out.splitlines()[0]
    done = command("ls", "alfa")
    assert (1, "fitprint: there is no experiment 'alfa'; did you mean 'alpha'?\n") == (
        done.status,
        done.err,
    )


def test_json_has_the_fields_of_a_run(command, home):
    """Strict JSON with types kept; children are listed if one asks for all."""
    with fitprint.start_run(name="parent", experiment="e", tags={"team": "a"}) as run:
        run.log_params({"C": 1.0, "layers": [1, 2], "none": None, "flag": True})
        run.log_history("loss", [2.0, math.nan, 1.0])
        run.log_metric("bad", -math.inf)
        run.log_text("hello", "notes/hello.txt")
        child = record("child")
    assert ["parent"] == [entry["name"] for entry in json.loads(command("ls", "--json").out)]
    done = command("ls", "--json", "--all")
    listed = {entry["name"]: entry for entry in json.loads(done.out, parse_constant=pytest.fail)}
    entry = listed["parent"]
    assert {"parent", "child"} == set(listed)
    assert (run.id, "FINISHED", "e", None, "user") == tuple(
        entry[key] for key in ("id", "status", "experiment", "parent_id", "kind")
    )
    assert {"C": 1.0, "layers": [1, 2], "none": None, "flag": True} == entry["params"]
    assert isinstance(entry["params"]["C"], float)
    assert {"loss": 1.0, "bad": "-Infinity"} == entry["metrics"]
    summary = entry["summaries"]["loss"]
    assert (1.0, 2.0, 1.0, 2, 2.0, 3, "min") == tuple(
        summary[key] for key in ("min", "max", "best", "best_step", "first", "count", "goal")
    )
    assert {"team": "a"} == entry["tags"]
    assert ["notes/hello.txt"] == [artifact["path"] for artifact in entry["artifacts"]]
    assert entry["start_time"].endswith("+00:00")
    assert (child, run.id) == (listed["child"]["id"], listed["child"]["parent_id"])


def test_json_lists_everything(command, home):
    """No limit but the one that is asked for."""
    for number in range(40):
        record(f"run {number}")
    assert 40 == len(json.loads(command("ls", "--json").out))
    assert 3 == len(json.loads(command("ls", "--json", "--top", "3").out))
    assert 31 == len(command("ls").out.splitlines())


def test_csv_has_full_precision(command, three):
    """A row for each run, a column for each key, ready for a spreadsheet."""
    record(
        "odd",
        {"layers": [1, "a,b"], "x": None},
        {"third": 1 / 3, "nan": math.nan},
        {"note": 'say "hi"'},
    )
    table = list(csv.DictReader(io.StringIO(command("ls", "--csv").out)))
    assert ["odd", "third", "second", "first"] == [row["name"] for row in table]
    assert (str(1 / 3), "nan", '[1, "a,b"]', "None", 'say "hi"') == tuple(
        table[0][key]
        for key in ("metrics.third", "metrics.nan", "params.layers", "params.x", "tags.note")
    )
    assert "" == table[1]["metrics.third"]


def test_markdown(command, three):
    """A table for a pull request."""
    lines = command("ls", "--md").out.splitlines()
    assert lines[0].startswith("| status | id | name |")
    assert 5 == len(lines)


def test_names_cannot_steer_the_terminal(command, home):
    """Escapes in names, keys and values are shown as such."""
    record("\x1b]0;owned\x07", {"\x1b[2Jk": "\x1b[31m", "b": 1}, {"m\n": 1.0}, experiment="e\x1b")
    record("x", {"\x1b[2Jk": "v"}, {"m\n": 2.0})
    assert "\x1b" not in command("ls").out
    assert "\x07" not in command("ls", "--cols", "*").out


def test_no_runs(command, home):
    """Data none, a word on standard error, and all is well; JSON is an empty list."""
    done = command("ls")
    assert (0, "", "fitprint: no run matches\n") == (done.status, done.out, done.err)
    assert [] == json.loads(command("ls", "--json").out)


def test_asking_where_nothing_was_recorded_makes_no_files(command, home, monkeypatch):
    """Looking is not recording."""
    monkeypatch.delenv("FITPRINT_STORE")
    done = command("ls")
    assert (0, "") == (done.status, done.out)
    assert "no runs are recorded yet" in done.err
    assert 1 == command("show", "@last").status
    assert not home.exists()


def test_removed_runs_are_listed_apart(command, three):
    """`rm` hides a run, ``--trash`` shows it, `restore` brings it back."""
    done = command("rm", "second")
    assert 0 == done.status
    assert "fitprint restore" in done.err
    assert ["third", "first"] == names(command("ls").out)
    assert ["second"] == names(command("ls", "--trash").out)
    assert 0 == command("restore", "second").status
    assert ["third", "second", "first"] == names(command("ls").out)


def test_rm_of_something_unknown_removes_nothing(command, three):
    """One name that fits nothing stops before the first."""
    assert 1 == command("rm", "first", "nope").status
    assert 3 == len(names(command("ls").out))


def test_fault_22_restoring_a_run_that_was_never_removed_says_so(command):
    """It is not "back": it was never away, and the exit status says that nothing happened."""
    with fitprint.start_run("first"):
        pass
    done = command("restore", "first")
    assert 1 == done.status
    assert "was not in the trash" in done.err


def test_fault_22_removing_tells_how_many_runs_went(command):
    """The runs below it are counted, also when they come back."""
    with fitprint.start_run("first"), fitprint.start_run("inner"):
        pass
    assert "and 1 run below it are in the trash" in command("rm", "first").err
    assert "is in the trash already" in command("rm", "first").err
    assert "and 1 run below it are back" in command("restore", "first").err


def test_a_number_of_rows_is_asked_for_in_words(command, three):
    """The message says which numbers do."""
    done = command("ls", "--top", "0")
    assert 2 == done.status
    assert "must be a whole number from 1 on, not '0'" in done.err


def test_the_filters_of_the_help_can_be_read(command, three):
    """Each line of the cheat sheet begins with one."""
    sheet = command("ls", "--help").out.partition("filters:\n")[2]
    filters = [
        line.strip().partition("  ")[0].replace("...", "name = 'a'")
        for line in sheet.splitlines()
        if line.strip()
    ]
    assert 8 == len(filters)
    # a filter with a key that no run has is an error
    record("all of it", {"C": 1.0}, {"loss": 0.1}, {"team": "a"})
    assert [0] * 8 == [command("ls", "-q", each).status for each in filters]


@pytest.mark.parametrize(
    "words",
    [
        ("--watch", "0.1"),
        ("--watch", "iris"),
        ("--watch", "nan"),
        ("--watch", "--json"),
        ("--watch", "3", "--csv"),
    ],
)
def test_a_watch_without_sense_is_refused(command, home, words):
    """Too often, not a number, and what cannot be shown again in its place."""
    with fitprint.start_run():
        pass
    assert 2 == command("ls", *words).status


@pytest.fixture
def searched(home):
    """A fit, and a search with two parts, all of which a filter matches; return the search's id."""
    record("fit", {"C": 1})
    with fitprint.start_run(name="search") as search:
        search.log_param("C", 1)
        for part in "ab":
            record(f"part {part}", {"C": 1})
    return search.id


def test_a_filter_lists_parts_of_runs_when_they_are_asked_for(command, searched):
    """They are like those that they are part of, and would be taken for them; that there are some
    is said.
    """
    done = command("ls", "-q", "params.C = 1")
    assert ["search (+2)", "fit"] == names(done.out)
    assert "fitprint: runs that are part of other runs match, too; --all lists them\n" == done.err
    done = command("ls", "-q", "params.C = 1", "--all")
    assert (["└ part b", "└ part a", "search", "fit"], "") == (names(done.out), done.err)
    done = command("ls", "-q", f"parent_id = '{searched}'")
    assert (["└ part b", "└ part a"], "") == (names(done.out), done.err)


def test_where_only_parts_match_that_is_said(command, searched):
    """Nobody would look for them."""
    done = command("ls", "-q", "name like 'part%'")
    assert "" == done.out
    assert "--all lists them" in done.err
