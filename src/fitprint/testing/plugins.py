"""Checking an installed plugin by its name, without pytest."""

from __future__ import annotations

import importlib
import importlib.util
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from types import ModuleType
from typing import Literal

from fitprint.errors import PluginError
from fitprint.hooks.manager import GROUP
from fitprint.hooks.openers import registered_as
from fitprint.testing.artifacts import ArtifactStoreConformance
from fitprint.testing.carriers import CarrierConformance
from fitprint.testing.checks import Conformance, NotApplicable, expect
from fitprint.testing.flavors import FlavorConformance
from fitprint.testing.frameworks.conformance import FrameworkConformance
from fitprint.testing.stores.conformance import StoreConformance

__all__ = ["Report", "Result", "check_plugin", "conformances"]

_BASES = {
    Conformance,
    FrameworkConformance,
    StoreConformance,
    ArtifactStoreConformance,
    CarrierConformance,
    FlavorConformance,
}
# what fitprint itself brings is checked like anybody's plugin
_OUR_OWN = {"core": "fitprint.testing.own"}

_BY_SCHEME = ("register_stores", "register_artifact_stores")

Outcome = Literal["passed", "failed", "skipped", "known"]


@dataclass(frozen=True)
class Result:
    """How one check ended.

    Attributes:
        subject: name of the conformance class.
        check: name of the check, and of the case if there is one.
        outcome: "known" is a failure that the plugin declares; a declared failure that passes has
            "failed".
        detail: what is wrong, why it was skipped, or a figure.
        seconds: how long it took.
    """

    subject: str
    check: str
    outcome: Outcome
    detail: str
    seconds: float


@dataclass(frozen=True)
class Report:
    """How a plugin stands. Its text is a table."""

    plugin: str
    results: tuple[Result, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    @property
    def failures(self) -> tuple[Result, ...]:
        """The checks that failed."""
        return tuple(result for result in self.results if result.outcome == "failed")

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        width = max((len(result.check) for result in self.results), default=0)
        subject = None
        for result in self.results:
            if result.subject != subject:
                subject = result.subject
                yield subject
            detail = result.detail.strip().splitlines()
            yield (
                f"  {result.outcome:8}{result.check:{width}}  {detail[0] if detail else ''}"
            ).rstrip()
            if result.outcome == "failed":
                yield from (f"      {line}" for line in detail[1:])
        counts = {
            outcome: sum(result.outcome == outcome for result in self.results)
            for outcome in ("passed", "failed", "skipped", "known")
        }
        told = [
            f"{count} {outcome}"
            for outcome, count in counts.items()
            if count or outcome == "passed"
        ]
        yield (
            f"{self.plugin}: {', '.join(told)} in "
            f"{sum(result.seconds for result in self.results):.1f} s"
        )


def check_plugin(name: str, *, told: Callable[[Result], None] = lambda _: None) -> Report:
    """Run all checks that an installed plugin's module ``conformance`` contains.

    Args:
        name: name of the plugin's entry point; "core" for fitprint's own parts.
        told: called with each result as soon as it is known.

    Raises:
        PluginError: there is no such plugin, it cannot be loaded, or it has no checks.
    """
    plugin, classes = conformances(name)
    results: list[Result] = []
    causes: set[str] = set()

    def add(
        subject: str,
        check: str,
        work: Callable[[], str | None],
        expected_failure: str | None = None,
    ) -> None:
        result = _result(subject, check, work, expected_failure)
        cause, *more = result.detail.strip().splitlines() or [""]
        if more and cause in causes:
            result = replace(result, detail=f"{cause} (as above)")  # its traceback says nothing new
        causes.add(cause)
        results.append(result)
        told(result)

    add(name, everything_is_checked.__name__, lambda: everything_is_checked(plugin, classes))
    for cls in classes:
        for item in cls().items():
            add(cls.__name__, item.id, item.run, item.expected_failure)
    return Report(name, tuple(results))


def conformances(name: str) -> tuple[ModuleType, list[type[Conformance]]]:
    """Return the module of a plugin, and the conformance classes in its module ``conformance``.

    Raises:
        PluginError: as for :func:`check_plugin`.
    """
    plugin, where = _plugin(name)
    try:
        module = importlib.import_module(where)
    except ModuleNotFoundError as error:
        if error.name != where:
            raise PluginError(f"{where} cannot be imported: {error}") from error
        raise PluginError(
            f"the plugin {name!r} does not say what is to be checked: add a module {where} with "
            "conformance classes"
        ) from error
    except Exception as error:
        raise PluginError(f"{where} cannot be imported: {type(error).__name__}: {error}") from error
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Conformance)
    ]
    classes = [cls for cls in dict.fromkeys(found) if cls not in _BASES]
    if not classes:
        raise PluginError(
            f"{where} has no class that derives from FrameworkConformance, StoreConformance or "
            "another of fitprint.testing"
        )
    return plugin, classes


def _plugin(name: str) -> tuple[ModuleType, str]:
    if name in _OUR_OWN:
        return importlib.import_module("fitprint.builtin"), _OUR_OWN[name]
    points = entry_points(group=GROUP)
    point = next((point for point in points if point.name == name), None)
    if point is None:
        known = ", ".join(sorted({*_OUR_OWN, *(point.name for point in points)}))
        raise PluginError(f"no plugin named {name!r} is installed; there are: {known}")
    try:
        plugin = importlib.import_module(point.module)
    except Exception as error:
        raise PluginError(
            f"the plugin {name!r} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    return (
        plugin,
        (
            f"{point.module if hasattr(plugin, '__path__') else point.module.rpartition('.')[0]}"
            ".conformance"
        ),
    )


def everything_is_checked(plugin: ModuleType, classes: list[type[Conformance]]) -> None:
    """Everything that the plugin registers, of the kinds that the kit knows, has a conformance
    class, and is all that these check.
    """
    for cls in classes:
        if issubclass(cls, (FrameworkConformance, FlavorConformance)):
            expect(cls.cases, f"{cls.__name__} has no cases")
    checked = {
        "register_frameworks": {
            cls.framework.name for cls in classes if issubclass(cls, FrameworkConformance)
        },
        "register_carriers": {
            cls.carrier.name for cls in classes if issubclass(cls, CarrierConformance)
        },
        "register_flavors": {
            cls.flavor.name for cls in classes if issubclass(cls, FlavorConformance)
        },
        "register_stores": {
            cls.uri.partition(":")[0] for cls in classes if issubclass(cls, StoreConformance)
        },
        "register_artifact_stores": {
            cls.uri.partition(":")[0]
            for cls in classes
            if issubclass(cls, ArtifactStoreConformance)
        },
    }
    for hook, covered in checked.items():
        if hasattr(plugin, hook):
            brought, by_scheme = getattr(plugin, hook)(), hook in _BY_SCHEME
            kind = "mapping from schemes to openers" if by_scheme else "list"
            right = isinstance(brought, Mapping if by_scheme else Sequence)
            expect(
                right,
                f"{hook} returns an object of the type {type(brought).__name__}; it must return a "
                f"{kind}",
            )
        else:
            brought = ()
        found = {item if isinstance(item, str) else item.name for item in brought}
        names = covered
        if hook in _BY_SCHEME:
            names = {registered_as(name, found) for name in names}
        expect(
            found >= names,
            f"{', '.join(sorted(names - found))} is checked, but {hook} of the plugin does not "
            "bring it",
        )
        expect(
            found <= names,
            f"{hook} brings {', '.join(sorted(found - names))}, which no conformance class checks",
        )


def _result(
    subject: str, check: str, work: Callable[[], str | None], expected_failure: str | None
) -> Result:
    outcome: Outcome
    started = time.perf_counter()
    try:
        outcome, detail = "passed", work() or ""
    except NotApplicable as reason:
        outcome, detail = "skipped", str(reason)
    except AssertionError as error:
        outcome, detail = "failed", str(error)
    except Exception as error:  # noqa: BLE001 - a plugin may fail in any way
        outcome, detail = "failed", f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
    if expected_failure is not None:
        if outcome == "failed":
            outcome, detail = "known", expected_failure
        elif outcome == "passed":
            outcome, detail = (
                "failed",
                (
                    f"it passes, although it is declared as a known failure ({expected_failure}): "
                    "take it off the list"
                ),
            )
    return Result(subject, check, outcome, detail, time.perf_counter() - started)
