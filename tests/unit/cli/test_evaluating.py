"""``fitprint evaluate``: files are read, the verdict is printed and recorded, and mistakes are
told.
"""

from __future__ import annotations

import json
import sys
import types

import pytest

import fitprint
from fitprint.cli.datafiles import read_data
from fitprint.errors import FitprintError
from fitprint.hooks import manager
from fitprint.hooks.markers import hookimpl
from fitprint.hooks.metrics import Metric


class Large:
    """A model that calls large what is larger than two."""

    def predict(self, data):
        sizes = data["size"]
        return [int(size > 2) for size in sizes]


def share(outcome):
    return sum(a == b for a, b in zip(outcome.true, outcome.predicted, strict=True)) / len(
        outcome.true
    )


CSV = "size,town,kind\n1,Oslo,0\n2,Rome,1\n3,Oslo,1\n4,Bonn,1\n"


@pytest.fixture
def recorded(home, tmp_path):
    """A run with a model, a plugin with a metric, and a file;
    the working directory has the file.
    """
    brought = types.SimpleNamespace(
        register_metrics=hookimpl(
            lambda: {"share_score": Metric(share, default_for=["classification"])}
        )
    )
    manager.reset(manager.Hooks(disabled=["*"], extra={"toy": brought}))
    (tmp_path / "work" / "data.csv").write_text(CSV)
    with fitprint.start_run("sizes") as run:
        run.log_model(Large())
    yield run
    manager.reset()


def test_evaluate_prints_and_records(command, recorded):
    """The table goes to standard output, the metrics to the run."""
    done = command("evaluate", "@last", "data.csv", "--target", "kind", "--by", "town")
    expected = f"""\
test: Large on 4 rows, recorded on sizes ({recorded.id[-6:]})

town  rows  share_score
all      4         0.75
Oslo     2            1
Bonn     1            1
Rome     1            0
"""
    assert (0, expected, "") == (done.status, done.out, done.err)
    assert {"test_share_score": 0.75} == fitprint.get_run(recorded.id).metrics
    assert "test_share_score" in command("ls").out


def test_evaluate_prints_json(command, recorded):
    """Under the name that was given; it is what is kept with the run."""
    done = command(
        "evaluate",
        "sizes",
        "data.csv",
        "--target",
        "kind",
        "--metrics",
        "share_score",
        "--name",
        "july",
        "--json",
    )
    content = json.loads(done.out)
    assert (0, 1, "july", {"share_score": 0.75}) == (
        done.status,
        content["schema"],
        content["name"],
        content["metrics"],
    )
    assert content == json.loads(fitprint.get_run(recorded.id).read("evaluations/july.json"))


def test_evaluate_takes_a_folder(command, recorded):
    """Which has no run; and trust, as loading does."""
    recorded.download("model", "copy")
    words = ("evaluate", "copy", "data.csv", "--target", "kind")
    refused = command(*words)
    done = command(*words, "--trust", f"{Large.__module__}.Large")
    assert (1, "") == (refused.status, refused.out)
    assert "Large" in refused.err
    assert (0, "fitprint: nothing is recorded: the model has no run\n") == (done.status, done.err)
    assert done.out.startswith("test: Large on 4 rows, not recorded\n")


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["@last", "data.csv"], 2, "the following arguments are required: --target"),
        (
            ["@last", "data.csv", "--target", "kind", "--metrics", "a,,b"],
            2,
            "must be names with commas between them, not 'a,,b'",
        ),
        (
            ["@last", "data.csv", "--target", "knid"],
            1,
            "no column 'knid' for the target; did you mean 'kind'?",
        ),
        (
            ["@last", "data.csv", "--target", "kind", "--metrics", "shere_score"],
            1,
            "did you mean 'share_score'?",
        ),
        (["@last", "other.csv", "--target", "kind"], 1, "there is no file other.csv"),
        (
            ["@last", "data.xls", "--target", "kind"],
            1,
            "give a file that ends in .csv, .tsv, .parquet, .pq",
        ),
        (["@last", "empty.csv", "--target", "kind"], 1, "empty.csv"),
        (
            ["@last", "binary.csv", "--target", "kind"],
            1,
            "binary.csv cannot be read: UnicodeDecodeError",
        ),
        (["@last", "binary.parquet", "--target", "kind"], 1, "binary.parquet can"),
        (
            ["nothing", "data.csv", "--target", "kind"],
            1,
            "with an MLmodel file (a registered model is written models:/NAME)",
        ),
    ],
)
def test_evaluate_tells_mistakes(command, recorded, tmp_path, words, status, message):
    """In a line on standard error, with the exit status."""
    (tmp_path / "work" / "empty.csv").write_text("")
    for name in ("binary.csv", "binary.parquet"):
        (tmp_path / "work" / name).write_bytes(b"\xff\xfe\x00\x81" * 9)
    done = command("evaluate", *words)
    assert (status, "") == (done.status, done.out)
    assert message in done.err
    assert {} == fitprint.get_run(recorded.id).metrics


def test_evaluate_without_any_run_says_so(command):
    """And makes no home."""
    done = command("evaluate", "@last", "data.csv", "--target", "kind")
    assert 1 == done.status
    assert "fitprint: " in done.err


@pytest.fixture
def without_pandas(monkeypatch):
    """An interpreter without pandas."""
    monkeypatch.setitem(sys.modules, "pandas", None)


def test_csv_is_read_without_pandas(tmp_path, without_pandas):
    """Numbers are numbers, empty cells are missing, the rest is text; empty lines are none."""
    file = tmp_path / "data.csv"
    file.write_text('\ufeffa,b,c,"d, e"\n1,0.5,x,\n\n2,,"y\nz",1\n', encoding="utf-8")
    assert {"a": [1, 2], "b": [0.5, None], "c": ["x", "y\nz"], "d, e": [None, 1]} == read_data(
        str(file)
    )
    (tmp_path / "data.tsv").write_text("a\tb\n1\tx,y\n")
    assert {"a": [1], "b": ["x,y"]} == read_data(str(tmp_path / "data.tsv"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty: its first line must name the columns"),
        ("a.csv", b"a,b\n1\n", "row 1 has 1 cells, and there are 2 columns"),
        ("a.csv", b"a,a\n1,2\n", "two columns have the same name"),
        ("a.csv", b'a\n"1\n', "cannot be read: Error: unexpected end of data"),
        ("a.csv", b"\xff\xfe", "cannot be read: UnicodeDecodeError"),
        ("a.parquet", b"PAR1", "can only be read with pandas: pip install pandas pyarrow"),
        ("a.txt", b"a\n1\n", "is not a data file that can be read"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, without_pandas, name, content, message):
    """Its name stands in front."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FitprintError, match=message):
        read_data(str(tmp_path / name))
