"""Which bytes have arrived in the artifact store: what events say of it,
in any order of arrival.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from fitprint.entities import Artifact
from fitprint.events import (
    ArtifactsLogged,
    ArtifactStoreChosen,
    BytesArrived,
    Event,
    ModelVersionCreated,
)

__all__ = ["Arrivals"]


@dataclass(slots=True)
class Arrivals:
    """What events say of bytes.

    Before an artifact store is chosen, they say nothing: bytes stay in the homes that recorded
    them.

    Attributes:
        uri: of the artifact store, as it was chosen first; None until then.
        logged: size and journal of the bytes of artifacts, by digest; those that were logged first
            count.
        arrived: digests of those that are in the artifact store, also of some that no artifact has
            yet.
    """

    uri: str | None = None
    logged: dict[str, tuple[int, str]] = field(default_factory=dict)
    arrived: set[str] = field(default_factory=set)

    def fold(
        self,
        events: Iterable[Event],
        journal: str,
        before: Callable[[], Iterable[tuple[Artifact, str]]],
    ) -> None:
        """Add what the events of a batch say.

        Args:
            events: those of a batch of ``journal``.
            before: returns all artifacts that runs have, each with a journal of its run, the
                batch's own included.
        """
        chosen = next(
            (event.uri for event in events if isinstance(event, ArtifactStoreChosen)), None
        )
        if self.uri is None and chosen is not None:
            self.uri = chosen
            for artifact, owner in before():
                self.logged.setdefault(artifact.digest, (artifact.size, owner))
        if self.uri is None:
            return
        for event in events:
            if isinstance(event, (ArtifactsLogged, ModelVersionCreated)):
                for artifact in event.artifacts:
                    self.logged.setdefault(artifact.digest, (artifact.size, journal))
            elif isinstance(event, BytesArrived):
                self.arrived.update(event.digests)

    def free(self, digests: Iterable[str]) -> None:
        """Let bytes count as if they had never arrived."""
        self.arrived.difference_update(digests)

    def forget(self, digests: Iterable[str]) -> None:
        """Wait no more for bytes that no run has any more."""
        for digest in digests:
            if digest not in self.arrived:
                self.logged.pop(digest, None)
