"""Facts that a plugin finds on its framework's own containers."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import pytest

import fitprint
from fitprint.autologging.framework import Framework, Function
from fitprint.hooks.markers import hookimpl
from fitprint.testing import captured_runs


def observe(fit):
    fit.dataset_facts(
        {"type": "toy.Table", "shape": [3, 2]}, name="train", role="eval", digest="abc"
    )
    yield


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A plugin that observes a function of a module that can be imported."""
    (tmp_path / "toytable.py").write_text("def train(): pass", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    plugin = ModuleType("plugin")
    framework = type(
        "Toy",
        (Framework,),
        {
            "name": "toy",
            "distribution": "toy",
            "targets": lambda _: [Function("toytable:train", observe)],
        },
    )()
    plugin.register_frameworks = hookimpl(lambda: [framework])
    yield plugin
    sys.modules.pop("toytable", None)


@pytest.mark.parametrize(
    ("datasets", "expected"),
    [(True, [("train", "eval", "abc", {"type": "toy.Table", "shape": [3, 2]})]), (False, [])],
)
def test_facts_of_a_container_are_recorded_as_told(plugin, datasets, expected):
    """Unless the settings leave data out."""
    with captured_runs(plugins={"toy": plugin}, datasets=datasets) as runs:
        fitprint.autolog()
        importlib.import_module("toytable").train()
        assert expected == [
            (data.name, data.role, data.digest, dict(data.facts)) for data in runs.one().datasets
        ]
