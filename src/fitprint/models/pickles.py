"""Pickles of strangers: what one refers to, and reading one under named trust."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from fitprint.errors import IntegrityError
from fitprint.models import arrays
from fitprint.models.flavor import StateCheck
from fitprint.models.opcodes import Name, Scan, dotted, scan
from fitprint.models.picklers import pickled
from fitprint.models.reader import Builder, Maker, Reader
from fitprint.models.trust import Trust

__all__ = ["dump", "is_constructor", "is_harmless", "load", "needs"]

Known = Callable[[str, str], bool]
_NOTHING: Mapping[Any, Any] = MappingProxyType({})
# of a pickle that is whole in form alone
_DAMAGES = (EOFError, ValueError, IndexError, OverflowError, pickle.UnpicklingError)

# Plain values and what makes arrays.
_HARMLESS: dict[str, frozenset[str]] = {
    module: frozenset(names.split())
    for module, names in {
        "builtins": (
            "bool bytearray bytes complex dict float frozenset int list object range set "
            "slice str tuple"
        ),
        "collections": "Counter OrderedDict defaultdict deque",
        "copyreg": "_reconstructor",
        "datetime": "date datetime time timedelta timezone",
        "decimal": "Decimal",
        "fractions": "Fraction",
        "uuid": "UUID",
        "numpy": (
            "bool bool_ bytes_ complex128 complex64 datetime64 dtype float16 float32 "
            "float64 int16 int32 int64 int8 ndarray object_ str_ timedelta64 uint16 uint32 "
            "uint64 uint8"
        ),
        "numpy.core.multiarray": "_reconstruct scalar",
        "numpy._core.multiarray": "_reconstruct scalar",
        "numpy.core.numeric": "_frombuffer",
        "numpy._core.numeric": "_frombuffer",
        "numpy.ma": "MaskedArray",
        "numpy.ma.core": "MaskedArray _mareconstruct",
        "numpy.random": "Generator RandomState",
        "numpy.random._generator": "Generator",
        "numpy.random._mt19937": "MT19937",
        "numpy.random._pcg64": "PCG64 PCG64DXSM",
        "numpy.random._philox": "Philox",
        "numpy.random._pickle": "__bit_generator_ctor __generator_ctor __randomstate_ctor",
        "numpy.random._sfc64": "SFC64",
        "numpy.random.bit_generator": "SeedSequence __pyx_unpickle_SeedSequence",
        "numpy.random.mtrand": "RandomState",
    }.items()
}


def is_harmless(module: str, name: str) -> bool:
    """Tell if the name is one of the plain types and array constructors that need no trust."""
    return name in _HARMLESS.get(module, ())


def is_constructor(module: str, name: str) -> bool:
    """Tell if a pickle may also call it.

    Called by itself, ``ndarray`` would take raw bytes for objects.
    """
    return is_harmless(module, name) and (module, name) != ("numpy", "ndarray")


def load(
    data: bytes,
    trust: Trust,
    file: str,
    is_trusted: Known = is_harmless,
    is_constructor: Known = is_constructor,
    parts: Mapping[tuple[str, str], StateCheck] = _NOTHING,
    makers: Mapping[Name, Maker] = _NOTHING,
    builders: Mapping[Name, Builder] = _NOTHING,
) -> Any:
    """Unpickle, giving the pickle only names that are known to be harmless or that the caller has
    named.

    All that the pickle refers to and calls is listed before anything of it runs. Then it is read
    step by step, and each step is looked at (:class:`fitprint.models.reader.Reader`): a name that
    the list missed is still refused, and so is what would give compiled code a wrong idea of
    memory.

    Args:
        is_trusted: tells of ``(module, name)`` if a pickle may refer to it.
        is_constructor: tells if a pickle may also call it; what it makes must be a new object.
        parts: types of which a pickle may make objects, without arguments, and give them their
            state once that was looked at. It gets no hold of the type: see
            :attr:`fitprint.models.flavor.Flavor.parts`.
        makers: what makes objects where the pickle calls names of compiled code, beside NumPy's.
        builders: what gives such objects their state.

    Raises:
        UntrustedModelError: it refers to other names.
        IntegrityError: the bytes are no whole pickle.
    """
    try:
        found = scan(data)
    except IntegrityError as error:
        raise IntegrityError(f"{file} of {trust.uri} is damaged: {error}") from error.__cause__
    lent = {
        name: parts[name] for name in found.only_made if name in parts and not is_trusted(*name)
    }
    needed = set(needs(found.names - lent.keys(), is_trusted))
    if not _brings_code(found.names):
        needed.update(
            dotted(*name)
            for name in found.odd
            | {name for name in found.called - lent.keys() if not is_constructor(*name)}
        )
    trust.require(needed, file)
    try:
        if _brings_code(found.names):
            # the caller trusts the file's own code, which could do as much
            return pickle.loads(data)  # noqa: S301
        return Reader(
            data,
            trust,
            file,
            is_trusted,
            lent,
            {**arrays.MAKERS, **makers},
            {**arrays.BUILDERS, **builders},
        ).load()
    except _DAMAGES as error:
        raise IntegrityError(f"{file} of {trust.uri} is damaged: {error}") from error


def needs(names: Iterable[Name], is_trusted: Known = is_harmless) -> list[str]:
    """Return what a caller has to trust to load a pickle that refers to these names.

    A pickle that brings code of its own (cloudpickle writes a script's classes and lambdas so) can
    do anything once that code runs; the one word "cloudpickle" stands for this.
    """
    names = set(names)
    return (
        [_BY_VALUE]
        if _brings_code(names)
        else sorted(dotted(*name) for name in names if not is_trusted(*name))
    )


def dump(model: object) -> tuple[bytes, str, Scan]:
    """Pickle a model, and follow what the pickle does; see
    :func:`fitprint.models.picklers.pickled`.

    Returns:
        The bytes, the format ("pickle" or "cloudpickle") and what the pickle refers to.

    Raises:
        FitprintError: the model cannot be pickled.
    """
    found = pickled(model)
    data = b"".join(found.pieces)
    return data, found.serialization, scan(data)


_BY_VALUE = "cloudpickle"


def _brings_code(names: Iterable[Name]) -> bool:
    return any(_BY_VALUE in name.module.split(".") for name in names)
