"""``fitprint show`` and ``fitprint get``."""

from __future__ import annotations

import json
import math
from datetime import timedelta

import pytest

import fitprint
from fitprint.entities import Dataset, LoggedModel
from fitprint.events import DocumentLogged, ModelLogged
from fitprint.recording import deferred
from fitprint.recording.workspace import current

INPUTS = {"container": "table", "fields": [{"name": "age", "type": "int64", "nullable": True}]}
FACTS = {
    "class": "my.Model",
    "serialization": "pickle",
    "size": 2048,
    "signature": {"inputs": INPUTS, "outputs": None},
    "needs": ["my.Model"],
}
REPORT = {
    "framework": "toy",
    "function": "Toy.fit",
    "cost_ms": 1.5,
    "captured": ["params"],
    "failed": {"model": "too odd"},
    "warnings": [{"category": "UserWarning", "message": "look \x1b[31mout"}],
}


@pytest.fixture
def run(home):
    """A run that has something of everything."""
    made = fitprint.start_run(name="rich", tags={"team": "a"})
    made.log_params({"C": 0.5, "tol": 0.1}, defaults=["tol"])
    made.log_history("loss", [3.0, 1.0, 2.0])
    made.log_metric("acc", 0.25)
    made.log_input(
        Dataset("X", "train", "sha256:" + "ab" * 32, {"shape": [10, 2], "dtype": "float64"})
    )
    made.log_text("hello", "notes/hello.txt")
    made.log_text("m", "model/MLmodel")
    current().writer.append(
        ModelLogged(made.id, 1, LoggedModel("model", "pickle", "sha256:" + "cd" * 32, FACTS))
    )
    current().writer.append(DocumentLogged(made.id, 1, "capture", REPORT))
    fitprint.start_run(name="child").end()
    made.end("FAILED", error="Traceback\nValueError: bad\n")
    return made


def files_below(folder, apart=None):
    """Return the texts of all files by path."""
    found = [file for file in folder.rglob("*") if file.is_file() and apart not in file.parents]
    return {file.relative_to(folder).as_posix(): file.read_text() for file in found}


def test_everything_is_shown(command, run):
    """Each kind of fact has its section."""
    text = command("show", "rich", "--all").out
    expected = [
        "rich  ✕ FAILED",
        f"id          {run.id}",
        "children    1 (1 FINISHED)",
        "loss       2     1        1  min        3  █▁▅",
        "acc     0.25                            1",
        "C          0.5    set",
        "tol        0.1    default",
        "team = a",
        "X  train  10×2  float64  sha256:abababababab",
        "model  pickle  my.Model  pickle  2.0 kB",
        "inputs  table(age: int64?)",
        f"load it  fitprint.load_model(\"runs:/{run.id[-6:]}/model\", trust=['my.Model'])",
        "model/",
        "  MLmodel  1 B",
        "notes/",
        "  hello.txt  5 B",
        "toy Toy.fit, 1.5 ms",
        "failed: model: too odd",
        "UserWarning: look \\x1b[31mout",
        "ValueError: bad",
    ]
    assert [] == [line for line in expected if line not in text]
    order = [
        "METRICS",
        "PARAMETERS",
        "TAGS",
        "DATA",
        "MODELS",
        "ARTIFACTS",
        "CAPTURE",
        "WARNINGS",
        "FAILURE",
    ]
    assert order == [line for line in text.splitlines() if line.isupper()]


def test_a_note_is_shown(command, home):
    """All lines of it, none of which steers the terminal."""
    with fitprint.start_run(name="noted") as run:
        pass
    run.set_note("First \x1b[31mline\nSecond")
    shown = command("show", "noted").out
    assert "NOTE\nFirst \\x1b[31mline\nSecond\n" in shown


def test_what_was_added_later_is_marked(command, home):
    """With how long after the end of the run that was; scores that follow a training at once are a
    part of it.
    """
    with fitprint.start_run("trained") as run:
        run.log_metric("loss", 1)
    run.log_metric("score", 2)
    assert "added" not in command("show", "trained", "--all").out
    run.log_metric("checked", 3, timestamp=run.end_time + timedelta(hours=2))
    shown = command("show", "trained", "--all").out.splitlines()
    assert "added to    2h after its end" in shown
    marked = [line.split()[0] for line in shown if line.endswith("2h after its end")]
    assert ["added", "checked"] == marked
    assert [True] == [
        line.rstrip().endswith("added") for line in shown if line.startswith("metric")
    ]


def test_a_bare_run_has_no_empty_sections(command, home):
    """What is not there takes no room."""
    with fitprint.start_run(name="bare"):
        pass
    assert [] == [line for line in command("show", "bare").out.splitlines() if line.isupper()]


def test_json_has_everything(command, run):
    """Strict JSON: the fields of the listing, and what only one run is worth."""
    content = json.loads(command("show", "rich", "--json").out, parse_constant=pytest.fail)
    assert {"C": "set", "tol": "default"} == content["provenance"]
    assert [child.id for child in run.children()] == content["children"]
    assert "too odd" == content["capture"]["failed"]["model"]
    assert "ValueError: bad" in content["error"]
    assert "history" not in content


def test_json_has_large_parameters_whole(command, home):
    """Also those of which the store has a preview only."""
    with fitprint.start_run(name="large") as run:
        run.log_param("text", "x" * 20_000)
    assert "x" * 20_000 == json.loads(command("show", run.id, "--json").out)["params"]["text"]


def test_every_point_can_be_printed(command, home):
    """Tab-separated, exact, in the order logged."""
    with fitprint.start_run(name="r") as run:
        run.log_metric("loss", 1 / 3, step=5, epoch=0.5)
        run.log_metric("loss", math.nan, step=6)
    head, *lines = command("show", "r", "--history", "loss").out.splitlines()
    assert ["metric", "step", "epoch", "timestamp", "value"] == head.split("\t")
    assert [("loss", "5", "0.5", repr(1 / 3)), ("loss", "6", "", "nan")] == [
        (key, step, epoch, value)
        for key, step, epoch, _, value in (line.split("\t") for line in lines)
    ]


def test_every_point_is_in_json_if_asked_for(command, run):
    """As columns by metric."""
    history = json.loads(command("show", "rich", "--history", "all", "--json").out)["history"]
    assert [3.0, 1.0, 2.0] == history["loss"]["value"]
    assert [0, 1, 2] == history["loss"]["step"]
    assert [None] * 3 == history["loss"]["epoch"]
    assert [0.25] == history["acc"]["value"]


def test_an_unknown_metric_is_told(command, run):
    """With those that there are."""
    done = command("show", "rich", "--history", "los")
    assert (1, "") == (done.status, done.out)
    assert "did you mean 'loss'?" in done.err
    assert "its metrics: acc, loss" in command("show", "rich", "--history", "zzz").err


def test_runs_are_found_by_id_prefix_name_and_last(command, home):
    """All names that a run has."""
    with fitprint.start_run(name="first") as first:
        pass
    with fitprint.start_run(name="second"):
        pass
    assert [first.id] * 3 == [
        json.loads(command("show", each, "--json").out)["id"]
        for each in (first.id, first.id[:20], "first")
    ]
    assert "second" == json.loads(command("show", "@last", "--json").out)["name"]


def test_an_ambiguous_prefix_is_told(command, home):
    """With what is shown of the ids that it fits."""
    ids = []
    for name in ("a", "b"):
        with fitprint.start_run(name=name) as run:
            ids.append(run.id)
    done = command("show", ids[0][:3])
    assert (1, "") == (done.status, done.out)
    assert all(run[-6:] in done.err for run in ids)


@pytest.mark.parametrize(
    ("path", "destination", "files"),
    [
        ("notes/hello.txt", None, {"hello.txt": "hello"}),
        ("notes/hello.txt", "there.txt", {"there.txt": "hello"}),
        ("model", None, {"model/MLmodel": "m"}),
        ("model", "deep/er", {"deep/er/MLmodel": "m"}),
    ],
)
def test_get_copies_artifacts(command, run, home, path, destination, files):
    """A file or a folder, under its own name or another; the path is printed."""
    done = command("get", "rich", path, *(["-o", destination] if destination else []))
    assert (0, "") == (done.status, done.err)
    work = home.parent
    assert files == {
        str(file.relative_to(work)): file.read_text()
        for file in work.rglob("*")
        if file.is_file() and home not in file.parents
    }
    assert (work / done.out.strip()).exists()


def test_get_copies_everything(command, run, home):
    """Into a folder named after the id, never after the run's name, which may say anything."""
    assert f"run-{run.id[-6:]}\n" == command("get", "rich").out
    assert {"model/MLmodel": "m", "notes/hello.txt": "hello"} == files_below(
        home.parent / f"run-{run.id[-6:]}"
    )


def test_get_of_an_unknown_path_lists_what_there_is(command, run):
    """Status 1."""
    done = command("get", "rich", "nope.txt")
    assert (1, "") == (done.status, done.out)
    assert "notes/hello.txt" in done.err


@pytest.mark.parametrize("artifacts", ["", "file://{}/files"])
def test_get_prints_no_link_where_there_is_none(command, run, home, monkeypatch, artifacts):
    """It says where that is, and what to do; --link writes nothing."""
    monkeypatch.setenv("FITPRINT_ARTIFACTS", artifacts.format(home.parent))
    done = command("get", "rich", "notes/hello.txt", "--link")
    assert (1, "") == (done.status, done.out)
    assert "fitprint get" in done.err
    assert 2 == command("get", "rich", "notes/hello.txt", "--link", "-o", "x").status


def test_get_of_a_tampered_file_is_refused(command, run, home):
    """The bytes no longer match their digest, and nothing is left in the destination."""
    (artifact,) = [
        artifact
        for artifact in fitprint.get_run("rich").artifacts
        if artifact.path == "notes/hello.txt"
    ]
    blob = current().staging.path_of(artifact.digest)
    blob.chmod(0o600)
    blob.write_text("jello")
    done = command("get", "rich", "notes/hello.txt", "-o", "out.txt")
    assert (1, "") == (done.status, done.out)
    assert "'notes/hello.txt' have changed since they were recorded" in done.err
    assert not (home.parent / "out.txt").exists()


@pytest.mark.parametrize(
    "facts",
    [{"size": "big"}, {"signature": {"inputs": {"fields": 5}}}, {"signature": 7}, {"needs": 3}],
    ids=["size", "fields", "signature", "needs"],
)
def test_fault_7_facts_of_another_form_hide_no_others(command, home, facts):
    """What a bundle or another program says of a model may have any form: its section says so, all
    others are there.
    """
    with fitprint.start_run(name="odd") as run:
        run.set_tag("team", "a")
        current().writer.append(ModelLogged(run.id, 1, LoggedModel("model", "other", "", facts)))
    done = command("show", run.id)
    assert 0 == done.status
    assert "team = a" in done.out
    assert "cannot be shown" in done.out


def test_fault_7_no_fact_steers_a_terminal(command, home):
    """Every line of what may come from elsewhere is made printable, whatever it was put together
    from.
    """
    with fitprint.start_run() as run:
        facts = {"signature": {"inputs": {"fields": [], "container": "\x1b[2J"}}}
        current().writer.append(ModelLogged(run.id, 1, LoggedModel("model", "other", "", facts)))
    done = command("show", run.id)
    assert "\\x1b[2J()" in done.out
    assert "\x1b" not in done.out


def test_fault_7_numbers_that_no_run_uses_are_passed_over(command, home):
    """A bundle may state any."""
    with fitprint.start_run() as run:
        pass
    current().writer.append(
        DocumentLogged(
            run.id,
            1,
            "usage",
            {"cpu_seconds": 10**400, "peak_memory": 1e300, "read_bytes": 5 << 20},
        )
    )
    done = command("show", run.id)
    assert 0 == done.status
    assert "used        5.2 MB read from disk\n" in done.out


def test_a_profile_is_told_in_a_line_for_each_column(command, home):
    """The range of numbers, the most frequent of other values, and how much is missing; of many
    columns the first.
    """
    fitprint.configure(profile="full", profile_values=["word"])
    with fitprint.start_run(name="profiled") as run:
        run.log_input(
            [{"age": 1, "word": "x", "\x1b[31m": None}, {"age": 3, "word": "x", "\x1b[31m": 2.5}],
            "rows",
        )
        run.log_input([list(range(9))], "wide")
    deferred.finish(60)
    lines = command("show", "profiled", "--all").out.splitlines()
    assert {"  age: number, 1 to 3, median 2", "  word: text, x 100%", "  ... 1 more"} <= set(lines)
    assert any(
        line.endswith("number, 2.5 to 2.5, median 2.5, 50% missing") and "\x1b" not in line
        for line in lines
    )


def test_a_profile_whose_bytes_are_lost_is_not_shown(command, home):
    """The facts are."""
    fitprint.configure(profile="full")
    with fitprint.start_run(name="profiled") as run:
        run.log_input([1, 2], "numbers")
    deferred.finish(60)
    for file in (home / "blobs").rglob("*"):
        if file.is_file():
            file.unlink()
    text = command("show", "profiled", "--all").out
    assert "numbers  train  2  list" in text
    assert "median" not in text


def test_what_is_shown_fits_a_screen(command, home):
    """The metric that counts first, set parameters, the number of defaults and of files; the end of
    a traceback.
    """
    made = fitprint.start_run("big")
    made.log_params(
        {f"p{number}": number for number in range(40)},
        defaults=[f"p{number}" for number in range(3, 40)],
    )
    made.log_metrics({f"layer_{number}": 1.0 for number in range(40)} | {"val_loss": 0.5})
    for number in range(30):
        made.log_text("x", f"folder/{number}.txt")
        made.log_text("x", f"{number}.txt")
    current().writer.append(
        DocumentLogged(
            made.id, 1, "capture", {"captured": ["params"], "skipped": {"plots": "too large"}}
        )
    )
    made.end("FAILED", error="\n".join(f"line {number}" for number in range(90)))
    lines = command("show", "big").out.splitlines()
    assert 60 > len(lines)
    at = lines.index("METRICS")
    assert lines[at + 2].startswith("val_loss")
    assert {
        "... 29 more metrics; --all shows all",
        "37 defaults; --all shows all",
        "line 89",
        "skipped: plots: too large",
    } <= set(lines)
    assert "captured: params" not in lines
    assert 120 < len(command("show", "big", "--all").out.splitlines())


def test_the_curve_of_a_metric_is_shown_whole(command, home):
    """From its first point to its last."""
    with fitprint.start_run(name="long") as run:
        run.log_history("loss", [float(number) for number in range(100)])
    (line,) = [line for line in command("show", "long").out.splitlines() if line.startswith("loss")]
    curve = line.split()[-1]
    assert (32, "▁", "█") == (len(curve), curve[0], curve[-1])
