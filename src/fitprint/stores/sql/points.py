"""Points of metrics in the tables: those of metrics that have few come together in packs of their
run, those of others in chunks.

What arrives is rewritten a few times, together with what came shortly before, so that however
points arrive, a history lies in few places. A metric moves from packs to chunks when as many as
:data:`SHORT` of its points come together. Each piece says how many points of its metric come before
it, and so the pieces of a history may lie anywhere.
"""

# ruff: noqa: S608
# values are always arguments; what is put into statements is written in this package

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from fitprint.entities import History, from_little, to_little
from fitprint.stores import chunks
from fitprint.stores.chunks import Piece
from fitprint.stores.sampling import BLOCK, Outline, Part, outline
from fitprint.stores.sql import damage
from fitprint.stores.sql.driver import Transaction
from fitprint.stores.sql.keys import marks, sliced
from fitprint.stores.sql.rows import storable

__all__ = ["SHORT", "Arrived", "history", "parts", "write"]

SHORT = 128
"""Points with which a metric gets chunks of its own."""

_GENERATIONS = 8  # of packs, that are made into one when there are so many
_NEW_CHUNK = (
    "INSERT INTO fp_chunks (run, key, start, points, content, outline) VALUES (?, ?, ?, ?, ?, ?)"
)
_NEW_PACK = (
    "INSERT INTO fp_packs (run, generation, part, low, high, points, content) VALUES (?, "
    "?, ?, ?, ?, ?, ?)"
)
_PLACE = itemgetter(0, 1)  # of a piece: its key and its start


class _Generation(NamedTuple):
    """Packs that were written together."""

    number: int
    low: int
    high: int
    points: int
    packs: int


class Arrived(NamedTuple):
    """Pieces of a run. The tables have nothing of one that is ``fresh``; what they have of one that
    has ``ended`` is brought into its last form.
    """

    run: int
    pieces: Sequence[Piece]
    fresh: bool
    ended: bool


def write(transaction: Transaction, arrived: Sequence[Arrived]) -> None:
    """Add what arrived to what the tables have."""
    known = _generations(transaction, [each.run for each in arrived if not each.fresh])
    packs: list[tuple[object, ...]] = []
    for each in arrived:
        packs += _write_run(transaction, *each, known.get(each.run, ()))
    transaction.many(_NEW_PACK, packs)


def _write_run(
    transaction: Transaction,
    run: int,
    added: Sequence[Piece],
    fresh: bool,
    ended: bool,
    generations: Sequence[_Generation],
) -> list[tuple[object, ...]]:
    """Write what of a run lies in chunks, and return the rows of its new packs."""
    pieces = sorted(added, key=_PLACE)
    merged = _to_merge(generations, pieces, ended=ended)
    if merged:
        pieces = _joined([*_taken_back(transaction, run, merged), *pieces])
    long = [piece for piece in pieces if len(piece.points) >= SHORT or (ended and piece.start)]
    if long:
        pieces = [
            piece for piece in pieces if len(piece.points) < SHORT and not (ended and piece.start)
        ]
    number = generations[0].number + 1 if generations else 1
    packs = [(run, number, part, *row) for part, row in enumerate(_packs(pieces), 1)]
    for key in dict.fromkeys(piece.key for piece in long):
        _write_chunks(
            transaction,
            run,
            key,
            [piece for piece in long if piece.key == key],
            fresh=fresh,
            ended=ended,
        )
    if ended and not fresh:
        rows = transaction.rows(
            "SELECT key FROM fp_chunks WHERE run = ? AND points < ? GROUP BY key HAVING COUNT(*) > "
            "1",
            (run, chunks.FULL),
        )
        for (key,) in rows:
            _write_chunks(transaction, run, key, [], fresh=False, ended=True)
    return packs


# -- packs -----------------------------------------------------------------------------------------


def _generations(transaction: Transaction, runs: Sequence[int]) -> dict[int, list[_Generation]]:
    """Return the generations of runs, newest first."""
    found: dict[int, list[_Generation]] = {}
    for part in sliced(runs):
        rows = transaction.rows(
            "SELECT run, generation, MIN(low), MAX(high), SUM(points), COUNT(*) FROM fp_packs WHERE"
            f" run IN ({marks(part)}) GROUP BY run, generation ORDER BY generation DESC",
            part,
        )
        for run, *row in rows:
            found.setdefault(run, []).append(_Generation(*map(int, row)))
    return found


def _to_merge(
    generations: Sequence[_Generation], pieces: Sequence[Piece], *, ended: bool
) -> list[_Generation]:
    """Return the generations that are better rewritten together with these pieces: those of as many
    points as all after them, or fewer.
    """
    total = sum(len(piece.points) for piece in pieces)
    chosen = []
    for generation in generations:
        if generation.points > total and not ended:
            break
        total += generation.points
        chosen.append(generation)
    if not chosen or (len(chosen) < _GENERATIONS and not ended):
        return []
    ranges = sorted(
        [
            *((each.low, each.high) for each in chosen),
            *([(pieces[0].key, pieces[-1].key)] if pieces else []),
        ]
    )
    overlap = any(low <= high for (_, high), (low, _) in pairwise(ranges))
    return (
        chosen
        if overlap or sum(each.packs for each in chosen) > 2 + 2 * total // chunks.FULL
        else []
    )


def _taken_back(
    transaction: Transaction, run: int, generations: Sequence[_Generation]
) -> Iterator[Piece]:
    for generation in generations:
        arguments = (run, generation.number)
        for (content,) in transaction.rows(
            "SELECT content FROM fp_packs WHERE run = ? AND generation = ?", arguments
        ):
            yield from chunks.unpack(content)
        transaction.many("DELETE FROM fp_packs WHERE run = ? AND generation = ?", [arguments])


def _packs(pieces: Sequence[Piece]) -> Iterator[tuple[object, ...]]:
    """Yield the rows of packs that hold the pieces, which are in the order of their keys."""
    some: list[Piece] = []
    count = 0
    for piece in pieces:
        if count + len(piece.points) > chunks.FULL:
            yield some[0].key, some[-1].key, count, chunks.pack(some)
            some, count = [], 0
        some.append(piece)
        count += len(piece.points)
    if some:
        yield some[0].key, some[-1].key, count, chunks.pack(some)


def _joined(pieces: Iterable[Piece]) -> list[Piece]:
    """Return the pieces in order, those that follow each other as one."""
    joined: list[Piece] = []
    for piece in sorted(pieces, key=_PLACE):
        last = joined[-1] if joined else None
        if (
            last is not None
            and last.key == piece.key
            and last.start + len(last.points) == piece.start
        ):
            last.points.extend(piece.points)
        else:
            joined.append(Piece(piece.key, piece.start, piece.points.part()))
    return joined


# -- chunks ----------------------------------------------------------------------------------------


def _write_chunks(
    transaction: Transaction,
    run: int,
    key: int,
    pieces: Sequence[Piece],
    *,
    fresh: bool,
    ended: bool,
) -> None:
    """Write pieces of one metric, and rewrite with them the last chunks that are not full and have
    as many points as they, or fewer.

    Where the run has ended, all that are not full are rewritten.
    """
    if not fresh:
        first = _first_rewritten(transaction, run, key, pieces, ended=ended)
        rows = transaction.rows(
            "SELECT start, content FROM fp_chunks WHERE run = ? AND key = ? AND start >= ?",
            (run, key, first),
        )
        if rows:
            pieces = _joined(
                [*(Piece(key, start, _decoded(content)) for start, content in rows), *pieces]
            )
            transaction.many(
                "DELETE FROM fp_chunks WHERE run = ? AND key = ? AND start >= ?",
                [(run, key, first)],
            )
    transaction.many(_NEW_CHUNK, (row for piece in pieces for row in _chunks(run, piece)))


def _first_rewritten(
    transaction: Transaction, run: int, key: int, pieces: Sequence[Piece], *, ended: bool
) -> int:
    """Return where the chunks begin that are to be rewritten: all that begin behind the first piece
    are among them.
    """
    total = sum(len(piece.points) for piece in pieces)
    first = pieces[0].start if pieces else 1 << 62
    behind = first
    for start, count in transaction.rows(
        "SELECT start, points FROM fp_chunks WHERE run = ? AND key = ? ORDER BY start DESC",
        (run, key),
    ):
        if start < behind and (count >= chunks.FULL or (count > total and not ended)):
            break
        total += count
        first = min(first, start)
    return first


def _chunks(run: int, piece: Piece) -> Iterator[tuple[object, ...]]:
    """Yield the rows of chunks, which end where as many points of the history as they may have, or
    a multiple, are behind: so their outlines are those of whole blocks of it.
    """
    cuts = range(chunks.FULL - piece.start % chunks.FULL, len(piece.points), chunks.FULL)
    for at, end in pairwise([0, *cuts, len(piece.points)]):
        points = piece.points if not cuts else piece.points.part(at, end)
        about = _outline_bytes(outline(points)) if len(points) >= BLOCK else None
        yield run, piece.key, piece.start + at, len(points), chunks.encode(points), about


def _outline_bytes(about: Outline) -> bytes:
    """Return the number of places, the places, four bytes each, and the points as a chunk."""
    return (
        struct.pack("<I", len(about.places)) + to_little(about.places) + chunks.encode(about.points)
    )


def _outline(content: bytes) -> Outline:
    (count,) = struct.unpack_from("<I", content)
    return Outline(from_little("I", content[4 : 4 + 4 * count]), _decoded(content[4 + 4 * count :]))


# -- reading ---------------------------------------------------------------------------------------


def history(transaction: Transaction, run_id: str, key: str) -> History:
    """Return all points of a metric; none if there is no such run or metric."""
    found: list[tuple[int, History | bytes]] = []
    for run, number in _numbers(transaction, run_id, key):
        found += transaction.rows(
            "SELECT start, content FROM fp_chunks WHERE run = ? AND key = ?", (run, number)
        )
        found += [(piece.start, piece.points) for piece in _few(transaction, run, number)]
    parts = [part for _, part in sorted(found, key=itemgetter(0))]
    sizes = [len(part) if isinstance(part, History) else chunks.size(part) for part in parts]
    whole = History.blank(sum(sizes))
    start = 0
    for part, size in zip(parts, sizes, strict=True):
        if isinstance(part, History):
            whole.put(start, part)
        else:
            chunks.decode(part, whole, start)
        start += size
    return whole


def parts(transaction: Transaction, run_id: str, key: str) -> list[Part]:
    """Return the parts of a history in their order; those with an outline are only read if somebody
    asks for their points.
    """
    found: list[Part] = []
    for run, number in _numbers(transaction, run_id, key):
        found += [
            Part(piece.start, len(piece.points), partial(attrgetter("points"), piece))
            for piece in _few(transaction, run, number)
        ]
        rows = transaction.rows(
            "SELECT start, points, outline FROM fp_chunks WHERE run = ? AND key = ?", (run, number)
        )
        for start, count, about in rows:
            if damage.number(count) < 1:
                raise ValueError(f"a chunk of {count} points")
            read = partial(_chunk, transaction, run, number, start)
            found.append(Part(damage.number(start), count, read, about and _outline(about)))
    return sorted(found, key=attrgetter("start"))


def _numbers(transaction: Transaction, run_id: str, key: str) -> list[tuple[Any, ...]]:
    """Return the numbers of a run and a key, if there are such."""
    return transaction.rows(
        "SELECT r.no, k.no FROM fp_runs r, fp_keys k WHERE r.id = ? AND k.name = ?",
        (storable(run_id), storable(key)),
    )


def _few(transaction: Transaction, run: int, key: int) -> list[Piece]:
    """Return what the packs of a run hold of a metric."""
    rows = transaction.rows(
        "SELECT content FROM fp_packs WHERE run = ? AND low <= ? AND high >= ?", (run, key, key)
    )
    return [piece for (content,) in rows for piece in chunks.unpack(content) if piece.key == key]


def _chunk(transaction: Transaction, run: int, key: int, start: int) -> History:
    ((content,),) = transaction.rows(
        "SELECT content FROM fp_chunks WHERE run = ? AND key = ? AND start = ?", (run, key, start)
    )
    return _decoded(content)


def _decoded(content: bytes) -> History:
    points = History.blank(chunks.size(content))
    chunks.decode(content, points)
    return points
