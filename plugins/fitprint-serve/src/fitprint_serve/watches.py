"""Watchers of plugins, which look at what models were given and what they answered."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from fitprint.hooks.watchers import Watcher
from fitprint_serve.logs import note, trace_of

__all__ = ["Watches"]


class Watches:
    """What watches the models of this process, by the URI of each version. Nothing is raised: the
    log tells once what fails, and the server goes on.

    Args:
        watchers: as :func:`fitprint.hooks.specs.register_watchers` has them.
    """

    def __init__(self, watchers: Mapping[str, Watcher]) -> None:
        self._watchers = watchers
        self._open: dict[str, dict[str, Any]] = {}

    def open(self, uri: str) -> None:
        """Begin to watch a version, before it answers."""
        if uri in self._open:
            return
        found = {}
        for name, watcher in self._watchers.items():
            try:
                found[name] = watcher.open(uri)
            except Exception as error:  # noqa: BLE001 - it is another's code
                note("not watched", model=uri, watcher=name, reason=str(error)[:2000])
        self._open[uri] = found

    def observe(self, uri: str, inputs: Any, predictions: Any) -> None:
        """Look at a batch that was answered."""
        found = self._open.get(uri, {})
        for name, watch in list(found.items()):
            try:
                watch.observe(inputs, predictions)
            except BaseException as error:  # noqa: BLE001 - as above; the model's thread goes on
                del found[name]
                note("watched no more", model=uri, watcher=name, trace=trace_of(error))

    def keep(self, uris: Collection[str]) -> None:
        """Watch these versions on, and no others."""
        for uri in [each for each in self._open if each not in uris]:
            for name, watch in self._open.pop(uri).items():
                try:
                    watch.close()
                except Exception as error:  # noqa: BLE001 - as above
                    note("not closed", model=uri, watcher=name, trace=trace_of(error))
