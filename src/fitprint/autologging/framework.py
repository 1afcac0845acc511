"""What a framework plugin is made of: a framework, its targets, and observers.

An observer is a generator function with one ``yield``, called for each observed call::

    def observe(fit):
        fit.params(fit.arguments)        # above the yield: the call, before it runs
        model = yield                    # the user's own call runs here, exactly once
        fit.model(model)                 # below the yield: its result

It contains no try/except, no patching and no storage code: the engine contains its errors, ends the run truthfully if
the user's call raises (then nothing below the yield runs), and restores every patch.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, Union

if TYPE_CHECKING:
    from fitprint.autologging.fit import Fit

__all__ = ["Framework", "Function", "Method", "Observer", "SubclassMethod", "Target"]

Observer = Callable[["Fit"], Generator[None, Any, None]]

Role = Literal["run", "sequence", "note"]


@dataclass(frozen=True)
class Function:
    """A module-level function.

    Attributes:
        path: "module:function" where it is defined. Every other name in any loaded module that is bound to the same
            object is bound anew, too, and again when patches are undone.
        observe: the observer.
        kind: the run's kind, such as "fit", "search" or "cross-validation".
        role: "run": an outermost call is a run. "sequence": all calls with one instance are one run.
            "note": a call is no run of its own, but may add to a recorded one.
    """

    path: str
    observe: Observer
    kind: str = "fit"
    role: Role = "run"


@dataclass(frozen=True)
class Method:
    """A method of one class, wrapped where it is defined in the class's MRO. ``path`` is "module:Class.method"."""

    path: str
    observe: Observer
    kind: str = "fit"
    role: Role = "run"


@dataclass(frozen=True)
class SubclassMethod:
    """A method of a base class and of all its subclasses, present and future, the user's own too.

    Attributes:
        path: "module:Base".
        name: name of the method; it is wrapped in each class that defines it.
        skip: tells of a class (``module.QualifiedName``) that it is to be left alone.
    """

    path: str
    name: str
    observe: Observer
    kind: str = "fit"
    role: Role = "run"
    skip: Callable[[type], bool] | None = None


Target = Union[Function, Method, SubclassMethod]


class Framework(Protocol):
    """A framework to observe.

    Attributes:
        name: as in settings and tags, such as "sklearn".
        distribution: where the installed version is looked up, such as "scikit-learn".
    """

    name: str
    distribution: str

    def targets(self) -> Sequence[Target]:
        """Return the targets, without importing the framework."""
