"""What a client is told when it gets no predictions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["RefusalError"]


class RefusalError(Exception):
    """A request that is not answered with predictions. The text never contains values of the
    client's data, nor a trace.

    Args:
        status: of HTTP.
        code: a word of MLflow's, such as ``INVALID_PARAMETER_VALUE``.
        message: what is wrong, and what to do.
        place: where in the data: ``column`` and ``row`` (from 0), as far as they are known.
        headers: that the answer has beside the usual ones.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        place: Mapping[str, Any] = MappingProxyType({}),
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.place = place
        self.headers = headers


def bad(message: str, **place: Any) -> RefusalError:
    """Return the refusal of a body that says something else than it should."""
    return RefusalError(400, "BAD_REQUEST", message, place)
