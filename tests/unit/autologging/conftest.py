"""A toy framework: modules written for one test, and a plugin that observes them."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fitprint import search_runs
from fitprint.autologging.framework import Framework, Function, Method, SubclassMethod, Target
from fitprint.hooks import manager
from fitprint.hooks.markers import hookimpl
from fitprint.recording.run import Run

TOY = '''
"""A framework."""

class Mixin:
    def score(self, X):
        """Score."""
        return 0.5

class Base:
    def __init__(self, C=1.0):
        self.C = C

    def fit(self, X, y=None, *, weight=None):
        """Fit to X."""
        if isinstance(X, BaseException):
            raise X
        self.seen = X
        return self

    def partial_fit(self, X):
        return self

class Inheriting(Mixin, Base):
    pass

class Calling(Base):
    def fit(self, X, y=None, *, weight=None):
        return super().fit(X, y, weight=weight)

class Meta(Base):
    """Fits others inside its own fit."""

    def fit(self, X, y=None, *, weight=None):
        for _ in range(3):
            Calling().fit(X)
        return self

class Conditional:
    """A descriptor as scikit-learn's ``available_if``."""

    def __init__(self, fn):
        self.fn = fn

    def __set_name__(self, owner, name):
        self.owner = owner

    def __get__(self, instance, owner=None):
        if instance is not None and instance.C < 0:
            raise AttributeError("not for negative C")
        return self.fn.__get__(instance, owner)

class Careful(Base):
    @Conditional
    def fit_predict(self, X):
        """Fit and predict."""
        self.fit(X)
        return [self.C]

class Odd(Base):
    @property
    def fit_predict(self):
        raise AttributeError("no such method here")

    @classmethod
    def made(cls):
        return cls()

def train(params, data, rounds=10, *, callbacks=None, **extra):
    """Train."""
    for callback in callbacks or ():
        callback(params)
    return {"params": params, "rounds": rounds, "callbacks": callbacks, "extra": extra}

start = train
'''


class Toy(Framework):
    """The framework, the plugin, and what its observers saw."""

    name: str
    distribution = "toy"
    number = itertools.count()

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"toy{next(self.number)}"
        self.seen: list[tuple[str, str]] = []
        self.chosen: list[Target] = []
        self.write(self.name, TOY)

    def __getattr__(self, name: str) -> ModuleType:
        """Import the framework at the first look at ``module`` (no property: older pluggy looks at
        those of a plugin).
        """
        if name != "module":
            raise AttributeError(name)
        return importlib.import_module(self.name)

    def write(self, name: str, source: str) -> None:
        (self.folder / f"{name}.py").write_text(source, encoding="utf-8")
        importlib.invalidate_caches()

    def observe(self, fit: Any) -> Generator[None, Any, None]:
        """Observe without looking at much."""
        self.seen.append(("before", fit.subject))
        result = yield
        self.seen.append(("after", fit.subject))
        fit.tags({"result": type(result).__name__})

    def function(self, path: str = "train", **options: Any) -> Function:
        return Function(f"{self.name}:{path}", options.pop("observe", self.observe), **options)

    def method(self, path: str = "Base.fit", **options: Any) -> Method:
        return Method(f"{self.name}:{path}", options.pop("observe", self.observe), **options)

    def subclass_method(
        self, name: str = "fit", *, base: str = "Base", **options: Any
    ) -> SubclassMethod:
        return SubclassMethod(
            f"{self.name}:{base}", name, options.pop("observe", self.observe), **options
        )

    def targets(self) -> Sequence[Target]:
        return self.chosen or [
            self.function(),
            *(self.subclass_method(name) for name in ("fit", "fit_predict", "partial_fit")),
        ]

    @hookimpl
    def register_frameworks(self) -> Sequence[Toy]:
        return [self]


@pytest.fixture
def toy(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Toy]:
    """A toy framework that can be imported, and a plugin for it; errors of ours are raised."""
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    framework = Toy(folder)
    manager.reset(manager.Hooks(disabled=["*"], extra={"toy": framework}, strict=True))
    yield framework
    from fitprint import autolog

    autolog(disable=True)
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def told(toy: Toy) -> list[str]:
    """Errors of ours are told, into this list, rather than raised."""
    problems: list[str] = []

    class Listener:
        @hookimpl
        def on_problem(self, problem: str, source: str) -> None:
            problems.append(problem)

    manager.reset(manager.Hooks(disabled=["*"], extra={"toy": toy, "listener": Listener()}))
    return problems


@pytest.fixture
def runs() -> Callable[[], list[Run]]:
    """Return all runs, oldest first."""
    return lambda: list(reversed(search_runs(children=True)))
