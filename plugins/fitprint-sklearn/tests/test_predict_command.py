"""``fitprint predict`` predicts what the model does, for models of frames, arrays and texts."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import fitprint
from fitprint.cli import main, rowfiles

RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "size": RANDOM.normal(size=30),
        "age": RANDOM.integers(0, 9, 30),
        "member": RANDOM.integers(0, 2, 30) > 0,
        "city": RANDOM.choice(["Rome", "Oslo"], 30),
        "kind": pd.Categorical(RANDOM.choice(["a", "b"], 30), categories=["b", "a"]),
    }
)
TARGET = (FRAME["size"] > 0).astype(int)


@pytest.fixture(autouse=True)
def folder(untracked, tmp_path, monkeypatch):
    """Files lie in one, and are read in chunks of seven rows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rowfiles, "CHUNK", 7)


def recorded(model, inputs, name="model"):
    with fitprint.start_run(name) as run:
        run.log_model(model, inputs=inputs, outputs=model.predict(inputs))
    return run.id


def predicted(run, name, *words):
    assert main(["predict", run, "-i", name, "-o", "out.json", *words]) == 0
    with open("out.json", encoding="utf-8") as file:
        return json.load(file)


def test_mixed_columns_from_every_format():
    """Texts become numbers, truth values and categories; other columns are left out."""
    steps = make_column_transformer((OneHotEncoder(), ["city", "kind"]), remainder="passthrough")
    model = make_pipeline(steps, LogisticRegression()).fit(FRAME, TARGET)
    run = recorded(model, FRAME)
    data = FRAME[FRAME.columns[::-1]].assign(id=np.arange(30))
    data.to_csv("a.csv", index=False)
    data.to_json("a.json", orient="records")
    data.to_json("a.jsonl", orient="records", lines=True)
    data.to_json("b.json", orient="split", index=False)

    for name in ("a.csv", "a.json", "a.jsonl", "b.json"):
        found = predicted(run, name, "--keep", "id")
        assert list(range(30)) == [int(row["id"]) for row in found], name
        assert model.predict(FRAME).tolist() == [row["prediction"] for row in found], name


def test_parquet():
    """Both ways."""
    pytest.importorskip("pyarrow")
    model = LinearRegression().fit(FRAME[["size", "age"]], TARGET)
    run = recorded(model, FRAME[["size", "age"]])
    FRAME.assign(id=np.arange(30)).to_parquet("a.parquet")

    found = predicted(run, "a.parquet", "--keep", "id")
    assert main(["predict", run, "-i", "a.parquet", "-o", "b.parquet", "--keep", "id,city"]) == 0

    expected = model.predict(FRAME[["size", "age"]]).tolist()
    assert np.allclose(expected, [row["prediction"] for row in found], rtol=1e-12)
    back = pd.read_parquet("b.parquet")
    assert ["id", "city", "prediction"] == list(back.columns)
    assert np.allclose(expected, back["prediction"], rtol=1e-12)
    FRAME.assign(size="tall").to_parquet("a.parquet")
    assert main(["predict", run, "-i", "a.parquet", "-o", "c.csv"]) == 1
    with open("a.parquet", "wb") as file:
        file.write(b"PAR1 no more")
    assert main(["predict", run, "-i", "a.parquet", "-o", "c.csv"]) == 1
    FRAME.iloc[:0].to_parquet("a.parquet")
    assert [] == predicted(run, "a.parquet")


def test_missing_values():
    """An empty cell is one where numbers may be missing, and an error where not."""
    data = FRAME[["size", "age"]].copy()
    data.loc[3, "size"] = np.nan
    model = HistGradientBoostingRegressor(max_iter=3).fit(data, TARGET)
    run = recorded(model, data)
    data.to_csv("a.csv", index=False)

    assert model.predict(data).tolist() == [row["prediction"] for row in predicted(run, "a.csv")]


def test_a_value_that_may_not_be_missing(capsys):
    """Its line and column are told, in a later chunk too."""
    run = recorded(LinearRegression().fit(FRAME[["age"]], TARGET), FRAME[["age"]])
    lines = ["age", *(str(age) for age in FRAME["age"])]
    lines[20] = '""'
    with open("a.csv", "w", encoding="utf-8") as file:
        file.write("\n".join(lines))

    assert main(["predict", run, "-i", "a.csv", "-o", "out.csv"]) == 1

    assert "a.csv, line 21, column 'age': nothing where an integer is expected" in (
        capsys.readouterr().err
    )


def test_a_model_of_an_array_takes_columns_by_position():
    """All but those that are kept."""
    X = FRAME[["size", "age"]].to_numpy()
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(X, np.c_[TARGET, X[:, 0]])
    run = recorded(model, X)
    pd.DataFrame({"id": range(30), "x": X[:, 0], "y": X[:, 1]}).to_csv("a.csv", index=False)
    with open("a.json", "w", encoding="utf-8") as file:
        json.dump(X.tolist(), file)

    for found in (predicted(run, "a.csv", "--keep", "id"), predicted(run, "a.json")):
        both = [[row["prediction_0"], row["prediction_1"]] for row in found]
        assert np.allclose(model.predict(X), both)


def test_a_model_of_texts_takes_one_column():
    """Whatever it is called."""
    texts = ["good day", "bad night", "good night"]
    model = make_pipeline(CountVectorizer(), MultinomialNB()).fit(texts, [1, 0, 1])
    run = recorded(model, texts)
    pd.DataFrame({"id": [1, 2], "text": ["good", "bad"]}).to_csv("a.csv", index=False)

    assert [1, 0] == [row["prediction"] for row in predicted(run, "a.csv", "--keep", "id")]
    assert main(["predict", run, "-i", "a.csv", "-o", "out.csv"]) == 1


def test_times_are_texts_in_csv_and_json():
    """As pandas and JSON write them."""
    data = pd.DataFrame({"since": pd.date_range("2026-01-01", periods=9, freq="37h"), "x": 1.0})
    steps = make_column_transformer((StandardScaler(), ["x"]))
    model = make_pipeline(steps, LinearRegression()).fit(data, range(9))
    run = recorded(model, data)
    data.to_csv("a.csv", index=False)
    data.to_json("a.json", orient="records", date_format="iso")

    for name in ("a.csv", "a.json"):
        assert np.allclose(4, [row["prediction"] for row in predicted(run, name)])


def test_only_a_head():
    """No rows, no predictions."""
    run = recorded(LinearRegression().fit(FRAME[["age"]], TARGET), FRAME[["age"]])
    with open("a.csv", "w", encoding="utf-8") as file:
        file.write("age\n")

    assert [] == predicted(run, "a.csv")
    assert main(["predict", run, "-i", "a.csv", "-o", "out.csv"]) == 0
    with open("out.csv", encoding="utf-8") as file:
        assert "prediction\n" == file.read()


@pytest.mark.thorough
def test_memory_stays_small_for_a_large_file(monkeypatch):
    """A million rows are never in memory together."""
    run = recorded(LinearRegression().fit(FRAME[["age"]], TARGET), FRAME[["age"]])
    with open("small.csv", "w", encoding="utf-8") as file:
        file.write("age\n" + "3\n" * 20_000)
    with open("large.csv", "w", encoding="utf-8") as file:
        file.write("age\n" + "3\n" * 1_000_000)
    program = (
        "import resource, sys; from fitprint.cli import main; main(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peaks = []
    for name in ("small.csv", "large.csv"):
        words = ["predict", run, "-i", name, "-o", "out.csv"]
        done = subprocess.run(
            [sys.executable, "-c", program, *words], capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stdout))

    assert peaks[1] - peaks[0] < 30_000  # KiB; the rows alone would take twice as much
