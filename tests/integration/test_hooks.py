"""Each hook, seen from outside: a plugin implements it, and a user notices."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import threading
import types
from array import array
from pathlib import Path

import pytest

import fitprint
from fitprint.artifacts.memory import MemoryArtifacts
from fitprint.autologging.framework import Framework, Function
from fitprint.cli import main
from fitprint.copying.origin import Importer, Listed, Origin
from fitprint.entities import Artifact, History, RunRecord
from fitprint.errors import SettingsError
from fitprint.events import MetricPoints
from fitprint.hooks.manager import Hooks
from fitprint.hooks.markers import hookimpl
from fitprint.hooks.metrics import Metric
from fitprint.hooks.openers import Opener
from fitprint.models.flavor import Flavor, FlavorEntry
from fitprint.settings import Setting
from fitprint.stores.memory import MemoryStore
from fitprint.testing import captured_runs


def plugin(**implementations):
    """Return a plugin that implements these hooks."""
    module = types.ModuleType("mine")
    for name, function in implementations.items():
        setattr(module, name, hookimpl(function))
    return {"mine": module}


def test_register_frameworks_adds_what_autolog_observes(monkeypatch):
    """A framework's function is recorded once a plugin says that it trains."""
    library = types.ModuleType("library")
    exec("def train(rate):\n    return 2 * rate", vars(library))
    monkeypatch.setitem(sys.modules, "library", library)

    def observe(fit):
        fit.params(fit.arguments)
        yield

    class Library(Framework):
        name = distribution = "library"

        def targets(self):
            return [Function("library:train", observe)]

    with captured_runs(plugins=plugin(register_frameworks=lambda: [Library()])) as runs:
        fitprint.autolog()
        assert 6 == library.train(3)
        assert {"rate": 3} == runs.one().params


def test_register_flavors_adds_a_model_format():
    """A model of a class that a flavor knows is written by that flavor."""

    class Pair(Flavor):
        name = "pair"
        packages = ("builtins",)

        def accepts(self, model: object) -> bool:
            return type(model) is tuple

        def save(self, model, directory: Path) -> FlavorEntry:
            (directory / "pair.json").write_text(json.dumps(model), encoding="utf-8")
            return FlavorEntry({"data": "pair.json"}, "json", safe=True)

        def load(self, directory: Path, options, trust):
            return tuple(json.loads((directory / options["data"]).read_text(encoding="utf-8")))

    with captured_runs(plugins=plugin(register_flavors=lambda: [Pair()])):
        with fitprint.start_run() as run:
            logged = fitprint.log_model((1, 2), "model")
        assert "pair" == logged.flavor
        assert (1, 2) == fitprint.load_model(f"runs:/{run.id}/model")


def test_register_stores_adds_a_scheme():
    """A URI with the plugin's scheme is opened by the plugin's factory."""
    stores = {}
    with captured_runs(
        plugins=plugin(
            register_stores=lambda: {
                "mine": Opener(lambda uri: stores.setdefault(uri, MemoryStore(uri)))
            }
        )
    ):
        fitprint.configure(store="mine://here")
        assert [] == fitprint.search_runs()
        assert ["mine://here"] == list(stores)


RECORDING = """
import sys, threading
import fitprint
from fitprint.hooks import manager
from fitprint.hooks.markers import hookimpl
from fitprint.hooks.openers import Opener
from fitprint.stores.memory import MemoryStore

class Plugin:
    @hookimpl
    def register_stores(self):
        return {"mine": Opener(open_mine, sys.argv[1])}

def open_mine(uri):
    print("opened")
    return MemoryStore(uri)

manager.reset(manager.Hooks(disabled=["*"], extra={"mine": Plugin()}))
with fitprint.start_run():
    fitprint.log_metric("loss", 1.0)
print(*(thread.name for thread in threading.enumerate() if thread.name == "fitprint-delivery"), flush=True)
"""  # noqa: E501


@pytest.mark.parametrize(
    ("delivery", "printed"), [("on-read", []), ("background", ["fitprint-delivery", "opened"])]
)
def test_fault_8_a_store_is_delivered_to_as_it_was_registered(programs, delivery, printed):
    """One at hand costs a program no thread, and is not opened by it; a distant one is delivered
    to, at the latest when it ends.
    """
    status, output, errors = programs.run(RECORDING, delivery, FITPRINT_STORE="mine://here")
    assert (0, "") == (status, errors)
    assert sorted(printed) == sorted(output.split())


def test_register_artifact_stores_adds_a_scheme():
    """A URL with the plugin's scheme is opened by the plugin's factory, and bytes go there."""
    kept = {}
    factories = {"mine": Opener(lambda uri: kept.setdefault(uri, MemoryArtifacts(uri)))}
    with captured_runs(
        plugins=plugin(register_artifact_stores=lambda: factories), artifacts="mine://bytes"
    ) as runs:
        with fitprint.start_run():
            fitprint.log_text("a", "a.txt")
        (artifact,) = runs.one().artifacts
        runs.workspace.bring()
        assert artifact.digest in kept["mine://bytes"]


def test_register_settings_adds_typed_settings():
    """A plugin's setting stands in its namespace, has its default, and is checked."""
    setting = Setting("mine.depth", int, 3, "How deep.")
    with captured_runs(plugins=plugin(register_settings=lambda: [setting])) as runs:
        assert 3 == runs.workspace.settings["mine.depth"]
        fitprint.configure(mine={"depth": 5})
        with pytest.raises(SettingsError, match=r"mine\.depth.*whole number"):
            fitprint.configure(mine={"depth": "much"})


def test_register_importers_adds_what_can_be_imported_from(capsys):
    """A plugin's origin hands over runs one by one, and the command takes each in once."""

    class Diary(Origin):
        def runs(self):
            return [
                Listed("a" * 32),
                Listed("b" * 32, parent_id="a" * 32),
                Listed("c" * 32, is_open=True),
            ]

        def run(self, run_id):
            parent = "a" * 32 if run_id[0] == "b" else None
            digest = f"sha256:{hashlib.sha256(run_id.encode()).hexdigest()}"
            self.file = run_id.encode()
            files = (Artifact("file.txt", digest, 32),)
            return RunRecord(
                run_id, run_id[0], "diary", "FINISHED", 1, 2, parent_id=parent, artifacts=files
            )

        def points(self, run):
            yield MetricPoints(
                run.id,
                1,
                "loss",
                History(array("q", [0]), array("q", [1]), array("d", [0.5]), array("d", [1.0])),
            )

        def open(self, digest):
            return io.BytesIO(self.file)

    with captured_runs(
        plugins=plugin(register_importers=lambda: {"diary": Importer(Diary)})
    ) as runs:
        assert 0 == main(["import", "--from", "diary", "somewhere"])
        output, told = capsys.readouterr()
        assert ["a" * 32, "b" * 32] == output.split()
        assert "1 run left out for now" in told
        assert ["a", "b"] == sorted(run.name for run in runs.all())
        child = fitprint.get_run("b" * 32)
        assert ({"loss": 0.5}, b"b" * 32, "a" * 32) == (
            child.metrics,
            child.read("file.txt"),
            child.record.parent_id,
        )
        assert [] == fitprint.import_from("diary", "somewhere").added


def test_register_metrics_adds_what_evaluate_can_be_asked_for():
    """A metric that a plugin brings is computed by its name, and by default where it says so."""

    def misses(outcome):
        return sum(true != said for true, said in zip(outcome.true, outcome.predicted, strict=True))

    brought = {
        "misses": Metric(misses, "min", default_for=["classification"]),
        "rows": Metric(lambda outcome: len(outcome.true)),
    }
    with (
        captured_runs(plugins=plugin(register_metrics=lambda: brought)),
        fitprint.start_run() as run,
    ):
        rows, true = [{"word": "a"}, {"word": "b"}, {"word": "c"}], ["A", "b", "c"]
        fitprint.evaluate(upper_words, rows, true)
        fitprint.evaluate(upper_words, rows, true, ["rows"])
        assert {"test_misses": 2.0, "test_rows": 3.0} == run.metrics


def upper_words(rows):
    """Stand for a model that is a function."""
    return [row["word"].upper() for row in rows]


def test_register_commands_adds_to_the_command_line(capsys):
    """A plugin's command runs by its name, and stands in the help."""

    class Greet:
        name = "greet"
        help = "Say hello."

        def add_arguments(self, parser):
            parser.add_argument("whom", help="who is greeted")

        def run(self, arguments):
            print("hello", arguments.whom)
            return 0

    with captured_runs(plugins=plugin(register_commands=lambda: [Greet()])):
        assert 0 == main(["greet", "Ada"])
        assert "hello Ada\n" == capsys.readouterr().out
        main(["--help"])
        assert "Say hello." in capsys.readouterr().out


def test_collect_run_context_adds_facts():
    """What a plugin knows of the surroundings stands in the run's environment."""
    with captured_runs(
        plugins=plugin(collect_run_context=lambda: {"weather": {"rain": True}}), context=True
    ) as runs:
        with fitprint.start_run():
            pass
        for thread in threading.enumerate():
            if thread.name == "fitprint-deferred":
                thread.join()
        assert {"rain": True} == runs.one().environment["weather"]


def test_on_run_ended_is_told_of_each_run():
    """A plugin hears of the end of every run, with its status."""
    heard = []
    with captured_runs(
        plugins=plugin(on_run_ended=lambda run, status: heard.append((run, status)))
    ):
        with fitprint.start_run() as good:
            pass
        with pytest.raises(ZeroDivisionError), fitprint.start_run() as bad:
            1 / 0  # noqa: B018 - it is to fail
        assert [(good.id, "FINISHED"), (bad.id, "FAILED")] == heard


def test_on_problem_is_told_once_of_a_failure():
    """A plugin that fails is reported with its name, once, and the rest goes on."""
    heard = []

    def on_run_ended():
        raise ValueError("no")

    failing = plugin(
        on_run_ended=on_run_ended,
        on_problem=lambda problem, source: heard.append((source, problem)),
    )
    with captured_runs(plugins=failing, strict=False) as runs:
        for _ in range(2):
            with fitprint.start_run():
                pass
        assert ["FINISHED", "FINISHED"] == [run.status for run in runs.all()]
    ((source, problem),) = heard
    assert "mine" == source
    assert "on_run_ended" in problem
    assert "ValueError: no" in problem


def test_a_misspelt_hook_is_reported():
    """A hook that does not exist is a problem with a suggestion, not silence."""
    found = Hooks(extra=plugin(on_run_endet=lambda: None), disabled=("*",)).found
    (mine,) = (plugin for plugin in found if plugin.name == "mine")
    assert "on_run_ended" in mine.problem
