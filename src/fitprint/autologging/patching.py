"""Putting observers in the place of functions and methods, and taking them out again without a
trace.

What is put in place is a real function (``functools.wraps``) in the class or module that defines
the original, so that identity, pickling by name, signatures, bound methods and method resolution
stay what they are. wrapt tells when a module has been imported; fitprint itself imports no
framework.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
import weakref
from collections.abc import Callable, Iterable, Mapping
from importlib import _bootstrap
from types import FunctionType, MethodType, ModuleType
from typing import Any

import wrapt

from fitprint.autologging.families import Family
from fitprint.autologging.framework import Function, Method, SubclassMethod, Target
from fitprint.autologging.replacements import (
    Choose,
    Interceptor,
    StandIn,
    dead_interceptor,
    interceptor_of,
    is_replacement,
    replacement_of,
)
from fitprint.autologging.wrappers import exchange, holds, inside_of
from fitprint.hooks.manager import hooks

__all__ = ["Patcher"]

Action = Callable[[ModuleType], None]


class Patcher:
    """All patches of this process.

    Args:
        choose: ``choose(framework, target, args)`` returns what is to make a call; None if nobody
            is to see it.
    """

    def __init__(self, choose: Callable[[str, Target, tuple[Any, ...]], StandIn | None]) -> None:
        self._choose = choose
        self.on = False
        self.installed: set[str] = set()  # names of frameworks
        self._undo: list[Callable[[], None]] = []
        # Nothing here keeps a class or its functions alive: classes made in a loop must be able to
        # die.
        self._methods: weakref.WeakKeyDictionary[type, dict[str, weakref.ref[Any]]] = (
            weakref.WeakKeyDictionary()
        )
        self._functions: dict[int, tuple[Any, Any]] = {}  # id(original): (original, replacement)
        # keys of functions of which other names may not have been bound anew yet
        self._unbound: set[int] = set()
        # every replacement there was: its original
        self._made: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
        self._waiting: dict[str, list[tuple[Action, str]]] = {}
        self._hooked: set[str] = set()
        self._half_imported: list[tuple[ModuleType, Action, str]] = []
        self._families: dict[str, Family] = {}
        # by top-level package: names of functions, and the modules that define them
        self._places: dict[str, dict[str, set[str]]] = {}

    # -- on and off --------------------------------------------------------------------------------

    def install(self, framework: str, targets: Iterable[Target]) -> None:
        """Patch the targets: those of imported modules now, the others when they are imported.

        Each target stands for itself: one that a version of the framework does not have is told,
        and the others are observed.
        """
        self.on = True
        self.installed.add(framework)
        families: dict[str, list[SubclassMethod]] = {}
        modules: set[str] = set()
        for target in targets:
            modules.add(_module_of(target))
            if isinstance(target, SubclassMethod):
                families.setdefault(target.path, []).append(target)
            else:
                self.when_imported(
                    _module_of(target),
                    functools.partial(self._patch_named, framework, target),
                    f"{framework}'s {target.path}",
                )
        for path, family in families.items():
            action = functools.partial(self._patch_family, framework, path, family)
            self.when_imported(path.partition(":")[0], action, f"{framework}'s {path}")
        below = {
            ".".join(module.split(".")[:depth])
            for module in modules
            for depth in range(2, module.count(".") + 2)
        }
        for module in sorted(below):
            # A module that is never imported would never be missed: its package is asked for it, as
            # soon as that is imported.
            self.when_imported(
                module.rpartition(".")[0],
                functools.partial(_expect_module, module),
                f"{framework}'s {module}",
            )

    def undo(self) -> None:
        """Take every patch out.

        Where another tool has wrapped ours, ours stays below it and lets everything through.
        """
        self.on = False
        self.installed.clear()
        self._waiting.clear()
        self._half_imported.clear()
        while self._undo:
            self._undo.pop()()
        self._restore()
        self._functions.clear()
        self._unbound.clear()
        self._families.clear()
        self._places.clear()

    def refresh(self) -> None:
        """Catch up with what was half imported or defined unseen, and bind names imported before
        anew.
        """
        waiting, self._half_imported = self._half_imported, []
        for module, action, what in waiting:
            if _is_importing(module):
                self._half_imported.append((module, action, what))
            else:
                self._run(module, action, what)
        for family in self.families():
            family.patch_existing()
        new, self._unbound = self._unbound, set()
        self._rebind({key: self._functions[key][1] for key in new & self._functions.keys()})

    # -- modules -----------------------------------------------------------------------------------

    def when_imported(self, module: str, action: Action, what: str = "") -> None:
        """Run the action on a module: now if it is imported, else as soon as it is.

        A failure is told, never raised.

        Args:
            module: its dotted name.
            action: called with the module.
            what: what cannot be observed if the action fails; the module by default.
        """
        what = what or module
        loaded = sys.modules.get(module)
        if loaded is not None and _is_importing(loaded):
            _wait_for_other_threads(module)
            loaded = sys.modules.get(module)
        if loaded is not None and not _is_importing(loaded):
            self._run(loaded, action, what)
            return
        if loaded is not None:  # autolog() was called from inside its import
            self._half_imported.append((loaded, action, what))
            return
        self._waiting.setdefault(module, []).append((action, what))
        if module not in self._hooked:
            self._hooked.add(module)
            wrapt.register_post_import_hook(self._imported, module)

    def _imported(self, module: ModuleType) -> None:
        self._hooked.discard(module.__name__)  # imported anew, it is to be seen anew
        for action, what in self._waiting.pop(module.__name__, ()):
            self._run(module, action, what)
        # While its package was being imported, other modules of it may have taken over names.
        new = {key: self._functions[key][1] for key in self._unbound & self._functions.keys()}
        self._rebind(new, within=module.__name__.partition(".")[0])

    def _run(self, module: ModuleType, action: Action, what: str) -> None:
        try:
            action(module)
        except Exception as error:  # noqa: BLE001 - an error here would make the user's import fail
            hooks().problem(
                f"{what} cannot be observed: {type(error).__name__}: {error}", "autolog", error
            )

    def replace(self, path: str, choose: Choose) -> None:
        """Let ``choose`` decide on each call of ``module:function`` or ``module:Class.method``,
        from when the module is imported.
        """
        module, _, place = path.partition(":")
        name, _, method = place.rpartition(".")
        make = functools.partial(replacement_of, interceptor=Interceptor(self, choose))

        def act(loaded: ModuleType) -> None:
            if name:
                self.replace_method(_find(loaded, name), method, make)
            else:
                self.replace_function(loaded, place, make)

        self.when_imported(module, act, path)

    # -- functions and methods ---------------------------------------------------------------------

    def _patch_named(self, framework: str, target: Function | Method, module: ModuleType) -> None:
        path = target.path.partition(":")[2]
        choose = functools.partial(self._choose, framework, target)
        if isinstance(target, Function):
            self.replace_function(
                module, path, lambda function: replacement_of(function, Interceptor(self, choose))
            )
        else:
            name, _, method = path.rpartition(".")
            cls = _find(module, name)
            self.claim(_definer(cls, method), method, cls, target, choose)

    def replace_function(
        self, module: ModuleType, name: str, make: Callable[[FunctionType], Any]
    ) -> None:
        """Put ``make(original)`` in the place of a module's function, under all its names and
        inside other tools' wrappers of it.
        """
        standing = _find(module, name)
        if any(standing is replacement for _, replacement in self._functions.values()):
            return
        if is_replacement(standing):
            # another tool may have put an old replacement back
            standing = self._made.get(standing, standing)
        originals = _known_as(name, module, standing)
        if not originals:
            raise TypeError(f"{module.__name__}.{name} is no function")
        for original in originals:
            replacement = make(original)
            self._made[replacement] = original
            self._functions[id(original)] = (original, replacement)
            self._unbound.add(id(original))
        package = module.__name__.partition(".")[0]
        self._places.setdefault(package, {}).setdefault(name, set()).add(module.__name__)
        replacement = self._functions[id(originals[0])][1]
        if standing is originals[0]:
            setattr(module, name, replacement)
        else:
            exchange(standing, {id(originals[0]): replacement})

    def replace_method(self, owner: type, name: str, make: Callable[[FunctionType], Any]) -> None:
        """Put ``make(original)`` in the place of a method,
        in the class of the MRO that defines it.
        """
        self.replace_in_class(_definer(owner, name), name, make)

    def claim(
        self,
        owner: type,
        name: str,
        base: type,
        target: Target,
        choose: Callable[[tuple[Any, ...]], StandIn | None],
    ) -> None:
        """Let a target be asked of calls of what ``vars(owner)`` has under this name, with
        instances of a base.

        One replacement stands for the method, however many targets cover it.
        """
        replacement = self._standing(owner, name)
        if replacement is None and self._stands_elsewhere(name, vars(owner)[name]):
            # ``fit = Other.fit`` in a class: the two stay one object
            replacement = vars(owner)[name]
            self._note_patched(owner, name, replacement)
        if replacement is not None:
            interceptor_of(replacement).claim(base, target, choose)
            return
        interceptor = Interceptor(self)
        interceptor.claim(base, target, choose)
        # a worker gets a class by value, with some tasks once more
        cell = dead_interceptor(vars(owner)[name])
        if cell is None:
            self.replace_in_class(
                owner, name, functools.partial(replacement_of, interceptor=interceptor)
            )
        else:
            cell.cell_contents = interceptor
            self._note_patched(owner, name, vars(owner)[name])

    def _standing(self, owner: type, name: str) -> Any:
        """Return the replacement that stands in a class under a name, also below another tool's
        wrapper; None if there is none.
        """
        reference = self._methods.get(owner, {}).get(name)
        replacement = None if reference is None else reference()
        current: Any = vars(owner).get(name)
        if (
            replacement is None
            or current is replacement
            or getattr(current, "fn", None) is replacement
        ):
            return replacement
        return replacement if holds(current, replacement) else None

    def _stands_elsewhere(self, name: str, function: Any) -> bool:
        """Tell whether this is the replacement that stands in another class under the same name."""
        if not is_replacement(function):
            return False
        return any(
            name in patches and patches[name]() is function
            for patches in list(self._methods.values())
        )

    def replace_in_class(self, cls: type, name: str, make: Callable[[FunctionType], Any]) -> None:
        """Put ``make(original)`` in the place of what ``vars(cls)`` has under this name: of a
        function, also one that a conditional method or a wrapper of another tool's holds.
        """
        current: Any = vars(cls).get(name)
        # another tool may have put an old one back
        while is_replacement(current) and interceptor_of(current).is_of(self):
            current = current.__wrapped__
        if isinstance(current, FunctionType):
            replacement = make(current)
            type.__setattr__(cls, name, replacement)  # a metaclass may guard its classes
        elif isinstance(getattr(current, "fn", None), FunctionType) and hasattr(
            type(current), "__get__"
        ):
            # A conditional method (scikit-learn's ``available_if``): the descriptor stays, its
            # function is exchanged.
            replacement = current.fn = make(current.fn)
        else:
            function = _method_inside(current, name)
            if function is None:
                return
            replacement = make(function)
            exchange(current, {id(function): replacement})
        self._note_patched(cls, name, replacement)

    def _note_patched(self, cls: type, name: str, replacement: Any) -> None:
        """Take note of what stands in a class, to be taken out again."""
        self._methods.setdefault(cls, {})[name] = weakref.ref(replacement)

    # -- taking out --------------------------------------------------------------------------------

    def _restore(self) -> None:
        """Put the originals back wherever a replacement is: in classes and modules under any name,
        and inside other tools' wrappers.
        """
        table = {id(replacement): original for original, replacement in self._functions.values()}
        names: set[str] = set()
        kept = []  # so that no id is another object's
        for patches in list(self._methods.values()):
            names |= patches.keys()
            kept += [
                found
                for found in (reference() for reference in patches.values())
                if found is not None
            ]
        table |= {id(replacement): replacement.__wrapped__ for replacement in kept}
        classes = dict.fromkeys(
            [*self._methods, *(cls for family in self.families() for cls in family.classes())]
        )
        for cls in classes:
            _restore_class(cls, names, table)
        self._methods.clear()
        self._rebind(table)

    def restore_later(self, restore: Callable[[], None]) -> None:
        """StandIn this when patches are undone."""
        self._undo.append(restore)

    def _patch_family(
        self, framework: str, path: str, targets: list[SubclassMethod], module: ModuleType
    ) -> None:
        base = _find(module, path.partition(":")[2])
        family = Family(
            self,
            base,
            {
                target.name: (target, functools.partial(self._choose, framework, target))
                for target in targets
            },
        )
        self._families[f"{framework} {path}"] = family
        family.patch_existing()
        family.watch_new()

    def families(self) -> list[Family]:
        """Return the families of classes that are watched, as they are now: another thread may be
        importing a framework.
        """
        return list(self._families.values())

    def present(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return what a function or bound method that was obtained before it was patched would be
        by now.
        """
        if isinstance(function, FunctionType):
            current = self._functions.get(id(function), (None, function))[1]
            return current if callable(current) else function
        if isinstance(function, MethodType):
            current = getattr(function.__self__, function.__name__, None)
            if (
                isinstance(current, MethodType)
                and getattr(current.__func__, "__wrapped__", None) is function.__func__
            ):
                return current
        return function

    # -- names -------------------------------------------------------------------------------------

    def _rebind(self, table: dict[int, Any], within: str = "") -> None:
        """Let names of an object of the table (by id) be names of what the table says: in every
        module, or those of one package.

        Where another tool's wrapper has a function's name, the function inside it is exchanged.
        """
        if not table:
            return
        for module_name, module in list(sys.modules.items()):
            names = getattr(module, "__dict__", None)
            package = module_name.partition(".")[0]
            if type(names) is not dict or (within and package != within):
                continue
            for name, value in list(names.items()):
                if (
                    id(value) in table
                    and isinstance(value, FunctionType)
                    and value is not table[id(value)]
                ):
                    names[name] = table[id(value)]
            for name in self._places.get(package, {}).keys() & names.keys():
                if (
                    not is_replacement(names[name])
                    and callable(names[name])
                    and not isinstance(names[name], type)
                ):
                    self._enter(module_name, name, names[name], table)

    def _enter(self, module: str, name: str, standing: Any, table: dict[int, Any]) -> None:
        """Exchange what another tool's wrapper holds.

        One that stands for a function of ours and cannot be looked into is told.
        """
        if (
            exchange(standing, table)
            or not self.on
            or any(map(is_replacement, inside_of(standing)))
        ):
            return
        defined = self._places[module.partition(".")[0]][name]
        if isinstance(standing, FunctionType):
            is_wrapper = (
                standing.__name__ == name
                and standing.__module__ in defined
                and standing.__globals__.get("__name__") not in defined
            )
        else:
            is_wrapper = any(f"{where}.".startswith(f"{module}.") for where in defined)
        if is_wrapper:
            what = (
                f"calls of {module}.{name} cannot be observed: it is a "
                f"{type(standing).__name__} of another tool's that hides the function"
            )
            hooks().problem(
                f"{what}; call fitprint.autolog() before that tool is switched on", "autolog"
            )


def _module_of(target: Target) -> str:
    return target.path.partition(":")[0]


def _find(module: ModuleType, path: str) -> Any:
    found: Any = module
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:  # Python's own text would blame a circular import
            raise AttributeError(f"{found.__name__} has no {name!r}") from None
    return found


def _definer(owner: type, name: str) -> type:
    """Return the class of the MRO that defines a method.

    Raises:
        AttributeError: none does.
    """
    for cls in owner.__mro__:
        if name in vars(cls):
            return cls
    raise AttributeError(f"{owner.__qualname__} has no method {name!r}")


def _goes_by(function: FunctionType, name: str, module: ModuleType) -> bool:
    return function.__name__ == name and function.__module__ == module.__name__


def _known_as(name: str, module: ModuleType, standing: Any) -> list[Any]:
    """Return what stands under a function's name and all inside that goes by the name; what goes by
    another name is another tool's.
    """
    found = [
        inner
        for inner in inside_of(standing)
        if type(inner) is FunctionType and _goes_by(inner, name, module)
    ]
    return found or ([standing] if isinstance(standing, FunctionType) else [])


def _method_inside(standing: Any, name: str) -> Any:
    """Return the method that a wrapper of another tool's holds; None if this is no wrapper."""
    if not callable(standing) or isinstance(standing, (type, classmethod, staticmethod)):
        return None
    return next(
        (
            inner
            for inner in inside_of(standing)
            if type(inner) is FunctionType and inner.__name__ == name
        ),
        None,
    )


def _restore_class(cls: type, names: set[str], table: Mapping[int, Any]) -> None:
    """Let everything in a class that is an object of the table (by id), or holds one, be or hold
    what the table says.
    """
    for name, value in list(vars(cls).items()):
        if id(value) in table:
            type.__setattr__(cls, name, table[id(value)])
        elif name in names:
            inner = getattr(value, "fn", None)
            if id(inner) in table:
                value.fn = table[id(inner)]
            elif callable(value) and not isinstance(value, type):
                exchange(value, table)


def _expect_module(name: str, package: ModuleType) -> None:
    """See that a package has a module.

    Raises:
        ModuleNotFoundError: it has not; other modules of the package are not affected.
    """
    if name not in sys.modules and importlib.util.find_spec(name) is None:
        raise ModuleNotFoundError(
            f"{package.__name__} has no module {name.rpartition('.')[2]!r}", name=name
        )


def _is_importing(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def _wait_for_other_threads(module: str) -> None:
    """Wait until no other thread is importing the module;
    at once if it is this thread that does.
    """
    # what an import statement does here, less the import
    wait = getattr(_bootstrap, "_lock_unlock_module", None)
    if wait is not None:
        wait(module)
