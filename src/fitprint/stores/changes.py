"""What has changed since when: the kinds of change, their numbers, and who follows them; shared by
every store of ours.

A store numbers what it keeps. A subject that a batch changes gets the next number, in the step in
which the batch is kept and in the order in which batches are, whatever the times of their events.
For each kind of change of a subject the latest number counts: so there are few, however often
something changed, and who reads beyond a number misses no kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Union

from fitprint.entities import Change, ChangeKind, Changes, Consumer
from fitprint.errors import QueryError
from fitprint.events import (
    EXPERIMENT_ACTS,
    RUN_ACTS,
    ChangesFollowed,
    ExperimentAct,
    ExperimentCreated,
    RunEnded,
    RunEvent,
    RunPurged,
    RunStarted,
)

__all__ = [
    "KINDS",
    "ChangeLog",
    "Numbered",
    "Subject",
    "Touched",
    "followed",
    "kind_of",
    "number_of",
    "page_of",
]

KINDS: tuple[ChangeKind, ...] = ("started", "recorded", "ended", "edited", "purged")

Subject = tuple[str, str]
"""A kind of subject, such as "run", and its id."""

Touched = dict[Subject, set[ChangeKind]]
"""What a batch changes, in order."""

Numbered = tuple[int, Change]
"""A change with the subject's latest number."""

_KINDS_OF_EVENTS: dict[type, ChangeKind] = {
    **dict.fromkeys((*RUN_ACTS, *EXPERIMENT_ACTS), "edited"),
    RunStarted: "started",
    ExperimentCreated: "started",
    RunEnded: "ended",
    RunPurged: "purged",
}


def kind_of(event: Union[RunEvent, ExperimentAct]) -> ChangeKind:
    """Return what an event does to its subject."""
    return _KINDS_OF_EVENTS.get(type(event), "recorded")


def number_of(cursor: str, last: int) -> int:
    """Return the number beyond which a cursor asks for changes, in a store whose last number is
    ``last``.

    Raises:
        QueryError: it is no cursor of this store.
    """
    if not cursor:
        return 0
    if not (cursor.isascii() and cursor.isdigit()) or len(cursor) > 18 or int(cursor) > last:
        raise QueryError(
            f"the cursor {cursor[:40]!r} is none of this store, as it is now: begin with the first "
            "change (an empty cursor)"
        )
    return int(cursor)


def page_of(found: Iterable[Numbered], cursor: str, limit: int) -> Changes:
    """Return the first of these, by number, and the cursor behind them."""
    page = sorted(found, key=lambda numbered: numbered[0])[:limit]
    return Changes(tuple(change for _, change in page), str(page[-1][0]) if page else cursor)


class ChangeLog:
    """The numbers of a store in memory."""

    def __init__(self) -> None:
        self.last = 0
        # the subject that was changed last stands last
        self._numbers: dict[Subject, dict[ChangeKind, int]] = {}

    def add(self, touched: Touched) -> None:
        """Number what a batch changed."""
        for subject, kinds in touched.items():
            self.last += 1
            before = self._numbers.pop(subject, {})
            self._numbers[subject] = ({} if "purged" in kinds else before) | dict.fromkeys(
                kinds, self.last
            )

    def since(self, cursor: str, limit: int, is_shown: Callable[[Subject], bool]) -> Changes:
        """Return the changes after the cursor of those subjects that are shown."""
        number = number_of(cursor, self.last)
        found: list[Numbered] = []
        for subject, numbers in reversed(self._numbers.items()):
            latest = max(numbers.values())
            if latest <= number:
                break
            if is_shown(subject):
                found.append(
                    (
                        latest,
                        Change(
                            *subject, tuple(kind for kind in KINDS if numbers.get(kind, 0) > number)
                        ),
                    )
                )
        return page_of(found, cursor, limit)


def followed(known: Consumer | None, event: ChangesFollowed, now: int) -> Consumer | None:
    """Return what becomes of a consumer at ``now``, by the store's clock.

    Who has the lease may always renew it, move on or give it back; somebody else gets it once it
    has run out.
    """
    is_holder = known is not None and known.holder == event.holder
    if not is_holder and (event.cursor is not None or (known is not None and now < known.until)):
        return known
    cursor = event.cursor if event.cursor is not None else known.cursor if known is not None else ""
    return Consumer(event.consumer, event.holder, cursor, now + round(event.seconds * 1_000_000))
