"""Pickles that would lead compiled code astray: refused before anything is made of them, with
nothing trusted.
"""

import functools
import pickle

import numpy as np
import pytest
from sklearn.neighbors import KDTree
from sklearn.tree import DecisionTreeClassifier

from fitprint.errors import IntegrityError, UntrustedModelError
from fitprint.models import pickles
from fitprint.models.trust import Trust
from fitprint_sklearn.compiled import BUILDERS, MAKERS
from fitprint_sklearn.trust import is_constructor, is_trusted

# What NumPy's own pickles call; where it lies differs from version to version.
RECONSTRUCT = np.zeros(1).__reduce__()[0]
FROM_BUFFER = np.zeros(1).__reduce_ex__(5)[0]
SCALAR = np.float64(1).__reduce__()[0]


def unpickle(data):
    return pickles.load(
        data, Trust(), "model.pkl", is_trusted, is_constructor, makers=MAKERS, builders=BUILDERS
    )


class Call:
    """Pickles itself as a call, and a state for what the call gave."""

    def __init__(self, called, *arguments, state=None):
        self.reduced = (called, arguments) if state is None else (called, arguments, state)

    def __reduce__(self):
        return self.reduced


def dtype(spec, *state):
    return Call(np.dtype, spec, False, True, state=state or None)


def plain_state(*changes):
    """Return the state of a plain dtype with other values at its end."""
    state = (3, "|", None, None, None, -1, -1, 0)
    return (*state[: len(state) - len(changes)], *changes)


def array(kind, shape, data):
    return Call(RECONSTRUCT, np.ndarray, (0,), b"b", state=(1, shape, kind, False, data))


def buffer(kind, shape, data):
    return Call(FROM_BUFFER, data, kind, shape, "C")


ADDRESS = b"\x41" * 8
OBJECTS = {
    "flags that deny it": dtype("O8", *plain_state()),
    "another spelling": dtype("|O", *plain_state()),
    "a list of fields": Call(np.dtype, [("a", "O8")]),
    "several in a text": Call(np.dtype, "O8,O8"),
    "by its type": Call(np.dtype, np.object_),
    "by a plain type": Call(np.dtype, object),
    "by a dict": Call(np.dtype, {"names": ["a"], "formats": ["O8"]}),
    "in fields": dtype(
        "V8", 3, "|", None, ("a",), {"a": (dtype("O8", *plain_state()), 0)}, 8, 1, 0
    ),
    "in an inner dtype": dtype(
        "V8", 3, "|", (dtype("O8", *plain_state()), (1,)), None, None, 8, 1, 0
    ),
    "a size that the state sets": dtype("V8", 3, "|", None, None, None, 1 << 20, 1, 0),
    "fields that lie outside": dtype(
        "V8", 3, "|", None, ("a",), {"a": (dtype("f8", *plain_state()), 4)}, 8, 1, 0
    ),
    "a field at a negative place": dtype(
        "V8", 3, "|", None, ("a",), {"a": (dtype("f8", *plain_state()), -8)}, 8, 1, 0
    ),
    "names without fields": dtype("V8", 3, "|", None, ("a",), None, 8, 1, 0),
    "fields that are not named": dtype(
        "V8", 3, "|", None, ("b",), {"a": (dtype("f8", *plain_state()), 0)}, 8, 1, 0
    ),
    "times without a unit": dtype(
        "M8", 4, "<", None, None, None, -1, -1, 0, ({}, (b"nonsense", 1, 1, 1))
    ),
    "times counted in zeros": dtype(
        "M8", 4, "<", None, None, None, -1, -1, 0, ({}, (b"ns", 0, 0, 0))
    ),
    "a gigabyte": dtype("V2000000000"),
}


@pytest.mark.parametrize("form", [array, buffer], ids=["state", "buffer"])
@pytest.mark.parametrize("name", OBJECTS)
def test_fault_1_no_dtype_makes_pointers_of_bytes(name, form):
    """Whatever its state says of itself, and however objects are spelt."""
    with pytest.raises(IntegrityError, match="is damaged"):
        unpickle(pickle.dumps(form(OBJECTS[name], (1,), ADDRESS), protocol=5))


F8 = dtype("f8", *plain_state())
NUMBERS = {
    "too few bytes": array(F8, (1000,), b"12345678"),
    "too many bytes": array(F8, (1,), b"12345678" * 2),
    "a negative length": array(F8, (-1,), b"12345678"),
    "lengths whose product overflows": array(F8, (1 << 33, 1 << 31), b""),
    "a length that is a text": array(F8, ("1",), b"12345678"),
    "a list where bytes belong": array(F8, (1,), [1.0]),
    "bytes where a list belongs": array(
        dtype("O8", 3, "|", None, None, None, -1, -1, 63), (1,), ADDRESS
    ),
    "a short list": array(dtype("O8", 3, "|", None, None, None, -1, -1, 63), (3,), [None]),
    "a short buffer": buffer(F8, (1000,), b"12345678"),
    "a short number": Call(SCALAR, F8, b"1"),
    "a number that is an object": Call(SCALAR, dtype("O8"), ADDRESS),
    "a truth value of 7": array(dtype("b1", *plain_state()), (2,), b"\7\1"),
    "a truth value of 7 in a field": array(
        dtype("V1", 3, "|", None, ("a",), {"a": (dtype("b1", *plain_state()), 0)}, 1, 1, 0),
        (1,),
        b"\7",
    ),
    "a short mask": Call(
        np.ma.core._mareconstruct,
        np.ma.MaskedArray,
        np.ndarray,
        (0,),
        b"b",
        state=(1, (9,), F8, False, b"\0" * 72, b"", None),
    ),
    "a generator beyond its numbers": Call(
        np.random._pickle.__bit_generator_ctor,
        "MT19937",
        state={"bit_generator": "MT19937", "state": {"key": np.zeros(624, "u4"), "pos": 1 << 30}},
    ),
    "a generator before its numbers": Call(
        np.random._pickle.__randomstate_ctor,
        "MT19937",
        state={
            "bit_generator": "MT19937",
            "state": {"key": np.zeros(624, "u4"), "pos": -(1 << 30)},
            "has_gauss": 0,
            "gauss": 0.0,
        },
    ),
    "a buffer of random numbers beyond its end": Call(
        np.random._pickle.__bit_generator_ctor,
        "Philox",
        state=np.random.Philox(1).state | {"buffer_pos": -(1 << 30)},
    ),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_fault_1_arrays_have_the_length_that_they_state(name):
    """Of numbers, objects, masks and generators: compiled code takes it on trust."""
    with pytest.raises(IntegrityError, match="is damaged"):
        unpickle(pickle.dumps(NUMBERS[name], protocol=5))


def deep(make, depth=100_000):
    """Return opcodes that put one thing into another very often."""
    return b"\x80\x04N" + make * depth


CHANGES = {
    ("a dtype that an array uses"): (
        b"cnumpy._core.multiarray\n"
        b"_reconstruct\n"
        b"(cnumpy\n"
        b"ndarray\n"
        b"(K\0tC\1btR\x94"
        b"(K\1(K\1tcnumpy\n"
        b"dtype\n"
        b"(\x8c\2V8tR\x94\x89C\x0812345678tb0h\1(K\3\x8c\1|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb."
    ),
    "an array, twice": b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\0tC\1btR"
    + b"(K\1(K\1tcnumpy\ndtype\n(\x8c\2f8tR\x89C\x0812345678tb" * 2
    + b".",
}


@pytest.mark.parametrize("name", CHANGES)
def test_fault_1_what_is_in_use_stays_as_it_is(name):
    """An array or a dtype gets its state once."""
    with pytest.raises((IntegrityError, UntrustedModelError), match="damaged|numpy"):
        unpickle(b"\x80\x04" + CHANGES[name])


@pytest.mark.parametrize(
    "data",
    [
        deep(b"\x85") + b"}\x94h\0N\x87.",
        b"\x80\x04}N" + b"\x85" * 100_000 + b"Ns.",
        b"\x80\x04(N" + b"\x85" * 100_000 + b"\x91.",
        b"\x80\x04\x8f(N" + b"\x85" * 100_000 + b"\x90.",
        b"\x80\x04cbuiltins\nset\n]N" + b"\x85" * 100_000 + b"a\x85R.",
        b"\x80\x04cbuiltins\nslice\nN" + b"\x85R\x94cbuiltins\nslice\nh\0" * 2 + b"\x85R.",
    ],
    ids=["no key", "a key of a dict", "in a frozenset", "in a set", "by the type", "slices"],
)
def test_fault_1_deep_nesting_does_not_overflow_the_stack(data):
    """Hashes of tuples in tuples are taken, and slices freed, without a look at the stack."""
    if data.startswith(deep(b"\x85")):
        assert type(unpickle(data)) is tuple
    else:
        with pytest.raises(IntegrityError, match="is damaged"):
            unpickle(data)


@pytest.mark.parametrize(
    "made",
    [
        Call(bytes, 1 << 40),
        Call(bytearray, 1 << 40),
        Call(list, range(1 << 40)),
        Call(tuple, range(1 << 40)),
        Call(__import__("fractions").Fraction, "1e999999999"),
    ],
    ids=["bytes", "bytearray", "a list of a range", "a tuple of a range", "a fraction"],
)
def test_fault_1_a_small_pickle_makes_nothing_vast(made):
    """Numbers that stand for lengths are no arguments."""
    with pytest.raises(IntegrityError, match="is damaged"):
        unpickle(pickle.dumps(made, protocol=4))


TREE = DecisionTreeClassifier(max_depth=2).fit([[0.0], [1.0]], [0, 1]).tree_


@pytest.mark.parametrize(
    "made",
    [
        Call(type(TREE), 1, np.array([2]), 1 << 30, state=TREE.__getstate__()),
        Call(type(TREE), 1, np.array([2]), -1),
        Call(type(TREE), 1, np.array([], dtype=int), 0),
        Call(type(TREE), 1, np.array([2]), 1, state=TREE.__getstate__() | {"node_count": -5}),
        Call(KDTree, np.zeros((3, 2))),
        Call(
            functools.partial, functools.partial(min), state=(functools.partial(max), (), {}, None)
        ),
    ],
    ids=[
        "outputs",
        "negative outputs",
        "no outputs",
        "nodes",
        "by a call",
        "a bound function that is bound",
    ],
)
def test_fault_1_compiled_types_are_made_as_their_own_pickles_do(made):
    """Their constructors and states read what they are told to read."""
    with pytest.raises((IntegrityError, UntrustedModelError), match="damaged|builtins"):
        unpickle(pickle.dumps(made, protocol=4))


def test_fault_1_nested_arrays_of_objects_are_freed_without_overflow():
    """Arrays in arrays, as deep as no honest model has them."""
    nested = np.array(None, dtype=object)
    for _ in range(40):
        outer = np.empty(1, dtype=object)
        outer[0] = nested
        nested = outer
    with pytest.raises(IntegrityError, match="deeply"):
        unpickle(pickle.dumps(nested))


@pytest.mark.parametrize(
    "generator",
    [np.random.RandomState(1), np.random.default_rng(1), np.random.Generator(np.random.Philox(1))],
    ids=["RandomState", "PCG64", "Philox"],
)
@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_honest_generators_go_on_where_they_stood(generator, protocol):
    """They need no trust."""
    generator.random(3)
    loaded = unpickle(pickle.dumps(generator, protocol=protocol))
    assert loaded.random(4).tolist() == generator.random(4).tolist()
