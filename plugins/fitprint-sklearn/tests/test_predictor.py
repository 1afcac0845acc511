import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.cluster import DBSCAN
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import BayesianRidge, LogisticRegression, Ridge
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import fitprint
from fitprint.data.schema import schema_of
from fitprint.errors import FitprintError, SignatureError
from fitprint.models.batches import conform
from fitprint.models.signature import Signature, infer_signature


@pytest.fixture
def predictor(untracked):
    """Return a function that records a model and loads it as a predictor."""

    def record(model, X, outputs=None):
        with fitprint.start_run() as run:
            run.log_model(model, inputs=X, outputs=model.predict(X) if outputs is None else outputs)
        return fitprint.load_predictor(f"runs:/{run.id}/model")

    return record


FRAME, TARGET = load_iris(return_X_y=True, as_frame=True)
MIXED = pd.DataFrame(
    {
        "age": [31, 45, 19, 27],
        "size": [1.5, np.nan, 1.7, 1.9],
        "kind": pd.Categorical(["a", "b", "a", "c"], categories=["c", "b", "a"]),
        "city": ["Rome", "Oslo", "Rome", "Bonn"],
        "since": pd.to_datetime(["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"]),
        "seen": pd.to_datetime(
            ["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"]
        ).tz_localize("UTC"),
        "visits": pd.array([1, None, 3, 4], dtype="Int64"),
        "member": [True, False, True, True],
    }
)


class Same:
    """A model whose predictions are what it was given."""

    def predict(self, data, **options):
        return (data, options) if options else data


def same(trained, data):
    return conform(schema_of(trained), data)


@pytest.mark.parametrize(
    "give",
    [
        lambda frame: frame,
        lambda frame: frame.to_numpy(),
        lambda frame: frame.to_dict("list"),
        lambda frame: {name: column.to_numpy() for name, column in frame.items()},
        lambda frame: frame.to_dict("records"),
        lambda frame: frame.to_numpy().tolist(),
        lambda frame: frame[frame.columns[::-1]].assign(more=1),
        lambda frame: frame.astype("float32"),
        lambda frame: frame.astype(object),
        lambda frame: frame.to_records(index=False),
    ],
    ids=[
        "frame",
        "array",
        "dict of lists",
        "dict of arrays",
        "records",
        "rows",
        "reordered with more",
        "narrower",
        "objects",
        "structured",
    ],
)
def test_all_forms_of_data_predict_the_same(predictor, give):
    """A model of named columns takes a frame, an array, a dict, records."""
    model = LogisticRegression(max_iter=1000).fit(FRAME, TARGET)
    loaded = predictor(model, FRAME)

    assert model.predict(FRAME).tolist() == loaded.predict(give(FRAME)).tolist()


def test_one_row_is_a_dict_of_values(predictor):
    """As a service gets it."""
    model = LogisticRegression(max_iter=1000).fit(FRAME, TARGET)

    assert [0] == predictor(model, FRAME).predict(FRAME.iloc[0].to_dict()).tolist()


@pytest.mark.parametrize(
    "give",
    [
        lambda X: X,
        lambda X: X.tolist(),
        lambda X: pd.DataFrame(X),
        lambda X: pd.DataFrame(X).astype("Float64"),
    ],
)
def test_model_of_an_array_takes_lists_and_frames(predictor, give):
    """By position; nothing warns of names that the model does not know."""
    X, y = load_diabetes(return_X_y=True)
    model = Ridge().fit(X, y)

    assert predictor(model, X).predict(give(X)).tolist() == pytest.approx(model.predict(X).tolist())


def test_sparse_data_stays_sparse(predictor):
    """Where the model takes it."""
    X = scipy.sparse.random(20, 9, density=0.3, format="csr", random_state=0)
    model = MultinomialNB().fit(X, np.arange(20) % 2)

    loaded = predictor(model, X)

    assert (
        model.predict(X).tolist()
        == loaded.predict(X).tolist()
        == loaded.predict(X.toarray()).tolist()
    )
    with pytest.raises(SignatureError, match=r"shape \(n, 8\)"):
        loaded.predict(X[:, :8])


def test_texts_and_records_go_through(predictor):
    """A vectorizer gets what it was fitted with."""
    texts, labels = ["good day", "bad night", "good night"], [1, 0, 1]
    model = make_pipeline(CountVectorizer(), MultinomialNB()).fit(texts, labels)
    rows = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    other = make_pipeline(DictVectorizer(), LogisticRegression()).fit(rows, [0, 1])

    assert [1] == predictor(model, texts).predict(["good"]).tolist()
    assert [0, 1] == predictor(other, rows).predict(rows).tolist()


def test_mixed_columns_from_json(predictor):
    """A dict as JSON brings it fits a model of numbers, categories and texts."""
    X = MIXED[["age", "size", "kind", "city"]].fillna({"size": 1.6})
    steps = make_column_transformer(
        (OneHotEncoder(), ["kind", "city"]), (StandardScaler(), ["age", "size"])
    )
    model = make_pipeline(steps, LogisticRegression()).fit(X, [0, 1, 0, 1])

    data = {
        "city": ["Rome", "Oslo"],
        "kind": ["c", "a"],
        "age": [20, 30],
        "size": [1, 2],
        "name": ["x", "y"],
    }

    expected = model.predict(
        pd.DataFrame(
            {"age": [20, 30], "size": [1, 2], "kind": ["c", "a"], "city": ["Rome", "Oslo"]}
        )
    )
    assert expected.tolist() == predictor(model, X).predict(data).tolist()


def test_categories_come_in_the_order_of_the_training():
    """Frameworks that read their codes would take one value for another."""
    found = same(
        MIXED, MIXED.assign(kind=pd.Categorical(["a", "b", "d", None], categories=["a", "b", "d"]))
    )

    assert (["c", "b", "a", "d"], [2, 1, 3, -1]) == (
        found["kind"].cat.categories.tolist(),
        found["kind"].cat.codes.tolist(),
    )
    assert ["c", "b", "a"] == same(MIXED, MIXED.assign(kind=list("abca")))[
        "kind"
    ].cat.categories.tolist()


def test_facts_of_the_run_hold_no_values_of_the_data(untracked):
    """Categories stand in the model's folder, beside the model."""
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(MIXED[["kind"]], [0, 1, 0, 1])
    with fitprint.start_run() as run:
        logged = run.log_model(model, inputs=MIXED[["kind"]])

    assert "categories" not in logged.facts["signature"]["inputs"]["fields"][0]
    assert ("c", "b", "a") == fitprint.load_predictor(
        f"runs:/{run.id}/model"
    ).signature.inputs.fields[0].categories


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.drop(columns="size"), r"column 'size' \(float64\) is missing: add it"),
        (
            lambda data: data.rename(columns={"size": "Size"}),
            r"column 'size' \(float64\) is missing; the data has 'Size'.*give it the name",
        ),
        (
            lambda data: data.assign(size="tall"),
            (
                r"column 'size' is string, where the model was given float64: convert it with "
                r"pandas.to_numeric"
            ),
        ),
        (
            lambda data: data.assign(age=30.5),
            (
                r"column 'age' is float64, where the model was given int64: it holds more than "
                r"whole numbers"
            ),
        ),
        (
            lambda data: data.assign(city=5),
            (
                r"column 'city' is int64, where the model was given string: convert it with "
                r".astype\(str\)"
            ),
        ),
        (
            lambda data: data.assign(since="2024"),
            r"column 'since' is string, .*convert it with pandas.to_datetime",
        ),
        (
            lambda data: data.assign(since=data["seen"]),
            r"column 'since' .*take its time zone away with .dt.tz_localize\(None\)",
        ),
        (lambda data: data.assign(seen=data["since"]), r"column 'seen' .*give it a time zone"),
        (
            lambda data: data.assign(visits=[1.5, None, 2, 3]),
            "column 'visits' is float64, where the model was given int64",
        ),
        (
            lambda data: data.assign(member=["yes", "no", "no", "no"]),
            "column 'member' is string, where the model was given bool",
        ),
        (
            lambda data: data.assign(kind=[1, 2, 3, 4]),
            r"column 'kind' is int64, where the model was given category\[string\]",
        ),
        (lambda data: data.to_numpy()[:, :3], "the model takes 8 columns"),
        (lambda data: {"age": [1, 2], "size": [1.0]}, "no table can be made of the data"),
        (lambda data: "text", "the model takes 8 columns|no table"),
        (lambda data: 5, "the model takes 8 columns|no table"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    """The column, both types, and what to do."""
    with pytest.raises(SignatureError, match=message):
        same(MIXED, change(MIXED))


def test_safe_widening_passes_unchanged():
    """Integers for floats, other widths, whole floats with missing values for integers."""
    data = MIXED.assign(
        age=MIXED["age"].astype("int8"),
        size=[1, 2, 3, 4],
        visits=[1.0, np.nan, 3.0, 4.0],
        member=[True, None, False, True],
    )

    assert data is same(MIXED, data)


def test_columns_without_any_value_get_their_type():
    """An empty column of objects would be a text to some frameworks."""
    data = pd.DataFrame({name: [None, None] for name in MIXED})

    found = same(MIXED, data)

    assert ("float64", "float64", "datetime64[ns, UTC]") == tuple(
        str(found[name].dtype).replace("us", "ns") for name in ("age", "size", "seen")
    )
    assert [None, None] == data["age"].tolist()


def test_odd_labels_find_their_columns():
    """Numbers, tuples, repeated names."""
    frame = pd.DataFrame(np.arange(8.0).reshape(2, 4))
    frame.columns = pd.Index([3, ("a", 1), "x", "x"], tupleize_cols=False)

    found = same(frame, frame.iloc[:, [2, 0, 3, 1]])

    assert frame.to_numpy().tolist() == found.to_numpy().tolist()
    assert list(frame.columns) == list(same(frame, frame.to_numpy()).columns)
    with pytest.raises(SignatureError, match="column 'x' .*is missing"):
        same(frame, frame.iloc[:, :3])


def test_the_callers_data_stays_as_it_was():
    """Neither moved, nor retyped, nor copied without need."""
    data = MIXED.assign(kind=list("abca"), size=[None] * 4)[list(MIXED.columns[::-1])]
    before = data.copy()

    same(MIXED, data)

    pd.testing.assert_frame_equal(before, data)
    assert MIXED is same(MIXED, MIXED)


@pytest.mark.parametrize(
    "give",
    [
        lambda frame: frame.iloc[:0],
        lambda frame: frame.to_numpy()[:0],
        lambda frame: [],
        lambda frame: {name: [] for name in frame},
    ],
)
def test_no_rows_give_no_predictions(predictor, give):
    """Where scikit-learn itself would raise."""
    model = LogisticRegression(max_iter=1000).fit(FRAME, TARGET)

    found = predictor(model, FRAME).predict(give(FRAME))

    assert ((0,), model.predict(FRAME).dtype) == (found.shape, found.dtype)


def test_no_rows_are_checked_too(predictor):
    """An empty batch of other columns is wrong."""
    model = LogisticRegression(max_iter=1000).fit(FRAME, TARGET)

    with pytest.raises(SignatureError, match="sepal length"):
        predictor(model, FRAME).predict(FRAME.iloc[:0, 1:])


def test_options_reach_the_framework(predictor):
    """What its own predict takes."""
    X, y = load_diabetes(return_X_y=True)
    model = BayesianRidge().fit(X[:20], y[:20])

    assert 2 == len(predictor(model, X[:20]).predict(X[:3], return_std=True))


def test_model_without_predict_says_so(untracked):
    """A clusterer without predictions for new data."""
    with fitprint.start_run() as run:
        run.log_model(DBSCAN().fit(FRAME), inputs=FRAME)
    loaded = fitprint.load_predictor(f"runs:/{run.id}/model")

    with pytest.raises(FitprintError, match="DBSCAN has no method predict"):
        loaded.predict(FRAME)
    assert "DBSCAN" in repr(loaded)


def test_model_without_signature_takes_anything(untracked):
    """Nothing is known, so nothing is checked."""
    model = LogisticRegression(max_iter=1000).fit(FRAME, TARGET)
    with fitprint.start_run() as run:
        run.log_model(model)
    loaded = fitprint.load_predictor(f"runs:/{run.id}/model")

    assert loaded.signature is None
    assert model.predict(FRAME).tolist() == loaded.predict(FRAME).tolist()


IMAGES = {
    "image": np.zeros((3, 4, 4, 1), dtype="float32"),
    "age": np.arange(3),
    "word": np.array(["a", "b", "c"]),
}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"image": IMAGES["image"], "age": IMAGES["age"]}, r"column 'word' \(string\) is missing"),
        (
            {**IMAGES, "image": IMAGES["image"][..., 0]},
            r"input 'image' has the shape \(n, 4, 4\), where the model was given \(n, 4, 4, 1\)",
        ),
        (
            {**IMAGES, "age": IMAGES["age"][:2]},
            r"differ in their numbers of rows: 'image' has 3, 'age' has 2",
        ),
        (
            {**IMAGES, "age": np.array(["x", "y", "z"])},
            "column 'age' is string, where the model was given int64",
        ),
        ([1, 2], "the model takes 3 columns"),
        (IMAGES["image"], "the model takes a dict with the keys 'image', 'age', 'word'"),
    ],
)
def test_inputs_of_several_arrays_are_named(data, message):
    """Missing, of another shape, of another type, of another length."""
    with pytest.raises(SignatureError, match=message):
        same(IMAGES, data)


def test_several_arrays_come_in_order_and_as_arrays():
    """From a dict in any order, with lists in it, or from records."""
    given = {"more": 1, "word": ["a", "b"], "age": [1, 2], "image": np.zeros((2, 4, 4, 1)).tolist()}

    found = same(IMAGES, given)

    assert ["image", "age", "word"] == list(found)
    assert ((2, 4, 4, 1), "float32", "int64") == (
        found["image"].shape,
        found["image"].dtype,
        found["age"].dtype,
    )
    flat = {"a": np.zeros(3), "b": np.zeros((3, 1))}
    assert {"a": (2,), "b": (2, 1)} == {
        name: value.shape
        for name, value in same(flat, pd.DataFrame({"b": [1, 2], "a": [3.0, 4.0]})).items()
    }
    assert [5.0, 6.0] == same({"a": np.zeros(3)}, [{"a": 5.0}, {"a": 6.0}])["a"].tolist()


TENSORS = [np.zeros((3, 4)), np.zeros((3, 2, 2), dtype="float32")]


def test_lists_of_arrays_are_several_inputs():
    """Any number of rows, the same number of inputs."""
    found = same(TENSORS, [array[:2] for array in TENSORS])

    assert [(2, 4), (2, 2, 2)] == [array.shape for array in found]
    assert Signature.from_json(infer_signature(TENSORS).to_json()) == infer_signature(TENSORS)
    for data, message in (
        (TENSORS[:1], "a list of 2 arrays; it was given 1 items"),
        ([TENSORS[0], TENSORS[0]], r"input 1 has the shape \(n, 4\)"),
        ([TENSORS[0], TENSORS[1][:2]], "0 has 3, 1 has 2"),
        ({"a": 1}, "a list of 2 arrays; it was given a dict"),
    ):
        with pytest.raises(SignatureError, match=message):
            same(TENSORS, data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((2, 3)), r"the data has the shape \(n, 3\), where the model was given \(n, 4\)"),
        (np.zeros(4), r"the data has the shape \(n\), where the model was given \(n, 4\)"),
        (
            np.zeros((2, 4), dtype="complex64"),
            "the data is complex64, where the model was given float32",
        ),
        (np.array([["a"] * 4]), "the data is string, where the model was given float32"),
        ([[1, 2, 3, 4], [1, 2]], "differ in length or shape"),
        ([{"a": 1}], "the model takes an array of shape|shape"),
        (pd.DataFrame(np.zeros((2, 3))), "it was given 3 columns"),
    ],
)
def test_arrays_that_do_not_fit(data, message):
    """Shape and type are told, both as they are and as they should be."""
    with pytest.raises(SignatureError, match=message):
        same(np.zeros((2, 4), dtype="float32"), data)


def test_lists_take_the_type_of_the_signature():
    """They have none of their own; nothing is lost on the way."""
    assert "float32" == same(np.zeros((2, 2), dtype="float32"), [[1, 2], [3, 4]]).dtype
    assert "int8" == same(np.zeros(2, dtype="int8"), [1, 2]).dtype
    assert (0, 2) == same(np.zeros((2, 2), dtype="float32"), []).shape
    with pytest.raises(SignatureError, match="not all of its values fit into int8"):
        same(np.zeros(2, dtype="int8"), [1, 300])
    with pytest.raises(SignatureError, match="whole numbers"):
        same(np.zeros(2, dtype="int8"), [1, 1.5])


def arrays():
    shapes = st.lists(st.integers(0, 3), min_size=1, max_size=3)
    dtypes = st.sampled_from(
        [
            "bool",
            "int8",
            "uint16",
            "int64",
            "float16",
            "float32",
            "float64",
            "complex64",
            "U3",
            "S2",
            "M8[ns]",
            "object",
        ]
    )
    return st.builds(lambda shape, dtype: np.zeros(shape, dtype=dtype), shapes, dtypes)


def with_rows(count):
    return arrays().map(lambda array: np.zeros((count, *array.shape[1:]), dtype=array.dtype))


KINDS = st.one_of(
    arrays(),
    st.integers(0, 3).flatmap(
        lambda count: st.dictionaries(st.text(max_size=2), with_rows(count), min_size=1, max_size=3)
    ),
    st.integers(1, 3).flatmap(
        lambda count: st.lists(
            with_rows(count).filter(lambda array: array.ndim > 1), min_size=1, max_size=3
        )
    ),
    st.lists(st.text(max_size=3), max_size=4),
    st.lists(
        st.fixed_dictionaries({"a": st.integers(), "b": st.text(max_size=2) | st.none()}),
        max_size=3,
    ),
    arrays()
    .filter(lambda array: array.ndim == 2 and array.dtype.kind in "biuf")
    .map(lambda array: scipy.sparse.csr_matrix(array.astype("f8"))),
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(KINDS)
def test_data_fits_the_signature_that_was_inferred_from_it(data):
    """Arrays, dicts and lists of arrays, texts, records, sparse: all come back as they were, also
    by way of JSON.
    """
    schema = infer_signature(data).inputs

    for known in (schema, Signature.from_json(infer_signature(data).to_json()).inputs):
        found = conform(known, data)
        assert schema_of(found) == schema
        if isinstance(data, np.ndarray):
            assert data is found


def test_polars_frames_fit_and_stay():
    """Their own signature, and that of a pandas frame with the same columns."""
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame(
        {
            "a": [1, 2],
            "b": ["x", "y"],
            "c": pl.Series(["u", "v"], dtype=pl.Categorical),
            "d": pl.Series(["u", "v"], dtype=pl.Enum(["u", "v"])),
        }
    )

    assert frame is same(frame, frame)
    assert frame.equals(same(frame, frame.select("d", "c", "b", "a", pl.lit(1).alias("more"))))
    assert [[3.0, 4.0]] == same(np.zeros((2, 2)), pl.DataFrame({"x": [3], "y": [4.0]})).tolist()
    data = pl.DataFrame({"a": [3]})
    assert data is same(pd.DataFrame({"a": [1.0]}), data)
    with pytest.raises(
        SignatureError, match=r"column 'b' is int\d+, where the model was given string"
    ):
        same(frame, frame.with_columns(b=1))
