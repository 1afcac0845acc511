"""``fitprint diff``, and ``fitprint.diff``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

import fitprint
from fitprint.entities import Dataset
from fitprint.views.comparison_table import Page
from fitprint.views.difference_text import render

COMMIT = "c" * 40


def record(name, patch="", params=None, metrics=None, packages=None, columns=None, commit=COMMIT):
    """Record a run with what is known of its code, and return its id."""
    with fitprint.start_run(name=name) as run:
        run.log_params(params or {})
        run.log_metrics(metrics or {})
        if columns:
            schema = [{"name": column, "dtype": dtype} for column, dtype in columns.items()]
            run.log_input(Dataset("X", "train", f"sha256:{len(columns):064}", {"schema": schema}))
        git = {"commit": commit, "patch": {"exact": True}}
        run.log_dict(
            {"git": git, "packages": {"installed": packages or {}, "imported": []}},
            "environment.json",
        )
        if patch:
            run.log_text(patch, "code/uncommitted.patch")
    return run.id


@pytest.fixture
def two(home):
    """Two runs of one commit that differ in everything else."""
    return (
        record(
            "old",
            "+lr = 1\n",
            {"lr": 1},
            {"score": 0.5, "fit_time": 1.0},
            {"numpy": "1", "scipy": "1"},
            {"a": "int64", "b": "int64"},
        ),
        record(
            "new",
            "+lr = 2\n",
            {"lr": 2},
            {"score": 0.6, "fit_time": 2.0},
            {"numpy": "2", "torch": "1"},
            {"a": "float64", "c": "int64"},
        ),
    )


def test_everything_that_differs(command, two):
    """A table of what has values, then packages and columns by sign, then lines of code."""
    done = command("diff", "old", "new")
    assert 0 == done.status
    told = [line.rstrip() for line in done.out.splitlines()]
    assert ["score", "↑", "0.5", "0.6*", "+0.1", "+20%"] in [line.split() for line in told]
    assert ["+ torch 1", "- scipy 1", "~ numpy 1 → 2"] == told[told.index("PACKAGES") + 1 :][:3]
    assert ["+ c int64", "- b int64", "~ a int64 → float64"] == told[
        told.index("COLUMNS OF TRAIN") + 1 :
    ][:3]
    assert ["-+lr = 1", "++lr = 2"] == told[told.index("UNCOMMITTED CHANGES") + 4 :][:2]


def test_json(command, two):
    """The form that is documented, with the fields of a comparison."""
    content = json.loads(command("diff", "old", "new", "--json").out)
    assert (1, True, two[0]) == (content["schema"], content["differs"], content["baseline"])
    assert {
        "added": {"torch": "1"},
        "removed": {"scipy": "1"},
        "changed": {"numpy": ["1", "2"]},
    } == content["packages"]
    assert [
        {
            "data": "train",
            "added": {"c": "int64"},
            "removed": {"b": "int64"},
            "changed": {"a": ["int64", "float64"]},
        }
    ] == content["columns"]
    assert [("uncommitted changes", False)] == [
        (change["what"], change["cut"]) for change in content["code"]
    ]
    assert content == fitprint.diff(*two).to_dict()


def test_exit_code(command, two):
    """1 if the runs differ, but not for times alone, and only if asked for."""
    again = record(
        "again",
        "+lr = 1\n",
        {"lr": 1},
        {"score": 0.5, "fit_time": 9.0},
        {"numpy": "1", "scipy": "1"},
        {"a": "int64", "b": "int64"},
    )
    assert (0, 1, 1) == tuple(
        command("diff", *words).status
        for words in (two, (*two, "--exit-code"), (*two, "--exit-code", "--json"))
    )
    done = command("diff", "old", again, "--exit-code")
    assert (0, True) == (
        done.status,
        "the runs do not differ, but for how long they took" in done.err,
    )


def test_markdown(command, home):
    """A table and the code to unfold; nothing recorded ends the fence or is markup
    outside of it.
    """
    done = command(
        "diff",
        record("old", "+a\n"),
        record("new", "+```\n+</details><script>\n", {"<b>": 1}),
        "--md",
    )
    rows = done.out.splitlines()
    assert "<details><summary>uncommitted changes</summary>" in rows
    assert ["````diff", "````"] == [row for row in rows if row.startswith("````")]
    assert [] == [
        row for row in rows[: rows.index("````diff")] if "<b>" in row.replace(r"\<b\>", "")
    ]


def test_markdown_fits_a_comment(command, home):
    """However long the code is; what is missing is said."""
    done = command(
        "diff",
        record("old"),
        record("new", "".join(f"+line {number}\n" for number in range(50_000))),
        "--md",
    )
    assert len(done.out) < 65_000
    assert "... there is more" in done.out


def test_long_lists_and_lines_are_cut_and_counted(command, home):
    """The first ones are shown, all of them with --all."""
    patch = "".join(f"+line {number}\n" for number in range(1000))
    one, two = (
        record("old"),
        record("new", patch, packages={f"p{number}": "1" for number in range(100)}),
    )
    short, whole = command("diff", one, two), command("diff", one, two, "--all")
    assert "these are the first 30 of 100 packages; --all shows all" in short.err
    assert "lines of uncommitted changes; --all shows all" in short.err
    assert ("++line 999" in short.out, "++line 999" in whole.out, "+ p99 1" in whole.out) == (
        False,
        True,
        True,
    )


def test_texts_steer_no_terminal(command, home):
    """What is recorded is shown in one line each, with escapes; tabs are blanks."""
    one = record(
        "old", "+\tx = 1\x1b[2J\r\n", packages={"a\x1b[2J": "1"}, columns={"b\x1b": "int64"}
    )
    two = record("new", "+\u202ey\x00\n", packages={"c": "1\x1b]0;x\x07"}, columns={"d\n": "e\x1b"})
    for form in ([], ["--all"], ["--md"]):
        out = command("diff", one, two, *form).out
        assert all(letter.isprintable() for letter in out.replace("\n", ""))
        assert "-+  x = 1\\x1b[2J\\r" in out


def test_lines_have_colours(two):
    """Added lines are green, removed ones red."""
    # as a terminal's
    style = lambda text, *styles: f"<{','.join(styles)}:{text}>" if styles else text  # noqa: E731
    text, _ = render(fitprint.diff(*two), Page(120, style=style))
    assert "<green:++lr = 2>" in text
    assert "<red:-+lr = 1>" in text
    assert "<green:+ torch 1>" in text


def test_commits_that_are_not_here(command, home):
    """It says so, and what to do."""
    done = command("diff", record("old", commit="a" * 40), record("new", commit="b" * 40))
    assert "this folder is in no git repository; missing aaaaaaaaaaaa and bbbbbbbbbbbb" in done.err
    assert "git fetch" in done.err


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["old", "old"], 1, "both are the run old"),
        (["old", "nix"], 1, "'nix'"),
        (["old"], 2, "required: B"),
        (["old", "new", "--json", "--md"], 2, "not allowed"),
    ],
)
def test_mistakes_are_told(command, two, words, status, told):
    """One clear line, and nothing on standard output."""
    done = command("diff", *words)
    assert (status, "") == (done.status, done.out)
    assert told in done.err


def test_the_verb(two):
    """Handles, ids and names; a short form, and the text when printed."""
    difference = fitprint.diff(fitprint.get_run("old"), two[1])
    assert f"<fitprint.Difference of {two[0][-6:]} and {two[1][-6:]}: different>" == repr(
        difference
    )
    assert "~ numpy 1 → 2" in str(difference)
    assert "--all" not in str(difference)


def test_artifacts_of_any_content(command, home):
    """Files under our names may hold anything."""
    runs = []
    for name in ("old", "new"):
        with fitprint.start_run(name=name) as run:
            for path in ("environment.json", "code/uncommitted.patch", "code/untracked.zip"):
                run.log_text(f"\x00{name}[[[", path)
        runs.append(run.id)
    done = command("diff", *runs)
    assert (0, True) == (done.status, "untracked files cannot be read" in done.err)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_repository_of_the_home_is_found_from_elsewhere(command, home, tmp_path, monkeypatch):
    """The project that recorded the runs has their commits, also where one stands in another
    repository.
    """
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}

    def git(folder, *words):
        words = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *words]
        return subprocess.run(
            words, cwd=folder, check=True, capture_output=True, text=True, env=environment
        ).stdout.strip()

    commits = []
    git(home.parent, "init", "-q")
    for content in ("one\n", "two\n"):
        (home.parent / "train.py").write_text(content)
        git(home.parent, "add", "train.py")
        git(home.parent, "commit", "-q", "-m", "a commit")
        commits.append(git(home.parent, "rev-parse", "HEAD"))
    runs = [record(commit, commit=commit) for commit in commits]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    git(elsewhere, "init", "-q")
    monkeypatch.chdir(elsewhere)
    lines = command("diff", *runs).out.splitlines()
    assert ["-one", "+two"] == [line for line in lines if line in ("-one", "+two")]


def test_markdown_is_found_again(command, home):
    """It begins with a line that is the same for all runs of an experiment, and ends no comment of
    its own.
    """
    one, two, three = record("a"), record("b"), record("c")
    marks = {command("diff", one, other, "--md").out.splitlines()[0] for other in (two, three)}
    assert {"<!-- fitprint diff Default -->"} == marks
    fitprint.create_experiment("a--><b>-")
    with fitprint.start_run(experiment="a--><b>-") as odd:
        pass
    mark = command("diff", one, odd.id, "--md").out.splitlines()[0]
    assert "<!-- fitprint diff a_-__b__ -->" == mark


def test_markdown_says_models_and_data(command, home):
    """The sizes of models, and digests of data also where they are the same; each once."""
    ids = []
    for size in (10, 3000):
        with fitprint.start_run() as run:
            run.log_input(Dataset("X", "train", f"sha256:{'ab' * 32}"))
            run.log_model({"a": "x" * size})
        ids.append(run.id)
    for words in ([], ["--all"]):
        rows = command("diff", *ids, "--md", *words).out.splitlines()
        assert ["| train digest | abababababab | abababababab |"] == [
            row for row in rows if row.startswith("| train digest")
        ]
        sizes = [row.split(" | ")[1:] for row in rows if row.startswith("| model size | ")]
        assert (1, 2) == (len(sizes), len(set(sizes[0])))


def test_markdown_fits_a_comment_whatever_differs(command, home):
    """Long names, values, columns and notes: what has no room is left out, and that is said."""
    many = {f"{'*' * 190}{number}": "_" * 300 for number in range(300)}
    columns = {f"{'x' * 480}{number}": "int64" for number in range(40)}
    one = record("old", "+`\n" * 30_000, columns=columns)
    two = record("new", "", many, packages=many, columns={f"{key}y": "int8" for key in columns})
    out = command("diff", one, two, "--md").out
    assert len(out) < 65_000
    assert ("more rows." in out, out.count("<details>")) == (True, out.count("</details>"))


def test_names_in_markdown_call_nobody_and_link_nowhere(command, home):
    """GitHub calls whom an escaped @ names, and links what looks like an address."""
    for value in ("@team http://a.example", "www.a.example <b>"):
        with fitprint.start_run(name="r") as run:
            run.log_param("p", value)
    runs = fitprint.search_runs()
    table = command("diff", runs[1].id, runs[0].id, "--md").out
    assert r"| p | @&#8203;team http\://a.example | www\.a.example \<b\> |" in table
