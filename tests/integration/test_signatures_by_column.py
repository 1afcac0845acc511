"""What was inferred from data accepts the data again, in whatever form it comes, and gives it on
unchanged.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fitprint.data.digests import digest_data
from fitprint.data.rows import PEEK, spread
from fitprint.data.schema import schema_of
from fitprint.errors import SignatureError
from fitprint.models.batches import conform
from fitprint.models.signature import Signature

# A column of each kind, by the number of the row.
COLUMNS = {
    "float": lambda row: row / 3,
    "float or nothing": lambda row: None if row % 7 == 3 else row / 3,
    "nan": lambda row: math.nan if row % 5 == 1 else float(row),
    "int": lambda row: row,
    "large int": lambda row: (1 << 53) + 1 + row,
    "int or nothing": lambda row: None if row % 3 == 1 else row,
    "int and float": lambda row: row if row % 2 else row / 2,
    "bool": lambda row: row % 2 == 0,
    "bool and int": lambda row: bool(row % 2) if row % 4 == 0 else row,
    "text": lambda row: f"t{row}",
    "text or nothing": lambda row: None if row % 2 else f"t{row}",
    "text with a zero": lambda row: f"t{row}\0",
    "text and int": lambda row: str(row) if row % 2 else row,
    "bytes": lambda row: b"b\0" if row % 2 else b"c",
    "date": lambda row: dt.date(2024, 1, 1 + row % 28),
    "time": lambda row: pd.Timestamp(2024, 1, 1, 0, 0, row % 60).to_pydatetime(),
    "time or nothing": lambda row: pd.NaT if row % 4 == 1 else pd.Timestamp(2024, 1, 1 + row % 28),
    "nested": lambda row: (row, "x"),
    "nothing": lambda row: None,
}
LAYOUTS = {
    "as it is": lambda array: array,
    "fortran": np.asfortranarray,
    "transposed": lambda array: np.ascontiguousarray(array.T).T,
    "strided": lambda array: np.repeat(array, 2, axis=0)[::2],
    "reversed": lambda array: array[::-1][::-1],
    "columns of a wider one": lambda array: np.concatenate([array, array], axis=1)[
        :, : array.shape[1]
    ],
}


def objects(kinds, rows):
    array = np.empty((rows, len(kinds)), dtype=object)
    for position, kind in enumerate(kinds):
        for row in range(rows):
            array[row, position] = COLUMNS[kind](row)
    return array


def is_kept(before, after):
    """Tell whether a value is the same, up to the type of a number and the word for what is
    missing.
    """
    if before is None or before is pd.NaT or before != before:
        return after is None or after is pd.NaT or after is pd.NA or after != after
    if isinstance(before, (str, bytes)) or isinstance(after, (str, bytes)):
        return isinstance(after, str) == isinstance(before, str) and before == after
    if isinstance(after, np.datetime64):  # NumPy 1 compares its nanoseconds with no datetime
        after = pd.Timestamp(after)
    return bool(before == after)


def values_of(data):
    if isinstance(data, pd.DataFrame):
        return [value for row in data.itertuples(index=False) for value in row]
    return [value for row in data for value in row]


def taken(schema, form):
    """Return the data as the model takes it; None if the refusal says that values do not fit."""
    with contextlib.suppress(SignatureError):
        return conform(schema, form)
    with pytest.raises(SignatureError, match="not all of its values fit"):
        conform(schema, form)
    return None


DATA = st.tuples(
    st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=4),
    st.integers(1, 300),
    st.sampled_from(sorted(LAYOUTS)),
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(DATA)
def test_fault_19_what_was_inferred_from_an_array_accepts_it(data):
    """An array of objects in any layout, as a frame, as rows, in part: it is taken, and no value is
    another afterwards.
    """
    kinds, rows, layout = data
    array = LAYOUTS[layout](objects(kinds, rows))
    schema = schema_of(array)
    part = slice(rows // 3, rows)
    forms = [array, array[part], pd.DataFrame(array), pd.DataFrame(array).infer_objects()]
    if "nested" not in kinds:
        forms.append(array.tolist())
    for form in forms:
        found = taken(schema, form)
        if found is None:  # a number has no room in the type that all columns share
            assert "large int" in kinds
            assert isinstance(form, pd.DataFrame | list)
            continue
        expected = array[part] if form is forms[1] else array
        assert all(map(is_kept, values_of(expected), values_of(found)))


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(DATA)
def test_fault_19_what_was_inferred_from_a_frame_accepts_it(data):
    """The same for a frame with columns of objects, given as a dict, as records or as an array,
    too.
    """
    kinds, rows, _ = data
    names = [f"c{position}" for position in range(len(kinds))]
    array = objects(kinds, rows)
    frame = pd.DataFrame(array, columns=names)
    schema = schema_of(frame)
    forms = [
        frame,
        frame.iloc[rows // 3 :],
        array,
        {name: array[:, position].tolist() for position, name in enumerate(names)},
    ]
    forms.append([dict(zip(names, row, strict=True)) for row in array.tolist()])
    for form in forms:
        expected = frame.iloc[rows // 3 :] if form is forms[1] else frame
        assert all(map(is_kept, values_of(expected), values_of(conform(schema, form))))


@pytest.mark.parametrize("rows", [100, 200, 300, 20_001])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 50, 101])
def test_fault_19_every_column_of_an_array_is_looked_at(rows, width):
    """A column of texts is seen wherever it stands among numbers."""
    if rows * width > 400_000:
        rows = 400_000 // width
    for place in {0, width // 2, width - 1}:
        array = np.full((rows, width), 0.5, dtype=object)
        array[:, place] = "text"
        assert schema_of(array).fields[0].type == ("object" if width > 1 else "string")
        assert schema_of(array[:300].tolist()).fields[0].type == (
            "object" if width > 1 else "string"
        )


@pytest.mark.parametrize("period", range(2, 60))
def test_fault_19_what_comes_in_turns_is_looked_at(period):
    """Rows of several kinds in turn: all kinds are seen, whatever the number of rows."""
    for rows in (100, 200, 1000, 100 * period, 5040):
        assert len({position % period for position in spread(rows)}) > 1
        assert spread(rows)[0] == 0
        assert len(set(spread(rows))) == min(rows, PEEK)
        assert max(spread(rows)) < rows


@pytest.mark.parametrize("width", [2, 3, 4, 10])
@pytest.mark.parametrize("rows", [5_000, 20_000, 60_000, 100_000])
def test_fault_19_every_column_of_objects_is_digested(rows, width):
    """A change of one whole column changes the digest, of an array and of a list of rows."""
    array = np.full((rows // width * 2, width), "a", dtype=object)
    for place in range(width):
        other = array.copy()
        other[:, place] = "b"
        assert digest_data(array) != digest_data(other)
        assert digest_data(array.tolist()) != digest_data(other.tolist())
        assert digest_data(np.asfortranarray(other)) == digest_data(other)


@pytest.mark.parametrize("rows", [63, 64, 126, 127])
def test_fault_19_windows_do_not_begin_at_the_same_column(rows):
    """Of wide rows every part takes part in the sample: a change in a quarter of the columns,
    whichever, is seen.
    """
    width = 1 << 15
    array = np.zeros((rows, width))
    for quarter in range(4):
        other = array.copy()
        other[:, quarter * width // 4 : (quarter + 1) * width // 4] = 1
        assert digest_data(array) != digest_data(other)


def test_fault_19_numbers_in_the_place_of_texts_are_not_made_texts():
    """A list of texts and numbers keeps both."""
    schema = schema_of(np.array([["a", "b"]]))
    assert [["a", 1]] == conform(schema, [["a", 1]]).tolist()


def test_fault_19_texts_in_the_place_of_numbers_are_refused():
    """A column of objects with a text among numbers is not read as a number."""
    with pytest.raises(SignatureError, match="not all of its values fit|other values than numbers"):
        conform(schema_of(np.array([[1.0], [2.0]])), pd.DataFrame({"a": [1.5, "2", True]}))


def test_fault_19_a_large_identifier_is_not_rounded():
    """A column of whole numbers of which one is missing has no room for all of them as floats."""
    number = (1 << 53) + 1
    schema = schema_of(pd.DataFrame({"id": [number, 2]}))
    found = conform(schema, [{"id": number}, {"id": None}])
    assert number == found["id"].iloc[0]
    with pytest.raises(SignatureError, match="not all of its values fit"):
        conform(schema_of(np.array([[1.0, 2.0]])), [[number, 0.5]])


def test_signature_of_the_faults_own_data():
    """Two columns and 200 rows, one of texts: a frame of it is taken."""
    array = np.array([[float(row), "a"] for row in range(200)], dtype=object)
    frame = pd.DataFrame(array)
    assert Signature(schema_of(array)).enforce(frame) is frame


def test_numbers_of_numpys_in_lists_are_numbers():
    """A scalar of numpy's has a shape, too, and is no row."""
    assert (-1, 2) == schema_of(tuple((number, number) for number in np.arange(5.0))).fields[
        0
    ].shape
    assert "float64" == schema_of(list(np.arange(5.0))).fields[0].type


def arrow():
    pyarrow = pytest.importorskip("pyarrow")
    columns = {"a": [0.5, 1.5], "b": [1, 2], "c": ["x", None], "d": [True, False]}
    table = pyarrow.table(columns).append_column(
        "e", pyarrow.array([0, 1], pyarrow.timestamp("ns"))
    )
    return table.append_column("f", pyarrow.array(["u", "v"]).dictionary_encode())


def test_fault_21_a_table_of_pyarrows_has_a_signature():
    """Types by name, as those of the frame that it becomes; the table is taken as it is, columns in
    another order are moved.
    """
    table = arrow()
    schema = schema_of(table)
    assert ["float64", "int64", "string", "bool", "datetime[ns]", "category[string]"] == [
        field.type for field in schema.fields
    ]
    assert Signature(schema).enforce(table) is table
    moved = Signature(schema).enforce(table.select(["b", "a", "c", "d", "e", "f"]))
    assert table.column_names == moved.column_names
    with pytest.raises(SignatureError, match="column 'a'"):
        Signature(schema).enforce(table.drop(["a"]))


def test_fault_21_a_table_of_pyarrows_reaches_the_model_as_a_frame():
    """A predictor of a table, of a frame and of an array takes it."""
    table = arrow()
    assert list("abcdef") == list(conform(schema_of(table), table).columns)
    assert list("abcdef") == list(conform(schema_of(table.to_pandas()), table).columns)
    numbers = table.select(["a", "b"])
    assert [[0.5, 1.0], [1.5, 2.0]] == conform(schema_of(np.eye(2)), numbers).tolist()
