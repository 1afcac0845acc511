"""What is sent away by value carries nothing of ours: it loads and works where fitprint is not
installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# Loads a pickle in an interpreter that cannot import fitprint, wrapt or pluggy.
LOADER = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("fitprint", "fitprint_sklearn", "wrapt", "pluggy"):
            raise ImportError(name + " is not here")
sys.meta_path.insert(0, Blocked())
import pickle
try:
    import cloudpickle
except ImportError:  # older joblib brings its own
    from joblib.externals import cloudpickle
subject = pickle.load(open(sys.argv[1], "rb"))
print(eval(sys.argv[2]))
"""
PROGRAM = """
import sys, pickle
import fitprint
try:
    import cloudpickle
except ImportError:  # older joblib brings its own
    from joblib.externals import cloudpickle
sys.path.insert(0, "modules")
{early}
import framework
from framework import Base, train
{late}

class Mine(Base):
    def fit(self, X):
        super().fit(X)
        self.extra = 1
        return self

def use(X):
    return train(X), Mine().fit(X).extra

fitted = Mine().fit([1])
subject = {subject}
with open("subject.pkl", "wb") as file:
    {pickler}.dump(subject, file)
"""
FRAMEWORK = """
class Base:
    def fit(self, X):
        self.seen = X
        return self

def train(X):
    return len(X)
"""
PLUGIN = """
from fitprint.autologging import framework
from fitprint.autologging.framework import Function, SubclassMethod
from fitprint.hooks.markers import hookimpl

def observe(fit):
    fit.params({"C": 1})
    yield

class Framework(framework.Framework):
    name = distribution = "framework"
    def targets(self):
        return [Function("framework:train", observe), SubclassMethod("framework:Base", "fit", observe)]

@hookimpl
def register_frameworks():
    return [Framework()]
"""  # noqa: E501
SUBJECTS = [
    ("cloudpickle", "Mine", "subject().fit([1]).extra", "1"),
    ("cloudpickle", "Mine.fit", "subject.__name__", "fit"),
    ("cloudpickle", "fitted", "(subject.extra, subject.fit([2]).seen)", "(1, [2])"),
    ("cloudpickle", "fitted.fit", "subject([3]).seen", "[3]"),
    ("cloudpickle", "use", "subject([1, 2])", "(2, 1)"),
    ("cloudpickle", "train", "subject([1, 2])", "2"),
    ("cloudpickle", "lambda X: train(X)", "subject([1])", "1"),
    ("cloudpickle", "__import__('functools').partial(use, [1])", "subject()", "(1, 1)"),
    ("pickle", "Base().fit([1])", "subject.seen", "[1]"),
    ("pickle", "Base().fit", "subject([4]).seen", "[4]"),
    ("pickle", "train", "subject([1])", "1"),
    ("pickle", "Base.fit", "subject.__qualname__", "Base.fit"),
]


@pytest.mark.parametrize("order", ["early", "late"])
@pytest.mark.parametrize(
    ("pickler", "subject", "use", "expected"),
    SUBJECTS,
    ids=[f"{row[0]} {row[1]}" for row in SUBJECTS],
)
def test_pickles_load_without_fitprint(
    tmp_path: Path, order: str, pickler: str, subject: str, use: str, expected: str
) -> None:
    """Functions, methods, classes and instances, by value and by name, load and work in a process
    that has no fitprint.
    """
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "framework.py").write_text(FRAMEWORK)
    (tmp_path / "plugin.py").write_text(PLUGIN)
    info = tmp_path / "toy_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[fitprint]\ntoy = plugin\n")
    switch = "fitprint.autolog(strict=True)"
    early, late = (switch, "") if order == "early" else ("", switch)
    (tmp_path / "program.py").write_text(
        PROGRAM.format(early=early, late=late, subject=subject, pickler=pickler)
    )
    environment = {
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)]),
        "FITPRINT_HOME": str(tmp_path / "home"),
        "FITPRINT_CONTEXT": "0",
        "FITPRINT_NOTICE": "0",
    }
    subprocess.run([sys.executable, "program.py"], check=True, cwd=tmp_path, env=environment)
    assert list((tmp_path / "home" / "journal").iterdir())
    content = (tmp_path / "subject.pkl").read_bytes()
    if pickler == "pickle":
        assert b"fitprint" not in content
    (tmp_path / "loader.py").write_text(LOADER)
    done = subprocess.run(
        [sys.executable, "loader.py", "subject.pkl", use],
        check=False,
        cwd=tmp_path,
        env=environment
        | {"PYTHONPATH": os.pathsep.join([str(tmp_path / "modules"), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
    )
    assert (f"{expected}\n", "") == (done.stdout, done.stderr)
