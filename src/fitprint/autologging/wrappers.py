"""Wrappers of other tools around a function, and what they hold: where one came first, the function
inside it is exchanged.

A wrapper may be a closure, a bound method, a ``functools.partial``, an object that is called, or a
proxy of wrapt's. Nothing of it is called, compared or asked by name.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Mapping
from types import (
    CellType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

from fitprint.autologging.replacements import is_replacement

__all__ = ["exchange", "holds", "inside_of"]

_MOST = 200  # objects that are looked at for one wrapper
_LEAVES = (type, ModuleType, str, bytes, int, float, type(None))


def inside_of(wrapper: Any, until: Collection[int] = ()) -> Iterator[Any]:
    """Yield the wrapper and everything that it holds and may call, near things first.

    Replacements of ours and those ids end the way.
    """
    waiting, seen = [wrapper], {id(wrapper)}
    for holder in waiting:
        yield holder
        if is_replacement(holder) or id(holder) in until:
            continue
        for value in _held(holder):
            if (
                id(value) not in seen
                and not issubclass(type(value), _LEAVES)
                and len(waiting) < _MOST
            ):
                seen.add(id(value))
                waiting.append(value)


def holds(wrapper: Any, function: object) -> bool:
    """Tell whether something is a function, or a wrapper that holds it."""
    return any(found is function for found in inside_of(wrapper))


def exchange(wrapper: Any, table: Mapping[int, Any]) -> bool:
    """Let a wrapper call, in the place of each object of the table (by id), what the table says.

    Tell whether it held any.
    """
    found = False
    for holder in list(inside_of(wrapper, table)):
        if not is_replacement(holder) and id(holder) not in table:
            found |= _exchange_in(holder, table)
    return found


def _held(holder: Any) -> Iterator[Any]:
    if type(holder) is FunctionType:
        yield from (content for _, content in _cells(holder))
        yield from (holder.__defaults__ or ())
        yield from (holder.__kwdefaults__ or {}).values()
    elif type(holder) is MethodType:
        yield holder.__func__
        yield holder.__self__
    elif type(holder) is functools.partial:
        yield holder.func
        yield from holder.args
        yield from holder.keywords.values()
    else:
        yield from _wrapped(holder)
    yield from list(_attributes(holder).values())


def _exchange_in(holder: Any, table: Mapping[int, Any]) -> bool:
    found = False
    if type(holder) is FunctionType:
        for cell, content in _cells(holder):
            if id(content) in table:
                cell.cell_contents, found = table[id(content)], True
        if any(id(value) in table for value in holder.__defaults__ or ()):
            holder.__defaults__, found = (
                tuple(table.get(id(value), value) for value in holder.__defaults__ or ()),
                True,
            )
        found |= _exchange_values(holder.__kwdefaults__ or {}, table)
    elif type(holder) is functools.partial:
        args = tuple(table.get(id(value), value) for value in holder.args)
        keywords = {name: table.get(id(value), value) for name, value in holder.keywords.items()}
        if id(holder.func) in table or any(
            id(value) in table for value in (*holder.args, *holder.keywords.values())
        ):
            # as copying a partial does
            restate: Any = holder.__setstate__  # type: ignore[attr-defined]
            restate((table.get(id(holder.func), holder.func), args, keywords, vars(holder) or None))
            found = True
    else:
        for value in _wrapped(holder):
            if id(value) in table:
                _set_wrapped(holder, table[id(value)])
                found = True
    return _exchange_values(_attributes(holder), table) or found


def _set_wrapped(holder: Any, function: Any) -> None:
    """Let a proxy, which may pass what is set on to what it holds, hold another function."""
    try:
        object.__setattr__(holder, "__wrapped__", function)
    except TypeError:  # one of wrapt 1, in C: it takes this name as its own
        holder.__wrapped__ = function


def _exchange_values(names: dict[Any, Any], table: Mapping[int, Any]) -> bool:
    found = [(name, value) for name, value in list(names.items()) if id(value) in table]
    for name, value in found:
        names[name] = table[id(value)]
    return bool(found)


def _cells(function: FunctionType) -> Iterator[tuple[CellType, Any]]:
    for cell in function.__closure__ or ():
        try:
            yield cell, cell.cell_contents
        except ValueError:  # nothing has been put into it yet
            continue


def _wrapped(holder: Any) -> Iterator[Any]:
    """Yield what a proxy written in C stands for, which is in no dictionary."""
    for cls in type(holder).__mro__:
        if type(vars(cls).get("__wrapped__")) in (GetSetDescriptorType, MemberDescriptorType):
            try:
                yield object.__getattribute__(holder, "__wrapped__")
            except (AttributeError, ValueError):  # a proxy that has not been told yet
                pass
            return


def _attributes(holder: Any) -> dict[Any, Any]:
    if type(holder) is dict:
        return holder
    try:
        found = object.__getattribute__(holder, "__dict__")
    except (AttributeError, TypeError):
        return {}
    return found if type(found) is dict else {}
