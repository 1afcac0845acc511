import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitprint.data.schema import Field, Schema, schema_of
from fitprint.errors import SignatureError
from fitprint.models.signature import Signature, infer_signature


class Tensor:
    """Looks like a tensor of some framework."""

    def __init__(self, shape, dtype):
        self.shape = shape
        self.dtype = dtype


class DType:
    def __init__(self, name):
        self.name = name


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.binary(max_size=3)
)
DATA = (
    st.lists(SCALARS)
    | st.lists(st.lists(st.floats(), min_size=2, max_size=2))
    | st.lists(st.fixed_dictionaries({"a": SCALARS, "b": SCALARS}, optional={"c": SCALARS}))
    | st.dictionaries(st.text(max_size=3), st.lists(SCALARS))
    | SCALARS
)


@given(DATA)
def test_what_it_was_inferred_from_fits(data):
    """Plain Python data of any kind passes its own signature, and is returned as it is."""
    assert data is infer_signature(data).enforce(data)


@given(DATA)
def test_signatures_survive_json(data):
    """Nothing is lost on the way to the manifest and back."""
    signature = infer_signature(data, data)

    assert signature == Signature.from_json(signature.to_json())


def test_records_name_their_keys():
    """A list of dicts is a table by rows; a key that may be absent may be null too."""
    expected = Schema("records", (Field("a", "int64"), Field("b", "string", nullable=True)))

    assert expected == schema_of([{"a": 1, "b": "x"}, {"a": 2}])


def test_lists_of_rows_have_a_width():
    """Equal rows are a second dimension."""
    assert Schema("list", (Field(None, "float64", (-1, 2)),)) == schema_of([[1, 2.5], [3, 4]])


def test_tensors_are_known_by_their_looks():
    """Any object with a shape and a dtype is an array."""
    assert Schema("array", (Field(None, "float32", (-1, 3)),)) == schema_of(
        Tensor((8, 3), DType("float32"))
    )


def test_wrong_type_names_the_column():
    """So does the type that was expected."""
    signature = infer_signature([{"age": 1, "name": "x"}])

    with pytest.raises(
        SignatureError, match="column 'age' is string, where the model was given int64"
    ):
        signature.enforce([{"age": "old", "name": "x"}])


def test_missing_column_is_named_with_what_is_there_instead():
    """A misspelt column is seen at a glance."""
    signature = infer_signature({"age": [1], "name": ["x"]})

    with pytest.raises(
        SignatureError,
        match=r"column 'name' .* is missing; the data has 'nmae', which the model does not know",
    ):
        signature.enforce({"age": [1], "nmae": ["x"]})


def test_order_is_restored_and_extra_columns_are_left_out():
    """The model is given what it was trained on."""
    signature = infer_signature({"a": [1], "b": [2]})

    assert ["a", "b"] == list(signature.enforce({"c": [3], "b": [2], "a": [1]}))


def test_integers_fit_where_floats_were():
    """Widening is no mismatch; narrowing is."""
    assert [1, 2] == infer_signature([1.5, 2.5]).enforce([1, 2])
    with pytest.raises(SignatureError, match="the data has the shape"):
        infer_signature([1.5, 2.5]).enforce([[1.5], [2.5]])


@pytest.mark.parametrize("data", [[1.0, 2.0], [1.0, float("nan")], [3.0, None]])
def test_whole_floats_fit_where_integers_were(data):
    """Missing values make floats of integers; that is no other type."""
    assert data is infer_signature([1, 2]).enforce(data)


def test_fractions_do_not_fit_where_integers_were():
    """A column that was counted cannot be measured now."""
    with pytest.raises(
        SignatureError, match="the data is float64, where the model was given int64"
    ):
        infer_signature([1, 2]).enforce([1.5, 2.0])


def test_wrong_width_tells_both_shapes():
    """Rows of another length are refused."""
    with pytest.raises(SignatureError, match=r"shape \(n, 3\), where the model was given \(n, 2\)"):
        infer_signature([[1, 2], [3, 4]]).enforce([[1, 2, 3]])


def test_unknown_data_is_said():
    """There is no schema for just any object."""
    with pytest.raises(SignatureError, match=r"a builtins\.object"):
        infer_signature(object())


def test_unknown_inputs_let_everything_pass():
    """A signature of outputs alone enforces nothing."""
    data = object()

    assert data is Signature(outputs=schema_of([1])).enforce(data)
