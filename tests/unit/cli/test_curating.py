"""Commands that change what is known of runs and experiments."""

from __future__ import annotations

import io
import json
import sys

import pytest

import fitprint
from fitprint import clock
from fitprint.recording.workspace import current


@pytest.fixture
def runs(home):
    """Three runs, two of one name."""
    made = []
    for name in ("a", "b", "b"):
        with fitprint.start_run(name) as run:
            run.log_metric("loss", len(made))
        made.append(run)
    return made


def test_tags_are_set_and_removed(command, runs):
    """A tag without a value is "true"; a run is found by its tag."""
    assert 0 == command("tag", "a", "baseline", "team=x=y").status
    assert {"baseline": "true", "team": "x=y"} == fitprint.get_run("#baseline").tags
    done = command("tag", "a", "--remove", "team")
    assert "tagged 1 run: team removed" in done.err
    again = command("tag", "a", "--remove", "team")
    assert (1, "fitprint: the run has no tag 'team'; nothing is changed\n") == (
        again.status,
        again.err,
    )
    assert {"baseline": "true"} == fitprint.get_run("a").tags


def test_all_runs_that_match_are_tagged(command, runs):
    """With a filter, all words are tags."""
    assert "tagged 2 runs: good=true" in command("tag", "-q", "metrics.loss >= 1", "good").err
    assert {runs[1].id, runs[2].id} == {
        run.id for run in fitprint.search_runs(filter_string="tags.good = 'true'")
    }


def test_a_filter_takes_parts_of_runs_only_where_it_asks_for_them(command, home, tmp_path):
    """The candidates of a search match like the search; alone they are told."""
    with fitprint.start_run("search", tags={"kept": "no"}):
        fitprint.start_run("candidate", tags={"kept": "no"}).end()
    fitprint.start_run("other", tags={"kept": "no"}).end()
    asked = "tags.kept = 'no'"
    assert "tagged 2 runs" in command("tag", "-q", asked, "seen").err
    assert "tagged 1 run" in command("tag", "-q", f"{asked} and parent_id is not null", "part").err
    compared = json.loads(command("compare", "-q", asked, "--json").out)
    assert {"search", "other"} == {run["name"] for run in compared["runs"]}
    done = command("rm", "-q", "name = 'candidate'")
    assert 1 == done.status
    assert "no run matches; ask for runs that are part of other runs with" in done.err
    assert (
        "3 runs" in command("export", "--all", "-o", str(tmp_path / "all.zip")).err
    )  # with the whole go its parts


def test_a_note_is_written_added_to_and_read(command, runs, monkeypatch):
    """Also from standard input and by an editor."""
    assert 0 == command("note", "a", "first\x1b[2J line").status
    assert 0 == command("note", "a", "--append", "second").status
    assert "first\\x1b[2J line\n\nsecond\n" == command("note", "a").out
    monkeypatch.setattr("sys.stdin", io.StringIO("from a pipe\n"))
    command("note", "a", "-")
    assert "from a pipe\n" == command("note", "a").out
    monkeypatch.delenv("VISUAL", raising=False)
    edit = "import sys, pathlib; p = pathlib.Path(sys.argv[1]); p.write_text(p.read_text().upper())"
    monkeypatch.setenv("EDITOR", f'"{sys.executable}" -c "{edit}"')
    assert 0 == command("note", "a", "--edit").status
    assert "FROM A PIPE\n" == command("note", "a").out


def test_an_editor_that_fails_changes_nothing(command, runs, monkeypatch):
    """The message names it."""
    command("note", "a", "kept")
    monkeypatch.setenv("VISUAL", f'"{sys.executable}" -c "raise SystemExit(3)"')
    done = command("note", "a", "--edit")
    assert 1 == done.status
    assert "the note is as it was" in done.err
    assert "kept\n" == command("note", "a").out


def test_a_run_without_a_note_says_so(command, runs):
    """On standard error."""
    done = command("note", "a")
    assert (0, "") == (done.status, done.out)
    assert "a has no note" in done.err


def test_a_run_is_renamed(command, runs):
    """The id stays."""
    assert 0 == command("rename", "a", "better").status
    assert runs[0].id == fitprint.get_run("better").id


@pytest.mark.parametrize(
    "words",
    [("tag", "b", "x"), ("note", "b", "x"), ("rename", "b", "x"), ("rm", "b"), ("rm", "a", "b")],
)
def test_a_name_of_several_runs_is_an_error_for_what_changes_them(command, runs, words):
    """Nothing is done, and the candidates are listed."""
    done = command(*words)
    assert 1 == done.status
    assert all(run.id[-6:] in done.err for run in runs[1:])
    assert 3 == len(fitprint.search_runs())


def test_a_name_of_several_runs_is_told_where_one_is_shown(command, runs):
    """The newest is shown."""
    done = command("show", "b")
    assert runs[2].id in done.out
    assert f"several runs are called 'b'; this is the newest, {runs[2].id[-6:]}" in done.err


def test_what_matches_is_removed_with_its_children(command, runs):
    """A dry run only lists; more than ten are told together."""
    with fitprint.start_run("parent"):
        for _ in range(11):
            fitprint.start_run("child").end()
    done = command("rm", "-q", "name = 'parent'", "--dry-run")
    assert done.out.endswith("  parent (+11)\n")
    assert 15 == len(fitprint.search_runs(children=True))
    assert "and 11 runs below it are in the trash" in command("rm", "-q", "name = 'parent'").err
    for _ in range(11):
        fitprint.start_run("more").end()
    assert "11 runs moved to the trash" in command("rm", "-q", "name = 'more'").err
    assert 3 == len(fitprint.search_runs())


@pytest.mark.parametrize(
    "words",
    [
        ("rm",),
        ("rm", "a", "-q", "x"),
        ("export",),
        ("tag", "a"),
        ("purge",),
        ("purge", "a", "--all"),
    ],
)
def test_what_is_to_be_done_must_be_clear(command, runs, words):
    """Status 2, and a word on what to say."""
    done = command(*words)
    assert (2, "") == (done.status, done.out)
    assert "fitprint: name the " in done.err
    assert 3 == len(fitprint.search_runs())


def test_purging_asks_first_and_only_takes_what_is_in_the_trash(command, runs):
    """Without a terminal to ask at, --yes is needed."""
    assert "is not in the trash" in command("purge", "a", "--yes").err
    command("rm", "a")
    done = command("purge", "a")
    assert 1 == done.status
    assert "nothing was erased" in done.err
    assert "1 run erased" in command("purge", "--all", "--yes").err
    assert "the trash is empty" in command("purge", "--all").err
    assert 1 == command("restore", "a").status


def test_runs_that_match_are_exported(command, runs, tmp_path):
    """Or all."""
    file = tmp_path / "some.zip"
    assert "2 runs" in command("export", "-q", "name = 'b'", "-o", str(file)).err
    assert "3 runs" in command("export", "--all", "-o", str(tmp_path / "all.zip")).err
    assert 1 == command("export", "-q", "name = 'zzz'").status


def test_experiments_are_listed_and_changed(command, home):
    """Those in the archive only if asked for."""
    with fitprint.start_run("a", experiment="iris"):
        pass
    command("experiments", "create", "empty")
    command("experiments", "rename", "iris", "flowers")
    command("experiments", "note", "flowers", "three\nspecies")
    command("experiments", "tag", "flowers", "metric=val_auc")
    command("experiments", "archive", "empty")
    lines = [line.split() for line in command("experiments").out.splitlines()]
    assert [
        ["experiment", "runs", "last", "run", "tags", "note"],
        ["flowers", "1", "0s", "metric=val_auc", "three"],
    ] == lines
    assert 3 == len(command("experiments", "--all").out.splitlines())
    (told,) = json.loads(command("experiments", "--json").out)
    assert ("flowers", ["iris"], {"metric": "val_auc"}, 1) == tuple(
        told[key] for key in ("name", "former_names", "tags", "run_count")
    )
    command("experiments", "restore", "empty")
    assert 3 == len(command("experiments").out.splitlines())
    assert 1 == command("experiments", "rename", "nope", "x").status
    assert 2 == command("experiments", "rename", "flowers").status


def test_the_metric_of_an_experiment_is_the_first_column(command, home):
    """Whatever else its runs have."""
    for value in (0.1, 0.2):
        with fitprint.start_run(experiment="iris") as run:
            run.log_metrics({"accuracy_score": 1 - value, "my_cost": value})
    assert "accuracy_score" == command("ls").out.splitlines()[0].split()[5]
    command("experiments", "tag", "iris", "metric=my_cost")
    assert "my_cost" == command("ls").out.splitlines()[0].split()[5]


def test_runs_are_listed_by_what_they_have_in_common(command, home):
    """A table for each value, with columns of its own."""
    for team, key in (("x", "lr"), ("x", "lr"), ("y", "depth")):
        with fitprint.start_run(tags={"team": team}) as run:
            run.log_param(key, len(fitprint.search_runs()))
    lines = command("ls", "--by", "team").out.splitlines()
    assert ["y, 1 run", "x, 2 runs"] == [line for line in lines if ", " in line]
    assert ["depth", "lr"] == [line.split()[-1] for line in lines if line.startswith("status")]
    assert "**y, 1 run**" in command("ls", "--by", "team", "--md").out
    assert "did you mean 'team'?" in command("ls", "--by", "tean").err


def test_a_second_run_is_not_taken_for_a_tag(command, runs):
    """Nothing is tagged, and the message says how several runs are."""
    done = command("tag", runs[0].id[-6:], runs[1].id[-6:], "reviewed=yes")
    assert 2 == done.status
    assert f"'{runs[1].id[-6:]}' is a run; tag several runs with -q FILTER" in done.err
    assert {} == fitprint.get_run(runs[0].id).tags


def test_a_note_is_given_in_one_way(command, runs):
    """A text that would be lost is refused."""
    assert 2 == command("note", "a", "text", "--append", "more").status
    assert "" == fitprint.get_run("a").note


def test_a_tag_of_an_experiment_is_removed(command, runs):
    """As one of a run is."""
    command("experiments", "tag", "Default", "metric=loss", "team=a")
    assert "tagged 'Default'" in command("experiments", "tag", "Default", "--remove", "team").err
    assert {"metric": "loss"} == fitprint.get_experiment("Default").tags


def test_a_metric_of_an_experiment_that_no_run_has_is_told(command, runs):
    """It may come; mostly it is mistyped."""
    assert (
        "no run has a metric 'los' yet"
        in command("experiments", "tag", "Default", "metric=los").err
    )
    assert "yet" not in command("experiments", "tag", "Default", "metric=los, loss").err


def test_a_run_that_goes_on_is_removed_only_with_force(command, home):
    """Its process may not have ended it."""
    with fitprint.start_run("going"):
        done = command("rm", "going")
        assert 1 == done.status
        assert "still running: going" in done.err
        assert 0 == command("rm", "going", "--force").status
    assert [] == fitprint.search_runs()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("metrics.los > 1", "no run has a metric 'los'; did you mean 'loss'?"),
        ("not (name = 'a' or max(metrics.nope) > 1)", "no run has a metric 'nope'"),
        ("params.loss > 1", "no run has a parameter 'loss'; there is a metric of this name"),
        ("tags.team = 'a'", "no run has a tag 'team'"),
        ("experiment = 'Defalt'", "no run has an experiment 'Defalt'; did you mean 'Default'?"),
    ],
)
def test_a_filter_with_a_key_that_no_run_has_is_an_error(command, runs, query, message):
    """It is mistyped: no run would match, and nobody would know why."""
    for words in (("ls",), ("rm",), ("tag", "x")):
        done = command(*words, "-q", query)
        assert 1 == done.status
        assert message in done.err
    assert 3 == len(fitprint.search_runs())


def test_columns_that_only_other_runs_have_are_empty(command, home):
    """Asking for them is no mistake."""
    with fitprint.start_run() as run:
        run.log_param("C", 1)
    with fitprint.start_run() as run:
        run.log_metric("loss", 1.0)
    done = command("ls", "--top", "1", "--cols", "loss,params.C")
    assert ["loss", "C"] == done.out.splitlines()[0].split()[5:]
    assert 0 == done.status


def test_what_is_sorted_by_is_shown(command, home):
    """Also where it would have no room for what it tells."""
    for number in range(3):
        with fitprint.start_run() as run:
            run.log_metrics(
                {"val_loss": number, "fit_time": number} | {f"m{key}": number for key in range(30)}
            )
    assert ["val_loss", "fit_time"] == command("ls", "--sort", "-fit_time").out.splitlines()[
        0
    ].split()[5:7]


def test_runs_in_the_archive_are_not_lost(command, runs):
    """It is said where they are."""
    command("experiments", "archive", "Default")
    done = command("ls")
    assert (0, "") == (done.status, done.out)
    assert "all runs are in archived experiments: Default; `fitprint ls EXPERIMENT`" in done.err


def test_a_mistyped_name_gets_a_suggestion(command, runs):
    """Among names of runs and words."""
    with fitprint.start_run("XGBClassifier"):
        pass
    assert "did you mean 'XGBClassifier'?" in command("show", "XGBClasifier").err
    assert "did you mean '@last'?" in command("show", "@lsat").err


def test_headings_of_the_table_can_be_sorted_by(command, home):
    """The youngest run began last, and the longest took the most time."""
    for place, took in enumerate((3, 1, 2)):
        with clock.replaced(lambda place=place: 1_000_000_000_000_000 + place * 60_000_000):
            run = fitprint.start_run(f"took {took}")
        run.end(at=1_000_000_000_000_000 + place * 60_000_000 + took * 1_000_000)

    def names(key):
        return [run["name"][-1] for run in json.loads(command("ls", "--json", "--sort", key).out)]

    assert (["2", "1", "3"], ["3", "1", "2"]) == (names("age"), names("-age"))
    assert (["1", "2", "3"], ["3", "2", "1"]) == (names("time"), names("-time"))


@pytest.mark.parametrize(
    ("query", "word"), [("name = 'a' && name = 'b'", "and"), ("name = 'a' || name = 'b'", "or")]
)
def test_signs_of_other_languages_get_the_word(command, runs, query, word):
    """At the place where they are."""
    assert f"write {word}" in command("ls", "-q", query).err


def test_what_no_run_has_yet_can_be_asked_for(command, runs):
    """A tag that is still to be set is no mistake."""
    assert 4 == len(command("ls", "-q", "tags.reviewed is null").out.splitlines())
    assert "no run has a tag 'reviewed'" in command("ls", "-q", "tags.reviewed is not null").err


def test_a_listing_by_nothing_is_an_error(command, runs):
    """The message says by what it can be."""
    assert "--by needs a key" in command("ls", "--by", "").err


def test_a_name_costs_no_look_at_the_experiments(home, monkeypatch):
    """Only ``@best`` asks by what they are judged."""
    with fitprint.start_run("a"):
        pass
    store = current().store
    asked = []
    monkeypatch.setattr(type(store), "experiments", lambda self: asked.append(self) or [])
    for name in ("a", "@last", "@last:a"):
        fitprint.get_run(name)
    assert [] == asked
