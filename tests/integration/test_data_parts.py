"""Columns and rows of data, whatever the data are."""

from __future__ import annotations

import math

import pytest

from fitprint.data.parts import (
    column_of,
    labels_of,
    length_of,
    missing_rows,
    rows_of,
    values_of,
    with_columns,
    without_column,
)
from fitprint.errors import FitprintError

COLUMNS = {"a": [1, 2, 3], "b": ["x", "y", "z"], "c": [0.5, 1.5, 2.5]}
RECORDS = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)]


def forms():
    """Yield the same table in each form whose library is installed."""
    yield pytest.param(lambda: COLUMNS, id="dict")
    yield pytest.param(lambda: RECORDS, id="records")
    yield pytest.param(lambda: pytest.importorskip("pandas").DataFrame(COLUMNS), id="pandas")
    yield pytest.param(lambda: pytest.importorskip("polars").DataFrame(COLUMNS), id="polars")
    yield pytest.param(lambda: pytest.importorskip("pyarrow").table(COLUMNS), id="pyarrow")


@pytest.mark.parametrize("make", list(forms()))
def test_a_column_is_taken_out(make):
    """The rest keeps its form, its order and its rows."""
    data = make()
    rest = without_column(data, "b")
    assert (["a", "b", "c"], ["a", "c"], type(data)) == (
        labels_of(data),
        labels_of(rest),
        type(rest),
    )
    assert (3, 3) == (length_of(data), length_of(rest))
    assert ["x", "y", "z"] == list(values_of(column_of(data, "b", "the target")))
    assert ["c", "a"] == labels_of(with_columns(data, ["c", "a"]))


@pytest.mark.parametrize("make", list(forms()))
def test_a_column_that_is_not_there_is_named(make):
    """With the one that was meant, or all there are."""
    with pytest.raises(
        FitprintError, match="the data have no column 'aa' for the target; did you mean 'a'"
    ):
        column_of(make(), "aa", "the target")
    with pytest.raises(
        FitprintError, match="no column 5 for the target; its columns are 'a', 'b', 'c'"
    ):
        column_of(make(), 5, "the target")


def test_repeated_and_odd_labels_are_told_apart():
    """Positions count, not labels alone."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame([[1, 2, 3, 4]], columns=["a", "a", "y", ("t", 1)])
    assert ["a", "a", ("t", 1)] == list(without_column(frame, "y").columns)
    with pytest.raises(FitprintError, match="the data have 2 columns 'a' for the target"):
        column_of(frame, "a", "the target")


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ([1, None, 2, math.nan], [1, 3]),
        (["a", "", None], [2]),
        ([[1, 2], [None, 1]], [1]),
        ([], []),
        ([1, 2], []),
    ],
)
def test_missing_values_are_found(values, missing):
    """None and NaN; an empty text is a value."""
    assert missing == missing_rows(values)


def test_missing_values_of_pandas_are_found():
    """Whatever stands in their place."""
    pandas = pytest.importorskip("pandas")
    for series in (
        pandas.Series([1, None, 3], dtype="Int64"),
        pandas.Series(["a", None, "b"], dtype="string"),
        pandas.Series(["a", None, "b"], dtype="category"),
        pandas.Series(["a", None, "b"]),
        pandas.Series([1.5, None, 2.0]),
    ):
        assert [1] == missing_rows(values_of(series))


def test_values_keep_their_kind():
    """Whole numbers stay whole, texts texts, and numbers beside texts what they are; one column is
    flat.
    """
    numpy = pytest.importorskip("numpy")
    pandas = pytest.importorskip("pandas")
    assert "i" == values_of(pandas.Series([1, 2], dtype="Int64")).dtype.kind
    assert "U" == values_of(pandas.Series(["a", "b"], dtype="category")).dtype.kind
    assert [1, "a"] == values_of([1, "a"]).tolist() == values_of(pandas.Series([1, "a"])).tolist()
    assert (
        (2,)
        == values_of(numpy.ones((2, 1))).shape
        == values_of(pandas.DataFrame({"y": [1, 2]})).shape
    )
    assert (2, 2) == values_of([[1, 2], [3, 4]]).shape
    assert [[1], [2, 3]] == list(values_of([[1], [2, 3]]))


def test_rows_are_taken_of_lists_and_arrays():
    """In the order asked for."""
    numpy = pytest.importorskip("numpy")
    assert (["c", "a"], [30, 10], None) == (
        rows_of(["a", "b", "c"], [2, 0]),
        rows_of(numpy.array([10, 20, 30]), [2, 0]).tolist(),
        rows_of(None, [0]),
    )
