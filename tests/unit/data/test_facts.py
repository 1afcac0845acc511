"""Facts on data without any array library."""

from __future__ import annotations

import array
import gc
import json
import re
import subprocess
import sys
import weakref

import pytest

from fitprint.data.description import Description
from fitprint.data.digests import digest_data
from fitprint.data.targets import describe_target


def facts(data, **options):
    described = Description(data).dataset("X", "train", **options)
    json.dumps(described.facts)
    return described.facts


def test_a_dataset_has_name_role_and_digest():
    """The record carries what it was called."""
    described = Description([[1.0, 2.0]]).dataset("X", "eval")
    assert (described.name, described.role, described.digest[:7]) == ("X", "eval", "sha256:")


def test_a_table_of_lists_has_a_shape():
    """Rows of one length are columns; the elements' types are told."""
    assert facts([[1.0, 2], [3.0, 4], [5.0, 6]]) == {
        "type": "list",
        "shape": [3, 2],
        "elements": ["float", "int"],
        "digest_of": "all",
    }


def test_texts_have_a_length():
    """A list of documents is no table."""
    assert facts(["a", "b"]) == {
        "type": "list",
        "shape": [2],
        "elements": ["str"],
        "digest_of": "all",
    }


def test_a_dict_of_inputs_is_described_by_item():
    """Each input of a model is told briefly."""
    described = facts({"left": [1, 2], "right": array.array("d", [1.0])})
    assert described["items"] == {
        "left": {"type": "list", "shape": [2]},
        "right": {"type": "array.array"},
    }


def test_a_buffer_has_shape_and_dtype():
    """An array of the standard library is described by its buffer."""
    assert facts(array.array("d", [1.0, 2.0])) == {
        "type": "array.array",
        "shape": [2],
        "dtype": "d",
        "bytes": 16,
        "digest_of": "all",
    }


def test_feature_names_are_the_callers():
    """Names given are told."""
    assert facts([[1, 2]], feature_names=["a", "b"])["feature_names"] == ["a", "b"]


def test_a_target_belongs_to_its_data():
    """The target's facts and digest stand beside those of the data."""
    target = facts([[1], [2], [3]], target=["a", "b", "a"])["target"]
    assert target["summary"] == {
        "kind": "discrete",
        "n_classes": 2,
        "classes": ["a", "b"],
        "counts": [2, 1],
    }
    assert target["digest"] == digest_data(["a", "b", "a"])[0]


def test_weights_are_a_range():
    """Sample weights are summarized as quantities, however few values they have."""
    assert facts([1.0, 1.0, 2.0, 0.0], kind="weights")["summary"] == {
        "kind": "continuous", "count": 4, "min": 0.0, "max": 2.0, "mean": 1.0, "std": 0.5**0.5,
    }  # fmt: skip


def test_generators_are_not_consumed():
    """A one-shot iterator keeps everything it had."""
    numbers = (number for number in range(3))
    assert facts(numbers) == {"type": "generator"}
    assert list(numbers) == [0, 1, 2]


def test_unknown_objects_are_told_by_type_alone():
    """Nothing of an unknown object is called: neither its length nor its attributes."""

    class Lazy:
        def __len__(self):
            raise AssertionError("computed")

        @property
        def shape(self):
            raise AssertionError("computed")

        def __getattr__(self, name):
            raise AssertionError(f"computed {name}")

    assert facts(Lazy()) == {"type": f"{__name__}.{Lazy.__qualname__}"}


def test_sequences_of_any_class_have_a_length():
    """A range is a sequence, and its length costs nothing."""
    assert facts(range(10**9)) == {"type": "range", "shape": [10**9]}


def test_array_api_objects_tell_shape_and_dtype():
    """Whatever implements the array API is described by its attributes."""

    class Tensor:
        shape, dtype, device = (2, None), "float32", "gpu:0"

        def __array_namespace__(self):
            raise AssertionError("not needed")

    described = facts(Tensor())
    assert (described["shape"], described["dtype"], described["device"]) == (
        [2, None],
        "float32",
        "gpu:0",
    )


def test_data_are_not_kept_alive():
    """After the description nothing refers to the data."""

    class Data(list):
        pass

    data = Data([1, 2])
    gone = weakref.ref(data)
    described = Description(data).dataset("X", "train", target=[1, 2])
    del data
    gc.collect()
    assert described.facts["shape"] == [2]
    assert gone() is None


def test_each_fact_fails_alone():
    """Data that break while they are read cost the facts that needed them,
    and the failure is told.
    """

    class Broken(list):
        def __getitem__(self, item):
            raise OSError("disk gone")

    described = facts(Broken([1, 2]))
    assert described["failed"] == ["description: OSError: disk gone"]


def test_equal_data_have_equal_digests():
    """Contents decide, not the object."""
    assert digest_data([1, "a", None, 2.5]) == digest_data([1, "a", None, 2.5])
    assert digest_data({"a": [1]}) == digest_data({"a": [1]})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1, 2], [1.0, 2.0]),
        ([1, 2], [2, 1]),
        ([[1, 2], [3]], [[1], [2, 3]]),
        (["ab", "c"], ["a", "bc"]),
        ({"a": 1}, {"b": 1}),
        (array.array("i", [1]), array.array("I", [1])),
        (b"a", b"b"),
        ([], {}),
    ],
)
def test_different_data_have_different_digests(one, other):
    """Type, shape, order and content all count."""
    assert digest_data(one)[0] != digest_data(other)[0]


def test_large_data_are_sampled_and_say_so():
    """Beyond the limit a sample is taken, which still sees both ends."""
    many = list(range(100_000))
    digest, coverage = digest_data(many)
    assert coverage == "sample"
    assert digest_data(["other", *many[1:]])[0] != digest


def test_objects_without_content_have_no_stable_digest():
    """Objects that are only known by type make a sample of the list."""
    assert digest_data([object(), object()])[1] == "sample"
    assert digest_data(object()) == ("", "")


def test_digests_do_not_depend_on_the_process():
    """Two interpreters with different hash seeds agree."""
    code = (
        "from fitprint.data.digests import digest_data as d; print(d([1, 'a', None]), d({'x': "
        "[1.5, b'b']}), d([object()]))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ([1, 0, 1], {"kind": "discrete", "n_classes": 2, "classes": [0, 1], "counts": [1, 2]}),
        (
            [True, False],
            {"kind": "discrete", "n_classes": 2, "classes": [False, True], "counts": [1, 1]},
        ),
        (
            ["a", None],
            {"kind": "discrete", "n_classes": 2, "classes": [None, "a"], "counts": [1, 1]},
        ),
        (
            [0.5, 1.5],
            {"kind": "continuous", "count": 2, "min": 0.5, "max": 1.5, "mean": 1.0, "std": 0.5},
        ),
        ([], {}),
        ([[1], [2]], {}),
        (object(), {}),
    ],
)
def test_targets_are_summarized(target, expected):
    """Classes are counted, quantities have a range, and what is unknown is left out."""
    assert describe_target(target) == expected


def test_many_whole_numbers_are_a_quantity():
    """A hundred and one values are no classes, unless somebody knows better."""
    assert describe_target(list(range(101)))["kind"] == "continuous"
    assert describe_target(list(range(101)), discrete=True)["n_classes"] == 101
    assert describe_target([0, 1], discrete=False)["kind"] == "continuous"


def test_numbers_that_are_not_finite_do_not_count():
    """NaN and infinities in a list leave the range of the others."""
    assert describe_target([0.5, float("nan"), float("inf"), 2.5]) == {
        "kind": "continuous", "count": 2, "min": 0.5, "max": 2.5, "mean": 1.5, "std": 1.0,
    }  # fmt: skip


def test_a_mapped_array_knows_its_file(tmp_path):
    """Views of it do, too; what was computed from it does not."""
    numpy = pytest.importorskip("numpy")
    path = tmp_path / "x.npy"
    numpy.save(path, numpy.zeros((10, 2)))
    mapped = numpy.load(path, mmap_mode="r")
    assert {"file": str(path), "offset": 128}.items() <= facts(mapped).items()
    assert facts(numpy.asarray(mapped)[3:])["file"] == str(path)
    assert "file" not in facts(mapped + 1)
    assert "file" not in facts(numpy.zeros(3))


def test_an_address_of_data_is_told_without_what_opens_it():
    """As xarray names where a data set was read from."""
    source = "https://bob:hunter2hunter2@host/x.nc?X-Amz-Signature=abcdef0123456789"
    opened = type(
        "Dataset", (), {"__module__": "xarray.core.dataset", "encoding": {"source": source}}
    )()
    told = facts(opened)["file"]
    assert told.startswith("https://")
    assert "host/x.nc" in told
    assert not {"hunter2hunter2", "abcdef0123456789"} & set(re.split("[:@=]", told))
