"""What a pickle would do, told from its operation codes without running any of them."""

from __future__ import annotations

import pickletools
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
        odd: names with which it does what no honest pickler does: it changes what it has looked up, or calls what a call gave it.
            A name without a module stands for one that only running the pickle would tell.
    """

    names: set[Name] = field(default_factory=set)
    called: set[Name] = field(default_factory=set)
    odd: set[Name] = field(default_factory=set)


class _Made(NamedTuple):
    """What a call of a name gave."""

    by: Name


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
_OBJECT_SCALARS = {Name(f"numpy.{core}.multiarray", "scalar") for core in ("core", "_core")}  # may give back what it was given
_MARK = object()
_STRINGS = {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE", "STRING", "BINSTRING", "SHORT_BINSTRING"}
_PUTS = {"PUT", "BINPUT", "LONG_BINPUT"}
_GETS = {"GET", "BINGET", "LONG_BINGET"}
_CALLS = {"REDUCE": -2, "NEWOBJ": -2, "NEWOBJ_EX": -3}  # and where the callable lies
_FILLS = {"APPEND": 1, "SETITEM": 2, "BUILD": 1}  # the object below so many others stays
_FILLS_FROM_MARK = {"APPENDS", "SETITEMS", "ADDITEMS"}
_EFFECTS = {
    code.name: (
        pickletools.markobject in code.stack_before,
        len(code.stack_before),
        [_MARK if kind is pickletools.markobject else None for kind in code.stack_after],
    )
    for code in pickletools.opcodes
}


def _follow(codes: Iterator[tuple[Any, Any, int | None]], found: Scan) -> None:
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for code, argument, _ in codes:
        name = code.name
        if name in _STRINGS:
            stack.append(argument)
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in _PUTS:
            memo[argument] = stack[-1]
        elif name in _GETS:
            stack.append(memo[argument])
        elif name == "GLOBAL":
            stack.append(_refer(found, *argument.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            attribute, module = stack.pop(), stack.pop()
            stack.append(_refer(found, module, attribute))
        elif name in _CALLS:
            called = stack[_CALLS[name]]
            del stack[_CALLS[name] :]
            stack.append(_call(found, called))
        elif name in {"OBJ", "INST"}:
            items = _pop_to_mark(stack)
            stack.append(_call(found, items[0] if name == "OBJ" else _refer(found, *argument.split(" ", 1))))
        elif name in {"EXT1", "EXT2", "EXT4"}:
            found.odd.add(_COMPUTED)
            stack.append(None)
        elif name in _FILLS:
            del stack[-_FILLS[name] :]
            if name == "BUILD":
                _build(found, stack[-1])
        elif name in _FILLS_FROM_MARK:
            _pop_to_mark(stack)
        elif name == "DUP":
            stack.append(stack[-1])
        elif name == "POP":
            stack.pop()
        else:
            to_mark, pops, pushes = _EFFECTS[name]
            if to_mark:
                _pop_to_mark(stack)
            elif pops:
                del stack[-pops:]
            stack += pushes


def _refer(found: Scan, module: object, attribute: object) -> Name:
    if not (isinstance(module, str) and isinstance(attribute, str)):
        found.odd.add(_COMPUTED)
        return _COMPUTED
    name = Name(module, attribute)
    found.names.add(name)
    return name


def _call(found: Scan, called: object) -> _Made:
    if isinstance(called, Name):
        found.called.add(called)
        return _Made(called)
    by = called.by if isinstance(called, _Made) else _COMPUTED
    found.odd.add(by)
    return _Made(by)


def _build(found: Scan, target: object) -> None:
    if isinstance(target, Name):
        found.odd.add(target)
    elif isinstance(target, _Made) and target.by in _OBJECT_SCALARS:
        found.odd.add(target.by)


def _pop_to_mark(stack: list[Any]) -> list[Any]:
    items: list[Any] = []
    while (item := stack.pop()) is not _MARK:
        items.append(item)
    return items[::-1]
