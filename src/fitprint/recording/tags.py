"""The tags of a run as a dict that writes what is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fitprint.context.secrecy import tag_texts

__all__ = ["Tags"]

_MISSING: Any = object()


class Tags(dict[str, str]):
    """Tags by name.

    Setting one records it, removing one removes it from the run; a copy is a plain dict.

    Values become text, under the name of a secret ``[redacted]``.
    """

    def __init__(self, tags: Mapping[str, str], write: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__(tags)
        self._write = write

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self.update({key: None})

    def update(self, *tags: Mapping[str, Any] | Iterable[tuple[str, Any]], **more: Any) -> None:  # type: ignore[override]
        """Set several tags at once; None removes one."""
        changed = dict(*tags, **more)
        self._write(changed)
        for key, text in tag_texts(changed.items()).items():
            if text is None:
                super().pop(key, None)
            else:
                super().__setitem__(key, text)

    def __ior__(self, tags: Any) -> Tags:  # type: ignore[override, misc]
        self.update(tags)
        return self

    def setdefault(self, key: str, default: Any = "") -> str:
        """Return the tag, and set it first if there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: str, default: Any = _MISSING) -> Any:
        """Remove a tag and return it."""
        if key not in self and default is not _MISSING:
            return default
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, str]:
        """Remove the last tag and return its name and value."""
        key = next(reversed(self), _MISSING)
        if key is _MISSING:
            raise KeyError("the run has no tags")
        return key, self.pop(key)

    def clear(self) -> None:
        """Remove all tags."""
        self.update(dict.fromkeys(self))

    def copy(self) -> dict[str, str]:
        """Return a plain dict."""
        return dict(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)
