import json
import time

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fitprint.data.schema import Field, Schema, schema_of
from fitprint.errors import SignatureError
from fitprint.models.batches import conform
from fitprint.models.signature import Signature, infer_signature

OBJECTS = (
    st.none()
    | st.text(max_size=3)
    | st.integers(-9, 9)
    | st.floats()
    | st.booleans()
    | st.binary(max_size=2)
)


def column(size):
    """A strategy for columns of every kind that frames have."""

    def of(elements, dtype):
        return st.lists(elements, min_size=size, max_size=size).map(
            lambda values: pd.Series(values, dtype=dtype)
        )

    maybe = st.none()
    small = st.integers(0, 100)
    dates = st.dates(pd.Timestamp("1990-01-01").date(), pd.Timestamp("2050-01-01").date()).map(
        pd.Timestamp
    )
    return st.one_of(
        *(of(small, f"{kind}{bits}") for kind in ("int", "uint") for bits in (8, 16, 32, 64)),
        *(
            of(small | maybe, f"{kind}{bits}")
            for kind in ("Int", "UInt")
            for bits in (8, 16, 32, 64)
        ),
        *(of(st.floats(width=bits), f"float{bits}") for bits in (16, 32, 64)),
        of(st.floats(0, 1) | maybe, "Float64"),
        of(st.booleans(), "bool"),
        of(st.booleans() | maybe, "boolean"),
        of(st.text(max_size=3) | maybe, "string"),
        of(st.text(max_size=3) | maybe, "object"),
        of(st.booleans() | maybe, "object"),
        of(small | maybe, "object"),
        of(small | st.floats() | maybe, "object"),
        of(maybe, "object"),
        of(OBJECTS, "object"),
        of(st.sampled_from(["x", "y"]) | maybe, "category"),
        of(st.sampled_from([1, 2]) | maybe, "category"),
        of(dates | maybe, "datetime64[ns]"),
        of(dates | maybe, "datetime64[s]"),
        of(dates | maybe, "datetime64[ns, UTC]"),
        of(
            st.timedeltas(pd.Timedelta(0).to_pytimedelta(), pd.Timedelta("999D").to_pytimedelta())
            | maybe,
            "timedelta64[us]",
        ),
        of(dates.map(lambda date: date.to_period("M")) | maybe, "period[M]"),
        of(small.map(lambda low: pd.Interval(low, low + 1)), "interval"),
        of(st.floats(0, 1), pd.SparseDtype("float64")),
        of(st.lists(small, max_size=2), "object"),
    )


@st.composite
def frames(draw):
    size = draw(st.integers(0, 5))
    made = draw(st.lists(column(size), max_size=4))
    labels = (
        st.text(max_size=2)
        | st.integers(-2, 9)
        | st.none()
        | st.tuples(st.text(max_size=1), st.integers(0, 1))
        | st.floats(0, 1)
    )
    names = draw(st.lists(labels, min_size=len(made), max_size=len(made)))  # may repeat
    frame = pd.concat(made, axis=1) if made else pd.DataFrame(index=range(size))
    frame.columns = pd.Index(names, dtype=object, tupleize_cols=False)
    return frame


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames())
def test_frames_fit_their_own_signature(frame):
    """Whatever a frame holds, its signature accepts it, returns it as it is, and survives the
    manifest.
    """
    signature = infer_signature(frame)

    assert frame is signature.enforce(frame)
    assert frame is Signature.from_json(signature.to_json()).enforce(frame)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames())
def test_predictors_give_frames_on_as_they_are(frame):
    """The model sees the very frame, also where the signature has been to a file and back."""
    schema = schema_of(frame)

    assert frame is conform(schema, frame)
    assert frame is conform(Schema.from_json(json.loads(json.dumps(schema.to_json()))), frame)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames())
def test_predictors_take_the_same_as_a_dict_of_lists(frame):
    """Values that lost their types on the way fit their own signature; the columns are those of the
    frame.
    """
    if not frame.columns.is_unique or frame.shape[1] == 0:
        return  # a dict has each name once

    found = conform(
        schema_of(frame),
        {label: frame.iloc[:, place].tolist() for place, label in enumerate(frame.columns)},
    )

    assert (list(frame.columns), len(frame)) == (list(found.columns), len(found))
    assert found is conform(schema_of(frame), found)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames(), st.randoms())
def test_order_and_extra_columns_do_not_matter(frame, random):
    """Columns in another order, with another among them, come back in the model's order."""
    signature = infer_signature(frame)
    places = list(range(frame.shape[1]))
    random.shuffle(places)
    if len(set(signature.inputs.names)) < len(places):
        return  # the first column of a name takes the first place of that name
    mixed = frame.iloc[:, places].copy()
    mixed.insert(0, "no column of ours", 0)

    pd.testing.assert_frame_equal(frame, signature.enforce(mixed), check_column_type=False)


@settings(max_examples=100, deadline=None)
@given(column(4))
def test_series_fit_their_own_signature(series):
    """A series is one column."""
    assert series is infer_signature(series).enforce(series)


ARRAYS = [
    np.zeros((3, 2)),
    np.zeros(3, dtype="float16"),
    np.zeros((3, 2, 4), dtype="int8"),
    np.array(5.0),
    np.array([True, False]),
    np.array(["a", "bcd"]),
    np.array([b"a", b"bcd"]),
    np.array([1, "a", None], dtype=object),
    np.array(["2024-01-01"], dtype="datetime64[s]"),
    np.zeros(2, dtype=[("a", "i4"), ("b", "f8")]),
    np.ma.masked_array([1, 2], [True, False]),
    np.zeros((0, 3)),
    scipy.sparse.csr_matrix(np.eye(3)),
    scipy.sparse.csr_array(np.eye(3, dtype="int32")),
    scipy.sparse.coo_matrix(np.eye(3)),
    {"image": np.zeros((2, 3, 3)), "age": np.zeros(2, dtype="int64")},
    pd.Series(["a", "b"]),
]


@pytest.mark.parametrize("data", ARRAYS, ids=lambda data: str(type(data).__name__))
def test_arrays_fit_their_own_signature(data):
    """Dense, sparse, structured, named."""
    signature = infer_signature(data)

    assert data is signature.enforce(data)
    assert signature == Signature.from_json(signature.to_json())


def test_nullability_is_apart_from_the_type():
    """An integer column with missing values is an integer column."""
    frame = pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": [1, 2], "c": [1.0, 2.0]})

    assert (
        Field("a", "int64", nullable=True),
        Field("b", "int64"),
        Field("c", "float64", nullable=True),
    ) == schema_of(frame).fields


def test_integers_with_missing_values_fit_where_there_were_none():
    """Pandas makes floats of them; other floats are another type."""
    signature = infer_signature(pd.DataFrame({"age": [30, 40], "name": ["x", "y"]}))
    missing = pd.DataFrame({"age": [30.0, np.nan], "name": ["x", None]})

    assert missing is signature.enforce(missing)
    with pytest.raises(
        SignatureError, match="column 'age' is float64, where the model was given int64"
    ):
        signature.enforce(missing.assign(age=[30.5, np.nan]))


def test_wrong_column_is_named():
    """Among many, and with its types."""
    signature = infer_signature(pd.DataFrame(np.eye(3), columns=["a", "b", "c"]))

    with pytest.raises(
        SignatureError, match="column 'b' is string, where the model was given float64"
    ):
        signature.enforce(pd.DataFrame({"a": [1.0], "b": ["x"], "c": [1.0]}))


def test_missing_column_is_named():
    """With what is there instead."""
    signature = infer_signature(pd.DataFrame(np.eye(2), columns=["a", "b"]))

    with pytest.raises(
        SignatureError,
        match=r"column 'b' .* is missing; the data has 'B', which the model does not know",
    ):
        signature.enforce(pd.DataFrame(np.eye(2), columns=["a", "B"]))


def test_time_zones_are_not_mixed_up():
    """With and without a zone are different things."""
    dates = pd.DataFrame({"day": pd.to_datetime(["2024-01-01"])})

    with pytest.raises(SignatureError, match="column 'day' is datetime"):
        infer_signature(dates).enforce(pd.DataFrame({"day": dates["day"].dt.tz_localize("UTC")}))


def test_arrays_fit_where_frames_were_and_the_other_way_round():
    """By position and width."""
    array, frame = np.eye(2), pd.DataFrame(np.eye(2), columns=["a", "b"])

    assert array is infer_signature(frame).enforce(array)
    assert frame is infer_signature(array).enforce(frame)
    with pytest.raises(SignatureError, match="the model takes 2 columns"):
        infer_signature(frame).enforce(np.eye(3))
    with pytest.raises(SignatureError, match="it was given 3 columns"):
        infer_signature(array).enforce(pd.DataFrame(np.eye(3)))


def test_other_shapes_are_refused():
    """Both shapes are told."""
    with pytest.raises(
        SignatureError, match=r"the data has the shape \(n, 3\), where the model was given \(n, 2\)"
    ):
        infer_signature(np.eye(2)).enforce(np.eye(3))


def test_categories_fit_their_values():
    """A category is its values; others are not."""
    signature = infer_signature(pd.DataFrame({"kind": pd.Categorical(["x", "y"])}))

    for values in (pd.Categorical(["z", "x"]), ["x", "y"]):
        signature.enforce(pd.DataFrame({"kind": values}))
    with pytest.raises(
        SignatureError,
        match=r"column 'kind' is int64, where the model was given category\[string\]",
    ):
        signature.enforce(pd.DataFrame({"kind": [1, 2]}))


def test_outputs_are_described_too():
    """A signature tells what the model gave."""
    assert (
        Schema("array", (Field(None, "int64"),))
        == infer_signature(np.eye(2), np.array([0, 1])).outputs
    )


class Watched(np.ndarray):
    """Counts how often elements are read."""

    def __getitem__(self, key):
        raise AssertionError("an element of a numeric array was read")


def test_numeric_arrays_are_never_read():
    """Only shape and dtype are looked at."""
    assert Schema("array", (Field(None, "float64", (-1, 2), nullable=True),)) == schema_of(
        np.zeros((3, 2)).view(Watched)
    )


def test_inference_does_not_grow_with_the_rows():
    """Of a wide-ranging frame the same few values are looked at, however many there are."""

    def cost(rows):
        frame = pd.DataFrame({f"x{number}": np.zeros(rows) for number in range(7)})
        pairs = rows // 2
        frame = frame.assign(
            text="a",
            mixed=pd.Series([1, None] * pairs, dtype=object),
            kind=pd.Categorical(["x", "y"] * pairs),
        )

        def once():
            start = time.process_time()
            for _ in range(10):
                infer_signature(frame)
            return time.process_time() - start

        return min(once() for _ in range(5))

    assert cost(400_000) < 5 * cost(4_000)
