"""A version of a framework that is not the one a plugin was written for: what is there is observed,
what is not is told once.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import pytest

import fitprint
from fitprint.autologging.framework import Framework, Function, Method, SubclassMethod
from fitprint.hooks.markers import hookimpl
from fitprint.testing import captured_runs

# What the plugin knows: toy 1. The file below is of toy 2, which renamed a function and a class,
# and moved a module.
_TRAINING = """
class Model:
    def fit(self, X):
        return self

class Renamed(Model):
    pass

def train(X):
    return Model()

def train_anew(X):
    return Model()
"""


def observe(fit):
    fit.params({"subject": fit.subject})
    yield


TARGETS = [
    Function("toy.training:train_before", observe),
    Method("toy.training:Gone.fit", observe),
    Method("toy.training:Model.learn", observe),
    SubclassMethod("toy.training:Former", "fit", observe),
    Function("toy.moved.engine:cv", observe),
    Function("toy.training:train", observe),
    SubclassMethod("toy.training:Model", "fit", observe),
]


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """The package can be imported, and a plugin for another version of it observes it."""
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "__init__.py").write_text("")
    (tmp_path / "toy" / "training.py").write_text(_TRAINING)
    monkeypatch.syspath_prepend(tmp_path)
    plugin = ModuleType("plugin")
    framework = type(
        "Toy", (Framework,), {"name": "toy", "distribution": "toy", "targets": lambda _: TARGETS}
    )()
    plugin.register_frameworks = hookimpl(lambda: [framework])
    with captured_runs(plugins={"toy": plugin}, strict=False) as runs:
        yield runs
    for name in [name for name in sys.modules if name.partition(".")[0] == "toy"]:
        del sys.modules[name]


@pytest.mark.parametrize("imported", ["before", "after"])
def test_what_is_there_is_observed(toy, imported):
    """Targets that lead nowhere take none with them, whatever the order of import."""
    if imported == "before":
        importlib.import_module("toy.training")
    fitprint.autolog()
    training = importlib.import_module("toy.training")
    training.train([1])
    training.Renamed().fit([1])
    training.train_anew([1])
    assert ["train", "Renamed"] == [run.name for run in toy.roots()]


@pytest.mark.parametrize("imported", ["before", "after"])
def test_each_absent_target_is_one_line(toy, imported):
    """It says what is not observed, and what is not there."""
    if imported == "before":
        importlib.import_module("toy.training")
    fitprint.autolog()
    importlib.import_module("toy.training")
    fitprint.autolog()
    assert sorted(
        [
            (
                "toy's toy.training:train_before cannot be observed: AttributeError: toy.training "
                "has no 'train_before'"
            ),
            (
                "toy's toy.training:Gone.fit cannot be observed: AttributeError: toy.training has "
                "no 'Gone'"
            ),
            (
                "toy's toy.training:Model.learn cannot be observed: AttributeError: Model has no "
                "method 'learn'"
            ),
            (
                "toy's toy.training:Former cannot be observed: AttributeError: toy.training has no "
                "'Former'"
            ),
            "toy's toy.moved cannot be observed: ModuleNotFoundError: toy has no module 'moved'",
        ]
    ) == sorted(toy.problems)


def test_a_framework_that_is_not_used_is_not_looked_at(toy):
    """Nothing is told, and nothing is imported, before the user imports it."""
    fitprint.autolog()
    assert ([], False) == (toy.problems, "toy" in sys.modules)


def test_absence_is_no_reason_to_import(toy):
    """The package is asked for its modules without importing any of them."""
    fitprint.autolog()
    importlib.import_module("toy")
    assert [
        "toy's toy.moved cannot be observed: ModuleNotFoundError: toy has no module 'moved'"
    ] == toy.problems
    assert "toy.training" not in sys.modules


def test_a_call_that_does_not_fit_is_the_users_error_alone(toy):
    """An observer that asks for arguments needs no care for calls that have the wrong ones: nothing
    is told, and nothing is recorded.
    """
    TARGETS.append(Function("toy.training:train_anew", asking))
    try:
        fitprint.autolog()
        training = importlib.import_module("toy.training")
        before = list(toy.problems)
        with pytest.raises(TypeError, match="unexpected keyword argument 'Z'"):
            training.train_anew([1], Z=2)
        assert (before, []) == (toy.problems, toy.roots())
    finally:
        TARGETS.pop()


def asking(fit):
    fit.params({"X": fit.argument("X")})
    yield
