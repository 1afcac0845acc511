"""What a plugin registers for the scheme of a store's URI, and of an artifact store's."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from fitprint.errors import PluginError

__all__ = ["Delivery", "Opener", "is_at_hand", "opener_for", "registered_as"]

Delivery = Literal["on-read", "background"]


@dataclass(frozen=True, slots=True)
class Opener:
    """What opens the stores of one scheme, and how they are delivered to, which is asked before one
    is opened.

    Attributes:
        open: returns the store at a URI.
        delivery: "background": a daemon thread delivers while the program runs, for others may look
            who cannot look into this home. "on-read" for those at hand, such as memory, or a folder
            of artifacts: what was recorded gets there when somebody looks.
        at_home: ``open`` of a backend store is given the home folder, too, a :class:`pathlib.Path`
            that need not be there yet: the store keeps something in it.
    """

    open: Callable[..., Any]
    delivery: Delivery = "background"
    at_home: bool = False

    def __post_init__(self) -> None:
        if self.delivery not in get_args(Delivery):
            raise PluginError(
                f"stores are delivered to on-read or in the background, not {self.delivery!r}"
            )


def registered_as(scheme: str, known: Container[str]) -> str:
    """Return what is registered for a scheme: itself, or ``name+`` where that stands for all that
    begin so.
    """
    begin, plus, _ = scheme.partition("+")
    return scheme if scheme in known or begin + plus not in known else begin + plus


def opener_for(uri: str, openers: Mapping[str, Opener]) -> Opener | None:
    """Return what opens a URI; None if nothing does."""
    scheme, colon, _ = uri.partition("://")
    return openers.get(registered_as(scheme, openers)) if colon else None


def is_at_hand(uri: str, openers: Mapping[str, Opener]) -> bool:
    """Tell whether what lies at the URI needs no delivery in the background; what nothing opens is
    not at hand.
    """
    opener = opener_for(uri, openers)
    return opener is not None and opener.delivery == "on-read"
