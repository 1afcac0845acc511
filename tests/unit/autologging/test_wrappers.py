"""Other tools that wrap the same functions, in any order and of any kind."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import wrapt

import fitprint
from fitprint.autologging.framework import Function, Method
from fitprint.autologging.replacements import is_replacement
from fitprint.autologging.wrappers import holds, inside_of
from fitprint.recording.run import Run

if TYPE_CHECKING:
    from conftest import Toy

Runs = Callable[[], list[Run]]


class Counted:
    """Stands in the place of a function and counts its calls."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.calls = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        return self.function(*args, **kwargs)


class Kept:
    """A tracker that keeps what it replaces in a table of its own."""

    def __init__(self, function: Any) -> None:
        self.originals = {"train": function}

    def call(self, *args: Any, **kwargs: Any) -> Any:
        return self.originals["train"](*args, **kwargs)


def wraps(function: Any) -> Any:
    return functools.wraps(function)(lambda *args, **kwargs: function(*args, **kwargs))


def nameless(function: Any) -> Any:
    return lambda *args, **kwargs: function(*args, **kwargs)


def by_default(function: Any) -> Any:
    def wrapper(*args: Any, _function: Any = function, **kwargs: Any) -> Any:
        return _function(*args, **kwargs)

    return wrapper


def proxy(function: Any) -> Any:
    return wrapt.FunctionWrapper(
        function, lambda wrapped, instance, args, kwargs: wrapped(*args, **kwargs)
    )


STYLES: dict[str, Callable[[Any], Any]] = {
    "wraps": wraps,
    "a closure": nameless,
    "a default": by_default,
    "a proxy of wrapt's": proxy,
    "an object": Counted,
    "a bound method": lambda function: Kept(function).call,
    "a partial": functools.partial,
    "several": lambda function: wraps(Counted(functools.partial(wraps(function)))),
}
STYLE = pytest.mark.parametrize("style", STYLES)
PLACE = pytest.mark.parametrize("place", ["public", "defining", "both"])


@pytest.fixture
def package(toy: Toy) -> Any:
    """A package that offers a function of a module of it, as frameworks do."""
    (toy.folder / f"{toy.name}p").mkdir()
    toy.write(f"{toy.name}p/__init__", f"from {toy.name}p.core import train\n")
    toy.write(
        f"{toy.name}p/core",
        "def train(params, rounds=1):\n    return {'params': params, 'rounds': rounds}\n",
    )
    toy.chosen = [
        Function(f"{toy.name}p.core:train", toy.observe, nested=toy.observe),
        toy.subclass_method(),
        toy.subclass_method("score"),
    ]
    return importlib.import_module(f"{toy.name}p")


def wrap(package: Any, style: str, place: str) -> tuple[Any, Any]:
    """Let another tool put its wrappers, and return them."""
    original = package.train
    wrapper = STYLES[style](original)
    if place in ("public", "both"):
        package.train = wrapper
    if place in ("defining", "both"):
        package.core.train = wrapper
    return package.train, package.core.train


@STYLE
@PLACE
def test_fault_17_a_function_that_another_tool_wrapped_first_is_observed(
    toy: Toy, package: Any, runs: Runs, style: str, place: str
) -> None:
    """By either name, each call is one run, the wrapper is called as ever, and afterwards
    everything is what it was.
    """
    original = package.train
    before = wrap(package, style, place)
    fitprint.autolog()
    for number, module in enumerate((package, package.core), 1):
        assert module.train({"a": 1}, rounds=3) == {"params": {"a": 1}, "rounds": 3}
        assert len(runs()) == number
        assert len(toy.seen) == 2 * number
    assert [run.name for run in runs()] == ["train", "train"]
    fitprint.autolog(disable=True)
    assert before == (package.train, package.core.train)
    assert holds(package.train, original)
    assert holds(package.core.train, original)
    assert not any(is_replacement(found) for name in before for found in inside_of(name))
    package.train({})
    assert len(runs()) == 2


@STYLE
def test_fault_17_a_name_that_a_script_imported_is_observed(
    toy: Toy, package: Any, runs: Runs, style: str
) -> None:
    """``from framework import train`` gives a script the other tool's wrapper."""
    wrap(package, style, "public")
    toy.write("script", f"from {toy.name}p import train\n")
    script = importlib.import_module("script")
    fitprint.autolog()
    script.train({})
    assert len(runs()) == 1


def test_fault_17_a_wrapper_that_hides_the_function_is_told(
    toy: Toy, package: Any, told: list[str], runs: Runs
) -> None:
    """What cannot be observed is said: nobody can look into a function that finds its original in a
    register.
    """
    register = [package.train]
    package.train = functools.wraps(package.train)(
        lambda *args, **kwargs: hidden()(*args, **kwargs)
    )
    del package.train.__wrapped__

    def hidden() -> Any:
        return register[0]

    fitprint.autolog()
    assert [f"calls of {toy.name}p.train cannot be observed"] == [
        problem.partition(":")[0] for problem in told
    ]
    package.train({})
    assert runs() == []


def test_fault_17_a_function_of_the_same_name_is_left_alone(
    toy: Toy, package: Any, told: list[str], runs: Runs
) -> None:
    toy.write(f"{toy.name}p/cluster", "def train(params): return params\n")
    other = importlib.import_module(f"{toy.name}p.cluster")
    train = other.train
    fitprint.autolog()
    assert other.train is train
    assert told == []


@STYLE
def test_fault_17_a_method_that_another_tool_wrapped_first_is_observed(
    toy: Toy, runs: Runs, style: str
) -> None:
    base = toy.module.Base
    original = base.fit
    wrapper = STYLES[style](original)
    # they take no part in the descriptor protocol
    if type(wrapper).__name__ in ("Counted", "partial", "method"):
        inner = wrapper
        wrapper = functools.wraps(original)(lambda *args, **kwargs: inner(*args, **kwargs))
    base.fit = wrapper
    fitprint.autolog()
    base().fit([1])
    toy.module.Calling().fit([1])
    assert [run.name for run in runs()] == ["Base", "Calling"]
    fitprint.autolog(disable=True)
    assert vars(base)["fit"] is wrapper
    assert holds(wrapper, original)
    assert not any(map(is_replacement, inside_of(wrapper)))


class Tracker:
    """Another tool that patches a class: it keeps what it replaced under a name of its own, in the
    class, and puts that back.
    """

    def __init__(self, style: str, owner: Any, name: str) -> None:
        self.owner, self.name, self.style = owner, name, style

    def on(self) -> None:
        replaced = vars(self.owner)[self.name]
        wrapper = STYLES[self.style](replaced)
        setattr(self.owner, f"_original_{self.name}", replaced)
        setattr(self.owner, self.name, wrapper)

    def off(self) -> None:
        setattr(self.owner, self.name, vars(self.owner)[f"_original_{self.name}"])
        delattr(self.owner, f"_original_{self.name}")


ORDERS = [
    "ours theirs -ours -theirs",
    "ours theirs -theirs -ours",
    "theirs ours -ours -theirs",
    "theirs ours -theirs -ours",
]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("what", ["method", "function"])
@pytest.mark.parametrize("style", ["wraps", "a closure", "a default", "a proxy of wrapt's"])
def test_fault_14_two_tools_in_any_order_leave_the_original(
    toy: Toy, package: Any, order: str, what: str, style: str
) -> None:
    """On and off in any order, also again: the very object is back, under every name."""
    owner, name = (toy.module.Base, "fit") if what == "method" else (package, "train")
    original = vars(owner)[name]
    for _ in range(2):
        tracker = Tracker(style, owner, name)
        for step in order.split():
            {
                "ours": fitprint.autolog,
                "-ours": lambda: fitprint.autolog(disable=True),
                "theirs": tracker.on,
                "-theirs": tracker.off,
            }[step]()
        assert vars(owner)[name] is original
    assert package.core.train is package.train


def test_fault_14_a_tool_that_keeps_the_original_elsewhere_gets_it_back(toy: Toy) -> None:
    """A copy that a tool made of an inherited method in a subclass, and a table of originals that
    its wrapper reads.
    """
    base, inheriting = toy.module.Base, toy.module.Inheriting
    original = base.fit
    fitprint.autolog()
    kept = Kept(base.fit)
    inheriting._kept_fit = base.fit
    inheriting.fit = functools.wraps(base.fit)(lambda *args, **kwargs: kept.call(*args, **kwargs))
    fitprint.autolog(disable=True)
    assert kept.originals["train"] is original
    assert inheriting._kept_fit is original
    assert inheriting.fit.__wrapped__ is original


def test_switched_on_again_a_lost_patch_is_put_back(toy: Toy, runs: Runs) -> None:
    """A tool that restores what it found takes our patch away: the next ``autolog()`` sees that."""
    base = toy.module.Base
    original = base.fit
    fitprint.autolog()
    base.fit = original
    fitprint.autolog()
    base().fit([1])
    assert len(runs()) == 1
    fitprint.autolog(disable=True)
    assert base.fit is original


@pytest.mark.parametrize("specific_first", [True, False])
@pytest.mark.parametrize("imported_first", [True, False])
def test_fault_18_a_target_of_one_class_beats_that_of_a_base(
    toy: Toy, runs: Runs, specific_first: bool, imported_first: bool
) -> None:
    """Whichever was installed or imported first; also where the class has the method from a base,
    whose other children are not its.
    """

    def observe_specific(fit: Any) -> Any:
        fit.tags({"observer": "specific"})
        yield

    toy.write(
        f"{toy.name}m",
        f"from {toy.name} import Base\n"
        "class Own(Base):\n"
        "    def fit(self, X): return self\n"
        "class Plain(Base): pass\n",
    )
    specific = [Method(f"{toy.name}m:{cls}.fit", observe_specific) for cls in ("Own", "Plain")]
    toy.chosen = (
        [*specific, toy.subclass_method()] if specific_first else [toy.subclass_method(), *specific]
    )
    if imported_first:
        importlib.import_module(f"{toy.name}m")
    fitprint.autolog()
    module = importlib.import_module(f"{toy.name}m")
    module.Own().fit([1])
    module.Plain().fit([1])
    toy.module.Base().fit([1])
    assert [run.tags.get("observer") for run in runs()] == ["specific", "specific", None]
    fitprint.autolog(disable=True)
    assert not hasattr(module.Own.fit, "__wrapped__")
    assert not hasattr(toy.module.Base.fit, "__wrapped__")
