"""What a pickle would do, told from its operation codes without running any of them."""

from __future__ import annotations

import pickletools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fitprint.errors import IntegrityError

__all__ = ["Name", "Scan", "dotted", "scan"]


class Name(NamedTuple):
    """A name that a pickle looks up: a module and a (possibly dotted) name in it."""

    module: str
    name: str


@dataclass(frozen=True, slots=True)
class Scan:
    """What a pickle refers to.

    Attributes:
        names: all that it looks up.
        called: those of them that it calls.
        odd: names with which it does what no honest pickler does: it changes what it has looked up,
            or calls what a call gave it. A name without a module stands for one that only running
            the pickle would tell.
        uses: how often each name comes to lie on the stack.
        makings: how often of these a new object is made of it, without arguments.
    """

    names: set[Name] = field(default_factory=set)
    called: set[Name] = field(default_factory=set)
    odd: set[Name] = field(default_factory=set)
    uses: Counter[Name] = field(default_factory=Counter)
    makings: Counter[Name] = field(default_factory=Counter)

    @property
    def only_made(self) -> set[Name]:
        """Names of which the pickle makes new objects, without arguments, and does nothing else
        with them.
        """
        return {
            name
            for name, count in self.makings.items()
            if self.uses[name] == count and name not in self.odd
        }


class _Made:
    """What a call of a name gave.

    Attributes:
        shared: something else refers to it already.
    """

    __slots__ = ("by", "shared")

    def __init__(self, by: Name) -> None:
        self.by = by
        self.shared = False


def scan(data: bytes) -> Scan:
    """Follow a pickle's stack without making any object.

    Raises:
        IntegrityError: the bytes are no whole pickle.
    """
    found = Scan()
    try:
        _follow(pickletools.genops(data), found)
    except Exception as error:  # damaged bytes fail in any way
        raise IntegrityError(f"not a whole pickle: {error}") from error
    return found


def dotted(module: str, name: str) -> str:
    """Return the name as callers write it."""
    return f"{module}.{name}" if module else name


_COMPUTED = Name("", "<what only running the pickle would tell>")
# may give back what it was given
_OBJECT_SCALARS = {Name(f"numpy.{core}.multiarray", "scalar") for core in ("core", "_core")}
_MARK = object()
_UNKNOWN = object()  # a value that does not matter here
_VALUES = {
    "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4",
}  # fmt: skip
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_PUTS = {"PUT", "BINPUT", "LONG_BINPUT"}
_GETS = {"GET", "BINGET", "LONG_BINGET"}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_CALLS = {"REDUCE": 2, "NEWOBJ": 2, "NEWOBJ_EX": 3}  # values taken: the callable and its arguments
_EFFECTS = {
    code.name: (
        pickletools.markobject in code.stack_before,
        len(code.stack_before),
        [_MARK if kind is pickletools.markobject else _UNKNOWN for kind in code.stack_after],
    )
    for code in pickletools.opcodes
}


def _follow(codes: Iterator[tuple[Any, Any, int | None]], found: Scan) -> None:
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for code, argument, _ in codes:
        name = code.name
        if name in _VALUES:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in _PUTS:
            memo[argument] = stack[-1]
        elif name in _GETS:
            stack.append(_shared(memo[argument], found))
        elif name == "DUP":
            stack.append(_shared(stack[-1], found))
        elif name in _TUPLES:
            stack.append(tuple(_pop(stack, _TUPLES[name])))
        elif name == "TUPLE":
            stack.append(tuple(_pop_to_mark(stack)))
        elif name == "SETITEM":
            _pop(stack, 2)
        elif name in {"APPENDS", "ADDITEMS", "SETITEMS"}:
            _pop_to_mark(stack)
        elif name == "APPEND":
            stack.pop()
        elif name == "BUILD":
            stack.pop()
            _build(found, stack[-1])
        elif name == "GLOBAL":
            stack.append(_refer(found, *argument.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            stack.append(_refer(found, *_pop(stack, 2)))
        elif name in _CALLS:
            taken = _pop(stack, _CALLS[name])
            if name == "NEWOBJ" and isinstance(taken[0], Name) and taken[1] == ():
                found.makings[taken[0]] += 1
            stack.append(_call(found, *taken))
        elif name == "OBJ":
            stack.append(_call(found, *_pop_to_mark(stack)))
        elif name == "INST":
            stack.append(_call(found, _refer(found, *argument.split(" ", 1)), *_pop_to_mark(stack)))
        elif name in {"EXT1", "EXT2", "EXT4"}:
            found.odd.add(_COMPUTED)
            stack.append(_UNKNOWN)
        elif name == "POP":
            stack.pop()
        else:
            to_mark, pops, pushes = _EFFECTS[name]
            if to_mark:
                _pop_to_mark(stack)
            else:
                _pop(stack, pops)
            stack += pushes


def _refer(found: Scan, module: object, attribute: object) -> Name:
    if not (isinstance(module, str) and isinstance(attribute, str)):
        found.odd.add(_COMPUTED)
        return _COMPUTED
    name = Name(module, attribute)
    found.names.add(name)
    found.uses[name] += 1
    return name


def _call(found: Scan, called: object, *_arguments: object) -> _Made:
    if isinstance(called, Name):
        found.called.add(called)
        return _Made(called)
    by = called.by if isinstance(called, _Made) else _COMPUTED
    found.odd.add(by)
    return _Made(by)


def _build(found: Scan, target: object) -> None:
    """See that the state is given to an object that the pickle has just made."""
    if isinstance(target, Name):
        found.odd.add(target)
    elif (
        isinstance(target, _Made)
        and target.by.module.startswith("numpy")
        # an array or dtype that others use already would change below them
        and (target.shared or target.by in _OBJECT_SCALARS)
    ):
        found.odd.add(target.by)


def _shared(value: object, found: Scan) -> object:
    if isinstance(value, _Made):
        value.shared = True
    elif isinstance(value, Name):
        found.uses[value] += 1
    return value


def _pop(stack: list[Any], count: int) -> list[Any]:
    if count > len(stack):
        raise IndexError("its stack is empty")
    items = stack[len(stack) - count :]
    del stack[len(stack) - count :]
    return items


def _pop_to_mark(stack: list[Any]) -> list[Any]:
    items: list[Any] = []
    while (item := stack.pop()) is not _MARK:
        items.append(item)
    return items[::-1]
