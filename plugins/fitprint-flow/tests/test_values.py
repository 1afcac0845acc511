"""What a step returns is what the next one takes, or it is refused."""

from __future__ import annotations

import datetime as dt
import decimal
import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from fitprint_flow import Flow, FlowError, step


class Table(pd.DataFrame):
    """A data frame of another type, such as one with places on a map."""

    @property
    def _constructor(self):
        return Table


FRAMES = {
    "categories": pd.DataFrame({"a": pd.Categorical([1, 2, 1], categories=[2, 1, 3])}),
    "ordered": pd.DataFrame({"a": pd.Categorical(["x", "y"], ["y", "x", "z"], ordered=True)}),
    "seconds": pd.DataFrame({"a": np.array([1, 2], dtype="M8[s]")}),
    "nullable": pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}),
    "arrow": pd.DataFrame({"a": pd.array(["x", None], dtype=pd.ArrowDtype(pa.string()))}),
    "whole with gaps": pd.DataFrame({"a": pd.Series([2**60 + 1, None], dtype=object)}),
    "whole": pd.DataFrame({"a": pd.Series([1, 2], dtype=object)}),
    "texts": pd.DataFrame({"a": pd.Series(["x", None], dtype=object)}),
    "lists": pd.DataFrame({"a": [[1, 2], [3]], "b": [[], [["x"]]]}),
    "bytes": pd.DataFrame({"a": [b"x", b"\xff"]}),
    "decimals": pd.DataFrame({"a": [decimal.Decimal("1.10"), None]}),
    "dates": pd.DataFrame({"a": [dt.date(2020, 1, 1), None]}),
    "index": pd.DataFrame(
        {"a": [1, 2]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["p", None])
    ),
    "names": pd.DataFrame([[1, 2]], columns=pd.Index([1, 2], name="n")),
    "nothing": pd.DataFrame({"a": np.array([], dtype="i4"), "b": np.array([], dtype=object)}),
}


def make(kind):
    return FRAMES[kind]


@pytest.mark.parametrize("kind", FRAMES)
def test_a_table_comes_back_as_it_was(place, kind):
    flow = Flow("tables")
    node = flow.add(make, kind)
    before, after = FRAMES[kind], flow.run()[node]
    pd.testing.assert_frame_equal(before, after)
    for column in range(before.shape[1]):
        types = [list(map(type, table.iloc[:, column])) for table in (before, after)]
        assert before.dtypes.iloc[column].name != "object" or types[0] == types[1]
    assert [] == flow.run().ran


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"a": pa.array([1], pa.date64()), "b": pa.array([1], pa.timestamp("s"))}),
        pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]),
        pa.table({"a": pa.array(["x", "y", "x"]).dictionary_encode()}),
    ],
    ids=["times", "equal names", "dictionary"],
)
def test_a_table_of_arrow_comes_back_as_it_was(place, table):
    flow = Flow("tables")
    node = flow.add(lambda: table)
    assert table.equals(flow.run()[node], check_metadata=True)


LOST = {
    "sets": (pd.DataFrame({"a": [{1}, {2}]}), r"column 'a' has objects .* \{1\} as "),
    "dicts": (pd.DataFrame({"a": [{"x": 1}, {"y": 2}]}), "column 'a' has objects"),
    "tuples": (pd.DataFrame({"a": [(1, 2)]}), r"\(1, 2\) as \["),
    "names": (pd.DataFrame([[1, 2]], columns=["a", 1]), "names of columns"),
    "twice": (pd.DataFrame([[1, 2]], columns=["a", "a"]), "Duplicate column names"),
    "type": (Table({"a": [1]}), r"test_values\.Table"),
    "objects": (np.array([1, "x"], dtype=object), "an array of Python objects"),
}


def lose(kind):
    return LOST[kind][0]


@pytest.mark.filterwarnings("ignore:The DataFrame has column names of mixed type")
@pytest.mark.parametrize("kind", LOST)
def test_what_would_come_back_as_another_is_refused_or_pickled(place, kind):
    flow = Flow("lost")
    flow.add(lose, kind)
    with pytest.raises(FlowError, match=f"{LOST[kind][1]}.*allow_pickle=True"):
        flow.run()
    flow = Flow("pickled")
    node = flow.add(step(allow_pickle=True)(lambda kind: lose(kind)), kind)
    found = flow.run()[node]
    assert type(LOST[kind][0]) is type(found)
    assert str(LOST[kind][0]) == str(found)


def test_a_dict_that_is_refused_says_why(place):
    flow = Flow("keys")
    flow.add(lambda: {1: 2})
    with pytest.raises(FlowError, match="a dict with a key that is no text"):
        flow.run()


def test_a_folder_is_kept_whole_or_not_at_all(place):
    """Links are what they lead to, as in data; what has no bytes is named and not left out."""
    (place / "made").mkdir()
    (place / "beside").mkdir()
    (place / "beside" / "a.txt").write_text("a")
    (place / "made" / "link").symlink_to("../beside")

    def fold(path="made"):
        return place / path

    flow = Flow("folders")
    node = flow.add(fold)
    assert "a" == (flow.run()[node] / "link" / "a.txt").read_text()
    (place / "made" / "gone").symlink_to("nowhere")
    with pytest.raises(FlowError, match="leads nowhere"):
        flow.run(force=True)
    (place / "made" / "gone").unlink()
    if hasattr(os, "mkfifo"):
        os.mkfifo(place / "made" / "pipe")
        with pytest.raises(FlowError, match="neither a file nor a folder"):
            flow.run(force=True)
    flow = Flow("all")
    flow.add(fold, ".")
    with pytest.raises(FlowError, match="what fitprint itself writes"):
        flow.run()
