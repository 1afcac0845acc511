"""Arrays and what belongs to them, made of what a pickle says of memory only after that was found
to be true.

NumPy believes what it is told: a dtype that is said to hold no objects, while it does, makes
pointers of raw bytes. So a pickle never describes a dtype to NumPy. The description is read here,
NumPy makes a dtype of it in its own way, and the lengths that the pickle states are compared with
it. NumPy is only imported by pickles that name it.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from fitprint.models.constructors import plain
from fitprint.models.opcodes import Name
from fitprint.models.reader import Builder, Maker, StandIn, refuse

__all__ = ["BUILDERS", "MAKERS", "strayed"]

_PLAIN = re.compile(
    r"[<>|=]?(?:(b1|[iu][1248]|f(?:2|4|8|12|16)|c(?:8|16|24|32)|[SUV][0-9]{1,9}|[mM]8)|(O[48]?))"
)
_UNIT = re.compile(r"Y|M|W|D|h|m|s|ms|us|μs|ns|ps|fs|as")
_ALIGNED = 0x80
_SIZE = 1 << 30  # bytes of one element
_NESTING = 16  # of object arrays in each other: they are freed without a look at the stack
_NDARRAY = StandIn("numpy.ndarray")


def _numpy() -> Any:
    return sys.modules["numpy"]


# -- dtypes ----------------------------------------------------------------------------------------


def _dtype(reader: Any, make: Any, *arguments: Any) -> Any:
    """Make a dtype of one of the short forms in which NumPy itself pickles; a state may follow."""
    spec = arguments[0] if arguments else None
    if (
        not isinstance(spec, str)
        or not (found := _PLAIN.fullmatch(spec))
        or not all(type(more) in {bool, int} for more in arguments[1:])
    ):
        raise refuse(f"describes a dtype by {spec!r}"[:200])
    made = make("O" if found[2] else spec, False, True)
    if made.itemsize > _SIZE:
        raise refuse("describes a dtype of a gigabyte")
    reader.made[id(made)] = reader.fresh[id(made)] = made
    return made


def _build_dtype(reader: Any, target: Any, state: Any) -> None:
    if reader.fresh.pop(id(target), None) is not target:
        raise refuse("changes a numpy.dtype that is in use")
    if type(state) is not tuple or not 8 <= len(state) <= 9:
        raise refuse("gives a numpy.dtype a state of another form")
    try:
        described = _described(reader, target, *state)
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise refuse(f"describes a numpy.dtype that cannot be ({error})") from error
    if described.hasobject != target.hasobject or type(described) is not type(target):
        raise refuse("describes a numpy.dtype with objects")
    target.__setstate__(described.__reduce__()[2])  # NumPy's own word, not the pickle's


def _described(
    reader: Any,
    target: Any,
    _: Any,
    order: Any,
    inner: Any,
    names: Any,
    fields: Any,
    size: Any,
    __: Any,
    flags: Any,
    more: Any = None,
) -> Any:
    """Return the dtype that a state means, made by NumPy out of dtypes that it made before."""
    dtype = _numpy().dtype
    if order not in {"<", ">", "|", "="} or type(size) is not int or type(flags) is not int:
        raise refuse("gives a numpy.dtype a state of another form")
    if inner is not None:
        base, shape = inner
        shape = shape if isinstance(shape, tuple) else (shape,)
        described = dtype((_vouched(reader, base), _lengths(shape)))
        _check_nesting(reader, target, [base])
    elif fields is not None:
        described = _structured(reader, names, fields, size, aligned=bool(flags & _ALIGNED))
        _check_nesting(reader, target, [field[0] for field in fields.values()])
    elif names is not None:
        raise refuse("names fields that do not exist")
    elif target.kind in "mM" and more is not None:
        described = _timed(target, more).newbyteorder(order)
    else:
        described = target.newbyteorder(order) if order in "<>" else target
        if size not in (-1, target.itemsize):
            raise refuse("states another size of a numpy.dtype")
        if type(more) is dict and more and target.kind not in "mM":
            described = dtype(described, metadata=more)
    if (inner is not None or fields is not None) and (
        size != described.itemsize or size != target.itemsize or target.kind != "V"
    ):
        raise refuse("states another size of a numpy.dtype")
    return described


def _structured(reader: Any, names: Any, fields: Any, size: int, *, aligned: bool) -> Any:
    if type(names) is not tuple or type(fields) is not dict or not {*names} <= fields.keys():
        raise refuse("names fields that do not exist")
    parts = [fields[name] for name in names]
    whole: dict[str, Any] = {
        "names": list(names),
        "formats": [_vouched(reader, part[0]) for part in parts],
        "offsets": [part[1] for part in parts],
        "itemsize": size,
    }
    if any(len(part) > 2 for part in parts):
        whole["titles"] = [part[2] if len(part) > 2 else None for part in parts]
    for part, offset in zip(whole["formats"], whole["offsets"], strict=True):
        if part.hasobject or type(offset) is not int or not 0 <= offset <= size - part.itemsize:
            raise refuse("has fields with objects, or outside of a numpy.dtype")
    return _numpy().dtype(whole, align=aligned)


def _timed(target: Any, more: Any) -> Any:
    """Return a dtype of times with its unit: ``(metadata, (unit, count, 1, 1))``."""
    _, (unit, count, divisor, event) = more
    unit = unit.decode() if isinstance(unit, bytes) else unit
    if unit == "generic":
        return target
    if (
        not _UNIT.fullmatch(unit)
        or type(count) is not int
        or not 0 < count < 1 << 31
        or (divisor, event) != (1, 1)
    ):
        raise refuse("has times in a unit that there is not")
    return _numpy().dtype(f"{target.kind}8[{count}{unit}]")


def _vouched(reader: Any, dtype: Any) -> Any:
    """Return a dtype that this reader made; from now on it stays as it is."""
    if reader.made.get(id(dtype)) is not dtype or not isinstance(dtype, _numpy().dtype):
        raise refuse("has a numpy.dtype of another origin")
    reader.fresh.pop(id(dtype), None)
    return dtype


def _lengths(shape: Any) -> tuple[int, ...]:
    if (
        type(shape) is not tuple
        or len(shape) > 32
        or not all(type(length) is int and 0 <= length < 1 << 62 for length in shape)
    ):
        raise refuse("has an array of a shape that there is not")
    return shape


# -- arrays ----------------------------------------------------------------------------------------


def _empty(reader: Any, make: Any, *arguments: Any) -> Any:
    """Make an empty array, which will be given its state: all that honest pickles ask for."""
    if len(arguments) != 3 or arguments[0] is not _NDARRAY:
        raise refuse("makes an array of another type")
    made = make(_numpy().ndarray, (0,), b"b")
    reader.fresh[id(made)] = made
    return made


def _empty_masked(reader: Any, make: Any, *arguments: Any) -> Any:
    if len(arguments) != 4 or reader.name_of(arguments[0]) is None or arguments[1] is not _NDARRAY:
        raise refuse("makes a masked array of another type")
    if arguments[0] is not sys.modules["numpy.ma"].MaskedArray:
        raise refuse("makes a masked array of another type")
    made = make(arguments[0], _numpy().ndarray, (0,), b"b")
    reader.fresh[id(made)] = made
    return made


def _content(
    reader: Any, shape: Any, dtype: Any, data: Any, *, copied: bool = True
) -> bytes | bytearray | list[Any]:
    """Return what an array is to hold, found to have the length that its shape and dtype ask for.

    Args:
        copied: what could change later is not wanted.
    """
    dtype = _vouched(reader, dtype)
    count = math.prod(_lengths(shape))
    if dtype.hasobject:
        if dtype.kind != "O" or type(data) is not list or len(data) != count:
            raise refuse("makes objects of an array's bytes")
        return data
    if isinstance(data, str):
        data = data.encode("latin1")  # as Python 2 wrote bytes
    if not isinstance(data, bytes | bytearray) or len(data) != count * dtype.itemsize:
        raise refuse("has an array of another length than it states")
    return bytes(data) if copied else data


def _check_truths(array: Any) -> None:
    """See that truth values are 0 or 1: NumPy's own code counts on it, and would write behind what
    it reserved.
    """
    if array.dtype.names is not None:
        for name in array.dtype.names:
            _check_truths(array[name])
    elif array.dtype.kind == "b" and array.size and array.view("u1").max() > 1:
        raise refuse("has truth values that are neither 0 nor 1")


def _build_array(reader: Any, target: Any, state: Any) -> None:
    if reader.fresh.pop(id(target), None) is not target:
        raise refuse("changes an array that is in use")
    if type(state) is not tuple or len(state) not in {4, 5}:
        raise refuse("gives an array a state of another form")
    shape, dtype, fortran, data = state[-4:]
    content = _content(reader, shape, dtype, data)
    if isinstance(content, list):
        _check_nesting(reader, target, content)
    target.__setstate__((1, shape, dtype, bool(fortran), content))
    _check_truths(target)


def _check_nesting(reader: Any, target: Any, items: Iterable[Any]) -> None:
    depth = 1 + max(
        (reader.depths[id(item)][0] for item in items if id(item) in reader.depths), default=0
    )
    if depth > _NESTING:
        raise refuse("nests arrays or dtypes deeply")
    reader.depths[id(target)] = (depth, target)


def _build_masked(reader: Any, target: Any, state: Any) -> None:
    if reader.fresh.pop(id(target), None) is not target:
        raise refuse("changes an array that is in use")
    if type(state) is not tuple or len(state) != 7:
        raise refuse("gives a masked array a state of another form")
    _, shape, dtype, fortran, data, mask, fill = state
    numpy = _numpy()
    content = _content(reader, shape, dtype, data)
    masks = sys.modules["numpy.ma"].make_mask_descr(dtype)
    if (
        isinstance(content, list)
        or type(mask) is not bytes
        or len(mask) != math.prod(shape) * masks.itemsize
    ):
        raise refuse("has a masked array of another length than it states")
    _check_truths(numpy.frombuffer(mask, masks))
    if not (
        plain(fill)
        or isinstance(fill, numpy.generic)
        or (type(fill) is numpy.ndarray and not fill.dtype.hasobject)
    ):
        raise refuse("fills a masked array with objects")
    target.__setstate__((1, shape, dtype, bool(fortran), content, mask, fill))
    _check_truths(numpy.asarray(target))


def _from_buffer(reader: Any, make: Any, *arguments: Any) -> Any:
    if not 4 <= len(arguments) <= 5:
        raise refuse("has a buffer of another form")
    data, dtype, shape, order, *axes = arguments
    # an array lies on it, so that it can no more change its length
    content = _content(reader, shape, dtype, data, copied=False)
    if (
        isinstance(content, list)
        or order not in {"C", "F", "K"}
        or not all(_is_order(more, len(shape)) for more in axes)
    ):
        raise refuse("has a buffer of another form")
    made = make(content, *arguments[1:])
    _check_truths(made)
    return made


def _is_order(axes: Any, count: int) -> bool:
    return axes is None or (type(axes) in {tuple, list} and sorted(axes) == list(range(count)))


def _scalar(reader: Any, make: Any, *arguments: Any) -> Any:
    if len(arguments) != 2:
        raise refuse("has a number of another form")
    content = _content(reader, (), *arguments)
    if isinstance(content, list):
        raise refuse("has a number that is an object")
    _check_truths(_numpy().frombuffer(content, arguments[0]))
    made = make(arguments[0], content)
    reader.made[id(made)] = made
    return made


# -- generators ------------------------------------------------------------------------------------

_GENERATORS = frozenset("MT19937 PCG64 PCG64DXSM Philox SFC64".split())


def _bit_generator(reader: Any, make: Any, *arguments: Any) -> Any:
    if len(arguments) > 1 or not all(_is_kind(reader, argument) for argument in arguments):
        raise refuse("makes a bit generator of another type")
    return make(*arguments)


def _generator(reader: Any, make: Any, *arguments: Any) -> Any:
    first, *more = arguments or ("MT19937",)
    known = [reader.name_of(argument) for argument in more]
    if len(more) > 1 or not all(
        name is not None and name.name == "__bit_generator_ctor" for name in known
    ):
        raise refuse("makes a generator in another way")
    if not (_is_kind(reader, first) or type(first).__name__ in _GENERATORS):
        raise refuse("makes a generator of another type")
    return make(first, *more)


def _is_kind(reader: Any, named: Any) -> bool:
    if isinstance(named, str):
        return named in _GENERATORS
    name = reader.name_of(named)
    return name is not None and name.module.startswith("numpy.random.") and name.name in _GENERATORS


def _seed_sequence(reader: Any, make: Any, *arguments: Any) -> Any:
    kind, number, state = arguments if len(arguments) == 3 else (None, None, None)
    name = reader.name_of(kind)
    if (
        name is None
        or name.name != "SeedSequence"
        or type(number) is not int
        or not _is_data(state)
    ):
        raise refuse("makes a seed sequence in another way")
    return make(kind, number, state)


def _is_data(value: Any) -> bool:
    """Tell if a value is a tree of plain values, with arrays of numbers as leaves.

    What stands in it many times is looked at once.
    """
    seen: set[int] = set()
    waiting = [(value, 0)]
    while waiting:
        found, depth = waiting.pop()
        if plain(found) or id(found) in seen:
            continue
        seen.add(id(found))
        if type(found) in {tuple, list, dict}:
            if depth >= _NESTING:
                return False
            waiting += [
                (item, depth + 1) for item in (found.values() if type(found) is dict else found)
            ]
        elif not (
            isinstance(found, _numpy().generic)
            or (type(found) is _numpy().ndarray and not found.dtype.hasobject)
        ):
            return False
    return True


def _build_random(_: Any, target: Any, state: Any) -> None:
    """Give a generator its state, and see that it stands inside of its numbers: it would read on
    from wherever it stood.
    """
    given, seeds = (
        state
        if type(state) is tuple and len(state) == 2 and type(state[0]) is dict
        else (state, None)
    )
    if not _is_data(given) or not (seeds is None or type(seeds).__name__ == "SeedSequence"):
        raise refuse("gives a generator a state of another form")
    target.__setstate__(state)
    inner = getattr(target, "_bit_generator", target)
    if (told := strayed(inner)) is not None:
        raise refuse(f"has a generator that {told}")


def strayed(generator: Any) -> str | None:
    """Tell what is wrong with a bit generator's place among its numbers; None if nothing is."""
    state = generator.state
    limits = {"MT19937": ("state", "pos", 624), "Philox": (None, "buffer_pos", 4)}.get(
        state.get("bit_generator", "")
    )
    if limits is None:
        return None
    below, key, most = limits
    place = (state[below] if below else state)[key]
    return None if 0 <= place <= most else f"is at number {place} of {most}"


def _build_seeds(_: Any, target: Any, state: Any) -> None:
    if not _is_data(state):
        raise refuse("gives a seed sequence a state of another form")
    target.__setstate__(state)


def _named(table: Mapping[str, Any]) -> dict[Name, Any]:
    return {
        Name(*path.rsplit(".", 1)): what for paths, what in table.items() for path in paths.split()
    }


MAKERS: Mapping[Name, Maker] = _named(
    {
        "numpy.dtype": _dtype,
        "numpy.ndarray": _NDARRAY,
        "numpy.core.multiarray._reconstruct numpy._core.multiarray._reconstruct": _empty,
        "numpy.core.multiarray.scalar numpy._core.multiarray.scalar": _scalar,
        "numpy.core.numeric._frombuffer numpy._core.numeric._frombuffer": _from_buffer,
        "numpy.ma.core._mareconstruct": _empty_masked,
        "numpy.random._pickle.__bit_generator_ctor": _bit_generator,
        "numpy.random._pickle.__generator_ctor numpy.random._pickle.__randomstate_ctor": _generator,
        "numpy.random.bit_generator.__pyx_unpickle_SeedSequence": _seed_sequence,
    }
)
BUILDERS: Mapping[Name, Builder] = _named(
    {
        "numpy.dtype": _build_dtype,
        "numpy.ndarray": _build_array,
        "numpy.ma.MaskedArray numpy.ma.core.MaskedArray": _build_masked,
        (
            "numpy.random.bit_generator.BitGenerator numpy.random.mtrand.RandomState "
            "numpy.random._generator.Generator"
        ): _build_random,
        "numpy.random.bit_generator.SeedSequence": _build_seeds,
    }
)
