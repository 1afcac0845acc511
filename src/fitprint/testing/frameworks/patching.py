"""That patches are where they belong, look like what they replace, and go without a trace."""

from __future__ import annotations

import inspect
import pickle
import sys
import types
from collections.abc import Callable
from typing import Any

from fitprint.autologging.activation import autolog
from fitprint.autologging.framework import Function
from fitprint.testing.checks import Check, NotApplicable, expect
from fitprint.testing.comparison import difference
from fitprint.testing.frameworks.footprint import Footprint, Place, places
from fitprint.testing.frameworks.subject import Case, FrameworkSubject

__all__ = ["CHECKS"]


def targets_resolve_on_installed_version(conformance: FrameworkSubject) -> None:
    """Every target leads to a function or method of the installed framework."""
    for target in conformance.framework.targets():
        try:
            found = places(target)
        except (ImportError, AttributeError) as error:
            raise AssertionError(f"the target {target.path} leads nowhere: {error}") from error
        expect(
            found,
            f"the target {target.path} leads nowhere: no class below it defines "
            f"{getattr(target, 'name', '')!r}",
        )
        for place in found:
            expect(
                inspect.isfunction(place.function) or hasattr(place.raw, "__get__"),
                f"{place.path} is no function, so it is not observed",
            )


def signature_and_doc_kept(conformance: FrameworkSubject) -> None:
    """Patched functions keep kind, name, module, signature, docstring and annotations, and pickle
    by name.
    """
    found = [place for target in conformance.framework.targets() for place in places(target)]
    before = [_looks(place) for place in found]
    with conformance.observed():
        for place, looks in zip(found, before, strict=True):
            for what, now in _looks(place).items():
                told = difference(looks[what], now)
                expect(not told, f"the {what} of {place.path} changes while it is observed: {told}")
            if isinstance(place.target, Function):
                expect(
                    pickle.loads(pickle.dumps(place.raw)) is place.raw,  # noqa: S301 - made here
                    f"{place.path} does not pickle by name",
                )


def imported_names_are_rebound(conformance: FrameworkSubject) -> None:
    """A name imported with ``from module import function`` before ``autolog()`` is observed, too,
    and restored.
    """
    functions = [
        place
        for target in conformance.targets()
        if isinstance(target, Function)
        for place in places(target)
    ]
    if not functions:
        raise NotApplicable("no target is a function")
    importer = types.ModuleType("fitprint_testing_importer")
    sys.modules[importer.__name__] = importer
    try:
        for number, place in enumerate(functions):
            setattr(importer, f"name{number}", place.raw)
        with conformance.observed():
            for number, place in enumerate(functions):
                expect(
                    getattr(importer, f"name{number}") is place.raw,
                    f"a name imported from {place.path} before autolog() is not observed",
                )
            autolog(disable=True)
            for number, place in enumerate(functions):
                expect(
                    getattr(importer, f"name{number}") is place.raw,
                    f"a name imported from {place.path} is not restored",
                )
    finally:
        del sys.modules[importer.__name__]


def patched_twice(conformance: FrameworkSubject, case: Case) -> None:
    """``autolog()`` called twice observes once, and one switching off restores everything."""
    conformance.train(case)
    footprint = Footprint(conformance.framework.targets())
    with conformance.observed() as runs:
        autolog()
        conformance.train(case)
        runs.one()
        autolog(disable=True)
        changes = footprint.changes()
        expect(not changes, f"not restored: {_listed(changes)}")


def revert_restores_every_attribute(conformance: FrameworkSubject, case: Case) -> None:
    """After switching off, every name in every module and every attribute of the framework's
    classes is what it was.
    """
    conformance.train(case)
    footprint = Footprint(conformance.framework.targets())
    with conformance.observed():
        expect(footprint.changes(), "autolog() patched nothing")
        conformance.train(case)
    changes = footprint.changes()
    expect(not changes, f"not restored: {_listed(changes)}")


def revert_under_foreign_wrapper(conformance: FrameworkSubject, case: Case) -> None:
    """Where another tool has wrapped a patched function, switching off leaves that tool's wrapper,
    records nothing, and can be undone.
    """
    found = [
        place
        for target in conformance.targets()
        for place in places(target)
        if inspect.isfunction(place.raw)
    ]
    before = [(place, place.raw) for place in found]
    with conformance.observed() as runs:
        below = [(place, place.raw) for place in found]
        for place, function in below:
            setattr(place.owner, place.name, _foreign(function))
        above = [(place, place.raw) for place in found]
        try:
            conformance.train(case)
            expect(
                len(runs.roots()) == 1,
                f"under another tool's wrapper one call gave {len(runs.roots())} runs",
            )
            autolog(disable=True)
            changed = [place.path for place, wrapper in above if place.raw is not wrapper]
            expect(not changed, f"another tool's wrapper was taken away: {_listed(changed)}")
            conformance.train(case)
            expect(
                len(runs.roots()) == 1, "switched off under another tool's wrapper, it records on"
            )
            for place, function in below:  # the other tool puts back what it found, which is ours
                setattr(place.owner, place.name, function)
            conformance.train(case)
            expect(
                len(runs.roots()) == 1,
                "a patch that another tool put back records although autologging is off",
            )
            autolog()
            conformance.train(case)
            expect(
                len(runs.roots()) == 2,
                f"switched on again, one call gave {len(runs.roots()) - 1} runs",
            )
        finally:
            autolog(disable=True)
            for place, function in before:
                setattr(place.owner, place.name, function)


CHECKS: tuple[Check, ...] = (
    targets_resolve_on_installed_version,
    signature_and_doc_kept,
    imported_names_are_rebound,
    patched_twice,
    revert_restores_every_attribute,
    revert_under_foreign_wrapper,
)


def _listed(names: Any) -> str:
    names = sorted(names)
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _foreign(function: Callable[..., Any]) -> Callable[..., Any]:
    import functools

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def _looks(place: Place) -> dict[str, Any]:
    function = place.function
    names = ("__name__", "__qualname__", "__module__", "__doc__", "__annotations__")
    looks = {name.strip("_"): getattr(function, name, None) for name in names}
    # a property is left alone
    signature = str(inspect.signature(function)) if callable(function) else ""
    return {**looks, "type": type(place.raw).__qualname__, "signature": signature}
