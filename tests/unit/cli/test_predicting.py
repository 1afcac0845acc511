"""``fitprint predict``: files of rows are read, predictions written, and mistakes are placed."""

from __future__ import annotations

import io
import json
import sys

import pytest

import fitprint
from fitprint.cli import rowfiles
from fitprint.data.schema import Field
from fitprint.errors import FitprintError, SignatureError
from fitprint.models.texts import from_texts, times_from_texts

SECRET = "the value that nobody may see"


class Sizes:
    """A model of records: what is said of each."""

    def predict(self, data):
        return [f"{row['town']}:{row['size'] * 2}" for row in data]


class Columns:
    """A model of whatever it is given."""

    def predict(self, data):
        sizes = list(data["size"])
        return {"twice": [2 * size for size in sizes], "nan": [float("nan")] * len(sizes)}


class Few(Sizes):
    def predict(self, data):
        return ["one"]


class Raising(Sizes):
    def predict(self, data):
        raise ValueError("no luck")


ROWS = [{"id": f"r{number}", "size": number + 0.5, "town": "Oslo"} for number in range(5)]
INPUTS = [{"size": 1.5, "town": "Rome"}, {"size": 2.5, "town": "Oslo"}]
EXPECTED = [f"Oslo:{row['size'] * 2}" for row in ROWS]


def as_csv(rows, separator=","):
    return "".join(
        separator.join(map(str, each)) + "\n" for each in [rows[0], *(row.values() for row in rows)]
    )


@pytest.fixture
def work(home, tmp_path, monkeypatch):
    """A folder with the rows in each format; chunks are of two rows."""
    monkeypatch.setattr(rowfiles, "CHUNK", 2)
    folder = tmp_path / "work"
    files = {
        "rows.csv": as_csv(ROWS),
        "rows.tsv": as_csv(ROWS, "\t"),
        "rows.json": json.dumps(ROWS),
        "split.json": json.dumps(
            {"columns": list(ROWS[0]), "data": [list(row.values()) for row in ROWS]}
        ),
        "rows.jsonl": "".join(f"{json.dumps(row)}\n\n" for row in ROWS),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def sizes(work):
    with fitprint.start_run("sizes") as run:
        run.log_model(Sizes(), inputs=INPUTS)
    return run


@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv", "rows.json", "split.json", "rows.jsonl"])
@pytest.mark.parametrize("suffix", ["csv", "tsv", "json", "jsonl"])
def test_every_format_becomes_every_other(command, sizes, work, name, suffix):
    """Row by row, with the columns that are kept before the predictions."""
    done = command("predict", "@last", "-i", name, "-o", f"out.{suffix}", "--keep", "id,town")

    assert (0, "", "fitprint: 5 rows\n") == (done.status, done.out, done.err)
    text = (work / f"out.{suffix}").read_text(encoding="utf-8")
    rows = [
        {"id": row["id"], "town": "Oslo", "prediction": each}
        for row, each in zip(ROWS, EXPECTED, strict=True)
    ]
    if suffix == "json":
        assert rows == json.loads(text)
    elif suffix == "jsonl":
        assert rows == [json.loads(line) for line in text.splitlines()]
    else:
        assert as_csv(rows, "\t" if suffix == "tsv" else ",") == text
    assert not list(work.glob("*.part")) + list(work.glob(".*.part"))


def given(monkeypatch, text):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_pipes(command, sizes, work, monkeypatch):
    """CSV, unless another format is named."""
    given(monkeypatch, as_csv(ROWS[:1]))
    assert (
        "id,prediction\nr0,Oslo:1.0\n"
        == command("predict", "sizes", "-i", "-", "-o", "-", "--keep", "id").out
    )
    given(monkeypatch, json.dumps(ROWS[1]))
    assert (
        '{"prediction": "Oslo:3.0"}\n'
        == command("predict", "sizes", "-i", "-", "-o", "-", "--format", "jsonl").out
    )


def test_a_model_without_a_signature_gets_columns(command, work):
    """Numbers where all texts are numbers; NaN is nothing."""
    with fitprint.start_run() as run:
        run.log_model(Columns())
    (work / "rows.csv").write_text("size\n1\n2\n", encoding="utf-8")

    assert 0 == command("predict", "@last", "-i", "rows.csv", "-o", "out.json").status
    assert [{"twice": 2, "nan": None}, {"twice": 4, "nan": None}][0].keys() == json.loads(
        (work / "out.json").read_text()
    )[0].keys()


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        (
            "a.csv",
            "size,town\n1,Oslo\n\n,x\n",
            "a.csv, line 4, column 'size': nothing where a float is expected",
        ),
        (
            "a.csv",
            f"size,town\n1,Oslo\n{SECRET},Oslo\n",
            "a.csv, line 3, column 'size': text where a float",
        ),
        ("a.csv", 'size,town\n1,"a\nb"\nx,Oslo\n', "a.csv, line 4, column 'size': text where"),
        ("a.csv", "size,town\n1\n", "a.csv, line 2: there are 1 cells, where there are 2 columns"),
        ("a.csv", "", "a.csv is empty"),
        ("a.csv", "size,size\n", "two columns have the same name"),
        ("a.csv", 'size,town\n1,"x\n', "a.csv, line 2: unexpected end of data"),
        ("a.csv", "size\n1\n", "a.csv: column 'town' (string) is missing"),
        ("a.json", "{", "a.json: it is not JSON"),
        ("a.json", "5", "give a list of records"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.json", '{"columns": "x", "data": []}', "`columns` must be a list of names"),
        ("a.json", '{"columns": ["a"], "data": [[1, 2]]}', "row 1: there are 2 values"),
        ("a.json", '[{"size": 1.0, "town": "x"}, 3]', "a.json, row 2: it is not a record"),
        ("a.jsonl", '{"size": 1.0, "town": "x"}\n\n{', "a.jsonl, line 3: it is not JSON"),
        (
            "a.jsonl",
            '{"size": 1.0, "town": "x"}\n' * 3 + json.dumps({"size": SECRET, "town": "x"}),
            "a.jsonl, line 4, column 'size': text where a float is expected",
        ),
        ("a.txt", "", "a.txt is of no kind that is known"),
        ("none.csv", None, "none.csv cannot be read: No such file"),
        ("none.parquet", None, "there is no file none.parquet"),
    ],
)
def test_mistakes_are_placed(command, sizes, work, name, text, told):
    """By file, line and column; nothing is left under the name of the output."""
    if text is not None:
        (work / name).write_text(text, encoding="utf-8")
    (work / "out.csv").write_text("before", encoding="utf-8")

    done = command("predict", "@last", "-i", name, "-o", "out.csv")

    assert (1, "") == (done.status, done.out)
    assert told in done.err
    assert SECRET not in done.err
    assert "before" == (work / "out.csv").read_text(encoding="utf-8")
    assert not list(work.glob(".*.part"))


def test_bytes_that_are_no_text(command, sizes, work):
    """In each format of texts."""
    for name in ("a.csv", "a.json", "a.jsonl"):
        (work / name).write_bytes(b"size,town\n\xff,\xfe\n")
        done = command("predict", "@last", "-i", name, "-o", "out.csv")
        assert (1, f"fitprint: {name} is not UTF-8 text\n") == (done.status, done.err)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-o", "out.csv", "--keep", "key"], "rows.csv has no column 'key' to keep; it has id,"),
        (["-o", "out.txt"], "out.txt is of no kind that is known"),
        (["-o", "missing/out.csv"], "missing/out.csv cannot be written: No such file"),
        (["-o", "folder.csv"], "folder.csv is no file"),
        (["-o", "folder.csv/../rows.csv"], "folder.csv/../rows.csv is the input"),
    ],
)
def test_what_cannot_be_written(command, sizes, work, words, told):
    """It is said before or after, and no file is left."""
    (work / "folder.csv").mkdir()
    before = set(work.iterdir())

    done = command("predict", "@last", "-i", "rows.csv", *words)

    assert 1 == done.status
    assert told in done.err
    assert before == set(work.iterdir())
    assert as_csv(ROWS) == (work / "rows.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (Few(), "the model has not given one prediction for each row"),
        (
            Raising(),
            "rows.csv, line 2 to line 3: the model cannot predict: ValueError: no luck",
        ),
    ],
)
def test_models_that_fail(command, work, model, told):
    """Without a traceback."""
    with fitprint.start_run() as run:
        run.log_model(model, inputs=INPUTS)

    done = command("predict", "@last", "-i", "rows.csv", "-o", "out.csv")

    assert (1, f"fitprint: {told}\n") == (done.status, done.err)
    assert not (work / "out.csv").exists()


def test_a_kept_column_of_the_same_name(command, work):
    """It is not written over."""
    with fitprint.start_run() as run:
        run.log_model(Sizes(), inputs=INPUTS)
    (work / "a.csv").write_text("size,town,prediction\n1,x,y\n", encoding="utf-8")

    done = command("predict", "@last", "-i", "a.csv", "-o", "out.csv", "--keep", "prediction")

    assert "the predictions have a column 'prediction', too" in done.err


def field(word, **options):
    return Field("c", word, **options)


@pytest.mark.parametrize(
    ("word", "texts", "values"),
    [
        ("float64", ["1", "-2.5", "nan", "1e3"], [1.0, -2.5, "nan", 1000.0]),
        ("int64", ["1", "-2", "3.0"], [1, -2, 3.0]),
        ("uint8", ["7"], [7]),
        ("bool", ["true", "False", "1", "0"], [True, False, True, False]),
        ("string", ["", "x "], ["", "x "]),
        ("category[int64]", ["1", ""], [1, None]),
        ("category[string]", ["a"], ["a"]),
        ("object", ["a"], ["a"]),
        ("datetime[ns]", ["2026-05-01T12:00"], ["2026-05-01T12:00:00"]),
        ("datetime[ns, UTC]", ["2026-05-01T12:00Z"], ["2026-05-01T12:00:00+00:00"]),
        ("datetime[ns, UTC]", ["2026-05-01T14:00+02:00"], ["2026-05-01T12:00:00+00:00"]),
    ],
)
def test_texts_become_values(word, texts, values):
    """Of the type of the signature."""
    options = {"categories": (1, 2)} if word.startswith("category") else {}
    found = [
        each.isoformat() if hasattr(each, "isoformat") else "nan" if each != each else each
        for each in from_texts(field(word, **options), texts, "c")
    ]
    assert (values, list(map(type, values))) == (found, list(map(type, found)))


@pytest.mark.parametrize(
    ("word", "text", "told"),
    [
        ("float64", "x", "column 'c', row 1: text where a float is expected"),
        ("float64", "1_0", "text where a float"),
        ("int64", "1.5", "text where an integer"),
        ("int64", "1_0", "text where an integer"),
        ("int64", "", "nothing where an integer"),
        ("bool", "yes", "text where true or false"),
        ("datetime[ns]", "yesterday", "text where a time"),
        ("timedelta[ns]", "1", "text where a time span"),
        ("category[int64]", "x", r"text where an integer \(a category\)"),
    ],
)
def test_texts_that_write_no_value(word, text, told):
    """Of which nothing is repeated."""
    good = {"float64": "1", "bool": "1"}.get(word, "2026-05-01" if "time[" in word else "1")
    texts = [text] if word.startswith("timedelta") else [good, text]
    with pytest.raises(SignatureError, match=told.replace("row 1", f"row {len(texts) - 1}")):
        from_texts(field(word), texts, "c")


def test_times_in_json_are_texts():
    """Other fields keep what they have."""
    (time,) = times_from_texts(field("datetime[ns]"), ["2026-05-01"], "c")
    assert "2026-05-01T00:00:00" == time.isoformat()
    assert [None, 5] == times_from_texts(field("datetime[ns]"), [None, 5], "c")
    assert ["x"] == times_from_texts(field("float64"), ["x"], "c")
    with pytest.raises(SignatureError, match="row 0: text where a time is expected"):
        times_from_texts(field("datetime[ns]"), ["x"], "c")


def test_parquet_without_pyarrow(command, sizes, work, monkeypatch):
    """The remedy is named."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    (work / "a.parquet").write_bytes(b"PAR1")
    for words in (["-i", "a.parquet", "-o", "o.csv"], ["-i", "rows.csv", "-o", "o.parquet"]):
        done = command("predict", "@last", *words)
        assert "Parquet files need pyarrow: pip install pyarrow" in done.err
    with pytest.raises(FitprintError, match="standard input"):
        list(rowfiles.read_chunks("-", "parquet"))
