"""What the checks of a framework plugin need: its framework, and cases of calls that train."""

from __future__ import annotations

import importlib
import random
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from fitprint.autologging.activation import autolog, engine
from fitprint.autologging.framework import Framework, Target
from fitprint.testing.capture import CapturedRuns, captured_runs, plugin_of
from fitprint.testing.checks import Conformance, expect
from fitprint.testing.comparison import difference

__all__ = ["Case", "FrameworkSubject", "Outcome", "seeded"]


@dataclass(frozen=True)
class Case:
    """One training call, and what its record must contain.

    ``build`` and ``fit`` are functions of a module that import the framework inside, because new
    processes call them, before and after the framework is imported.

    Attributes:
        name: short and unique among the cases.
        build: returns the arguments of the call by name: new objects with the same values each
            time.
        fit: takes what ``build`` returned as keyword arguments, makes the one outermost training
            call, and returns its result.
        predict: takes that result and returns what must be the same with and without fitprint; by
            default the whole result.
        params: names of parameters that must be recorded.
        metrics: names of metrics that must be recorded, with the number of their points (None: any
            number).
        model: path of the model that must be recorded; None if there is none.
        kind: kind of the run.
        children: number of runs below it.
        datasets: names of data that must be described.
    """

    name: str
    build: Callable[[], Mapping[str, Any]]
    fit: Callable[..., Any]
    predict: Callable[[Any], Any] | None = None
    params: Collection[str] = ()
    metrics: Mapping[str, int | None] = field(default_factory=dict)
    model: str | None = "model"
    kind: str = "fit"
    children: int = 0
    datasets: Collection[str] = ()


@dataclass
class Outcome:
    """What one run of a case left behind: what was given, as it is now, the result, and the state
    of random generators.
    """

    given: dict[str, Any]
    result: Any
    told: Any
    random: Any


class FrameworkSubject(Conformance):
    """A framework plugin under test, its cases, and how its calls are recorded.

    Attributes:
        framework: the plugin's framework; hooks beside it are taken from its top-level package.
        cases: calls that train, at least one.
    """

    framework: Framework
    cases: Sequence[Case] = ()

    def targets(self) -> Sequence[Target]:
        """Return the targets whose calls make runs."""
        return [target for target in self.framework.targets() if target.role != "note"]

    @contextmanager
    def captured(
        self,
        *,
        framework: Framework | None = None,
        strict: bool = True,
        installed: bool = False,
        **settings: Any,
    ) -> Iterator[CapturedRuns]:
        """Record with the plugin under test, alone or beside all that are installed."""
        package = sys.modules.get(type(self.framework).__module__.partition(".")[0])
        plugin = plugin_of(package, register_frameworks=lambda: [framework or self.framework])
        with captured_runs(
            plugins={self.framework.name: plugin}, installed=installed, strict=strict, **settings
        ) as runs:
            yield runs

    @contextmanager
    def observed(
        self,
        *,
        framework: Framework | None = None,
        strict: bool = True,
        installed: bool = False,
        **settings: Any,
    ) -> Iterator[CapturedRuns]:
        """Record with the plugin under test, alone or beside all that are installed, and
        autologging on.
        """
        with self.captured(
            framework=framework, strict=strict, installed=installed, **settings
        ) as runs:
            autolog()
            yield runs

    def train(self, case: Case) -> Outcome:
        """Run a case from the same seeds as ever."""
        with seeded() as numpy:
            given = dict(case.build())
            result = case.fit(**given)
            state = (random.getstate(), numpy.random.get_state() if numpy is not None else None)
            for subject in (result, *given.values()):
                engine().end_sequence(subject)
            return Outcome(
                given, result, result if case.predict is None else case.predict(result), state
            )

    def expect_same(self, case: Case, outcome: Outcome, what: str) -> None:
        """Compare an outcome with that of a call that nobody observes.

        Raises:
            AssertionError: results differ.
        """
        told = difference(self.train(case).told, outcome.told)
        expect(not told, f"{case.name}: the result is another {what}: {told}")


@contextmanager
def seeded() -> Iterator[Any]:
    """Seed the global generators, and put them back; gives numpy if it is installed: what the case
    imports may draw from it.
    """
    try:
        numpy: Any = importlib.import_module("numpy")
    except ImportError:
        numpy = None
    before = random.getstate(), numpy.random.get_state() if numpy is not None else None
    random.seed(20240229)
    if numpy is not None:
        numpy.random.seed(20240229)
    try:
        yield numpy
    finally:
        random.setstate(before[0])
        if numpy is not None:
            numpy.random.set_state(before[1])
