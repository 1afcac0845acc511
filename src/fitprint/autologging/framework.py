"""What a framework plugin is made of: a framework, its targets, and observers.

An observer is a generator function with one ``yield``, called for each observed call::

    def observe(fit):
        fit.params(fit.arguments)        # above the yield: the call, before it runs
        model = yield                    # the user's own call runs here, exactly once
        fit.model(model)                 # below the yield: its result

It contains no try/except, no patching and no storage code: the engine contains its errors, ends the
run truthfully if the user's call raises (then nothing below the yield runs), and restores every
patch.
"""

from __future__ import annotations

import functools
import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Union

if TYPE_CHECKING:
    from fitprint.autologging.fit import Fit

__all__ = ["Framework", "Function", "Method", "Observer", "SubclassMethod", "Target", "observer_of"]

Observer = Callable[["Fit"], Generator[None, Any, None]]

Role = Literal["run", "sequence", "note"]


@dataclass(frozen=True)
class Function:
    """A module-level function.

    Attributes:
        path: "module:function" where it is defined. Every other name in any loaded module that is
            bound to the same object is bound anew, too, and again when patches are undone.
        observe: the observer, or where it is, as "module:function": that module is imported at the
            first call.
        kind: the run's kind, such as "fit", "search" or "cross-validation".
        role: "run": an outermost call is a run. "sequence": all calls with one instance are one
            run. "note": a call is no run of its own, but may add to a recorded one.
        nested: the observer of calls made inside another observed training call, which records on
            that call's run (:attr:`Fit.outer`); without one such calls run unobserved. It is asked
            of calls directly below a training call in the same thread of control, not below a
            search, a cross-validation or another nested call.
    """

    path: str
    observe: Observer | str
    kind: str = "fit"
    role: Role = "run"
    nested: Observer | str | None = None


@dataclass(frozen=True)
class Method:
    """A method of one class, wrapped where it is defined in the class's MRO.

    ``path`` is "module:Class.method".

    Attributes:
        joins: of a note: where there is a current run, calls are observed also with objects that no
            run knows yet, such as those of a hand-written training loop.
    """

    path: str
    observe: Observer | str
    kind: str = "fit"
    role: Role = "run"
    nested: Observer | str | None = None
    joins: bool = False


@dataclass(frozen=True)
class SubclassMethod:
    """A method of a base class and of all its subclasses, present and future, the user's own too.

    Where several targets cover a method, the one with the nearest base class observes it: a
    framework's own estimators belong to its plugin, though they derive from scikit-learn's
    ``BaseEstimator``.

    Attributes:
        path: "module:Base".
        name: name of the method; it is wrapped in each class that defines it.
        skip: tells of a class (``module.QualifiedName``) that it is to be left alone.
    """

    path: str
    name: str
    observe: Observer | str
    kind: str = "fit"
    role: Role = "run"
    skip: Callable[[type], bool] | None = None
    nested: Observer | str | None = None


def observer_of(observe: Observer | str) -> Observer:
    """Return an observer, which may be named as "module:function".

    Raises:
        ImportError: there is no such module.
        AttributeError: it has no such function.
    """
    return _imported(observe) if isinstance(observe, str) else observe


@functools.cache
def _imported(path: str) -> Observer:
    module, _, name = path.partition(":")
    observer: Observer = getattr(importlib.import_module(module), name)
    return observer


Target = Union[Function, Method, SubclassMethod]


class Framework(ABC):
    """A framework to observe; a plugin's derives from this class.

    A training call is a run where the user's code makes it. Calls that a framework's own code
    makes, or that of another observed framework, are steps of something else, such as of a
    prediction; the package of each target counts as the framework's own.

    Attributes:
        name: as in settings and tags, such as "sklearn".
        distribution: where the installed version is looked up, such as "scikit-learn".
        helpers: top-level packages beside those of the targets that train the framework's objects
            for purposes of their own, as imbalanced-learn does.
        passing: functions of all these that only pass a call of the user's on, as
            "module:function": the call is still the user's.
        within: names of frameworks in whose calls its objects are trained, as XGBoost's estimators
            are in searches of scikit-learn. Where the settings want it but not those, such a call
            is recorded still, from when it comes to train one of its objects.
    """

    name: str
    distribution: str
    helpers: Sequence[str] = ()
    passing: Sequence[str] = ()
    within: Sequence[str] = ()

    @abstractmethod
    def targets(self) -> Sequence[Target]:
        """Return the targets, without importing the framework."""
