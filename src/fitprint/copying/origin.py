"""Where runs come from that are made anew in a store: another store, or what another program
recorded.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from fitprint.entities import RunRecord
from fitprint.errors import (
    ArtifactNotFoundError,
    FitprintError,
    IntegrityError,
    RefusedError,
    RunNotFoundError,
    StoreError,
)
from fitprint.events import MetricPoints
from fitprint.registered import ModelVersionRecord, RegisteredModelRecord

__all__ = ["Described", "Importer", "Listed", "Origin", "is_of_all", "reason_of"]

_OF_ONE = (ArtifactNotFoundError, IntegrityError, RefusedError, RunNotFoundError)


class Listed(NamedTuple):
    """A run that an origin has: its id (32 hexadecimal digits), its parent's, and whether it goes
    on.
    """

    id: str
    parent_id: str | None = None
    is_open: bool = False


class Described(NamedTuple):
    """What an origin says of an experiment."""

    name: str
    tags: Mapping[str, str] = {}
    note: str = ""
    is_archived: bool = False


class Origin(ABC):
    """Runs, experiments and registered models to copy; a plugin's derives from this class.

    One thread uses it.

    An id that an origin gives a run, a registered model or a version is the same each time: by it a
    second copying knows what is there.

    Attributes:
        uri: where it is, without a password: it is shown.
        problems: what cannot be copied, in words for the user; an origin adds to it as it goes.
    """

    uri: str

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.problems: list[str] = []

    @abstractmethod
    def runs(self) -> Iterable[Listed]:
        """Return all runs that are meant, in any order."""

    @abstractmethod
    def run(self, run_id: str) -> RunRecord:
        """Return a run with all that :func:`fitprint.replay.events_of` makes of it; its ``metrics``
        are not looked at.
        """

    @abstractmethod
    def points(self, run: RunRecord) -> Iterator[MetricPoints]:
        """Yield the whole history of each metric of the run, which was returned last, in the same
        order each time.
        """

    @abstractmethod
    def open(self, digest: str) -> BinaryIO:
        """Open bytes of the run or version that was returned last.

        Raises:
            ArtifactNotFoundError: they are not there.
        """

    def experiments(self) -> Iterable[Described]:
        """Return what is known of experiments beside their names; by default nothing."""
        return ()

    def models(self) -> Iterable[RegisteredModelRecord]:
        """Return the registered models that are meant; by default none.

        Aliases lead to numbers of this origin.
        """
        return ()

    def versions(self, model: RegisteredModelRecord) -> Iterator[ModelVersionRecord]:  # noqa: ARG002 - for those that have some
        """Yield the versions of a registered model, by number; there may be gaps."""
        return iter(())

    def close(self) -> None:  # noqa: B027 - most have nothing to release
        """Release everything; closing twice is fine."""


@dataclass(frozen=True, slots=True)
class Importer:
    """What a plugin registers for another program's records.

    Attributes:
        open: returns the :class:`Origin` at a URI, as the user gave it; raises
            :class:`fitprint.errors.StoreError` where there is none.
    """

    open: Callable[[str], Origin]


def is_of_all(error: Exception) -> bool:
    """Tell whether what was raised while a run or a model was copied is the store's or the origin's
    fault, so that no other would fare better.
    """
    return isinstance(error, StoreError) and not isinstance(error, _OF_ONE)


def reason_of(error: Exception) -> str:
    """Return why a run or a model was not copied, in words."""
    if isinstance(error, FitprintError):
        return str(error)
    return f"it cannot be read: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
