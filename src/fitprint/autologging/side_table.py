"""What is known of objects, such as the run that one came from, so that nothing is ever written on
the user's objects.

Objects are known by identity for as long as they live. An array is also found through the memory
that it views: ``proba[:, 1]`` leads to the run that ``proba`` belongs to.
"""

from __future__ import annotations

import weakref
from typing import Any

__all__ = ["SideTable"]


class SideTable:
    """A table from living objects to anything.

    Safe from any thread; forgets an object when it dies.
    """

    def __init__(self) -> None:
        self._entries: dict[int, tuple[weakref.ref[Any], Any]] = {}

    def remember(self, subject: Any, value: Any) -> bool:
        """Remember the value for as long as the subject lives; False if it is of a type that cannot
        be watched.
        """
        key = id(subject)
        entries = self._entries

        def forget(reference: weakref.ref[Any]) -> None:
            # Run by the garbage collector: a plain dict operation, no lock.
            entry = entries.get(key)
            if entry is not None and entry[0] is reference:
                entries.pop(key, None)

        try:
            reference = weakref.ref(subject, forget)
        except TypeError:
            return False
        entries[key] = (reference, value)
        return True

    def recall(self, subject: Any) -> Any:
        """Return what was remembered for this very object, or for the array whose memory it views;
        None if nothing was.
        """
        for _ in range(8):
            entry = self._entries.get(id(subject))
            if entry is not None and entry[0]() is subject:
                return entry[1]
            # any other object may have a ``base`` of another meaning
            if not hasattr(type(subject), "__array_interface__"):
                return None
            subject = subject.base
        return None

    def forget(self, subject: Any) -> None:
        """Forget the object."""
        if self.recall(subject) is not None:
            self._entries.pop(id(subject), None)

    def __len__(self) -> int:
        return len(self._entries)
