"""Putting observers in the place of functions and methods, and taking them out again without a trace.

What is put in place is a real function (``functools.wraps``) in the class or module that defines the original, so that
identity, pickling by name, signatures, bound methods and method resolution stay what they are. wrapt tells when a module
has been imported; fitprint itself imports no framework.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
import weakref
from collections.abc import Callable, Iterable
from importlib import _bootstrap
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import wrapt

from fitprint.autologging.framework import Function, Method, SubclassMethod, Target
from fitprint.hooks.manager import hooks

__all__ = ["Hook", "Patcher"]

Call = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
Action = Callable[[ModuleType], None]


class Hook:
    """What a patched function consults: true while patches are on, and callable with (original, args, kwargs).

    Pickled by value (cloudpickle does so with classes of ``__main__``) it becomes ``False``: the copy that is loaded
    elsewhere calls the original, and needs no fitprint.
    """

    __slots__ = ("_call", "_patcher")

    def __init__(self, patcher: Patcher, call: Call) -> None:
        self._patcher = patcher
        self._call = call

    def __bool__(self) -> bool:
        return self._patcher.on

    def __call__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self._call(function, args, kwargs)

    def __reduce__(self) -> tuple[type[bool], tuple[()]]:
        return bool, ()

    def __copy__(self) -> Hook:
        return self

    def __deepcopy__(self, memo: Any) -> Hook:
        return self


def patched(function: FunctionType, hook: Hook) -> Callable[..., Any]:
    """Return a real function that stands for ``function`` and consults the hook."""

    # Only closure variables are used: a copy pickled by value drags no module of ours along.
    @functools.wraps(function)
    def observed(*args: Any, **kwargs: Any) -> Any:
        return hook(function, args, kwargs) if hook else function(*args, **kwargs)

    return observed


# The code of what ``patched`` returns: a copy that came by value has equal code, and False for a hook.
_CODE = next(constant for constant in patched.__code__.co_consts if isinstance(constant, CodeType))


def dead_hook(function: Any) -> Any:
    """Return the cell of the hook, if this is a patched function that came by value and consults nothing; else None."""
    code = getattr(function, "__code__", None)
    if code is None or code is _CODE or code.co_name != _CODE.co_name or code != _CODE:
        return None
    cell = dict(zip(code.co_freevars, function.__closure__, strict=True))["hook"]
    return cell if cell.cell_contents is False else None


class Patcher:
    """All patches of this process.

    Args:
        call: ``call(framework, target, original, args, kwargs)`` runs an observed call.
    """

    def __init__(self, call: Callable[[str, Target, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]) -> None:
        self._observed_call = call
        self.on = False
        self.installed: set[str] = set()  # names of frameworks
        self._undo: list[Callable[[], None]] = []
        # Nothing here keeps a class or its functions alive: classes made in a loop must be able to die.
        self._methods: weakref.WeakKeyDictionary[type, list[tuple[str, weakref.ref[Any]]]] = weakref.WeakKeyDictionary()
        self._functions: dict[int, tuple[Any, Any]] = {}  # id(original): (original, replacement)
        self._unbound: set[int] = set()  # keys of functions of which other names may not have been bound anew yet
        self._made: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()  # every replacement there was: its original
        self._waiting: dict[str, list[tuple[Action, str]]] = {}
        self._hooked: set[str] = set()
        self._half_imported: list[tuple[ModuleType, Action, str]] = []
        self._bases: dict[str, _Subclasses] = {}

    # -- on and off ------------------------------------------------------------------------------------------------

    def install(self, framework: str, targets: Iterable[Target]) -> None:
        """Patch the targets: those of imported modules now, the others when they are imported.

        Each target stands for itself: one that a version of the framework does not have is told, and the others are observed.
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
                    _module_of(target), functools.partial(self._patch_named, framework, target), f"{framework}'s {target.path}"
                )
        for path, family in families.items():
            action = functools.partial(self._patch_family, framework, path, family)
            self.when_imported(path.partition(":")[0], action, f"{framework}'s {path}")
        below = {".".join(module.split(".")[:depth]) for module in modules for depth in range(2, module.count(".") + 2)}
        for module in sorted(below):
            # A module that is never imported would never be missed: its package is asked for it, as soon as that is imported.
            self.when_imported(module.rpartition(".")[0], functools.partial(_expect_module, module), f"{framework}'s {module}")

    def undo(self) -> None:
        """Take every patch out. Where another tool has wrapped ours, ours stays below it and lets everything through."""
        self.on = False
        self.installed.clear()
        self._waiting.clear()
        self._half_imported.clear()
        while self._undo:
            self._undo.pop()()
        self._restore_methods()
        self._rebind({id(replacement): original for original, replacement in self._functions.values()})
        self._functions.clear()
        self._unbound.clear()
        self._bases.clear()

    def refresh(self) -> None:
        """Catch up with what was half imported or defined unseen, and bind names imported before anew."""
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

    # -- modules ---------------------------------------------------------------------------------------------------

    def when_imported(self, module: str, action: Action, what: str = "") -> None:
        """Run the action on a module: now if it is imported, else as soon as it is. A failure is told, never raised.

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
            hooks().problem(f"{what} cannot be observed: {type(error).__name__}: {error}", "autolog", error)

    # -- functions and methods ---------------------------------------------------------------------------------------

    def _call_of(self, framework: str, target: Target) -> Call:
        observed_call = self._observed_call
        return lambda function, args, kwargs: observed_call(framework, target, function, args, kwargs)

    def _patch_named(self, framework: str, target: Function | Method, module: ModuleType) -> None:
        path = target.path.partition(":")[2]
        call = self._call_of(framework, target)
        if isinstance(target, Function):
            self.replace_function(module, path, lambda function: patched(function, Hook(self, call)))
        else:
            name, _, method = path.rpartition(".")
            self.replace_method(_find(module, name), method, lambda function: patched(function, Hook(self, call)))

    def replace_function(self, module: ModuleType, name: str, make: Callable[[FunctionType], Any]) -> None:
        """Put ``make(original)`` in the place of a module's function, under all its names."""
        original = _find(module, name)
        if not isinstance(original, FunctionType):
            raise TypeError(f"{module.__name__}.{name} is no function")
        if any(original is replacement for _, replacement in self._functions.values()):
            return
        original = self._made.get(original, original)  # another tool may have put an old replacement back
        replacement = make(original)
        self._made[replacement] = original
        self._functions[id(original)] = (original, replacement)
        self._unbound.add(id(original))
        setattr(module, name, replacement)

    def replace_method(self, owner: type, name: str, make: Callable[[FunctionType], Any]) -> None:
        """Put ``make(original)`` in the place of a method, in the class of the MRO that defines it."""
        for cls in owner.__mro__:
            if name in vars(cls):
                self.replace_in_class(cls, name, make)
                return
        raise AttributeError(f"{owner.__qualname__} has no method {name!r}")

    def replace_in_class(self, cls: type, name: str, make: Callable[[FunctionType], Any]) -> None:
        """Put ``make(original)`` in the place of what ``vars(cls)`` has under this name, if it is a function or a conditional method."""
        current: Any = vars(cls).get(name)
        if isinstance(current, FunctionType):
            replacement = make(current)
            type.__setattr__(cls, name, replacement)  # a metaclass may guard its classes
        elif isinstance(getattr(current, "fn", None), FunctionType) and hasattr(type(current), "__get__"):
            # A conditional method (scikit-learn's ``available_if``): the descriptor stays, its function is exchanged.
            replacement = current.fn = make(current.fn)
        else:
            return
        self.note_patched(cls, name, replacement)

    def note_patched(self, cls: type, name: str, replacement: Any) -> None:
        """Take note of what stands in a class, to be taken out again."""
        self._methods.setdefault(cls, []).append((name, weakref.ref(replacement)))

    def _restore_methods(self) -> None:
        for cls, patches in list(self._methods.items()):
            for name, reference in reversed(patches):
                current: Any = vars(cls).get(name)
                inner = getattr(current, "fn", None)
                if current is not None and current is reference():
                    type.__setattr__(cls, name, current.__wrapped__)
                elif inner is not None and inner is reference():
                    current.fn = inner.__wrapped__
        self._methods.clear()

    def restore_later(self, restore: Callable[[], None]) -> None:
        """Call this when patches are undone."""
        self._undo.append(restore)

    def _patch_family(self, framework: str, path: str, targets: list[SubclassMethod], module: ModuleType) -> None:
        base = _find(module, path.partition(":")[2])
        family = _Subclasses(self, base, {target.name: (target, self._call_of(framework, target)) for target in targets})
        self._bases[f"{framework} {path}"] = family
        family.patch_existing()
        family.watch_new()

    def families(self) -> list[_Subclasses]:
        """Return the families of classes that are watched, as they are now: another thread may be importing a framework."""
        return list(self._bases.values())

    def present(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return what a function or bound method that was obtained before it was patched would be by now."""
        if isinstance(function, FunctionType):
            current = self._functions.get(id(function), (None, function))[1]
            return current if callable(current) else function
        if isinstance(function, MethodType):
            current = getattr(function.__self__, function.__name__, None)
            if isinstance(current, MethodType) and getattr(current.__func__, "__wrapped__", None) is function.__func__:
                return current
        return function

    # -- names -----------------------------------------------------------------------------------------------------

    def _rebind(self, table: dict[int, Any], within: str = "") -> None:
        """In every module, or those of one package, let names of an object of the table (by id) be names of what the table says."""
        if not table:
            return
        for module_name, module in list(sys.modules.items()):
            names = getattr(module, "__dict__", None)
            if type(names) is not dict or (within and module_name.partition(".")[0] != within):
                continue
            for name, value in list(names.items()):
                if id(value) in table and isinstance(value, FunctionType) and value is not table[id(value)]:
                    names[name] = table[id(value)]


class _Subclasses:
    """The methods of a base class and all that derives from it."""

    def __init__(self, patcher: Patcher, base: type, targets: dict[str, tuple[SubclassMethod, Call]]) -> None:
        self._patcher = patcher
        self._base = base
        self._targets = targets
        self._seen: weakref.WeakKeyDictionary[type, set[str]] = weakref.WeakKeyDictionary()  # names that a class has had

    def patch_existing(self) -> None:
        """Patch the base, its subclasses, and the mixins from which they have a method."""
        waiting = [self._base]
        while waiting:
            cls = waiting.pop()
            self.patch(cls)
            waiting += type.__subclasses__(cls)

    def covers(self, cls: type, name: str, base: type) -> bool:
        """Tell whether this family observes a class's method from a base nearer to it than the other one."""
        return name in self._targets and self._base is not base and issubclass(self._base, base) and issubclass(cls, self._base)

    def patch(self, cls: type) -> None:
        nearer = [family for family in self._patcher.families() if family is not self]
        for owner in cls.__mro__:
            seen = self._seen.setdefault(owner, set())
            for name in self._targets.keys() & vars(owner).keys():
                if any(family.covers(cls, name, self._base) for family in nearer):
                    continue
                cell = dead_hook(vars(owner)[name])  # a worker gets a class by value, with some tasks once more
                if cell is None and name in seen:
                    continue
                seen.add(name)
                target, call = self._targets[name]
                if target.skip is not None and target.skip(owner):
                    continue
                hook = Hook(self._patcher, self._for_base(call))
                if cell is None:
                    self._patcher.replace_in_class(owner, name, functools.partial(patched, hook=hook))
                else:
                    cell.cell_contents = hook
                    self._patcher.note_patched(owner, name, vars(owner)[name])

    def _for_base(self, call: Call) -> Call:
        """A mixin's method may be called on objects that are none of ours: let those through."""
        base = self._base

        def call_if_instance(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            if args and isinstance(args[0], base):
                return call(function, args, kwargs)
            return function(*args, **kwargs)

        return call_if_instance

    def watch_new(self) -> None:
        """See classes that are defined later, through ``__init_subclass__``."""
        owner = next((cls for cls in self._base.__mro__[:-1] if "__init_subclass__" in vars(cls)), None)
        if owner is None:
            self._watch_plain()
        else:
            self._watch_through(owner)

    def _watch_through(self, owner: Any) -> None:
        original = vars(owner)["__init_subclass__"]
        function, patch = original.__func__, self._patch_new

        @functools.wraps(function)
        def defined(cls: type, /, *args: Any, **kwargs: Any) -> None:
            function(cls, *args, **kwargs)
            patch(cls)

        replacement: Any = classmethod(defined)
        owner.__init_subclass__ = replacement

        def restore() -> None:
            if vars(owner).get("__init_subclass__") is replacement:
                owner.__init_subclass__ = original

        self._patcher.restore_later(restore)

    def _watch_plain(self) -> None:
        base: Any = self._base
        patch = self._patch_new

        def defined(cls: type, /, **kwargs: Any) -> None:
            super(base, cls).__init_subclass__(**kwargs)  # type: ignore[misc]  # base is a class known at run time only
            patch(cls)

        replacement: Any = classmethod(defined)
        base.__init_subclass__ = replacement

        def restore() -> None:
            if vars(base).get("__init_subclass__") is replacement:
                del base.__init_subclass__

        self._patcher.restore_later(restore)

    def _patch_new(self, cls: type) -> None:
        if not self._patcher.on or not issubclass(cls, self._base):
            return
        try:
            self.patch(cls)
        except Exception as error:  # noqa: BLE001 - an error here would make the user's class statement fail
            hooks().problem(f"{cls.__qualname__} cannot be observed: {type(error).__name__}: {error}", "autolog", error)


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


def _expect_module(name: str, package: ModuleType) -> None:
    """See that a package has a module.

    Raises:
        ModuleNotFoundError: it has not; other modules of the package are not affected.
    """
    if name not in sys.modules and importlib.util.find_spec(name) is None:
        raise ModuleNotFoundError(f"{package.__name__} has no module {name.rpartition('.')[2]!r}", name=name)


def _is_importing(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def _wait_for_other_threads(module: str) -> None:
    """Wait until no other thread is importing the module; at once if it is this thread that does."""
    wait = getattr(_bootstrap, "_lock_unlock_module", None)  # what an import statement does here, less the import
    if wait is not None:
        wait(module)
