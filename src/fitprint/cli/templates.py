"""The files of a new plugin package, as texts with places for what differs."""

from __future__ import annotations

__all__ = ["AIMED", "FILES", "PREDICT", "STAND_IN", "STAND_IN_FILES"]

_PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "$distribution"
version = "0.1.0"
description = "fitprint for $name."
readme = "README.md"
requires-python = ">=3.10"
dependencies = ["$fitprint"]

[project.optional-dependencies]
# $range_comment
# The conformance kit reads the range here, and autolog() tells users whose version lies outside. No upper limit: what still works, works.
framework = [$requirement]
test = ["pytest>=8"]

[project.entry-points.fitprint]
$name = "$package"

[tool.hatch.build.targets.wheel]
packages = [$packages]

[tool.pytest.ini_options]
testpaths = ["tests"]
addopts = ["--import-mode=importlib"]
filterwarnings = ["error"]
"""  # noqa: E501

_PLUGIN = '''\
"""fitprint for $name."""

from fitprint.hooks.markers import hookimpl


@hookimpl
def register_frameworks():
    # Imported here, not above: every autolog() loads this module, whether or not $name is used.
    from $package.framework import $cls

    return [$cls()]
'''

_FRAMEWORK = '''\
"""Which calls of $name train, and what they tell."""

from fitprint.autologging.framework import $imported


class $cls(Framework):
    name = "$name"  # in tags and settings
    distribution = "$framework_distribution"  # what pip installs; its version is compared with the range in pyproject.toml$change$within

    def targets(self):
        # Texts alone, for nothing here may import the framework: `Function`, `Method` and `SubclassMethod`, as many as train.$change
        return [$targets]


def observe(fit):
$above
    $yielded
$below
'''  # noqa: E501

_ABOVE_STAND_IN = """\
    # Above the yield: the call, before it runs. `fit.instance` is the object, `fit.argument` finds arguments however they were given.
    model = fit.instance
    fit.params({"rate": model.rate, "rounds": model.rounds})  # CHANGE: the parameters of yours
    fit.dataset(fit.argument("x"), name="x")
    fit.dataset(fit.argument("y"), name="y", kind="target")

    def each_round(number, loss):
        fit.metric("loss", loss, step=number, goal="min")  # written at once: it is kept if training fails later

    # Never change what is the user's: a new list, in which theirs come first.
    fit.replace_argument("callbacks", [*(fit.argument("callbacks") or ()), each_round])"""  # noqa: E501

_BELOW_STAND_IN = """\
    # Below the yield: the call has returned. If it raised, nothing here runs, and the run is FAILED; a `finally` around the yield does.
    fit.model(model)"""  # noqa: E501

_BUILT_STAND_IN = """\
        "model": Line(rate=0.1, rounds=10),
        "x": [0.0, 1.0, 2.0, 3.0],
        "y": [0.1, 1.9, 4.1, 6.0],
        "seen": [],  # a callback of the user's writes into it: a plugin that swallows that leaves it empty, and fails"""  # noqa: E501

_CONFORMANCE = '''\
"""What the conformance kit checks: calls that train, and what their records must contain."""

from fitprint.testing import Case, FrameworkConformance

from $package.framework import $cls


def build():
    """Return all that the call takes by name: new objects each time, the same values each time, seeds fixed, output silenced."""
$imports
    return {
$built
    }


def train($names):
    """Make the one training call, and return its result."""
$call

$predict
class ${cls}Conformance(FrameworkConformance):
    framework = $cls()
    # One case for each way to train. `params`, `metrics` (with their number of points) and `datasets` are what a record must hold.  CHANGE
    cases = (Case("$case", build, train$told$record),)
'''  # noqa: E501

PREDICT = '''
def predict(model):
    """Return what must be the same with fitprint as without: of a model that holds a time or a random id, predictions alone are."""
    return model.predict(build()["$rows"])

'''  # noqa: E501

_TEST_CONFORMANCE = '''\
"""The plugin keeps the promises of autologging: one test for each check and case."""

from $package.conformance import ${cls}Conformance as Test$cls

__all__ = ["Test$cls"]
'''

_CONFTEST = '''\
"""The fixture `runs`: a home, a store and settings for one test; what a plugin does wrong is raised."""

from fitprint.testing.fixtures import runs

__all__ = ["runs"]
'''  # noqa: E501

_TEST_RECORD = '''\
"""What the kit cannot know of $name."""

import fitprint
from $package.conformance import build, train


def test_a_call_is_one_finished_run(runs):
    """The run has the name of what trained."""
    fitprint.autolog()
    train(**build())
    run = runs.one()
    assert ("$subject", "FINISHED") == (run.name, run.status)
'''

_README = """\
# $distribution

Records every training call of $name once `fitprint.autolog()` has been called.

    pip install "$distribution[framework]"

## Work on it

    pip install -e ".[framework,test]"
    pytest                          # the conformance kit, and tests of your own
    fitprint plugins check $name    # the kit alone, without pytest

$todo

How targets, observers and cases work: the guide "Write a framework plugin in an hour" of fitprint's documentation.
"""  # noqa: E501

_TODO_STAND_IN = """\
Everything works already, with `${name}_stand_in` in the place of the framework. To aim it at the real one, look for `CHANGE`:

1. `pyproject.toml`: the framework and the oldest version that you support. Take `src/${name}_stand_in` off the wheel, and delete it.
2. `src/$package/framework.py`: the distribution, the targets (which calls train), and the observer (what they tell).
3. `src/$package/conformance.py`: how to make such a call on little data, and what its record must hold."""  # noqa: E501

_TODO_AIMED = """\
It is aimed at `$target`. What is guessed from its signature is marked `CHANGE`:

1. `src/$package/conformance.py`: how to make such a call on little data, and what its record must hold.
2. `src/$package/framework.py`: what else trains, and what else a call tells, such as metrics of each round.
3. `pyproject.toml`: the oldest version of the framework that passes."""  # noqa: E501

_STAND_IN_SOURCE = '''\
"""A stand-in for the framework, so that all here works before anything is changed. CHANGE: delete it."""


class Line:
    """y = slope * x, learnt by gradient descent."""

    def __init__(self, rate=0.1, rounds=20):
        self.rate = rate
        self.rounds = rounds

    def fit(self, x, y, callbacks=None):
        self.slope = 0.0
        for number in range(self.rounds):
            errors = [self.slope * at - value for at, value in zip(x, y, strict=True)]
            self.slope -= self.rate * sum(error * at for error, at in zip(errors, x, strict=True)) / len(errors)
            for callback in callbacks or ():
                callback(number, sum(error * error for error in errors) / len(errors))
        return self

    def predict(self, x):
        return [self.slope * at for at in x]
'''  # noqa: E501

# Paths below the new folder, and their contents; both with places.
FILES = {
    "pyproject.toml": _PYPROJECT,
    "README.md": _README,
    "src/$package/__init__.py": _PLUGIN,
    "src/$package/framework.py": _FRAMEWORK,
    "src/$package/conformance.py": _CONFORMANCE,
    "tests/conftest.py": _CONFTEST,
    "tests/test_conformance.py": _TEST_CONFORMANCE,
    "tests/test_record.py": _TEST_RECORD,
}

# What stands in those places: with a framework that comes along, and where one is named.
STAND_IN = {
    "range_comment": (
        "CHANGE: your framework and the oldest version that your tests pass with, "
        'such as "$name>=1.0".'
    ),
    "requirement": "",
    "packages": '"src/$package", "src/${name}_stand_in"',
    "framework_distribution": "$distribution",
    "imported": "Framework, SubclassMethod",
    "targets": 'SubclassMethod("${name}_stand_in:Line", "fit", observe)',
    "within": "",
    "above": _ABOVE_STAND_IN,
    "yielded": "yield",
    "below": _BELOW_STAND_IN,
    "imports": (
        "    from ${name}_stand_in import Line  # CHANGE: imported here, for other "
        "processes call this, too\n"
    ),
    "built": _BUILT_STAND_IN,
    "names": "model, x, y, seen",
    "call": "    return model.fit(x, y, callbacks=[lambda number, loss: seen.append(number)])",
    "predict": PREDICT.replace("$rows", "x"),
    "told": ", predict",
    "record": ', params={"rate", "rounds"}, metrics={"loss": 10}, datasets={"x", "y"}',
    "case": "line",
    "subject": "Line",
    "todo": _TODO_STAND_IN,
    "change": "  CHANGE",
}
STAND_IN_FILES = {"src/${name}_stand_in/__init__.py": _STAND_IN_SOURCE}

AIMED = {
    "range_comment": (
        "The version that was installed when this was written. CHANGE: name the "
        "oldest one that your tests pass with."
    ),
    "packages": '"src/$package"',
    "todo": _TODO_AIMED,
    "change": "",
}
