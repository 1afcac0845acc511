"""Arrays on a GPU, which stand-ins play here; the plugins' tests marked `gpu` use real ones."""

from __future__ import annotations

import array

import pytest

from fitprint.data.buffers import on_host
from fitprint.data.description import Description
from fitprint.data.kinds import is_on_device


class Device:
    def __init__(self, kind):
        self.type = kind
        self.id = 0

    def __str__(self):
        return f"{self.type}:{self.id}"


class CupyArray:
    """As much of ``cupy.ndarray`` as is looked at."""

    shape, dtype, device = (3,), "int64", Device("cuda")

    def __init__(self, values):
        self.values = values
        self.nbytes = 8 * len(values)
        self.copies = 0

    def get(self):
        self.copies += 1
        return array.array("q", self.values)

    def __array__(self):
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")


CupyArray.__module__, CupyArray.__name__ = "cupy", "ndarray"


class Tensor:
    """As much of ``torch.Tensor`` as is looked at."""

    shape, dtype = (3,), "torch.int64"

    def __init__(self, values, kind):
        self.values = values
        self.device = Device(kind)

    def detach(self):
        return self

    def cpu(self):
        return Tensor(self.values, "cpu")

    def numpy(self):
        assert self.device.type == "cpu"
        return array.array("q", self.values)

    def numel(self):
        return len(self.values)

    def element_size(self):
        return 8


Tensor.__module__ = "torch"


def test_only_other_devices_count():
    """A tensor on the CPU is data like any other."""
    assert [True, True, False, False] == [
        is_on_device(data)
        for data in (CupyArray([1]), Tensor([1], "cuda"), Tensor([1], "cpu"), [1])
    ]


@pytest.mark.parametrize("data", [CupyArray([1, 2, 3]), Tensor([1, 2, 3], "cuda")])
def test_small_arrays_are_copied_to_be_looked_at(data):
    """Digest and shape are told, and where the data are."""
    described = Description(data).dataset("X", "train")
    assert Description(array.array("q", [1, 2, 3])).dataset("X", "train").digest == described.digest
    assert ([3], "cuda:0", 24, "all") == tuple(
        described.facts[name] for name in ("shape", "device", "bytes", "digest_of")
    )
    assert "failed" not in described.facts


def test_large_arrays_stay_where_they_are():
    """They have no digest."""
    data = CupyArray([1, 2, 3])
    data.nbytes = (4 << 20) + 1
    described = Description(data).dataset("X", "train")
    assert ("", 0, [3]) == (described.digest, data.copies, described.facts["shape"])
    assert data is on_host(data, 4 << 20)
    assert [1, 2, 3] == list(on_host(data))


def test_a_device_that_fails_costs_the_digest_alone():
    """The rest is told."""

    def lost():
        raise RuntimeError("the device is lost")

    data = CupyArray([1, 2, 3])
    data.get = lost
    facts = Description(data).dataset("y", "train", kind="target").facts
    assert [3] == facts["shape"]
    assert ["copy from the device: RuntimeError: the device is lost"] == facts["failed"]
