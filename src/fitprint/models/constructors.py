"""What a pickle may have Python's own types make: plain values of plain values, in the forms that
their own pickles have.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Mapping
from typing import Any

from fitprint.models.opcodes import Name

__all__ = ["MAKERS", "plain"]

_ATOMS = frozenset({bool, int, float, complex, str, bytes, bytearray, type(None)})
_DATED = frozenset({"date", "datetime", "time", "timedelta", "timezone"})
_FRACTION = re.compile(r"[+-]?\d{1,4000}(/\d{1,4000})?")
_CONTAINERS = frozenset({list, tuple, dict, set, frozenset})
_NUMERIC = frozenset({bool, int, float, str, bytes})
_ENCODINGS = frozenset({"ascii", "latin1", "iso88591", "utf8"})


def plain(value: object) -> bool:
    """Tell if a value is a single one of Python's own: a number, a text, bytes, a time."""
    kind = type(value)
    return kind in _ATOMS or (kind.__module__, kind.__name__) in _SINGLE


_SINGLE = {
    ("decimal", "Decimal"),
    ("fractions", "Fraction"),
    ("uuid", "UUID"),
    *(("datetime", name) for name in _DATED),
}


def _refused(made: Any) -> pickle.UnpicklingError:
    return pickle.UnpicklingError(
        f"it makes a {getattr(made, '__name__', made)} of what no honest pickle does"
    )


def _of_atoms(_: Any, make: Any, *arguments: Any) -> Any:
    if not all(map(plain, arguments)):
        raise _refused(make)
    return make(*arguments)


def _int(_: Any, make: Any, *arguments: Any) -> Any:
    # a Decimal of a few letters can be a number of millions of digits
    if not all(type(argument) in _NUMERIC for argument in arguments):
        raise _refused(make)
    return make(*arguments)


def _text(reader: Any, make: Any, *arguments: Any) -> Any:
    if not all(map(plain, arguments)) or not _is_encoding(arguments):
        raise _refused(make)
    reader.spend(_length(arguments))
    return make(*arguments)


def _bytes(reader: Any, make: Any, *arguments: Any) -> Any:
    # a number would be a length
    if (arguments and type(arguments[0]) not in {bytes, bytearray, str, list}) or not _is_encoding(
        arguments
    ):
        raise _refused(make)
    reader.spend(_length(arguments))
    return make(*arguments)


def _is_encoding(arguments: tuple[Any, ...]) -> bool:
    """Tell if a text is named an encoding that takes time in proportion to its length; there are
    others.
    """
    return len(arguments) < 2 or (
        type(arguments[1]) is str
        and arguments[1].lower().replace("-", "").replace("_", "") in _ENCODINGS
    )


def _length(arguments: tuple[Any, ...]) -> int:
    return len(arguments[0]) if arguments and hasattr(arguments[0], "__len__") else 0


def _container(reader: Any, make: Any, *arguments: Any) -> Any:
    """Make a list, a dict and their like of another one; what a file can count up, such as a range,
    is none.
    """
    if len(arguments) > 1 or not all(type(argument) in _CONTAINERS for argument in arguments):
        raise _refused(make)
    given = arguments[0] if arguments else ()
    reader.spend(len(given))
    if issubclass(make, set | frozenset):
        reader.check_keys(given)
    elif issubclass(make, dict) and type(given) is not dict:
        pairs = [tuple(pair) for pair in given if type(pair) in {list, tuple} and len(pair) == 2]
        if len(pairs) != len(given):
            raise _refused(make)
        reader.check_keys(key for key, _ in pairs)
        given = pairs
    return make(given)


def _counter(_: Any, make: Any, *arguments: Any) -> Any:
    if len(arguments) > 1 or not all(type(argument) is dict for argument in arguments):
        raise _refused(make)
    return make(*arguments)


def _defaultdict(reader: Any, make: Any, *arguments: Any) -> Any:
    if len(arguments) > 1 or not all(
        argument is None or reader.name_of(argument) for argument in arguments
    ):
        raise _refused(make)
    return make(*arguments)


def _deque(_: Any, make: Any, *arguments: Any) -> Any:
    if len(arguments) > 2 or not all(
        type(argument) in {list, tuple, int, type(None)} for argument in arguments
    ):
        raise _refused(make)
    return make(*arguments)


def _fraction(_: Any, make: Any, *arguments: Any) -> Any:
    if not all(
        type(argument) is int or (type(argument) is str and _FRACTION.fullmatch(argument))
        for argument in arguments
    ):
        raise _refused(make)
    return make(*arguments)


def _reconstruct(reader: Any, make: Any, *arguments: Any) -> Any:
    """Do as ``copyreg`` does for the oldest protocols: bare objects, and subclasses of the plain
    types.
    """
    cls, base, state = arguments if len(arguments) == 3 else (None, None, None)
    if (
        isinstance(cls, type)
        and reader.name_of(cls) is not None
        and base in {object, dict, list, set, tuple, *_ATOMS}
    ):
        fits = state is None if base is object else type(state) is base
        if isinstance(base, type) and issubclass(base, set):
            reader.check_keys(state)
        if fits:
            return make(cls, base, state)
    raise _refused("bare object")


MAKERS: Mapping[Name, Callable[..., Any]] = {
    Name(module, name): maker
    for module, names, maker in [
        ("builtins", "bool complex float object range slice", _of_atoms),
        ("builtins", "int", _int),
        ("builtins", "str", _text),
        ("builtins", "bytearray bytes", _bytes),
        ("builtins", "dict frozenset list set tuple", _container),
        ("collections", "OrderedDict", _container),
        ("collections", "Counter", _counter),
        ("collections", "defaultdict", _defaultdict),
        ("collections", "deque", _deque),
        ("copyreg", "_reconstructor", _reconstruct),
        ("datetime", " ".join(sorted(_DATED)), _of_atoms),
        ("decimal", "Decimal", _of_atoms),
        ("fractions", "Fraction", _fraction),
        ("uuid", "UUID", _of_atoms),
    ]
    for name in names.split()
}
