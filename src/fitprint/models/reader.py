"""Reading a pickle step by step: each call, state and item is looked at, with the very values,
before anything is done with it.

Python's own reader in C does what a pickle says. This one is a subclass of the reader in Python, so
that nothing in a file can come to pass otherwise than by a method below.
"""

from __future__ import annotations

import io
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from fitprint.models.constructors import MAKERS, plain
from fitprint.models.flavor import StateCheck
from fitprint.models.opcodes import Name, dotted
from fitprint.models.trust import Trust

__all__ = ["Builder", "Maker", "Reader", "StandIn", "refuse"]

Known = Callable[[str, str], bool]
# a callable, given the reader, what the name stands for and the arguments; returns the new object;
# or a StandIn
Maker = Any
# given the reader, the object and the state that it is to have
Builder = Callable[[Any, Any, Any], None]
_NOTHING: Mapping[Any, Any] = MappingProxyType({})
# Python's own reader in Python
_Base: Any = pickle._Unpickler  # type: ignore[attr-defined, unused-ignore]  # noqa: SLF001
_HEAP_TYPE = 1 << 9  # the flag of types that are written in Python
_KEY_DEPTH = 8  # tuples in tuples: their hash is taken without a look at the stack
# in all of them together: a tuple that stands in another twice counts twice, as it does for the
# hash
_KEY_ITEMS = 1000
_COPIED = 1 << 26  # items and bytes that a file may have copied, beyond 64 times its size


def refuse(told: str) -> pickle.UnpicklingError:
    """Return the error for what no honest pickle does."""
    return pickle.UnpicklingError(f"it {told}, as no honest pickle does")


class StandIn:
    """Stands for a type that a file may name to makers, which alone understand it,
    and never holds.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<stands for {self.name}>"


class _Part:
    """Stands for a type that a file may only make bare objects of."""

    __slots__ = ("check", "kind")

    def __init__(self, kind: Any, check: StateCheck) -> None:
        self.kind = kind
        self.check = check


class Reader(_Base):  # type: ignore[misc]
    """Reads one pickle.

    Args:
        is_trusted: tells of ``(module, name)`` if the pickle may refer to it; what the caller
            trusts it may refer to besides.
        parts: types of which it may make bare objects and nothing else, with what looks at the
            state that it gives them.
        makers: what makes objects in the place of functions and types that must not be called with
            anything at all.
        builders: what gives a state to objects of types that are not written in Python, by the name
            of the type.

    Attributes:
        fresh: objects that have been made and await their state, by their id.
        made: dtypes and numbers of NumPy's that it vouches for, by their id.
        depths: how deeply arrays of objects and dtypes are nested in each other, with them, by
            their id.
    """

    def __init__(
        self,
        data: bytes,
        trust: Trust,
        file: str,
        is_trusted: Known,
        parts: Mapping[Name, StateCheck] = _NOTHING,
        makers: Mapping[Name, Maker] = _NOTHING,
        builders: Mapping[Name, Builder] = _NOTHING,
    ) -> None:
        # a name that was checked must not turn into another
        super().__init__(io.BytesIO(data), fix_imports=False)
        self._trust = trust
        self._file = file
        self._is_trusted = is_trusted
        self._parts = parts
        self._makers = makers
        self._builders = builders
        self._left = _COPIED + 64 * len(data)
        self._found: dict[int, tuple[Any, Name]] = {}
        self._given: dict[int, Any] = {}  # what trusted code returned
        self._checks: dict[int, tuple[Any, StateCheck]] = {}
        self.fresh: dict[int, Any] = {}
        self.made: dict[int, Any] = {}
        self.depths: dict[int, tuple[int, Any]] = {}

    def spend(self, count: int) -> None:
        """Take note of items or bytes that are copied: a small file must not fill the memory.

        Raises:
            pickle.UnpicklingError: it has many more copied than there are in it.
        """
        self._left -= count
        if self._left < 0:
            raise refuse("copies the same content again and again")

    # -- names -------------------------------------------------------------------------------------

    def find_class(self, module: str, name: str) -> Any:
        found = self._find(module, name)
        self._found[id(found)] = (found, Name(module, name))
        return found

    def _find(self, module: str, name: str) -> Any:
        if dotted(module, name) in self._trust:
            return super().find_class(module, name)
        if check := self._parts.get(Name(module, name)):
            return _Part(self._type(module, name), check)
        if not self._is_trusted(module, name):
            self._trust.require([dotted(module, name)], self._file)
        stand_in = self._makers.get(Name(module, name))
        return stand_in if isinstance(stand_in, StandIn) else super().find_class(module, name)

    def _type(self, module: str, name: str) -> Any:
        kind: object = super().find_class(module, name)
        if not isinstance(kind, type):
            raise refuse(f"makes objects of {module}.{name}, which is no type")
        return kind

    def name_of(self, found: object) -> Name | None:
        """Return the name by which the pickle looked this very object up; None if it did not."""
        known = self._found.get(id(found))
        return known[1] if known is not None else None

    # -- calls -------------------------------------------------------------------------------------

    def _call(self, called: Any, arguments: Any) -> Any:
        name = self.name_of(called)
        if type(arguments) is not tuple:
            raise refuse("calls something with no tuple")
        if id(called) in self._given or (name is not None and dotted(*name) in self._trust):
            made = called(*arguments)
            self._given[id(made)] = made
            return made
        if name is None:
            raise refuse("calls what it has not looked up")
        maker = self._makers.get(name) or MAKERS.get(name)
        if maker is not None and not isinstance(maker, StandIn):
            return maker(self, called, *arguments)
        if not arguments and isinstance(called, type) and called.__flags__ & _HEAP_TYPE:
            return called()
        raise refuse(f"calls {dotted(*name)} with what it does not take")

    def _new(self, kind: Any, arguments: Any, named: Any) -> Any:
        if isinstance(kind, _Part) and arguments == () and not named:
            part = kind.kind.__new__(kind.kind)
            self._checks[id(part)] = (part, kind.check)
            return part
        name = self.name_of(kind)
        if name is not None and dotted(*name) in self._trust:
            return kind.__new__(kind, *arguments, **named)
        if named:
            raise refuse("makes objects with named arguments")
        if (
            arguments == ()
            and isinstance(kind, type)
            and name is not None
            and kind.__flags__ & _HEAP_TYPE
        ):
            return kind.__new__(kind)  # type: ignore[call-overload]
        return self._call(kind, arguments)

    def load_reduce(self) -> None:
        arguments = self.stack.pop()
        self.stack[-1] = self._call(self.stack[-1], arguments)

    def load_newobj(self) -> None:
        arguments = self.stack.pop()
        self.stack[-1] = self._new(self.stack[-1], arguments, {})

    def load_newobj_ex(self) -> None:
        named = self.stack.pop()
        arguments = self.stack.pop()
        self.stack[-1] = self._new(self.stack[-1], arguments, named)

    def _instantiate(self, kind: Any, arguments: Any) -> None:  # OBJ and INST
        self.append(self._call(kind, tuple(arguments)))

    def get_extension(self, code: int) -> None:
        raise refuse(f"refers to what has the number {code} in this process")

    # -- states ------------------------------------------------------------------------------------

    def load_build(self) -> None:
        state = self.stack.pop()
        self._build(self.stack[-1], state)

    def _build(self, target: Any, state: Any) -> None:
        kind: Any = type(target)
        name = Name(kind.__module__, kind.__qualname__)
        known = self._checks.get(id(target))
        if known is not None and known[0] is target:
            _give(target, known[1], state)
        elif self.name_of(target) is not None:
            raise refuse("changes what it has looked up")
        elif plain(target) and not (
            type(state) is dict
            and all(type(key) is str and type(value) is int for key, value in state.items())
        ):
            # what is hashed must be what it says
            raise refuse(f"gives a {name.name} a state that is no number")
        elif (builder := self._builder(kind)) is not None and dotted(*name) not in self._trust:
            builder(self, target, state)
        elif not kind.__flags__ & _HEAP_TYPE and id(target) not in self._given:
            raise refuse(f"gives a state to an object of {dotted(*name)}")
        elif (setter := getattr(kind, "__setstate__", None)) is not None:
            setter(target, state)
        elif type(state) is dict and all(type(key) is str for key in state):
            vars(target).update(state)
        elif dotted(*name) in self._trust or id(target) in self._given:
            self.stack.append(state)
            super().load_build()
        else:
            raise refuse(f"gives a state that is no dict to an object of {dotted(*name)}")

    def _builder(self, kind: type) -> Builder | None:
        """Return what gives objects of a type their state: the type's own, or else that of the
        nearest type below it in C.
        """
        for base in kind.__mro__:
            if (
                builder := self._builders.get(Name(base.__module__, base.__qualname__))
            ) is not None:
                return builder
        return None

    # -- items -------------------------------------------------------------------------------------

    def load_append(self) -> None:
        value = self.stack.pop()
        self._extend(self.stack[-1], [value])

    def load_appends(self) -> None:
        items = self.pop_mark()
        self._extend(self.stack[-1], items)

    def _extend(self, target: Any, items: list[Any]) -> None:
        if isinstance(target, list | deque):
            target.extend(items)
        elif self._is_trusted_object(target):
            for item in items:
                target.append(item)
        else:
            raise refuse(f"appends to a {type(target).__qualname__}")

    def load_setitem(self) -> None:
        value = self.stack.pop()
        key = self.stack.pop()
        self._fill(self.stack[-1], [key, value])

    def load_setitems(self) -> None:
        items = self.pop_mark()
        self._fill(self.stack[-1], items)

    def load_dict(self) -> None:
        items = self.pop_mark()
        made: dict[Any, Any] = {}
        self._fill(made, items)
        self.append(made)

    def _fill(self, target: Any, items: list[Any]) -> None:
        if not isinstance(target, dict) and not self._is_trusted_object(target):
            raise refuse(f"sets items of a {type(target).__qualname__}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            self.check_key(key)
            target[key] = value

    def load_additems(self) -> None:
        items = self.pop_mark()
        target = self.stack[-1]
        if not isinstance(target, set) and not self._is_trusted_object(target):
            raise refuse(f"adds to a {type(target).__qualname__}")
        self.check_keys(items)
        for item in items:
            target.add(item)

    def load_frozenset(self) -> None:
        items = self.pop_mark()
        self.check_keys(items)
        self.append(frozenset(items))

    def check_keys(self, keys: Iterable[Any]) -> None:
        """See that values can be keys; :meth:`check_key` says what can."""
        for key in keys:
            self.check_key(key)

    def check_key(self, key: Any) -> None:
        """See that a value's hash is taken without harm: of tuples nested very deeply it overflows
        the C stack.

        Raises:
            pickle.UnpicklingError: it is no plain value, name or ordinary object, or nested too
                deeply.
        """
        waiting, count = [(key, 0)], 0
        while waiting:
            found, depth = waiting.pop()
            kind: Any = type(found)
            count += 1
            if (
                kind in {str, int, float, bool, bytes, complex, type(None)}
                or self.name_of(found) is not None
            ):
                continue
            if kind in {tuple, frozenset}:
                if depth > _KEY_DEPTH or count + len(waiting) + len(found) > _KEY_ITEMS:
                    raise refuse("nests tuples deeply in a key")
                waiting += [(item, depth + 1) for item in found]
            elif not (
                plain(found)
                or id(found) in self.made
                or kind.__hash__ is object.__hash__
                or self._is_trusted_object(found)
            ):
                raise refuse(f"makes a key of a {kind.__qualname__}")

    def _is_trusted_object(self, target: object) -> bool:
        kind = type(target)
        return id(target) in self._given or f"{kind.__module__}.{kind.__qualname__}" in self._trust

    dispatch = {  # noqa: RUF012 - the base class has it so
        **_Base.dispatch,
        pickle.REDUCE[0]: load_reduce,
        pickle.NEWOBJ[0]: load_newobj,
        pickle.NEWOBJ_EX[0]: load_newobj_ex,
        pickle.BUILD[0]: load_build,
        pickle.APPEND[0]: load_append,
        pickle.APPENDS[0]: load_appends,
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
        pickle.DICT[0]: load_dict,
        pickle.ADDITEMS[0]: load_additems,
        pickle.FROZENSET[0]: load_frozenset,
    }


def _give(part: Any, check: StateCheck, state: Any) -> None:
    if type(state) is not dict or "__setstate__" in state:
        raise pickle.UnpicklingError(
            f"a {type(part).__name__} is given a state that no honest one has"
        )
    check(state)
    setter = getattr(type(part), "__setstate__", None)
    if setter is not None:
        setter(part, state)
    else:
        vars(part).update(state)
