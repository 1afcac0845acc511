"""What patching touches: where targets lead, and whether everything is again what it was."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any, Union

from fitprint.autologging.framework import Function, SubclassMethod, Target

__all__ = ["Footprint", "Place", "packages", "places"]

# The interpreter writes these into classes at their first use.
_SELF_MADE = {
    "__slotnames__",
    "__annotations__",
    "__annotations_cache__",
    "__annotate_func__",
    "__doc__",
    "__abstractmethods__",
}


@dataclass(frozen=True)
class Place:
    """Where a target's function stands: in a module or a class, under a name."""

    target: Target
    owner: Union[ModuleType, type]
    name: str

    @property
    def path(self) -> str:
        """Name for messages."""
        return (
            f"{getattr(self.owner, '__module__', self.owner.__name__)}:{self.owner.__name__}."
            f"{self.name}"
        )

    @property
    def raw(self) -> Any:
        """What stands there now, as it stands in the ``__dict__``."""
        return vars(self.owner)[self.name]

    @property
    def function(self) -> Any:
        """The function that stands there now, taken out of a conditional method's descriptor."""
        raw = self.raw
        return raw if isinstance(raw, FunctionType) else getattr(raw, "fn", raw)


def packages(targets: Iterable[Target]) -> set[str]:
    """Return the top-level packages of the targets."""
    return {target.path.partition(":")[0].partition(".")[0] for target in targets}


def places(target: Target) -> list[Place]:
    """Return where a target leads in what is imported now; its own module is imported.

    Raises:
        ImportError, AttributeError: it leads nowhere.
    """
    module_name, _, path = target.path.partition(":")
    module = importlib.import_module(module_name)
    if isinstance(target, Function):
        getattr(module, path)
        return [Place(target, module, path)]
    if isinstance(target, SubclassMethod):
        base = functools.reduce(getattr, path.split("."), module)
        owners = {
            owner: None
            for cls in _family(base)
            for owner in cls.__mro__
            if target.name in vars(owner)
        }
        return [
            Place(target, owner, target.name)
            for owner in owners
            if target.skip is None or not target.skip(owner)
        ]
    name, _, method = path.rpartition(".")
    cls: Any = functools.reduce(getattr, name.split("."), module)
    owner = next((owner for owner in cls.__mro__ if method in vars(owner)), None)
    if owner is None:
        raise AttributeError(f"{name} has no method {method}")
    return [Place(target, owner, method)]


def _family(base: Any) -> Iterator[type]:
    waiting = [base]
    seen: set[type] = set()
    while waiting:
        cls = waiting.pop()
        if cls not in seen:
            seen.add(cls)
            yield cls
            waiting += type.__subclasses__(cls)


class Footprint:
    """Everything that patching could change: the names of functions and classes in all modules, and
    the frameworks' classes.
    """

    def __init__(self, targets: Iterable[Target]) -> None:
        targets = list(targets)
        self._packages = packages(targets)
        self._bases = {
            place.owner
            for target in targets
            for place in places(target)
            if isinstance(place.owner, type)
        }
        self._modules = self._module_names()
        self._classes = {cls: dict(vars(cls)) for cls in self._all_classes()}
        self._inner = {
            (cls, name): value.fn
            for cls, names in self._classes.items()
            for name, value in names.items()
            if _is_conditional(value)
        }

    def changes(self) -> list[str]:
        """Return what is different now, in words; names that are new in a module are
        passed over.
        """
        now = self._module_names()
        told = [
            f"{module.__name__}.{name}"
            for (module, name), value in self._modules.items()
            if (module, name) in now
            and now[module, name] is not value
            and sys.modules.get(module.__name__) is module
        ]
        for cls, before in self._classes.items():
            told += [
                f"{cls.__module__}.{cls.__qualname__}.{name}"
                for name in before.keys() | vars(cls).keys()
                if name not in _SELF_MADE
                and before.get(name, self) is not vars(cls).get(name, self)
            ]
        told += [
            f"{cls.__module__}.{cls.__qualname__}.{name}"
            for (cls, name), inner in self._inner.items()
            if vars(cls)[name].fn is not inner
        ]
        return sorted(set(told))

    def _module_names(self) -> dict[tuple[ModuleType, str], Any]:
        found = {}
        for module in list(sys.modules.values()):
            if type(getattr(module, "__dict__", None)) is dict and isinstance(module, ModuleType):
                for name, value in list(vars(module).items()):
                    # `isinstance` would ask the object, and some warn when they are asked
                    if type(value) is FunctionType:
                        found[module, name] = value
        return found

    def _all_classes(self) -> set[type]:
        found: set[type] = set()
        for module in list(sys.modules.values()):
            if getattr(module, "__name__", "").partition(".")[0] in self._packages:
                values = list(vars(module).values())
                found.update(
                    value
                    for value in values
                    if inspect.isclass(value)
                    and value.__module__.partition(".")[0] in self._packages
                )
        for base in self._bases:
            found.update(
                owner for cls in _family(base) for owner in cls.__mro__ if owner is not object
            )
        return found


def _is_conditional(value: Any) -> bool:
    return isinstance(inspect.getattr_static(value, "fn", None), FunctionType) and not isinstance(
        value, type
    )
