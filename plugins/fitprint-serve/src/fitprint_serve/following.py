"""Loading models, and following aliases: what an alias names next is loaded beside, and takes the
place between two requests.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from typing import Any

import fitprint
from fitprint.data.schema import Schema
from fitprint.errors import FitprintError
from fitprint.models.predictor import Predictor
from fitprint_serve.examples import example_of
from fitprint_serve.logs import note, trace_of
from fitprint_serve.served import Served
from fitprint_serve.watches import Watches

__all__ = ["Follower", "load", "load_first", "pinned"]


def load(uri: str, trust: Sequence[str]) -> Predictor:
    """Load a model, and let it predict once where its signature tells what it takes.

    Raises:
        FitprintError: as :func:`fitprint.load_predictor`.
    """
    predictor = fitprint.load_predictor(pinned(uri), list(trust) or None)
    example = example_of(predictor.signature)
    if example is not None:
        try:
            batch = predictor.reader.read(example)
            if batch.in_place:  # the way of requests, without a frame
                predictor.predict_batch(batch)
            else:
                predictor.warm(example)
        except Exception as error:  # noqa: BLE001 - it may want other values than these
            note("not warmed", model=uri, error=type(error).__name__)
    return predictor


def load_first(uri: str, first: str, trust: Sequence[str]) -> Predictor:
    """Load the version with which a server began, also in a worker that begins later: what an alias
    names by then may take other inputs, and is looked at before it takes the place. Where that
    version is gone, load what the alias names.

    Raises:
        FitprintError: as :func:`load`.
    """
    try:
        return load(first, trust)
    except FitprintError:
        if first == uri:
            raise
        return load(uri, trust)


_ALIAS = re.compile("models:/+([^@/]+)@[^@/]+")


def pinned(uri: str) -> str:
    """Return the URI of the version that an alias names now; other URIs as they are."""
    found = _ALIAS.fullmatch(uri)
    if found is None:
        return uri
    from fitprint.recording.versions import get_model_version  # which folders do not need

    return f"models:/{found[1]}/{get_model_version(uri).version}"


class Follower:
    """Looks from time to time where aliases lead.

    The model that was served before is kept, so an alias that is moved back needs no loading.

    Args:
        models: all that are served, with the URI of each.
        watches: what watches them.
    """

    def __init__(
        self,
        models: Sequence[tuple[Served, str]],
        trust: Sequence[str],
        seconds: float,
        watches: Watches | None = None,
    ) -> None:
        self._served = [served for served, _ in models]
        self._watches = watches
        self._models = [(served, uri) for served, uri in models if _ALIAS.fullmatch(uri)]
        self._trust = trust
        self._seconds = seconds
        self._before: dict[str, Predictor] = {}
        self._told: dict[str, str] = {}
        self._end = threading.Event()

    def start(self) -> None:
        """Look in a thread of its own, as long as the process lives, if there is an alias."""
        if self._models:
            threading.Thread(target=self._follow, name="aliases", daemon=True).start()

    def stop(self) -> None:
        """Look no more."""
        self._end.set()

    def _follow(self) -> None:
        while not self._end.wait(self._seconds):
            self.look()

    def look(self) -> None:
        """Look once, and change what has to be changed."""
        for served, uri in self._models:
            try:
                self._look(served, uri)
            except Exception as error:  # noqa: BLE001 - what is served goes on
                self._tell(served, f"{type(error).__name__}: {error}", trace_of(error))

    def _look(self, served: Served, uri: str) -> None:
        now, old = pinned(uri), served.predictor
        if now == old.uri:
            self._told.pop(served.name, None)
            return
        before = self._before.get(served.name)
        new = before if before is not None and before.uri == now else load(now, self._trust)
        if (fault := _unfit(old, new)) is not None:
            self._tell(served, f"{uri} leads to {now}, which {fault}; {old.uri} is served on")
            return
        if self._watches is not None:
            self._watches.open(new.uri)
        served.predictor = new
        self._before[served.name] = old
        if self._watches is not None:
            known = (*(each.predictor for each in self._served), *self._before.values())
            self._watches.keep({each.uri for each in known})
        self._told.pop(served.name, None)
        note("model changed", model=served.name, before=old.uri, now=now)

    def _tell(self, served: Served, told: str, trace: str | None = None) -> None:
        if self._told.get(served.name) != told:  # once
            self._told[served.name] = told
            note("alias not followed", model=served.name, reason=told, trace=trace)


def _unfit(old: Predictor, new: Predictor) -> str | None:
    """Tell why requests for a model may not be answered by another; None if they may."""
    inputs = [each.signature.inputs if each.signature else None for each in (old, new)]
    known, wanted = map(_fields, inputs)
    if known is None:
        return None
    if wanted is None:
        return "has no signature"
    missing = [name for name in wanted if known.get(name) != wanted[name]]
    if missing:
        return f"takes other inputs ({', '.join(map(str, missing[:8]))})"
    return None


def _fields(schema: Schema | None) -> dict[Any, Any] | None:
    if schema is None:
        return None
    return {field.name: (schema.container, field.type, field.shape) for field in schema.fields}
