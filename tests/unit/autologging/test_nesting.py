"""Calls inside observed calls: what they add to the outer one's run, and which target observes a
method.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

import fitprint
from fitprint.autologging.framework import Framework
from fitprint.autologging.rounds import Rounds
from fitprint.hooks import manager
from fitprint.recording.run import Run

if TYPE_CHECKING:
    from conftest import Toy

Runs = Callable[[], list[Run]]

BOOST = """
from {toy} import Base

def boost(rounds, fail_at=None):
    for number in range(rounds):
        if number == fail_at:
            raise ValueError("round")
    return rounds

class Booster(Base):
    def fit(self, X, y=None, *, weight=None):
        self.rounds_ = boost(len(X))
        return self

class Committee(Base):
    def fit(self, X, y=None, *, weight=None):
        Booster().fit(X)
        Booster().fit(X)
        return self

class Deep(Base):
    def fit(self, X, y=None, *, weight=None):
        outer(X)
        return self

def outer(X):
    return boost(len(X))
"""


def observe_boost(fit: Any) -> Generator[None, Any, None]:
    result = yield
    rounds = Rounds(fit, goal=lambda key: "min")
    for number in range(result):
        rounds.record(number, {"loss": 1.0 / (number + 1)})
    rounds.stopped(best_iteration=result - 1, best_score=0.5)


@pytest.fixture
def boost(toy: Toy) -> Toy:
    """A framework with a function that a fit of its own calls."""
    toy.write(f"{toy.name}_boost", BOOST.format(toy=toy.name))
    function = toy.function(observe=observe_boost, nested=observe_boost)
    toy.chosen = [
        type(function)(f"{toy.name}_boost:boost", observe_boost, nested=observe_boost),
        toy.subclass_method(),
    ]
    fitprint.autolog()
    return toy


def module_of(toy: Toy) -> Any:
    import importlib

    return importlib.import_module(f"{toy.name}_boost")


def test_a_nested_call_records_on_the_outer_run(boost: Toy, runs: Runs) -> None:
    module_of(boost).Booster().fit([1, 2, 3])
    (run,) = runs()
    assert run.name == "Booster"
    assert list(run.history("loss").value) == [1.0, 0.5, 1 / 3]
    assert run.metrics["best_iteration"] == 2


def test_an_outermost_call_is_a_run_of_its_own(boost: Toy, runs: Runs) -> None:
    module_of(boost).boost(2)
    (run,) = runs()
    assert (run.name, list(run.history("loss").value)) == ("boost", [1.0, 0.5])


def test_further_nested_calls_keep_their_own_keys(boost: Toy, runs: Runs) -> None:
    module_of(boost).Committee().fit([1, 2])
    (run,) = runs()
    assert list(run.history("loss").value) == [1.0, 0.5]
    assert list(run.history("part2_loss").value) == [1.0, 0.5]
    assert run.metrics["part2_best_iteration"] == 1


@pytest.mark.parametrize("kind", ["search", "cross-validation"])
def test_many_trainings_in_one_call_add_nothing(toy: Toy, runs: Runs, kind: str) -> None:
    toy.write(f"{toy.name}_boost", BOOST.format(toy=toy.name))
    kind_of_function = type(toy.function())
    toy.chosen = [
        kind_of_function(f"{toy.name}_boost:boost", observe_boost, nested=observe_boost),
        toy.subclass_method(kind=kind),
    ]
    fitprint.autolog()
    module_of(toy).Committee().fit([1, 2])
    (run,) = runs()
    assert "loss" not in run.metrics


def test_calls_below_a_nested_call_run_plain(toy: Toy, runs: Runs) -> None:
    toy.write(f"{toy.name}_boost", BOOST.format(toy=toy.name))
    function = type(toy.function())
    path = f"{toy.name}_boost"
    toy.chosen = [
        function(f"{path}:boost", observe_boost, nested=observe_boost),
        function(f"{path}:outer", toy.observe, nested=toy.observe),
        toy.subclass_method(),
    ]
    fitprint.autolog()
    module_of(toy).Deep().fit([1, 2])
    (run,) = runs()
    assert "loss" not in run.metrics
    assert toy.seen == [
        ("before", "Deep"),
        ("before", "outer"),
        ("after", "outer"),
        ("after", "Deep"),
    ]


def test_children_of_a_call_that_raises_end_with_it(toy: Toy, runs: Runs) -> None:
    """Those that were open are FAILED with its traceback; one that had ended stays FINISHED."""

    def observe(fit: Any) -> Generator[None, Any, None]:
        yield

    def candidate(fit: Any) -> Generator[None, Any, None]:
        child = fit.outer.child(f"part {fit.position}", kind="candidate")
        yield
        child.end()

    code = BOOST.format(toy=toy.name) + "\ndef tune():\n    boost(2)\n    boost(2, fail_at=1)\n"
    toy.write(f"{toy.name}_boost", code)
    function, path = type(toy.function()), f"{toy.name}_boost"
    toy.chosen = [
        function(f"{path}:tune", observe),
        function(f"{path}:boost", observe, nested=candidate),
    ]
    fitprint.autolog()
    with pytest.raises(ValueError, match="round"):
        module_of(toy).tune()
    (run,) = [run for run in runs() if run.parent_id is None]
    found = {
        child.name: (child.status, child.error is not None and "ValueError" in child.error)
        for child in run.children()
    }
    assert run.status == "FAILED"
    assert found == {"part 1": ("FINISHED", False), "part 2": ("FAILED", True)}


def test_a_failing_nested_observer_leaves_the_call_alone(
    toy: Toy, told: list[str], runs: Runs
) -> None:
    def fail(fit: Any) -> Generator[None, Any, None]:
        yield
        raise RuntimeError("ours")

    toy.write(f"{toy.name}_boost", BOOST.format(toy=toy.name))
    toy.chosen = [
        type(toy.function())(f"{toy.name}_boost:boost", fail, nested=fail),
        toy.subclass_method(),
    ]
    fitprint.autolog()
    assert module_of(toy).Booster().fit([1, 2]).rounds_ == 2
    (run,) = runs()
    assert run.status == "FINISHED"
    assert any("ours" in problem for problem in told)
    assert "ours" in str(run.capture["failed"])


def test_the_report_counts_what_nested_observers_cost(boost: Toy, runs: Runs) -> None:
    def slow(fit: Any) -> Generator[None, Any, None]:
        fit.overhead += 5.0
        yield

    boost.chosen = [
        type(boost.function())(f"{boost.name}_boost:boost", slow, nested=slow),
        boost.subclass_method(),
    ]
    fitprint.autolog(disable=True)
    fitprint.autolog()
    module_of(boost).Booster().fit([1])
    (run,) = runs()
    assert run.capture["cost_ms"] >= 5000


@pytest.mark.parametrize("imported_first", [True, False])
@pytest.mark.parametrize("nearest_first", [True, False])
def test_the_target_with_the_nearest_base_observes(
    toy: Toy, runs: Runs, imported_first: bool, nearest_first: bool
) -> None:
    def observe_nearest(fit: Any) -> Generator[None, Any, None]:
        fit.tags({"observer": "nearest"})
        yield

    toy.write(f"{toy.name}_boost", BOOST.format(toy=toy.name))
    nearest = type(toy.subclass_method())(f"{toy.name}_boost:Booster", "fit", observe_nearest)
    toy.chosen = (
        [nearest, toy.subclass_method()] if nearest_first else [toy.subclass_method(), nearest]
    )
    if imported_first:
        module_of(toy)
    fitprint.autolog()
    module = module_of(toy)

    class Own(module.Booster):  # type: ignore[misc,name-defined]
        def fit(self, X: Any, y: Any = None, *, weight: Any = None) -> Any:
            return super().fit(X)

    module.Booster().fit([1])
    Own().fit([1])
    module.Committee().fit([1])
    assert [run.tags.get("observer") for run in runs()] == ["nearest", "nearest", None]
    fitprint.autolog(disable=True)
    assert not hasattr(module.Booster.fit, "__wrapped__")
    assert not hasattr(Own.fit, "__wrapped__")


class Other(Framework):
    """A framework whose objects are trained in the toy's calls."""

    distribution = "other"

    def __init__(self, toy: Toy) -> None:
        self.name = f"{toy.name}_boost"
        self.within = (toy.name,)
        self.toy = toy

    def targets(self) -> list[Any]:
        return [type(self.toy.subclass_method())(f"{self.name}:Booster", "fit", self.toy.observe)]

    def register_frameworks(self) -> list[Any]:
        return [self]


@pytest.fixture
def left_out(toy: Toy, hooked: Callable[[Mapping[str, Any]], None]) -> Toy:
    """The toy is left out by the settings, and another framework, trained in its calls, is not."""
    toy.write(f"{toy.name}_boost", BOOST.format(toy=toy.name))
    toy.chosen = [toy.subclass_method()]
    hooked({"toy": toy, "other": Other(toy)})
    fitprint.autolog(exclude_frameworks=[toy.name])
    return toy


def test_a_call_that_trains_what_is_wanted_is_recorded(left_out: Toy, runs: Runs) -> None:
    """With the framework around left out, its call is still the one run, from its first inner
    training on.
    """
    module = module_of(left_out)
    module.Committee().fit([1])
    module.Booster().fit([1])
    assert [(run.name, run.status, run.tags["result"]) for run in runs()] == [
        ("Committee", "FINISHED", "Committee"),
        ("Booster", "FINISHED", "Booster"),
    ]


def test_a_call_that_trains_nothing_that_is_wanted_is_not(left_out: Toy, runs: Runs) -> None:
    left_out.module.Calling().fit([1])
    assert runs() == []
    assert left_out.seen == []


def test_a_call_that_waits_and_fails_tells_so_if_it_began(left_out: Toy, runs: Runs) -> None:
    module = module_of(left_out)

    class Failing(module.Base):  # type: ignore[misc,name-defined]
        def fit(self, X: Any, y: Any = None, *, weight: Any = None) -> Any:
            if X:
                module.Booster().fit(X)
            raise ValueError("late")

    for X in ([], [1]):
        with pytest.raises(ValueError, match="late"):
            Failing().fit(X)
    (run,) = runs()
    assert (run.name, run.status) == ("Failing", "FAILED")


@pytest.fixture
def hooked() -> Callable[[Mapping[str, Any]], None]:
    """Put plugins in the place of those that are installed."""
    from fitprint.hooks.markers import hookimpl

    def put(plugins: Mapping[str, Any]) -> None:
        Other.register_frameworks = hookimpl(Other.register_frameworks)  # type: ignore[method-assign]
        manager.reset(manager.Hooks(disabled=["*"], extra=dict(plugins), strict=True))

    return put
