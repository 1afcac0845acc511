"""Which file data lie in, where the object itself knows."""

from __future__ import annotations

from typing import Any

from fitprint.context.redaction import redact_url
from fitprint.data.kinds import kind_of

__all__ = ["place_of"]

_VIEWS = 4  # steps from a view to the array behind it
_FILES = 20


def place_of(data: Any) -> dict[str, Any]:
    """Return the files that data are read from, as their libraries name them; {} where that is not
    known.

    ``file``, of a mapped array of numpy's also ``offset``, of h5py's data sets also ``part``;
    ``files`` of data sets in several.
    """
    if kind_of(data) == "array":
        return _mapped(data)
    package = type(data).__module__.partition(".")[0]
    if package == "h5py" and hasattr(data, "file"):
        return {"file": _told(data.file.filename), "part": str(data.name)}
    if package == "xarray":
        source = data.encoding.get("source")
        return {} if source is None else {"file": _told(source)}
    if package == "datasets":
        files = [
            _told(entry["filename"])
            for entry in getattr(data, "cache_files", None) or ()
            if isinstance(entry, dict)
        ]
        return {"files": files[:_FILES]} if files else {}
    return {}


def _told(place: Any) -> str:
    """Return the path of a file, or its address without what opens it."""
    text = str(place)
    return redact_url(text) if "://" in text else text


def _mapped(array: Any) -> dict[str, Any]:
    for _ in range(_VIEWS):
        if array is None:
            break
        if type(array).__name__ == "memmap" and array.filename is not None:
            return {"file": str(array.filename), "offset": int(array.offset)}
        array = getattr(array, "base", None)
    return {}
