"""What a plugin registers for the scheme of a store's URI, and of an artifact store's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from fitprint.errors import PluginError

__all__ = ["Delivery", "Opener", "is_at_hand"]

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


def is_at_hand(uri: str, openers: Mapping[str, Opener]) -> bool:
    """Tell whether what lies at the URI needs no delivery in the background; what nothing opens is
    not at hand.
    """
    opener = openers.get(uri.partition("://")[0])
    return opener is not None and opener.delivery == "on-read"
