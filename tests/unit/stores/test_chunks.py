"""The bytes of metric history."""

from __future__ import annotations

import math
import random
import struct
from array import array
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitprint.entities import History
from fitprint.errors import CorruptStoreError
from fitprint.stores.sql.chunks import decode, encode

WORDS = st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 300), st.just(0x7FF8000000000001))


def numbers(typecode: str, words: list[int]) -> Any:
    column: array[Any] = array(typecode)
    column.frombytes(struct.pack(f"={len(words)}Q", *words))
    return column


@given(st.lists(st.tuples(WORDS, WORDS, WORDS, WORDS), min_size=1, max_size=300), st.integers(1, 3))
def test_every_bit_comes_back(rows: list[tuple[int, int, int, int]], repeats: int) -> None:
    """Encoding and decoding give the same 64 bits for every number, appended to what is there."""
    columns = [list(column) * repeats for column in zip(*rows, strict=True)]
    history = History(
        numbers("q", columns[0]),
        numbers("d", columns[1]),
        numbers("q", columns[2]),
        numbers("d", columns[3]),
    )
    back = History()
    decode(encode(history), back)
    decode(encode(history), back)
    for name in ("step", "epoch", "timestamp", "value"):
        assert getattr(back, name).tobytes() == getattr(history, name).tobytes() * 2


@pytest.mark.parametrize("damage", [lambda chunk: chunk[:-1], lambda chunk: b"", lambda chunk: chunk[:4] + b"\xaa" * (len(chunk) - 4)])
def test_damage_is_told(damage: Callable[[bytes], bytes]) -> None:
    """Bytes that are no chunk are reported as damage of the store."""
    count = 300
    history = History(array("q", range(count)), array("d", [0.5] * count), array("q", range(count)), array("d", range(count)))
    with pytest.raises(CorruptStoreError, match="damaged"):
        decode(damage(encode(history)), History())


def test_the_format_is_what_is_written_down() -> None:
    """One point is its count and, for each column, a word that calls all planes constant, and the eight bytes."""
    history = History(array("q", [1]), array("d", [2.0]), array("q", [3]), array("d", [4.0]))
    word = struct.pack("<H", 0b0101010101010101)
    expected = struct.pack("<I", 1) + word + struct.pack("<q", 1) + word + struct.pack("<q", 3)
    assert encode(history) == expected + word + struct.pack("<d", 2.0) + word + struct.pack("<d", 4.0)


def test_a_loss_curve_takes_less_than_ten_bytes_a_point() -> None:
    """A noisy curve of doubles with times to the microsecond is small, one of 32-bit floats smaller still."""
    random.seed(1)
    count, time = 16_384, 1_700_000_000_000_000
    values = [2.0 * math.exp(-index / 5000) + random.gauss(0, 0.02) for index in range(count)]
    times = array("q")
    for _ in range(count):
        time += 1000 + random.randrange(200)
        times.append(time)
    single = struct.unpack(f"<{count}f", struct.pack(f"<{count}f", *values))
    steps, epochs = array("q", range(count)), array("d", [math.nan] * count)
    sizes = [len(encode(History(steps, epochs, times, array("d", column)))) / count for column in (values, single)]
    assert sizes[0] < 10
    assert sizes[1] < 6
