"""A plugin that is begun for an estimator in scikit-learn's style is the one that observes it."""

from __future__ import annotations

import importlib
import sys

import pytest

from fitprint.cli.scaffolding import write_package

TOOL = """
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin

class Own(ClassifierMixin, TransformerMixin, BaseEstimator):
    def __init__(self, rate=0.5):
        self.rate = rate

    def fit(self, X, y):
        self.classes_ = sorted(set(y))
        return self

    def transform(self, X):
        return X

    def predict(self, X):
        return [self.classes_[0] for _ in X]
"""


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """The module ``conformance`` of a plugin that was begun for an estimator."""
    (tmp_path / "owntool.py").write_text(TOOL, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    write_package("owntool", tmp_path, "owntool:Own.fit")
    monkeypatch.syspath_prepend(tmp_path / "fitprint-owntool/src")
    yield importlib.import_module("fitprint_owntool.conformance")
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("owntool", "fitprint_owntool"):
            del sys.modules[name]


def test_fault_18_a_new_plugin_observes_its_estimator(begun):
    """Beside the plugin for scikit-learn, too; by every method that trains."""
    conformance = begun.OwntoolConformance()
    assert ("sklearn",) == conformance.framework.within
    assert ["fit", "fit_transform"] == [target.name for target in conformance.framework.targets()]
    (item,) = [item for item in conformance.items() if item.name == "observed_beside_other_plugins"]
    item.run()
    with conformance.observed(installed=True, strict=False) as runs:
        given = begun.build()
        given.pop("model").__class__().fit_transform(*given.values())
        assert "owntool" == runs.one().capture["framework"]
