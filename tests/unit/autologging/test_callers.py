"""Whose calls are runs, and what a call costs that is none."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

import fitprint
from fitprint.autologging.framework import Function
from fitprint.recording.run import Run

if TYPE_CHECKING:
    from conftest import Toy

Runs = Callable[[], list[Run]]

FAMILY = """
import sys
from {toy} import Base

def frames():
    count, frame = 0, sys._getframe(1)
    while frame is not None:
        count, frame = count + 1, frame.f_back
    return count

class Deep(Base):
    def fit(self, depth):
        return Deep().fit(depth - 1) if depth else frames()

class Judging(Base):
    def predict(self, depth):
        return Judging().predict(depth - 1) if depth else frames()

    def fit_within(self, model, data):
        return model.fit(data)

class Scoring:
    def score(self, depth):
        return type(self)().score(depth - 1) if depth else frames()

class Known(Scoring, Base):
    pass

class Stranger(Scoring):
    pass

def passes(function, *args):
    return function(*args)

def helps(function, *args):
    return function(*args)

def tools(depth):
    return Deep().fit(depth)
"""


@pytest.fixture
def family(toy: Toy) -> Any:
    """A module of the framework's package, with functions that call what they are given;
    autologging is on.
    """
    folder = toy.folder / f"{toy.name}_kit"
    folder.mkdir()
    toy.write(f"{toy.name}_kit/__init__", "")
    toy.write(f"{toy.name}_kit/core", FAMILY.format(toy=toy.name))
    toy.write("helper_of_toys", "def help(function, *args):\n    return function(*args)\n")
    toy.helpers = ("helper_of_toys",)  # type: ignore[attr-defined]
    toy.passing = (f"{toy.name}_kit.core:passes",)  # type: ignore[attr-defined]
    core = f"{toy.name}_kit.core"
    module = importlib.import_module(core)
    toy.chosen = [
        Function(f"{core}:tools", toy.observe),
        toy.function(),
        toy.subclass_method(),
        toy.subclass_method("predict", role="note"),
        toy.subclass_method("score", role="note"),
    ]
    fitprint.autolog()
    return module


def test_a_call_of_the_frameworks_own_code_is_no_run(toy: Toy, family: Any, runs: Runs) -> None:
    assert toy.module.Base is type(family.helps(toy.module.Base().fit, [1]))
    assert runs() == []


def test_a_call_of_a_helpers_code_is_no_run(toy: Toy, family: Any, runs: Runs) -> None:
    importlib.import_module("helper_of_toys").help(toy.module.Base().fit, [1])
    assert runs() == []


def test_a_call_that_the_framework_passes_on_is_a_run(toy: Toy, family: Any, runs: Runs) -> None:
    family.passes(toy.module.Base().fit, [1])
    family.helps(family.passes, toy.module.Base().fit, [1])
    assert [run.name for run in runs()] == ["Base"]


def test_whatever_the_framework_trains_holds_no_run(toy: Toy, family: Any, runs: Runs) -> None:
    """An estimator of the user's that a helper trains may train others: they are steps of it."""

    class Own(toy.module.Base):  # type: ignore[misc, name-defined]
        def fit(self, X: Any, y: Any = None) -> Any:
            toy.module.Base().fit(X)
            return self

    family.helps(Own().fit, [1])
    assert runs() == []


def test_a_function_of_the_users_that_the_framework_calls_is_the_users(
    toy: Toy, family: Any, runs: Runs
) -> None:
    family.helps(lambda: toy.module.Base().fit([1]))
    assert [run.name for run in runs()] == ["Base"]


def test_a_prediction_holds_no_run(toy: Toy, family: Any, runs: Runs) -> None:
    class Own(toy.module.Base):  # type: ignore[misc, name-defined]
        def predict(self, X: Any) -> Any:
            return toy.module.Base().fit(X)

    Own().predict([1])
    assert runs() == []


@pytest.mark.parametrize(
    "name",
    ["toy.tests.test_it", "toy.core_test", "toy.testing.shared", "toy._testing", "toy.conformance"],
)
def test_tests_of_the_framework_call_as_users_do(
    toy: Toy, family: Any, runs: Runs, name: str
) -> None:
    exec("fit([1])", {"__name__": name.replace("toy", toy.name, 1), "fit": toy.module.Base().fit})
    assert len(runs()) == 1


@pytest.mark.parametrize(
    "names",
    [
        {},
        {"__name__": None},
        {"__name__": ["unhashable"]},
        {"__name__": "__main__"},
        {"__name__": "toy"},
    ],
)
def test_code_of_any_name_is_the_users(
    toy: Toy, family: Any, runs: Runs, names: dict[str, Any]
) -> None:
    exec("fit([1])", {**names, "fit": toy.module.Base().fit})
    assert len(runs()) == 1


def test_a_thread_begins_where_no_code_of_pythons_calls(toy: Toy, family: Any, runs: Runs) -> None:
    import _thread

    done = threading.Event()

    class Own(toy.module.Base):  # type: ignore[misc, name-defined]
        def fit(self, X: Any, y: Any = None) -> Any:
            return self

        def __del__(self) -> None:
            done.set()

    _thread.start_new_thread(Own().fit, ([1],))
    assert done.wait(30)
    assert [run.name for run in runs()] == ["Own"]


def test_another_tools_wrapper_hides_no_caller(toy: Toy, family: Any, runs: Runs) -> None:
    """Where a wrapper stands between the framework's code and ours, whoever called the wrapper
    counts.
    """
    ours = toy.module.Base.fit

    @functools.wraps(ours)
    def theirs(*args: Any, **kwargs: Any) -> Any:
        return functools.partial(inner, *args, **kwargs)()

    def inner(*args: Any, **kwargs: Any) -> Any:
        return ours(*args, **kwargs)

    toy.module.Base.fit = theirs
    family.helps(toy.module.Base().fit, [1])
    assert runs() == []
    toy.module.Base().fit([1])
    assert len(runs()) == 1


DEPTHS = {
    "a training in itself": lambda module, depth: module.Deep().fit(depth),
    "a training of the framework's": lambda module, depth: module.helps(module.Deep().fit, depth),
    "a training in a function that trains": lambda module, depth: module.tools(depth),
    "a prediction": lambda module, depth: module.Judging().predict(depth),
    "a stranger with a mixin's method": lambda module, depth: module.Stranger().score(depth),
}


@pytest.mark.parametrize("what", DEPTHS)
@pytest.mark.parametrize("state", ["on", "inside off()", "switched off"])
def test_fault_13a_a_call_inside_costs_one_frame(
    toy: Toy, family: Any, what: str, state: str
) -> None:
    """However deep: the replacement is all that stands between two of the user's calls, and nothing
    once it is switched off.
    """

    def depth(levels: int) -> int:
        if state == "inside off()":
            with fitprint.off():
                return DEPTHS[what](family, levels)
        return DEPTHS[what](family, levels)

    if state == "switched off":
        fitprint.autolog(disable=True)
    each = 1 if state == "switched off" else 2
    assert [each * 10, each * 40] == [depth(11) - depth(1), depth(41) - depth(1)]


def test_fault_13a_recursion_as_deep_as_without(toy: Toy, family: Any) -> None:
    """Four hundred levels of two frames fit into Python's thousand."""
    here = len(inspect.stack(0))
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(here + 2 * 400 + 60)
    try:
        assert family.Deep().fit(400) > 800
    finally:
        sys.setrecursionlimit(limit)
