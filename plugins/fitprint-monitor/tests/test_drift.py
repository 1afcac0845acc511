"""``fitprint drift``: what it compares, what it finds, and what it says."""

from __future__ import annotations

import json
import random

import pytest

import fitprint
from fitprint_monitor import DriftError, MissingDataError, drift

ROWS = 1500


def data(seed, *, shift=0.0, lost=0.0, new=0.0, rows=ROWS):
    """Return columns of a number, a text and a truth."""
    draw = random.Random(seed)
    return {
        "age": [
            None if draw.random() < lost else draw.gauss(40 + 10 * shift, 10) for _ in range(rows)
        ],
        "city": ["z" if draw.random() < new else draw.choice("abc") for _ in range(rows)],
        "member": [draw.random() < 0.3 for _ in range(rows)],
    }


def write(path, columns):
    """Write columns as JSON, and return the name of the file."""
    path.write_text(json.dumps(columns), encoding="utf-8")
    return path.name


@pytest.fixture
def trained(place):
    """A run that has recorded what its data were like."""
    with fitprint.start_run(name="trained"):
        fitprint.log_input(data(1), name="people")
    return "trained"


def verdicts(found):
    """Return the verdict of each column."""
    return {each.name: each.verdict for each in found.columns}


def test_unchanged_data_do_not_drift(trained, place, command):
    """Other rows of the same kind; the status is 0."""
    said = command("drift", trained, write(place / "same.json", data(2)))
    assert (0, "") == (said.status, said.err)
    assert "no column has changed more than chance explains" in said.out
    assert all(len(line) <= 80 for line in said.out.splitlines())


@pytest.mark.parametrize(
    ("changes", "column", "reason"),
    [
        ({"shift": 0.3}, "age", "the median is"),
        ({"lost": 0.2}, "age", "are missing, were 0 %"),
        ({"new": 0.05}, "city", "are values that the reference did not have"),
    ],
)
def test_a_change_is_found_and_told(trained, place, command, changes, column, reason):
    """In the column that changed, and in no other; the status is 1."""
    said = command("drift", trained, write(place / "other.json", data(2, **changes)), "--json")
    found = json.loads(said.out)
    assert (1, True) == (said.status, found["drift"])
    drifting = [each for each in found["columns"] if each["verdict"] == "drift"]
    assert [column] == [each["name"] for each in drifting]
    assert reason in "; ".join(drifting[0]["reasons"])


def test_few_rows_are_not_judged(trained, place, command):
    """However different they are; it is said that they are too few."""
    said = command("drift", trained, write(place / "few.json", data(2, shift=3, rows=499)))
    assert said.status == 0
    assert "not judged, with fewer than 500 values: age, city, member" in said.out


def test_faults_of_the_schema_are_drift(trained, place, command):
    """A column that is gone, and one of another kind; further ones are named only."""
    current = data(2)
    del current["member"]
    current["city"] = [1] * ROWS
    current["more"] = [1] * ROWS
    said = command("drift", trained, write(place / "other.json", current))
    assert said.status == 1
    for line in (
        "member: the column is missing",
        "city: the column holds numbers, held texts",
        "not in the reference: more",
    ):
        assert line in said.out.splitlines()


def test_runs_are_compared_by_their_profiles(trained, place, command):
    """No data are needed; ``RUN:DATASET`` names one of several."""
    with fitprint.start_run(name="later"):
        fitprint.log_input(data(3), name="people")
        fitprint.log_input(data(4, shift=1), name="others", role="test")
    assert command("drift", trained, "later").status == 0
    assert command("drift", "trained:people", "later:test/others").status == 1
    said = command("drift", trained, "later:none")
    assert (3, True) == (said.status, "it has: test/others, train/people" in said.err)


def test_a_run_whose_name_has_a_colon(place, command):
    """The whole is tried first."""
    with fitprint.start_run(name="a:b"):
        fitprint.log_input(data(1), name="people")
    assert command("drift", "a:b", "a:b:people").status == 0


def test_a_stored_profile_is_a_side(trained, place, command):
    """As `fitprint get` writes it."""
    assert command("get", trained, "profiles/train/people.json", "-o", "p.json").status == 0
    assert command("drift", "p.json", write(place / "same.json", data(2))).status == 0
    assert command("drift", "p.json", "p.json").status == 0


def test_files_of_all_kinds(place, command):
    """The same data in each."""
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame(data(2))
    frame.to_parquet("a.parquet")
    frame.to_csv("a.csv", index=False)
    frame.to_json("a.jsonl", orient="records", lines=True)
    write(place / "a.json", data(2))
    for name in ("a.csv", "a.jsonl", "a.json"):
        found = drift("a.parquet", name)
        assert {"age": "same", "city": "same", "member": "same"} == verdicts(found)


def test_a_registered_model_stands_for_its_training(place, command):
    """The run that recorded it is asked."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(data(1)).drop(columns="city")
    model = linear_model.LinearRegression().fit(frame, frame["age"])
    with fitprint.start_run() as run:
        fitprint.log_input(frame, name="X")
        fitprint.log_model(model, "model")
    fitprint.register_model(run, "ages", alias="champion")
    write(place / "other.json", data(2, shift=0.5))
    said = command("drift", "models:/ages@champion", "other.json", "--column", "age", "--md")
    assert said.status == 1
    assert said.out.startswith("| column | verdict | PSI |")


def test_a_column_with_few_values_is_not_said_to_have_few_rows(place):
    """Of many rows most may be missing."""
    sparse = {"age": [40.0] * 400 + [None] * 600}
    told = drift(sparse, sparse).to_markdown()
    assert "not judged, with fewer than 500 values: age" in told


def test_arrays_have_the_columns_of_a_table_by_position(place):
    """Where no name says which is which."""
    rows = [list(row) for row in zip(*data(1).values(), strict=True)]
    assert {"0": "same", "1": "same", "2": "same"} == verdicts(drift(rows, data(2)))


def test_what_is_not_there(trained, place, command):
    """Status 3, and the remedy."""
    for current in ("none.csv", "none", "models:/none@champion"):
        assert command("drift", trained, current).status == 3
    with pytest.raises(MissingDataError, match="there is no file"):
        drift(trained, "none.csv")
    for current in ("none", "none.xlsx"):
        assert "; a registered model is written models:/NAME, and a file ends in .csv," in (
            command("drift", trained, current).err
        )


@pytest.mark.parametrize("text", ["{", "[1, 2]", '{"columns": [1]}', '{"a": 1}', "[]"])
def test_what_cannot_be_read(trained, place, command, text):
    """Status 2, and a line that names the file."""
    (place / "bad.json").write_text(text, encoding="utf-8")
    said = command("drift", trained, "bad.json")
    assert (2, True) == (said.status, "bad.json" in said.err)


@pytest.mark.parametrize(
    "told",
    [
        {"quantiles": ["a"] * 33},
        {"quantiles": [1, 2], "ties": [1]},
        {"top": 3},
        {"count": "many"},
    ],
)
def test_a_profile_with_nonsense_is_refused(trained, place, told):
    """It names the column."""
    column = {"name": "age", "type": "number", "count": 900, "missing": 0, **told}
    write(place / "p.json", {"version": 1, "rows": 900, "columns": [column]})
    with pytest.raises(DriftError, match="column 'age' cannot be used"):
        drift("p.json", data(1))


def test_a_column_that_the_reference_does_not_have(trained, place, command):
    """A mistyped name gets a hint."""
    said = command("drift", trained, trained, "--column", "agge")
    assert (2, True) == (said.status, "did you mean 'age'" in said.err)


def test_profiles_without_values_tell_what_is_missing(place):
    """Types, and shares that are missing."""
    fitprint.configure(profile="shape")
    with fitprint.start_run(name="shy"):
        fitprint.log_input(data(1), name="people")
    found = drift("shy", data(2, lost=0.5))
    assert {"age": "drift", "city": "not compared", "member": "not compared"} == verdicts(found)
