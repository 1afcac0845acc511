"""Where random generators stand, told without moving them."""

from __future__ import annotations

import random
import sys
import threading
from types import SimpleNamespace

import pytest

from fitprint.context.seeds import describe_seeds


@pytest.fixture(autouse=True)
def kept():
    """Put Python's generator back."""
    state = random.getstate()
    yield
    random.setstate(state)


def test_equal_states_have_equal_digests():
    random.seed(3)
    first = describe_seeds()["random"]
    random.random()
    second = describe_seeds()["random"]
    random.seed(3)
    assert (describe_seeds()["random"] == first, second == first) == (True, False)


def test_a_half_used_pair_of_normal_numbers_is_a_part_of_the_state():
    random.seed(3)
    before = describe_seeds()["random"]
    random.gauss(0, 1)
    random.setstate((*random.getstate()[:1], random.Random(3).getstate()[1], random.getstate()[2]))
    assert describe_seeds()["random"] != before


def test_nothing_is_drawn():
    random.seed(3)
    before = random.getstate()
    describe_seeds()
    assert random.getstate() == before


def test_variables_are_told_as_they_were_set(monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    assert describe_seeds()["PYTHONHASHSEED"] == "7"


def test_the_seed_of_numpy_is_seen_before_the_first_draw():
    numpy = pytest.importorskip("numpy")
    state = numpy.random.get_state()
    try:
        numpy.random.seed(42)
        seeded = describe_seeds()["numpy"]
        numpy.random.rand()
        drawn = describe_seeds()["numpy"]
        numpy.random.seed([1, 2])
        by_array = describe_seeds()["numpy"]
    finally:
        numpy.random.set_state(state)
    assert (seeded, drawn[:7], by_array[:7], drawn == by_array) == (42, "sha256:", "sha256:", False)


@pytest.mark.parametrize("draws", [312, 624])
def test_fault_18_a_state_that_is_used_up_is_no_seed(draws):
    """Its position is that of a fresh one, each time that 624 words were drawn."""
    numpy = pytest.importorskip("numpy")
    state = numpy.random.get_state()
    try:
        numpy.random.seed(42)
        numpy.random.rand(draws)
        assert (624, "sha256:") == (numpy.random.get_state()[2], describe_seeds()["numpy"][:7])
    finally:
        numpy.random.set_state(state)


@pytest.mark.parametrize("seed", [0, 1, 0x80000000, 0xFFFFFFFF])
def test_every_seed_of_numpy_is_seen(seed):
    numpy = pytest.importorskip("numpy")
    state = numpy.random.get_state()
    try:
        numpy.random.seed(seed)
        assert describe_seeds()["numpy"] == seed
    finally:
        numpy.random.set_state(state)


def test_a_generator_of_another_kind_is_told_by_its_state():
    numpy = pytest.importorskip("numpy")
    if not hasattr(numpy.random, "set_bit_generator"):
        pytest.skip("this numpy has one kind only")
    before = numpy.random.get_bit_generator()
    try:
        numpy.random.set_bit_generator(numpy.random.PCG64(3))
        assert describe_seeds()["numpy"].startswith("sha256:")
    finally:
        numpy.random.set_bit_generator(before)


def test_nobody_waits_for_a_generator_that_another_thread_uses():
    numpy = pytest.importorskip("numpy")
    found = []
    with numpy.random.mtrand._rand._bit_generator.lock:
        thread = threading.Thread(target=lambda: found.append(describe_seeds()))
        thread.start()
        thread.join(10)
    assert ["numpy" in seeds for seeds in found] == [False]


def test_a_generator_that_fails_is_left_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(initial_seed=lambda: 1 / 0))
    assert "torch" not in describe_seeds()
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(initial_seed=lambda: 11))
    assert describe_seeds()["torch"] == 11
