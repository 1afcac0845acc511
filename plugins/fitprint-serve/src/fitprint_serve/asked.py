"""What a request asks of a model, whatever protocol it came by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["Answer", "Asked"]


@dataclass(slots=True)
class Asked:
    """Data for a prediction, as a protocol brings them.

    Attributes:
        form: "rows" (lists of values, in the order of ``names`` if there are any), "records" (a
            list of objects), "columns" (an object of lists), or "array" (nested lists, or a numpy
            array).
        data: of that form.
        names: of the columns; None if the rows have none.
        about: what the protocol needs for the answer.
    """

    form: str
    data: Any
    names: list[str] | None = None
    about: dict[str, Any] = field(default_factory=dict)


class Answer(NamedTuple):
    """What is sent back."""

    body: bytes
    kind: bytes = b"application/json"
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()
