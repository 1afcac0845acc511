"""Profiles of arrays and tables of libraries: by value, within their bounds, and without touching
the data.
"""

from __future__ import annotations

import gc
import json
import threading
import weakref
from datetime import date, datetime

import pytest

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")

from hypothesis import given  # noqa: E402 - what it draws is made of the libraries above
from hypothesis import strategies as st  # noqa: E402

import fitprint  # noqa: E402
from fitprint.data.description import Description  # noqa: E402
from fitprint.data.profiles import profile, text_digest  # noqa: E402
from fitprint.data.sampling import MOST_COLUMNS, sample  # noqa: E402
from fitprint.recording import deferred  # noqa: E402


def told(data, **options):
    """Return the profile of data, which strict JSON can express."""
    taken = sample(Description(data))
    assert taken is not None
    return json.loads(json.dumps(profile(taken, **options), allow_nan=False))


def columns(data, **options):
    """Return what is told of each column, by name."""
    return {each["name"]: each for each in told(data, **options)["columns"]}


# -- by value --------------------------------------------------------------------------------------


@given(st.lists(st.floats(width=32) | st.floats(-10, 10), max_size=200))
def test_quantiles_are_those_of_numpy(values):
    """The linear ones, of the finite values, also without numpy's help."""
    finite = np.array([value for value in values if np.isfinite(value)])
    for data in (np.array(values), values):
        found = columns(data)[""]
        assert (len(values), int(np.isnan(values).sum())) == (found["count"], found["missing"])
        if len(finite):
            assert np.quantile(finite, np.linspace(0, 1, 33)).tolist() == pytest.approx(
                found["quantiles"], rel=1e-8, abs=1e-12
            )
            assert [finite.mean(), finite.std()] == pytest.approx(
                [found["mean"], found["std"]], rel=1e-6, abs=1e-6
            )


@pytest.mark.parametrize("dtype", ["i1", "u8", "f2", "f4", "f8", "g", ">f8", ">i4", "?"])
def test_arrays_of_numbers(dtype):
    """Of every width and byte order."""
    data = np.array([0, 1, 1]).astype(dtype)
    found = columns(data)[""]
    assert [[1, 2], [0, 1]] == found["top"]
    assert found == columns(np.array([[0], [1], [1]]).astype(dtype)[:, 0])[""]
    assert (3, 0) == (found["count"], found["missing"])


def test_an_array_has_columns_by_position():
    """Whatever its layout; of more dimensions all values are one column."""
    rng = np.random.default_rng(0)
    data = rng.normal(size=(50, 3))
    expected = told(data)
    assert ["0", "1", "2"] == [each["name"] for each in expected["columns"]]
    for same in (
        np.asfortranarray(data),
        np.repeat(data, 2, axis=1)[:, ::2],
        data.astype(">f8"),
        np.ma.masked_array(data),
    ):
        assert expected == told(same)
    assert 24 == columns(np.zeros((2, 3, 4)))[""]["count"]
    assert sample(Description(np.array(3.0))) is None


def test_kinds_of_numpy():
    """Masks, records, texts, bytes, times, objects."""
    assert 1 == columns(np.ma.masked_array([1.0, 2.0], [False, True]))[""]["missing"]
    assert {"a": "number", "b": "text"} == {
        name: each["type"]
        for name, each in columns(np.array([(1, "x")], dtype=[("a", "i4"), ("b", "U3")])).items()
    }
    assert [[text_digest("x"), 2]] == columns(np.array(["x", "x", "y"]))[""]["top"]
    assert "bytes" == columns(np.array([b"x"]))[""]["type"]
    found = columns(np.array(["1970-01-02", "NaT"], dtype="M8[D]"))[""]
    assert ("time", 1, 86_400_000_000) == (found["type"], found["missing"], found["quantiles"][0])
    assert {"int": 1, "str": 1, "other": 1} == columns(np.array([1, "a", object()], dtype=object))[
        ""
    ]["types"]
    assert ("number", 2) == tuple(
        columns(np.array([np.float32(2), 2, None], dtype=object))[""][key]
        for key in ("type", "mean")
    )
    assert "failed" not in columns(np.array([1j, 2]))[""]


def test_kinds_of_pandas():
    """Each dtype by the arrays inside it."""
    frame = pd.DataFrame(
        {
            "whole": pd.array([1, None, 1], dtype="Int64"),
            "texts": pd.array(["x", None, "x"], dtype="string"),
            "objects": pd.Series(["x", None, 3], dtype=object),
            "category": pd.Categorical(["u", None, "u"], categories=["v", "u"]),
            "codes": pd.Categorical([3, 3, 4]),
            "time": pd.to_datetime(["1970-01-02", None, "1970-01-02"]),
            "zone": pd.to_datetime(["1970-01-02"] * 3).tz_localize("Asia/Tokyo"),
            "span": pd.to_timedelta([1, 2, 3], "s"),
            "truth": [True, False, True],
            "truths": pd.array([True, None, True], dtype="boolean"),
        }
    )
    found = columns(frame)
    assert {
        "whole": ("number", 1),
        "texts": ("text", 1),
        "objects": ("mixed", 1),
        "category": ("text", 1),
        "codes": ("number", 0),
        "time": ("time", 1),
        "zone": ("time", 0),
        "span": ("duration", 0),
        "truth": ("bool", 0),
        "truths": ("bool", 1),
    } == {name: (each["type"], each["missing"]) for name, each in found.items()}
    assert [[1, 2]] == found["whole"]["top"]
    assert (
        [[text_digest("u"), 2]]
        == found["category"]["top"]
        == columns(frame["category"])["category"]["top"]
    )
    assert [[3, 2], [4, 1]] == found["codes"]["top"]
    assert 54_000_000_000 == found["zone"]["mean"]
    assert 2_000_000 == found["span"]["mean"]
    assert [1, 3] == columns(pd.Index([1, 3], name="i"))["i"]["quantiles"][::32]


def test_tables_of_polars_and_arrow_say_the_same():
    """Numbers, texts, days and missing values, whole and sampled."""
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    for times in (1, 5000):
        content = {
            "a": [1.5, 2.5] * times,
            "b": ["x", None] * times,
            "c": [date(1970, 1, 2)] * 2 * times,
            "d": [1, None] * times,
        }
        assert told(pl.DataFrame(content)) == told(pa.table(content))
    assert [[text_digest("x"), 2]] == columns(pl.Series("s", ["x", "x"]))["s"]["top"]
    assert [1, 2, 3] == columns(pl.Series("s", [1, 2, 3]))["s"]["quantiles"][::16]
    nested = pl.DataFrame({"l": [[1], [2, 3]], "s": [{"a": 1}, {"a": 2}]})
    assert {"l": "mixed", "s": "mixed"} == {
        name: each["type"] for name, each in columns(nested).items()
    }


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "dia", "bsr", "lil"])
def test_sparse_matrices_are_told_by_what_they_store(form):
    """They stay sparse."""
    sparse = pytest.importorskip("scipy.sparse")
    taken = sample(Description(sparse.csr_matrix([[0, 2.0], [0, 0], [3.0, 2.0]]).asformat(form)))
    if form in ("dia", "bsr", "lil"):
        assert taken is None
        return
    found = {each["name"]: each for each in profile(taken)["columns"]}
    assert [[2, 2], [3, 1]] == found.pop("stored values")["top"]
    assert {"csr": [0, 1, 2]}.get(form) == (
        found["stored in a row"]["quantiles"][::16] if found else None
    )


# -- bounds ----------------------------------------------------------------------------------------


def test_large_data_are_sampled():
    """At most 8192 rows, fewer of many columns, and from beginning to end; the same each time."""
    data = np.arange(1_000_000.0)
    assert 8192 == columns(data)[""]["count"]
    assert columns(data) == columns(data)
    assert [0, 500_000, 1_000_000] == pytest.approx(columns(data)[""]["quantiles"][::16], abs=200)
    wide = np.broadcast_to(data[:, None], (1_000_000, 20))
    assert 1024 <= columns(wide)["7"]["count"] < 8192
    assert [0, 500_000, 1_000_000] == pytest.approx(columns(wide)["7"]["quantiles"][::16], abs=1000)


def test_a_sample_holds_no_more_than_it_must():
    """Its arrays are copies of some kilobytes, and the data may die."""
    frame = pd.DataFrame({"a": np.arange(1_000_000.0), "b": np.arange(1_000_000)})
    small = (np.zeros(100), pd.DataFrame({"a": [1.0]}))
    for data in (
        np.zeros((1_000_000, 4)),
        np.zeros((4, 1_000_000)).T,
        np.zeros((1000, 30, 30)),
        frame,
        *small,
    ):
        taken = sample(Description(data))
        for column in taken.columns:
            assert not np.shares_memory(column.values, np.asarray(data))
            owner = column.values if column.values.base is None else column.values.base
            assert owner.nbytes <= 4 << 20
    alive = weakref.ref(frame)
    taken = sample(Description(frame))
    del frame, data
    gc.collect()
    assert alive() is None
    assert 2 == len(taken.columns)


def test_files_are_read_in_few_places(tmp_path):
    """A mapped array is not touched page by page."""
    np.save(tmp_path / "a.npy", np.arange(4_000_000.0))
    taken = sample(Description(np.load(tmp_path / "a.npy", mmap_mode="r")))
    values = taken.columns[0].values
    assert 8192 == len(values)
    assert 63 == np.count_nonzero(np.diff(values) != 1)


def test_100_000_columns_cost_no_more_than_128():
    """Values of the first, names of the next, and the number of the rest, within 64 kB."""
    for data in (pd.DataFrame(np.zeros((2, 100_000))), np.zeros((2, 100_000))):
        taken = sample(Description(data))
        assert MOST_COLUMNS == len(taken.columns)
        found = profile(taken)
        assert len(json.dumps(found)) <= 64_000
        assert 100_000 == len(found["columns"]) + len(found["others"]) + found["more"]


def test_no_random_state_is_touched():
    """Neither numpy's nor Python's."""
    import random

    before = np.random.get_state()[1].tolist(), random.getstate()
    told(np.arange(100_000.0))
    assert before == (np.random.get_state()[1].tolist(), random.getstate())


# -- hostile data ----------------------------------------------------------------------------------


class Hostile:
    """An object whose every method raises."""

    def __getattribute__(self, name):
        raise AssertionError(name)

    __hash__ = __eq__ = __repr__ = __len__ = __bool__ = None


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame([[1, 2.5]], columns=["a", "a"]),
        pd.DataFrame({"a": [np.nan, np.nan]}),
        pd.DataFrame({"a": []}),
        pd.DataFrame(),
        pd.DataFrame(index=range(3)),
        np.empty((0, 3)),
        np.empty((3, 0)),
        np.array([]),
        np.array([np.inf, -np.inf]),
        np.array([2**63, 10**400], dtype=object),
        np.array([[1, [2]], [{"x": 1}, ()]], dtype=object),
        np.array([1 + 2j]),
        np.array([b"\x00\xff"]),
        np.array(["9999-12-31", "NaT"], dtype="M8[s]"),
        pd.DataFrame(
            {
                "p": pd.period_range("2020", periods=2, freq="M"),
                "i": pd.arrays.IntervalArray.from_breaks([0, 1, 2]),
            }
        ),
        pd.DataFrame({("a", 1): [1], ("b", 2): ["x"]}),
        pd.DataFrame({"a": pd.array([1.5], dtype="Sparse[float]")}),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
        np.array([datetime(1, 1, 1), datetime(9999, 12, 31)], dtype=object),  # noqa: DTZ001 - meant
    ],
    ids=range(19),
)
def test_odd_data_have_a_profile(data):
    """Nothing raises, and nobody's code is called."""
    with np.errstate(all="raise"):
        found = told(data)
    assert not [each for each in found["columns"] if "failed" in each]


def test_objects_of_the_users_are_not_asked_anything():
    """Not even their class's name."""
    data = np.array([None, 1], dtype=object)
    data[0] = Hostile()
    assert (
        {"int": 1, "other": 1}
        == columns(data)[""]["types"]
        == columns(pd.Series(data, dtype=object, name="a").to_frame())["a"]["types"]
    )


# -- on a GPU --------------------------------------------------------------------------------------


def test_only_the_sample_leaves_a_gpu():
    """An array of CuPy's is cut where it lies."""
    fetched = []

    class ndarray:
        def __init__(self, content):
            self.content = content
            self.shape, self.dtype, self.nbytes = content.shape, content.dtype, content.nbytes

        def __getitem__(self, places):
            return ndarray(self.content[places])

        def get(self):
            fetched.append(self.nbytes)
            return self.content.copy()

    ndarray.__module__ = "cupy"
    data = np.arange(3_000_000.0).reshape(-1, 3)
    taken = sample(Description(ndarray(data)))
    assert ["0", "1", "2"] == [column.name for column in taken.columns]
    assert 8000 < len(taken.columns[0].values) <= 8192
    assert [taken.columns[0].values.nbytes * 3] == fetched


# -- on runs ---------------------------------------------------------------------------------------


@pytest.fixture
def profiled(home, monkeypatch):
    """Record profiles, which the tests' home does not."""
    monkeypatch.delenv("FITPRINT_PROFILE")
    fitprint.configure(home=str(home))
    return home


def recorded(data, **settings):
    """Log data on a run, and return the run when its profile is there."""
    fitprint.configure(**settings)
    with fitprint.start_run() as run:
        run.log_input(data, "X")
    deferred.finish(60)
    return fitprint.get_run(run.id)


@pytest.mark.usefixtures("profiled")
def test_a_run_has_the_profile_of_its_data():
    """By name and role; there is none of other names."""
    data = pd.DataFrame({"a": [1, 2, 2]})
    run = recorded(data)
    assert told(data) == run.profile("X")
    assert {} == run.profile("X", "test") == run.profile("other")


@pytest.mark.usefixtures("profiled")
def test_settings_say_what_a_profile_tells():
    """Nothing, only types and counts, or values, whose texts are shown only of columns that are
    named.
    """
    data = pd.DataFrame({"a": ["x", "x"]})
    assert {} == recorded(data, profile="off").profile("X")
    assert [{"name": "a", "type": "text", "count": 2, "missing": 0}] == recorded(
        data, profile="shape"
    ).profile("X")["columns"]
    assert [[text_digest("x"), 2]] == recorded(data, profile="full").profile("X")["columns"][0][
        "top"
    ]
    assert [["x", 2]] == recorded(data, profile="full", profile_values=["a"]).profile("X")[
        "columns"
    ][0]["top"]


@pytest.mark.usefixtures("profiled")
def test_equal_profiles_are_one_file(home):
    """A thousand trainings on the same data keep one."""
    first, second = recorded(np.arange(9.0)), recorded(np.arange(9.0))
    assert {artifact.digest for artifact in first.artifacts} == {
        artifact.digest for artifact in second.artifacts
    }


@pytest.mark.usefixtures("profiled")
def test_the_user_may_change_the_data_meanwhile():
    """What was copied tells what they were."""
    data = np.ones(10)
    with fitprint.start_run() as run:
        run.log_input(data, "X")
        data[:] = 7
    deferred.finish(60)
    assert [[1, 10]] == fitprint.get_run(run.id).profile("X")["columns"][0]["top"]


@pytest.mark.usefixtures("profiled")
def test_a_run_that_was_looked_up_before_its_profile_was_there_has_it():
    """What the background does is waited for, and the run looked up anew."""
    go = threading.Event()
    with fitprint.start_run() as run:
        deferred.defer("a wait", lambda: go.wait(60), limit=60)
        run.log_input(np.ones(10), "X")
    found = fitprint.get_run(run.id)
    assert [] == [each.path for each in found.artifacts if each.path.startswith("profiles/")]
    go.set()
    assert found.profile("X")


@pytest.mark.usefixtures("home")
def test_data_of_one_call_are_asked_once(monkeypatch):
    """Facts and profile of the data, and of their target, come from one description each."""
    monkeypatch.setenv("FITPRINT_PROFILE", "full")
    made = []
    begin = Description.__init__
    monkeypatch.setattr(
        Description,
        "__init__",
        lambda self, data: (made.append(type(data).__name__), begin(self, data))[1],
    )
    with fitprint.start_run() as run:
        run.log_input(np.arange(12.0).reshape(6, 2), "X", target=np.arange(6))
    assert made == ["ndarray", "ndarray"]


@pytest.mark.usefixtures("home")
def test_a_profile_that_cannot_be_taken_fails_alone(monkeypatch):
    """The other facts are recorded, and the user's own call does not raise."""
    monkeypatch.setenv("FITPRINT_PROFILE", "full")

    class Label:
        def __str__(self):
            raise RuntimeError("no text")

    frame = pd.DataFrame([[1.0, 2.0], [3.0, 4.0]], columns=[Label(), "b"])
    with fitprint.start_run() as run:
        run.log_input(frame, "X")
    (dataset,) = run.datasets
    assert dataset.facts["type"] == "pandas.DataFrame"
    assert "profile: RuntimeError: no text" in dataset.facts["failed"]


@pytest.mark.parametrize("kind", ["texts of pandas", "lists", "dicts"])
def test_few_objects_of_pythons_are_touched_while_the_training_waits(kind):
    """However many rows: Arrow's texts are read in the background, of lists and dicts some rows are
    taken.
    """
    rows, width = 50_000, 10
    data = {
        "texts of pandas": lambda: pd.DataFrame(
            {
                str(column): pd.array(["a", "b"] * (rows // 2), dtype="str")
                for column in range(width)
            }
        ),
        "lists": lambda: [[1.0] * width for _ in range(rows)],
        "dicts": lambda: [dict.fromkeys("abcdefghij", 1.0) for _ in range(rows)],
    }[kind]()
    taken = sample(Description(data))
    assert taken is not None
    if kind == "texts of pandas" and hasattr(taken.columns[0].values, "to_pylist"):
        assert {"a", "b"} >= set(taken.columns[0].values.to_pylist())
    else:
        assert sum(len(column.values) for column in taken.columns) <= 10_240
    assert [width, width] == [len(taken.columns), len(profile(taken)["columns"])]
