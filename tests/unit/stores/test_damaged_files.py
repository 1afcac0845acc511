"""A database file with damage of any kind gives answers or one clear error, whatever is asked."""

from __future__ import annotations

import contextlib
import random
from array import array
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from fitprint.entities import Artifact, Dataset, History, Param
from fitprint.errors import FitprintError
from fitprint.events import (
    ArtifactsLogged,
    Batch,
    DatasetLogged,
    DocumentLogged,
    MetricPoints,
    ParamsLogged,
    RunEnded,
    RunStarted,
    TagsSet,
)
from fitprint.query.grammar import parse
from fitprint.stores.sql.sqlite import open_sqlite

_PAGE = 4096
_POINTS = History(
    array("q", range(900)),
    array("q", range(1, 901)),
    array("d", [0.5] * 900),
    array("d", [1.0] * 900),
)


def batch(number: int) -> Batch:
    run = f"{number:032x}"
    return Batch(
        f"j{number}",
        0,
        1,
        [
            RunStarted(run, 1, f"e{number % 3}", f"n{number}"),
            ParamsLogged(run, 2, {"lr": Param(0.1), "cfg": Param({"a": [1, 2]})}),
            TagsSet(run, 2, {"team": "x"}),
            MetricPoints(run, 900, "loss", _POINTS),
            MetricPoints(run, 900, "last", _POINTS, "min"),
            DatasetLogged(run, 3, Dataset("X", "train", "sha256:1", {"shape": [3, 2]})),
            ArtifactsLogged(run, 3, (Artifact("a/b", f"sha256:{number:064x}", 3),)),
            DocumentLogged(run, 3, "d", {"a": ["b" * 500]}),
            RunEnded(run, 901, "FINISHED"),
        ],
    )


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a database with some runs."""
    path = tmp_path_factory.mktemp("sound") / "fitprint.db"
    store = open_sqlite(f"sqlite:///{path}")
    for number in range(20):
        store.append(batch(number))
    store.close()
    return path.read_bytes()


def flip(data: bytearray, draw: random.Random) -> None:
    for _ in range(draw.choice((1, 20, 400))):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)


def head(data: bytearray, draw: random.Random) -> None:
    """Overwrite the file's header, and those of some pages."""
    for page in (0, *draw.sample(range(len(data) // _PAGE), 3)):
        data[page * _PAGE + draw.randrange(100 if page == 0 else 12)] = draw.randrange(256)


def cut(data: bytearray, draw: random.Random) -> None:
    del data[draw.choice((draw.randrange(len(data)), draw.randrange(len(data) // _PAGE) * _PAGE)) :]


def swap(data: bytearray, draw: random.Random) -> None:
    for _ in range(draw.choice((1, 10))):
        one, other = (draw.randrange(len(data) // _PAGE) * _PAGE for _ in range(2))
        data[one : one + _PAGE], data[other : other + _PAGE] = (
            data[other : other + _PAGE],
            data[one : one + _PAGE],
        )


def blank(data: bytearray, draw: random.Random) -> None:
    begin = draw.randrange(1, len(data) // _PAGE) * _PAGE + draw.randrange(_PAGE)
    data[begin : begin + _PAGE] = bytes(len(data[begin : begin + _PAGE]))


def questions(path: Path) -> Iterator[Callable[[], object]]:
    """Yield whatever is asked of a store that is opened."""
    store = open_sqlite(f"sqlite:///{path}")
    try:
        yield lambda: store.search_runs(parse())
        yield lambda: store.search_runs(
            parse("metrics.loss < 1 and params.lr > 0 and tags.team = 'x'")
        )
        yield store.experiments
        for number in range(5):
            run = f"{number:032x}"
            yield partial(store.run, run)
            yield partial(store.metric_history, run, "loss")
        yield lambda: store.changes("")
        yield lambda: store.append(batch(99))
        yield lambda: store.run(f"{99:032x}")
    finally:
        store.close()


@pytest.mark.parametrize("harm", [flip, head, cut, swap, blank])
@pytest.mark.parametrize("seed", range(6))
def test_fault_9_a_damaged_file_gives_answers_or_an_error_of_ours(
    tmp_path: Path, sound: bytes, harm: Callable[[bytearray, random.Random], None], seed: int
) -> None:
    """Bits, headers, pages and the file's end, by six seeds each."""
    data = bytearray(sound)
    harm(data, random.Random(f"{harm.__name__} {seed}"))
    path = tmp_path / "fitprint.db"
    path.write_bytes(data)
    with contextlib.suppress(FitprintError):  # it may be that it cannot even be opened
        for ask in questions(path):
            with contextlib.suppress(FitprintError):
                ask()


def test_a_sound_file_answers_all(tmp_path: Path, sound: bytes) -> None:
    """The questions above are ones that a store can answer."""
    path = tmp_path / "fitprint.db"
    path.write_bytes(sound)
    assert 16 == sum(1 for ask in questions(path) if ask() != [])
