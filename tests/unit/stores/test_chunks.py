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
from fitprint.stores import chunks
from fitprint.stores.chunks import FULL, Piece, decode, encode, pack, unpack

WORDS = st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 300), st.just(0x7FF8000000000001))


def read(chunk: bytes, into: History) -> None:
    """Add the points of a chunk to a history."""
    points = History.blank(chunks.size(chunk))
    decode(chunk, points)
    into.extend(points)


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
        numbers("q", columns[1]),
        numbers("d", columns[2]),
        numbers("d", columns[3]),
    )
    back = History()
    read(encode(history), back)
    read(encode(history), back)
    for name in ("step", "epoch", "timestamp", "value"):
        assert getattr(back, name).tobytes() == getattr(history, name).tobytes() * 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda chunk: chunk[:-1],
        lambda chunk: b"",
        lambda chunk: chunk[:4] + b"\xaa" * (len(chunk) - 4),
    ],
)
def test_damage_is_told(damage: Callable[[bytes], bytes]) -> None:
    """Bytes that are no chunk are reported as damage of the store."""
    count = 300
    history = History(
        array("q", range(count)),
        array("q", range(count)),
        array("d", range(count)),
        array("d", [0.5] * count),
    )
    with pytest.raises(CorruptStoreError, match="damaged"):
        read(damage(encode(history)), History())


BEFORE = "030000005455010205000000000000005455000104401e18240a06005545000000000000e0f0f83f5505000000000000d0f0003f7f80"  # noqa: E501


def test_chunks_of_before_are_read() -> None:
    """In codec 0 all columns are planes."""
    back = History()
    read(bytes.fromhex(BEFORE), back)
    assert (list(back.step), list(back.epoch)) == ([1, 2, 5], [0.5, 1.0, 1.5])
    assert list(back.timestamp) == [
        1_700_000_000_000_000,
        1_700_000_000_000_001,
        1_700_000_000_000_004,
    ]
    assert repr(list(back.value)) == "[0.25, inf, -0.0]"


GROUPS = (
    "1200000101050000000000000002000000000000000200401e18240a06005455001f012103000500070009000b000d000f00110013001500170019001b001d0000"
    "00000000000001000000000000e03f000000000000000000550500000000000000f000f000f000f000f000f000f000f000f0807f807f807f807f807f807f807f80"
    "7f807f"
)
SINGLE = "01000002030000000000000000401e18240a0600000000000000e03f000000000000d03f"


def test_chunks_in_groups_are_read() -> None:
    """In codec 1 what grows lies in groups, and the epochs come before the values."""
    back = History()
    read(bytes.fromhex(GROUPS), back)
    assert (list(back.step), set(back.epoch)) == (list(range(5, 41, 2)), {0.5})
    assert list(back.timestamp) == [1_700_000_000_000_000 + number**2 for number in range(18)]
    assert repr(list(back.value)) == repr([-0.0, math.inf] * 9)


def test_chunks_of_one_point_are_read() -> None:
    """In codec 2 there is one point."""
    back = History()
    read(bytes.fromhex(SINGLE), back)
    assert back == History(
        array("q", [3]), array("q", [1_700_000_000_000_000]), array("d", [0.25]), array("d", [0.5])
    )


def test_the_format_is_what_is_written_down() -> None:
    """The codec and the number of points, then each column: its form, and what belongs to it."""
    history = History(
        array("q", [7, 7]), array("q", [3, 13]), array("d", [0.1, 0.2]), array("d", [math.nan] * 2)
    )
    line = b"\1"
    values = b"".join(struct.pack("<2d", 0.1, 0.2)[number::8] for number in range(8))
    expected = [
        struct.pack("<I", 2 | 3 << 24),
        line + struct.pack("<qq", 7, 0),
        line + struct.pack("<qq", 3, 10),
        b"\0"
        + struct.pack("<H", 0b0001_0101_0101_0101)
        + bytes(dict.fromkeys(values[:12]))
        + values[12:14]
        + values[14:15],
        line + struct.pack("<dq", math.nan, 0),
    ]
    assert encode(history)[: sum(map(len, expected[:3]))] == b"".join(expected[:3])
    assert encode(history)[-17:] == expected[4]


def test_what_grows_is_rows_above_each_other() -> None:
    """Where the first row begins and grows, and what the others grow by at least; then what is
    left, in four planes.
    """
    steps = array("q", [5, 7, 15, 18])
    found = encode(History(steps, steps, array("d", [0.5] * 4), array("d", [0.5] * 4)))
    growing = (
        b"\4"
        + struct.pack("<qqq", 5, 0, 2)
        + struct.pack("<H", 0b0101_0100)
        + bytes([0, 0, 6, 1])
        + bytes(3)
    )
    assert (
        found
        == struct.pack("<I", 4 | 3 << 24) + growing * 2 + (b"\1" + struct.pack("<dq", 0.5, 0)) * 2
    )


PIECES = [
    Piece(3, 0, History(*map(array, "qqdd", ([1, 2], [10, 11], [0.5, 0.25], [1.0, 1.0])))),
    Piece(7, 40, History(*map(array, "qqdd", ([9], [10], [math.inf], [1.0])))),
]


def test_a_pack_gives_back_the_pieces_that_it_was_made_of() -> None:
    """Each with its key, with what comes before it, and with its points."""
    assert unpack(pack(PIECES)) == PIECES


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(0, 99))
def test_packs_of_any_size_come_back(sizes: list[int], seed: int) -> None:
    """However many pieces there are, and however long."""
    draw = random.Random(seed)
    pieces = []
    for key, size in enumerate(sizes):
        steps, times = ([draw.randrange(10**9) for _ in range(size)] for _ in range(2))
        values = array("d", [draw.gauss(0, 1) for _ in range(size)])
        pieces.append(
            Piece(
                key,
                draw.randrange(100),
                History(array("q", steps), array("q", times), values, values[:]),
            )
        )
    assert unpack(pack(pieces)) == pieces


def test_metrics_logged_together_take_few_bytes_in_a_pack() -> None:
    """Fifty metrics of one point take little more than their values; alone, each would take three
    times as much.
    """
    draw = random.Random(3)
    pieces = [
        Piece(key, 0, History(*map(array, "qqdd", ([1], [10**15], [draw.random()], [math.nan]))))
        for key in range(50)
    ]
    assert len(pack(pieces)) / 50 < 11
    assert sum(len(encode(piece.points)) for piece in pieces) / 50 > 33


def test_odd_bytes_of_a_pack_are_damage_and_nothing_worse() -> None:
    """Whatever stands in a pack, it is read or told."""
    draw = random.Random(4)
    sound = pack(PIECES * 20)
    for _ in range(2000):
        content = bytearray(sound[: draw.randrange(len(sound))] if draw.random() < 0.1 else sound)
        for _ in range(draw.randrange(1, 4)):
            content[draw.randrange(len(content) or 1) : 1] = bytes([draw.randrange(256)])
        try:
            found = unpack(bytes(content))
        except CorruptStoreError:
            continue
        assert sum(len(piece.points) for piece in found) <= 16_384


SIZES = st.one_of(st.integers(1, 40), st.sampled_from([255, 256, 257, 4096, 5000]))


@pytest.mark.parametrize("kind", ["line", "still", "growing", "falling", "before 1970", "huge"])
@given(count=SIZES, seed=st.integers(0, 99))
def test_every_form_of_whole_numbers_comes_back(kind: str, count: int, seed: int) -> None:
    """Whatever form a column takes, its numbers are the same."""
    draw = random.Random(seed)
    start = -(10**15) if kind == "before 1970" else 1_700_000_000_000_000
    gaps = {
        "line": lambda: 3,
        "still": lambda: 0,
        "growing": lambda: draw.choice([0, 1, 1000, 10**12]),
        "falling": lambda: -draw.randrange(1000),
        "before 1970": lambda: draw.randrange(1000),
        "huge": lambda: draw.choice([2**62, -(2**62)]),
    }[kind]
    column, number = array("q"), start
    for _ in range(count):
        column.append((number + 2**63) % 2**64 - 2**63)
        number += gaps()
    history = History(
        column, column[:], array("d", map(float, range(count))), array("d", [0.0] * count)
    )
    back = History()
    read(encode(history), back)
    assert back == history


@given(
    st.lists(
        st.sampled_from([0.1, 0.5, -0.0, 1e300, math.inf, -math.inf, 2.0**-140]),
        min_size=1,
        max_size=300,
    ),
    st.booleans(),
)
def test_every_form_of_floats_comes_back(values: list[float], narrow: bool) -> None:
    """Also those that are kept in half the bytes."""
    column = array(
        "d", array("f", [min(max(value, -1e30), 1e30) for value in values]) if narrow else values
    )
    history = History(
        array("q", range(len(values))), array("q", range(len(values))), column, column[:]
    )
    back = History()
    read(encode(history), back)
    assert back.value.tobytes() == back.epoch.tobytes() == column.tobytes()


def test_a_plane_that_is_cut_to_nothing_is_damage() -> None:
    """Of a bytearray, bytes that are set to none would be gone."""
    draw = random.Random(2)
    count = 16
    values = array("d", [draw.choice([-1, 1]) * draw.random() for _ in range(count)])
    history = History(
        array("q", range(count)), array("q", range(count)), values, array("d", [0.5] * count)
    )
    whole = encode(history)
    for length in range(4, len(whole)):
        with pytest.raises(CorruptStoreError):
            read(whole[:length], History())


def test_odd_bytes_are_damage_and_nothing_worse() -> None:
    """Whatever stands in a chunk, it is read or told, and never makes more points than a chunk can
    have.
    """
    draw = random.Random(1)
    count = 300
    times = array("q", sorted(draw.randrange(10**9) for _ in range(count)))
    sound = encode(
        History(
            array("q", range(count)),
            times,
            array("d", [draw.random() for _ in times]),
            array("d", [0.5] * count),
        )
    )
    for _ in range(3000):
        chunk = bytearray(sound)
        for _ in range(draw.randrange(1, 4)):
            chunk[draw.choice([draw.randrange(40), draw.randrange(len(chunk))])] = draw.randrange(
                256
            )
        back = History()
        try:
            read(bytes(chunk), back)
        except CorruptStoreError:
            continue
        assert len({len(back.step), len(back.epoch), len(back.timestamp), len(back.value)}) == 1
        assert len(back) <= 16_384


def test_a_loss_curve_takes_few_bytes_a_point() -> None:
    """A noisy curve of doubles with times to the microsecond is small, one of 32-bit floats smaller
    still.
    """
    random.seed(1)
    count, time = FULL, 1_700_000_000_000_000
    values = [2.0 * math.exp(-index / 5000) + random.gauss(0, 0.02) for index in range(count)]
    times = array("q")
    for _ in range(count):
        time += 1000 + random.randrange(200)
        times.append(time)
    single = struct.unpack(f"<{count}f", struct.pack(f"<{count}f", *values))
    steps, epochs = array("q", range(count)), array("d", [math.nan] * count)
    sizes = [
        len(encode(History(steps, times, array("d", column), epochs))) / count
        for column in (values, single)
    ]
    assert sizes[0] < 8.5
    assert sizes[1] < 5


@pytest.mark.parametrize("end", [2**32, 7 * 2**32, 2**50, 2**63 - 1])
def test_numbers_that_end_near_a_power_of_two_come_back(end: int) -> None:
    """Rows are added up as very long integers; what a last row lacks grows beyond what a number
    holds, and is cut off.
    """
    for count in (130, 200, 255, 257, 1000, 1025):
        for gap in (0, 5, 10**6):
            chance = random.Random(count)
            times = array(
                "q",
                [
                    end - gap - 50_000 * (count - 1 - number) - chance.randrange(40_000)
                    for number in range(count)
                ],
            )
            history = History(
                array("q", range(count)),
                times,
                array("d", [0.5] * count),
                array("d", [math.nan] * count),
            )
            back = History()
            read(encode(history), back)
            assert times == back.timestamp, (count, gap)


@pytest.mark.parametrize("read", [lambda chunk: read(chunk, History()), unpack])
def test_a_chunk_of_no_points_is_damage(read: Callable[[bytes], Any]) -> None:
    """Bytes that say so could unpack to any size."""
    for codec in range(5):
        with pytest.raises(CorruptStoreError):
            read(struct.pack("<II", codec << 24, 0) + bytes(64))
