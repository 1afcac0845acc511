"""``fitprint plugins new``."""

from __future__ import annotations

import importlib
import inspect
import sys

import pytest

from fitprint.testing import captured_runs

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def imported(monkeypatch):
    """Import a module from a folder, and forget it and all that came with it afterwards."""
    before = set(sys.modules)

    def imported(folder, name):
        monkeypatch.syspath_prepend(folder)
        return importlib.import_module(name)

    yield imported
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("fitprint_demo", "demo_stand_in", "toy"):
            del sys.modules[name]


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_new_package_is_whole(command, here):
    """Build file, plugin, observer, conformance module, tests and a page that says what to do; and
    the next steps are told.
    """
    done = command("plugins", "new", "demo")
    assert 0 == done.status
    assert (
        "pip install -e 'fitprint-demo[framework,test]'\n"
        "  pytest fitprint-demo\n"
        "  fitprint plugins check demo"
    ) in done.out
    assert {
        "README.md",
        "pyproject.toml",
        "src/demo_stand_in/__init__.py",
        "src/fitprint_demo/__init__.py",
        "src/fitprint_demo/conformance.py",
        "src/fitprint_demo/framework.py",
        "tests/conftest.py",
        "tests/test_conformance.py",
        "tests/test_record.py",
    } == files(here / "fitprint-demo")


def test_every_file_is_valid_and_fits_the_screen(command, here):
    """Python compiles, the build file is TOML with the entry point,
    and no place is left unfilled.
    """
    command("plugins", "new", "demo")
    for path in (here / "fitprint-demo").rglob("*.*"):
        text = path.read_text(encoding="utf-8")
        assert [] == [line for line in text.splitlines() if len(line) > 140 or "$" in line]
        assert "\n\n\n\n" not in text
        if path.suffix == ".py":
            compile(text, str(path), "exec")
    project = tomllib.loads((here / "fitprint-demo/pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    assert {"fitprint": {"demo": "fitprint_demo"}} == project["entry-points"]
    assert {"framework": [], "test": ["pytest>=8"]} == project["optional-dependencies"]


def test_what_was_written_records_at_once(command, here, imported):
    """Before anything is changed, the plugin records the training of the stand-in that
    comes along.
    """
    command("plugins", "new", "demo")
    conformance = imported(here / "fitprint-demo/src", "fitprint_demo.conformance")
    with captured_runs(plugins={"demo": importlib.import_module("fitprint_demo")}) as runs:
        importlib.import_module("fitprint").autolog()
        conformance.train(**conformance.build())
        assert ("Line", "FINISHED", {"rate": 0.1, "rounds": 10}) == (
            runs.one().name,
            runs.one().status,
            runs.one().params,
        )
        assert 10 == len(runs.one().history("loss"))


def test_where_to_change_is_marked(command, here):
    """Each file that is about the stand-in says so where it is."""
    command("plugins", "new", "demo")
    marked = {
        str(path.relative_to(here))
        for path in here.rglob("*.*")
        if "CHANGE" in path.read_text(encoding="utf-8")
    }
    package = "fitprint-demo/src/fitprint_demo"
    assert {
        f"{package}/framework.py",
        f"{package}/conformance.py",
        "fitprint-demo/pyproject.toml",
    } <= marked


def test_another_folder_can_be_chosen(command, here):
    """It is made if need be."""
    assert 0 == command("plugins", "new", "my-tool", "--directory", "plugins/ours").status
    assert (here / "plugins/ours/fitprint-my-tool/src/fitprint_my_tool/framework.py").is_file()
    assert "class MyTool(Framework):" in (
        here / "plugins/ours/fitprint-my-tool/src/fitprint_my_tool/framework.py"
    ).read_text(encoding="utf-8")


@pytest.mark.parametrize("in_the_way", ["folder", "empty folder", "file", "dangling link"])
def test_nothing_is_overwritten(command, here, in_the_way):
    """Whatever has the folder's name stays as it is."""
    place = here / "fitprint-demo"
    if in_the_way == "file":
        place.write_text("mine", encoding="utf-8")
    elif in_the_way == "dangling link":
        place.symlink_to(here / "nowhere")
    else:
        place.mkdir()
        if in_the_way == "folder":
            (place / "pyproject.toml").write_text("mine", encoding="utf-8")
    before = files(here)
    done = command("plugins", "new", "demo")
    assert 1 == done.status
    assert "fitprint-demo already exists, and nothing was written" in done.err
    assert before == files(here)


def test_a_folder_that_is_a_file_is_told(command, here):
    """The error names it."""
    (here / "plugins").write_text("", encoding="utf-8")
    done = command("plugins", "new", "demo", "--directory", "plugins")
    assert (1, "") == (done.status, done.out)
    assert "cannot be made: Not a directory" in done.err or "plugins already exists" in done.err


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("class", "is a word of Python's"),
        ("Demo", "lower-case letters"),
        ("3d", "lower-case letters"),
        ("a b", "lower-case letters"),
        ("../up", "lower-case letters"),
        ("x__y", "lower-case letters"),
        ("", "lower-case letters"),
        ("démo", "lower-case letters"),
        ("fitprint-demo", "give the framework's name alone, 'demo'"),
        ("core", "there is already a plugin named 'core'"),
        ("fitprint", "there is already a plugin named 'fitprint'"),
    ],
)
def test_names_that_cannot_be(command, here, name, told):
    """The error says what a name may be, and nothing is written."""
    done = command("plugins", "new", name)
    assert (1, []) == (done.status, list(here.iterdir()))
    assert told in done.err
    assert "Traceback" not in done.err


def test_a_name_is_needed(command, here):
    """Without one the error shows how it is written."""
    assert "fitprint plugins new toylearn" in command("plugins", "new").err


def test_the_options_belong_to_new(command, here):
    """With another action they make no sense."""
    assert (2, 2) == (
        command("plugins", "--directory", "x").status,
        command("plugins", "check", "core", "--framework", "a:b").status,
    )


_TOY = """
class Mean:
    def predict(self, X):
        return [self.mean for _ in X]

    def __init__(self, rate=0.5):
        self.rate = rate

    def fit(self, X, depth=1, y=None, *, sample_weight=None, passes):
        self.mean = sum(y) / len(y)
        return self

def train(params, data, label=None):
    return Mean().fit(data, y=label, passes=1)

quick = len
"""


@pytest.fixture
def toy(here, imported):
    """A framework that can be imported."""
    (here / "toy.py").write_text(_TOY, encoding="utf-8")
    return imported(here, "toy")


def test_a_plugin_can_be_aimed_at_a_method(command, here, toy, imported):
    """The target is named, what the call takes is guessed from its signature, and no stand-in comes
    along.
    """
    assert 0 == command("plugins", "new", "demo", "--framework", "toy:Mean.fit").status
    assert not (here / "fitprint-demo/src/demo_stand_in").exists()
    conformance = imported(here / "fitprint-demo/src", "fitprint_demo.conformance")
    assert [("toy:Mean", "fit")] == [
        (target.path, target.name) for target in conformance.DemoConformance.framework.targets()
    ]
    given = conformance.build()
    assert ["model", "X", "y", "passes"] == list(given)
    assert (
        "    return model.fit(X, y=y, passes=passes)\n\n\ndef predict(model):"
        in inspect.getsource(conformance)
    )
    with captured_runs(plugins={"demo": importlib.import_module("fitprint_demo")}) as runs:
        importlib.import_module("fitprint").autolog()
        conformance.train(**given)
        assert {"rate": 0.5} == runs.one().params


def test_a_plugin_can_be_aimed_at_a_function(command, here, toy, imported):
    """What it returns is the model; what cannot be guessed is marked."""
    assert 0 == command("plugins", "new", "demo", "--framework", "toy:train").status
    conformance = imported(here / "fitprint-demo/src", "fitprint_demo.conformance")
    assert {"params": None, "data": [[0.5, 0.0]], "label": [0]} == {
        key: value and value[:1] for key, value in conformance.build().items()
    }
    text = (here / "fitprint-demo/src/fitprint_demo/conformance.py").read_text(encoding="utf-8")
    assert '"params": None,  # CHANGE: a value' in text
    with captured_runs(plugins={"demo": importlib.import_module("fitprint_demo")}) as runs:
        importlib.import_module("fitprint").autolog()
        conformance.train(**conformance.build())
        assert "train" == runs.one().name


_TRAINER = """
class Net:
    def predict(self, X):
        return [self.mean for _ in X]

class Trainer:
    def __init__(self, epochs=3):
        self.epochs = epochs

    def fit(self, model, data):
        model.mean = self.epochs
        return model

def fit(model, fit, trainer, data):
    return model
"""


def test_a_trainer_that_is_given_a_model_is_no_model(command, here, imported):
    """Each argument has a name of its own, and the model that is recorded is the one that was
    trained.
    """
    (here / "toy.py").write_text(_TRAINER, encoding="utf-8")
    imported(here, "toy")
    assert 0 == command("plugins", "new", "demo", "--framework", "toy:Trainer.fit").status
    conformance = imported(here / "fitprint-demo/src", "fitprint_demo.conformance")
    given = conformance.build()
    assert ["trainer", "model", "data"] == list(given)
    with captured_runs(
        plugins={"demo": importlib.import_module("fitprint_demo")}, strict=False
    ) as runs:
        importlib.import_module("fitprint").autolog()
        conformance.train(**{**given, "model": sys.modules["toy"].Net()})
        assert {"epochs": 3} == runs.one().params
    observer = (here / "fitprint-demo/src/fitprint_demo/framework.py").read_text(encoding="utf-8")
    assert 'fit.model(fit.argument("model"))  # CHANGE: what was trained' in observer


def test_an_argument_may_have_the_functions_name(command, here, imported):
    """What is imported to be called has another one then."""
    (here / "toy.py").write_text(_TRAINER, encoding="utf-8")
    imported(here, "toy")
    assert 0 == command("plugins", "new", "demo", "--framework", "toy:fit").status
    conformance = imported(here / "fitprint-demo/src", "fitprint_demo.conformance")
    assert "a model" == conformance.train(**{**conformance.build(), "model": "a model"})


def test_a_framework_in_development_has_a_version(command, here, imported):
    """A distribution that is installed from its folder names no modules; one that is named as the
    package is taken for its own.
    """
    (here / "toy.py").write_text(_TOY, encoding="utf-8")
    (here / "toy-1.3.dist-info").mkdir()
    (here / "toy-1.3.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: toy\nVersion: 1.3\n", encoding="utf-8"
    )
    imported(here, "toy")
    assert 0 == command("plugins", "new", "demo", "--framework", "toy:train").status
    project = tomllib.loads((here / "fitprint-demo/pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    assert ["toy>=1.3"] == project["optional-dependencies"]["framework"]


@pytest.mark.parametrize(
    ("framework", "told"),
    [
        ("toy", "names no function: write module:Class.fit or module:train"),
        ("toy:a.b.c", "names no function"),
        (
            "nowhere_to_be_found:train",
            "nowhere_to_be_found cannot be imported here (ModuleNotFoundError",
        ),
        ("toy:trian", "toy has no 'trian'; it has train"),
        ("toy:Mean.fti", "Mean has no 'fti'; it has fit"),
        ("toy:quick", "is not a Python function, so it cannot be observed"),
        ("toy:Mean", "is not a Python function, so it cannot be observed"),
    ],
)
def test_a_framework_that_cannot_be_observed_is_told(command, here, toy, framework, told):
    """With what would help, and nothing is written."""
    done = command("plugins", "new", "demo", "--framework", framework)
    assert (1, False) == (done.status, (here / "fitprint-demo").exists())
    assert told in done.err
