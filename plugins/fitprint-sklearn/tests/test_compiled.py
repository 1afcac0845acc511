"""The quick ways of a reader give what ``conform`` gives, and refuse what it refuses."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.utils import check_array

from fitprint.data.schema import Field, Schema, schema_of
from fitprint.errors import SignatureError
from fitprint.models.batches import conform
from fitprint.models.compiled import Reader, split
from fitprint.models.predictor import Predictor
from fitprint.models.signature import infer_signature
from fitprint_sklearn.flavor import SklearnFlavor

SECRET = "the value that nobody may see"
BIG = 2**53 + 1
INF = math.inf

FLOATS = st.floats(allow_infinity=True, allow_nan=True)
INTEGERS = st.integers(-5, 300)
VALUES = {
    "float64": FLOATS,
    "float32": FLOATS,
    "int64": INTEGERS,
    "int8": INTEGERS,
    "uint8": INTEGERS,
    "bool": st.booleans(),
    "string": st.sampled_from(["a", "b", "Rome"]),
    "category[string]": st.sampled_from(["a", "b", "c"]),
}
ODD = [
    st.none(),
    st.sampled_from([SECRET, 1, 2.0, 2.5, True, math.nan, INF, BIG, 2**63, 2**70, -BIG, "7"]),
    st.just([SECRET]),
]
NUMBERS = [name for name in VALUES if name not in ("string", "category[string]")]


@st.composite
def tables(draw, odd=ODD):
    """A schema, and columns of values: most fit, some do not."""
    kinds = draw(st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=4))
    fields = tuple(
        Field(
            f"c{place}",
            kind,
            categories=("b", "a") if kind.startswith("category") else None,
        )
        for place, kind in enumerate(kinds)
    )
    count = draw(st.integers(0, 4))
    columns = {}
    for field in fields:
        mixed = st.one_of(VALUES[field.type], *(odd if draw(st.booleans()) else ()))
        columns[field.name] = draw(st.lists(mixed, min_size=count, max_size=count))
    return Schema("table", fields), columns, count


FORMS = ["rows", "named rows", "records", "columns", "one row"]


def give(reader, form, columns, count, order):
    """Return the batch, and the same data as ``conform`` takes them."""
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    if form == "rows":
        return (lambda: reader.from_rows(rows)), rows
    if form == "named rows":
        names = [*order, "more"]
        named = [[*(columns[name][number] for name in order), "x"] for number in range(count)]
        return (
            (lambda: reader.from_rows(named, names)),
            {name: columns[name] for name in order} | {"more": ["x"] * count},
        )
    if form == "records":
        found = [{name: columns[name][number] for name in order} for number in range(count)]
        return (lambda: reader.from_records(found)), found
    found = {name: columns[name] for name in order}
    if form == "one row" and count:
        found = {name: values[0] for name, values in found.items()}
    return (lambda: reader.from_columns(found)), found


def result(act):
    try:
        return act()
    except SignatureError as error:
        return error


def as_array(frame):
    """What scikit-learn makes of a frame of numbers."""
    option = "ensure_all_finite" if "ensure_all_finite" in check_array.__kwdefaults__ else ""
    options = {option or "force_all_finite": False}
    return check_array(frame, ensure_min_samples=0, **options)


def same(found, expected, *, in_order=True):
    """Tell that a batch is what ``conform`` returned."""
    assert found.rows == len(expected)
    if found.in_place:
        array = as_array(expected)
        assert array.dtype == found.data.dtype
        if in_order:  # else pandas' values may lie in any way
            assert array.flags.f_contiguous == found.data.flags.f_contiguous
        np.testing.assert_array_equal(array, found.data)
    else:
        pd.testing.assert_frame_equal(expected, found.data)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(
    tables(),
    st.sampled_from(FORMS),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_the_quick_way_agrees(table, form, arrays, draw):
    """Over random signatures, batches and forms, good and bad."""
    schema, columns, count = table
    order = list(columns)
    draw.shuffle(order)
    act, data = give(Reader(schema, arrays=arrays), form, columns, count, order)

    found, expected = result(act), result(lambda: conform(schema, data))

    assert isinstance(found, SignatureError) == isinstance(expected, SignatureError)
    if isinstance(found, SignatureError):
        assert SECRET not in str(found)
    else:
        same(found, expected, in_order=form == "rows" or order == list(columns))


TYPES = ["float64", "float32", "int64", "int32", "uint8", "bool", "uint64"]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=3),
    st.lists(st.sampled_from(TYPES), min_size=3, max_size=3),
    st.sampled_from([0.0, 1.0, 0.5, math.nan, float(BIG)]),
    st.integers(0, 3),
    st.booleans(),
    st.booleans(),
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_arrays_agree(kinds, types, value, count, whole, arrays):
    """A matrix, and a dict of arrays of several types."""
    fields = tuple(Field(f"c{place}", kind) for place, kind in enumerate(kinds))
    schema = Schema("table", fields)
    data = {
        field.name: np.full(count, value).astype(kind)
        for field, kind in zip(fields, types, strict=False)
    }
    if whole:
        data = np.full((count, len(fields)), value).astype(types[0])
    reader = Reader(schema, arrays=arrays)

    found = result(lambda: reader.read(data))
    expected = result(lambda: conform(schema, data))

    assert isinstance(found, SignatureError) == isinstance(expected, SignatureError)
    if not isinstance(found, SignatureError):
        # before pandas 3 a frame did not copy a matrix
        same(found, expected, in_order=not whole or int(pd.__version__[0]) > 2)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.sampled_from(["float64", "float32", "int64", "int32", "uint8"]),
    st.lists(st.lists(st.one_of(FLOATS, INTEGERS, *ODD), min_size=2, max_size=2), max_size=3),
)
def test_lists_for_a_model_of_an_array_agree(kind, rows):
    """They get the type of the training."""
    schema = Schema("array", (Field(None, kind, (-1, 2)),))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of numpy, on a float without room
        found = result(lambda: Reader(schema).from_rows(rows))
        expected = result(lambda: conform(schema, rows))

    assert isinstance(found, SignatureError) == isinstance(expected, SignatureError)
    if not isinstance(found, SignatureError):
        assert (found.data.dtype, found.rows) == (expected.dtype, len(rows))
        if expected.dtype == object:  # NaN in it is not equal to itself
            assert repr(expected.tolist()) == repr(found.data.tolist())
        else:
            np.testing.assert_array_equal(found.data, expected)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(tables(odd=(st.none(),)), st.booleans())
def test_joined_batches_hold_all_rows(table, arrays):
    """In their order, and with the model's categories."""
    schema, columns, count = table
    reader = Reader(schema, arrays=arrays)
    whole = result(lambda: reader.from_columns(columns))
    if isinstance(whole, SignatureError) or not count:
        return
    parts = [
        reader.from_columns({name: values[number : number + 1] for name, values in columns.items()})
        for number in range(count)
    ]

    joined = reader.join(parts)

    assert joined.rows == count
    for name in columns:
        given_, found = whole.frame()[name], joined.frame()[name]
        if hasattr(given_.dtype, "categories"):
            assert list(given_.dtype.categories[:2]) == list(found.dtype.categories[:2])
        for one, other in zip(given_.tolist(), found.tolist(), strict=True):
            assert one == other or (one != one and other != other) or other is None or one is None


TRAINED = pd.DataFrame(
    {
        "size": [1.5, 2.5],
        "age": [1, 2],
        "member": [True, False],
        "city": ["Rome", "Oslo"],
        "kind": pd.Categorical(["a", "b"]),
        "since": pd.to_datetime(["2024-01-01", "2024-02-01"]),
    }
)
GOOD = {"size": 1.0, "age": 3, "member": True, "city": "Bonn", "kind": "a", "since": None}


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("size", SECRET, "column 'size', row 17: text where a float is expected"),
        ("size", [1], "column 'size', row 17: neither a number nor a text where a float"),
        ("age", 2.5, "column 'age', row 17: a fraction where an integer is expected"),
        ("age", SECRET, "column 'age', row 17: text where an integer is expected"),
        ("member", 3, "column 'member', row 17: a number where true or false is expected"),
        ("member", 1, "column 'member', row 17: a number where true or false is expected"),
    ],
)
def test_a_wrong_value_is_found(column, value, told):
    """By column and row, in every form, and also in a frame of objects; it is not repeated."""
    rows = [dict(GOOD) for _ in range(200)]
    rows[17][column] = value
    columns = {name: [row[name] for row in rows] for name in GOOD}
    reader = Reader(schema_of(TRAINED))
    forms = [
        lambda: reader.from_records(rows),
        lambda: reader.from_columns(columns),
        lambda: reader.from_rows([list(row.values()) for row in rows], list(GOOD)),
        lambda: reader.from_rows([list(row.values()) for row in rows]),
    ]
    if value != 2.5:
        frame = pd.DataFrame(
            {name: pd.Series(each, dtype=object) for name, each in columns.items()}
        )
        forms.append(lambda: reader.read(frame))

    for form in forms:
        with pytest.raises(SignatureError, match=told) as caught:
            form()
        assert (column, 17) == (caught.value.column, caught.value.row)
        assert SECRET not in str(caught.value)


def test_columns_of_another_type_are_told_by_their_first_value():
    """Where all of a column is wrong."""
    reader = Reader(schema_of(TRAINED))

    with pytest.raises(SignatureError, match="column 'city', row 0: a number where a text"):
        reader.from_records([{**GOOD, "city": 5}])
    with pytest.raises(SignatureError, match="column 'since', row 0: text where a time is"):
        reader.from_records([{**GOOD, "since": SECRET}])
    with pytest.raises(SignatureError, match="column 'size' .*is missing") as caught:
        reader.from_records([{name: GOOD[name] for name in GOOD if name != "size"}])
    assert ("size", None) == (caught.value.column, caught.value.row)


@pytest.mark.parametrize(
    ("act", "told", "row"),
    [
        (lambda r: r.from_rows([[1.0, 2.0], [1.0]], ["a", "b"]), "row 1 has 1 values, where", 1),
        (lambda r: r.from_rows([[1.0, 2.0], [1.0]]), "row 1 has 1 values, where there are 2", 1),
        (lambda r: r.from_rows([[1.0, 2.0], SECRET]), "row 1 is no list of values", 1),
        (lambda r: r.from_rows([5], ["a", "b"]), "row 0 is no list of values", 0),
        (lambda r: r.from_records([{"a": 1.0, "b": 2.0}, SECRET]), "row 1 is no record", 1),
        (lambda r: r.from_rows([[1.0, 2.0]], ["a", "a"]), "column 'b' .*is missing", None),
        (lambda r: r.from_rows([[1.0, 2.0]], [["a"], "b"]), "is missing", None),
        (lambda r: r.from_columns({"a": [1.0], "b": [1.0, 2.0]}), "no table can be made", None),
        (lambda r: r.from_columns({"x": [1.0]}), "column 'a' .*is missing", None),
        (lambda r: r.from_array(np.zeros((2, 3))), "the model takes 2 columns", None),
        (lambda r: r.from_array(np.array([["x", "y"]])), "column 'a' is string", None),
    ],
)
def test_what_has_another_shape_is_told(act, told, row):
    """The row, where one is at fault."""
    with pytest.raises(SignatureError, match=told) as caught:
        act(Reader(Schema("table", AB), arrays=True))
    assert row == caught.value.row
    assert SECRET not in str(caught.value)


AB = (Field("a", "float64"), Field("b", "float64"))


def test_an_unknown_signature_lets_rows_through():
    """As frames where columns have names."""
    reader = Reader(None)

    assert {"a": [1], "b": ["x"]} == reader.from_rows([[1, "x"]], ["a", "b"]).data.to_dict("list")
    assert {"a": [1, 2]} == reader.from_records([{"a": 1}, {"a": 2}]).data.to_dict("list")
    assert [[1]] == reader.from_rows([[1]]).data
    assert SECRET == reader.read(SECRET).data


def test_orders_of_columns_are_forgotten_in_time():
    """A caller may invent as many as it likes."""
    reader = Reader(Schema("table", AB), arrays=True)

    for number in range(100):
        batch = reader.from_rows([[2.0, 0, 1.0]], ["b", f"more{number}", "a"])

    assert [[1.0, 2.0]] == batch.data.tolist()
    assert len(reader._orders) <= 16


def test_batches_of_arrays_and_lists_are_joined():
    """Of a dict and of a list of arrays, of lists."""
    images = {"image": np.zeros((2, 3, 3)), "age": np.arange(2)}
    reader = Reader(schema_of(images))
    tensors = Reader(schema_of([np.zeros((2, 3)), np.zeros((2, 4))]))
    texts = Reader(schema_of(["a", "b"]))

    assert {"image": (4, 3, 3), "age": (4,)} == {
        name: array.shape for name, array in reader.join([reader.read(images)] * 2).data.items()
    }
    pair = tensors.read([np.zeros((1, 3)), np.zeros((1, 4))])
    assert [(2, 3), (2, 4)] == [array.shape for array in tensors.join([pair, pair]).data]
    assert ["x", "y"] == texts.join([texts.read(["x"]), texts.read(["y"])]).data


def test_predictions_are_split_again():
    """Each batch gets its own."""
    assert [[0], [1, 2]] == [part.tolist() for part in split(np.arange(3), [1, 2])]
    assert [[0], [1, 2]] == [part["a"].tolist() for part in split({"a": np.arange(3)}, [1, 2])]
    assert ([0], [1, 2]) == tuple(part[0].tolist() for part in split((np.arange(3),), [1, 2]))
    frames = split(pd.DataFrame({"a": [1, 2, 3]}), [2, 0, 1])
    assert [[1, 2], [], [3]] == [part["a"].tolist() for part in frames]
    with pytest.raises(ValueError, match="one prediction for each row"):
        split(np.arange(2), [1, 2])
    with pytest.raises(ValueError, match="one prediction for each row"):
        split(5, [1])


def test_a_predictor_predicts_batches():
    """The same as by frame; options and batches without rows go the old way."""
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=1000).fit(X, y)
    loaded = Predictor(model, SklearnFlavor(), infer_signature(X, model.predict(X)))
    reader = loaded.reader
    batch = reader.from_records(X.to_dict("records"))

    assert batch.in_place
    assert reader is loaded.reader
    assert model.predict(X).tolist() == loaded.predict_batch(batch).tolist()
    loaded.warm(X[:2])
    assert (0,) == loaded.predict_batch(reader.from_rows([])).shape
    joined = reader.join([reader.read(X[:3]), reader.from_array(X[3:5].to_numpy())])
    assert model.predict(X[:5]).tolist() == loaded.predict_batch(joined).tolist()
    assert not loaded.thread_safe
