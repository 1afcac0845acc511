"""Plugins that are broken in every way: told once by name, and the rest works; strict raises."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from fitprint.autologging.framework import Framework, Target
from fitprint.carriers import Carrier
from fitprint.copying.origin import Importer
from fitprint.errors import PluginError
from fitprint.hooks import manager
from fitprint.hooks.executors import Executor
from fitprint.hooks.manager import Hooks
from fitprint.hooks.markers import hookimpl
from fitprint.hooks.metrics import Metric
from fitprint.hooks.openers import Opener
from fitprint.hooks.runners import Runner
from fitprint.hooks.targets import Target as Place
from fitprint.hooks.watchers import Watcher
from fitprint.models.flavor import Flavor, FlavorEntry
from fitprint.models.trust import Trust


class Named(Framework, Flavor, Carrier):
    """Something that each hook may register."""

    def __init__(self, name: str) -> None:
        self.name = name

    def targets(self) -> Sequence[Target]:
        return []

    def accepts(self, model: object) -> bool:
        return False

    def save(self, model: object, directory: Path) -> FlavorEntry:
        raise NotImplementedError

    def load(self, directory: Path, options: Mapping[str, Any], trust: Trust) -> object:
        raise NotImplementedError


class Listener:
    """Hears what is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    @hookimpl
    def on_problem(self, problem: str, source: str) -> None:
        self.told.append((source, problem))


def plugin(**implementations: Callable[..., Any]) -> types.SimpleNamespace:
    """Return a plugin with these hooks."""
    return types.SimpleNamespace(
        **{name: hookimpl(function) for name, function in implementations.items()}
    )


def made(**plugins: Any) -> tuple[Hooks, list[tuple[str, str]]]:
    listener = Listener()
    return Hooks(disabled=["*"], extra={"listener": listener, **plugins}), listener.told


def nothing() -> list[Any]:
    return []


class GoodRunner(Runner):
    """A place where projects run."""

    name = "good"


class GoodPlace(Place):
    """A place where models serve."""

    name = "good"


def raising(*_: Any) -> Any:
    raise RuntimeError("broken")


GOOD = {
    "register_frameworks": lambda: [Named("good")],
    "register_flavors": lambda: [Named("good")],
    "register_stores": lambda: {"good": Opener(Named)},
    "register_carriers": lambda: [Named("good")],
    "register_executors": lambda: {"good": Executor(Named)},  # type: ignore[arg-type]
    "register_importers": lambda: {"good": Importer(Named)},  # type: ignore[arg-type]
    "register_metrics": lambda: {"good": Metric(Named)},
    "register_project_runners": lambda: [GoodRunner()],
    "register_deploy_targets": lambda: [GoodPlace()],
    "register_watchers": lambda: {"good": Watcher(Named)},
    "register_settings": lambda: (Named(name) for name in ["good"]),
    "register_commands": lambda: (Named("good"),),
}


@pytest.mark.parametrize("hook", GOOD)
@pytest.mark.parametrize(
    "answer",
    [
        raising,
        lambda: 3,
        lambda: ["no name"],
        lambda: (item for item in [1]),
        lambda: [Named("fine"), None],
    ],
)
def test_a_register_hook_that_fails_costs_the_others_nothing(
    hook: str, answer: Callable[[], Any]
) -> None:
    """register_frameworks, register_flavors, register_stores, register_metrics, register_settings,
    register_commands: what raises or is no answer is told.
    """
    hooks, told = made(bad=plugin(**{hook: answer}), good=plugin(**{hook: GOOD[hook]}))
    for _ in range(2):
        assert "good" in hooks.registered(hook)
        assert "fine" not in hooks.registered(hook)
    assert ["bad"] == [source for source, _ in told]
    assert f"the hook {hook} of the plugin 'bad' failed" in told[0][1]


@pytest.mark.parametrize(
    ("hook", "base"),
    [
        ("register_frameworks", "fitprint.autologging.framework.Framework"),
        ("register_flavors", "fitprint.models.flavor.Flavor"),
        ("register_carriers", "fitprint.carriers.Carrier"),
        ("register_executors", "fitprint.hooks.executors.Executor"),
        ("register_importers", "fitprint.copying.origin.Importer"),
        ("register_metrics", "fitprint.hooks.metrics.Metric"),
        ("register_project_runners", "fitprint.hooks.runners.Runner"),
        ("register_deploy_targets", "fitprint.hooks.targets.Target"),
        ("register_watchers", "fitprint.hooks.watchers.Watcher"),
    ],
)
def test_fault_8_what_does_not_derive_is_told(hook: str, base: str) -> None:
    """Something without the members that others rely on is named with what it has to derive from,
    and passed over.
    """
    foreign = types.SimpleNamespace(name="foreign", distribution="foreign", targets=list)
    hooks, told = made(bad=plugin(**{hook: lambda: [foreign]}), good=plugin(**{hook: GOOD[hook]}))
    assert ["good"] == [name for name in hooks.registered(hook) if name in ("good", "foreign")]
    assert [
        (
            "bad",
            (
                f"the hook {hook} of the plugin 'bad' failed: TypeError: a SimpleNamespace does "
                f"not derive from {base}"
            ),
        )
    ] == told


@pytest.mark.parametrize("hook", ["register_stores", "register_artifact_stores"])
@pytest.mark.parametrize(
    "factory", [lambda: Named, lambda: Opener(Named, delivery="sometimes")], ids=["bare", "odd"]
)  # type: ignore[arg-type]
def test_fault_8_a_store_says_how_it_is_delivered_to(hook: str, factory: Callable[[], Any]) -> None:
    """A factory alone, or a word that nobody knows, is told; it is not guessed from the scheme."""
    hooks, told = made(bad=plugin(**{hook: lambda: {"mine": factory()}}))
    assert "mine" not in hooks.registered(hook)
    assert [("bad", True)] == [(source, hook in text) for source, text in told]


@pytest.mark.parametrize("hook", GOOD)
def test_a_register_hook_may_have_nothing(hook: str) -> None:
    """None and empty answers are no failure."""
    hooks, told = made(none=plugin(**{hook: lambda: None}), empty=plugin(**{hook: nothing}))
    assert {"good"}.isdisjoint(hooks.registered(hook))
    assert [] == told


@pytest.mark.parametrize("hook", GOOD)
def test_a_register_hook_is_called_once(hook: str) -> None:
    """Registration happens at the first use and is remembered."""
    calls: list[int] = []

    def answer() -> list[Any]:
        calls.append(1)
        return [Named("good")]

    hooks, _ = made(mine=plugin(**{hook: answer}))
    assert hooks.registered(hook) is hooks.registered(hook)
    assert [1] == calls


def test_a_key_that_two_plugins_claim_goes_to_the_first(tmp_path: Path) -> None:
    """The clash is told with both names, and strict raises it."""
    first, second = Named("same"), Named("same")
    plugins = {
        "one": plugin(register_flavors=lambda: [first]),
        "two": plugin(register_flavors=lambda: [second]),
    }
    hooks, told = made(**plugins)
    assert hooks.registered("register_flavors")["same"] is first
    assert 1 == len(told)
    assert "'one'" in told[0][1]
    assert "'two'" in told[0][1]
    with pytest.raises(PluginError, match="'same' comes from both plugins"):
        Hooks(disabled=["*"], extra=plugins, strict=True).registered("register_flavors")


def test_collect_run_context_merges_and_passes_over_what_fails() -> None:
    """Mappings are merged; what raises or is no mapping is told."""
    hooks, told = made(
        one=plugin(collect_run_context=lambda: {"one": 1}),
        bad=plugin(collect_run_context=raising),
        worse=plugin(collect_run_context=lambda settings: 3),
        nothing=plugin(collect_run_context=lambda: None),
        two=plugin(collect_run_context=lambda settings: {"two": settings["x"]}),
    )
    facts = hooks.collect(
        "collect_run_context", settings={"x": 2, "context": False, "code_patch": False}
    )
    assert (1, 2) == (facts["one"], facts["two"])
    assert ["bad", "worse"] == [source for source, _ in told]


def test_on_run_ended_notifies_everyone(home: Path) -> None:
    """One that fails does not keep the others from hearing, is told once, and what it returns is
    ignored.
    """
    heard: list[Any] = []
    hooks, told = made(
        bad=plugin(on_run_ended=raising),
        good=plugin(on_run_ended=lambda run, status: heard.append((run, status)) or "ignored"),
    )
    for run in ("a", "b"):
        hooks.notify("on_run_ended", run=run, status="FINISHED", home="h")
    assert [("a", "FINISHED"), ("b", "FINISHED")] == heard
    assert 1 == len(told)


def test_on_problem_tells_each_problem_once() -> None:
    """The same text of the same source once, another one again; a reporter that fails hurts nobody;
    the number is bounded.
    """
    hooks, told = made(bad=plugin(on_problem=raising))
    for _ in range(3):
        hooks.problem("a", "x")
        hooks.problem("a", "y")
    assert [("x", "a"), ("y", "a")] == told
    for number in range(5000):
        hooks.problem(f"{number}", "x")
    assert 1000 == len(told)


def test_on_problem_is_not_called_where_strict_raises() -> None:
    """With strict the error itself leaves."""
    listener = Listener()
    hooks = Hooks(
        disabled=["*"],
        extra={"listener": listener, "bad": plugin(on_run_ended=raising)},
        strict=True,
    )
    with pytest.raises(RuntimeError, match="broken"):
        hooks.notify("on_run_ended", run="a", status="FINISHED", home="h")
    assert [] == listener.told


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            plugin(register_framewroks=nothing),
            (
                "it implements 'register_framewroks', which is not a hook of fitprint; did you "
                "mean 'register_frameworks'?"
            ),
        ),
        (plugin(zzz=nothing), "it implements 'zzz', which is not a hook of fitprint"),
        (plugin(on_run_ended=lambda run, colour: None), "colour"),
    ],
)
def test_a_plugin_that_breaks_the_contract_is_told(bad: Any, message: str) -> None:
    """A misspelt hook or an argument that there is not: told by the plugin's name; other plugins
    work; strict raises.
    """
    hooks, told = made(bad=bad, good=plugin(register_flavors=lambda: [Named("good")]))
    assert "good" in hooks.registered("register_flavors")
    assert ["bad"] == [source for source, _ in told]
    assert message in told[0][1]
    (found,) = [found for found in hooks.found if found.name == "bad"]
    assert message in found.problem
    with pytest.raises(Exception, match=message.partition(";")[0]):
        Hooks(disabled=["*"], extra={"bad": bad}, strict=True)


def test_the_rest_of_a_plugin_with_a_misspelt_hook_works() -> None:
    """What it spells right is used."""
    hooks, _ = made(
        mine=plugin(register_framewroks=nothing, register_flavors=lambda: [Named("mine")])
    )
    assert "mine" in hooks.registered("register_flavors")


def test_the_first_use_may_come_from_many_threads(home: Path) -> None:
    """Plugins are found once."""
    manager.reset()
    barrier = threading.Barrier(8)
    seen: list[Hooks] = []

    def work() -> None:
        barrier.wait()
        seen.append(manager.hooks(disabled=["*"]))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 == len(set(map(id, seen)))


# -- installed distributions -----------------------------------------------------------------------

SCRIPT = """
import json, sys
import fitprint
from fitprint.hooks.manager import hooks
found = hooks().found if len(sys.argv) < 2 else hooks(disabled=sys.argv[1:]).found
print(json.dumps([[item.name, item.distribution, item.version, item.problem] for item in found if item.distribution.startswith("third")]))
print(json.dumps(sorted(name for name in hooks().registered("register_stores") if name.startswith("third"))))
"""  # noqa: E501


@pytest.fixture
def installed(tmp_path: Path) -> Callable[..., Any]:
    """Return a function that "installs" distributions with an entry point each, runs a program, and
    returns what it found.
    """

    def install(name: str, source: str | None, *, point: str = "") -> None:
        (tmp_path / f"{name.replace('-', '_')}-1.2.dist-info").mkdir()
        folder = tmp_path / f"{name.replace('-', '_')}-1.2.dist-info"
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (folder / "entry_points.txt").write_text(
            f"[fitprint]\n{point or name} = {name.replace('-', '_')}\n"
        )
        if source is not None:
            (tmp_path / f"{name.replace('-', '_')}.py").write_text(source)

    def run(*arguments: str, **distributions: str | None) -> Any:
        for name, source in distributions.items():
            install(
                name.replace("_", "-"),
                source,
                point="clash" if source and "clash" in source else "",
            )
        environment = {
            "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)]),
            "FITPRINT_HOME": str(tmp_path),
        }
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", SCRIPT, *arguments],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
            cwd=tmp_path,
        )
        found, stores = map(json.loads, done.stdout.splitlines())
        return {item[0]: item[1:] for item in found}, stores, done.stderr

    return run


STORE = """
from fitprint.hooks.markers import hookimpl
from fitprint.hooks.openers import Opener
@hookimpl
def register_stores():
    return {%r: Opener(str)}
"""


def test_installed_plugins_are_found(installed: Callable[..., Any]) -> None:
    """A distribution with an entry point in the group ``fitprint`` is a plugin, known with its
    version.
    """
    found, stores, errors = installed(third_a=STORE % "third+a", third_b=STORE % "third+b")
    assert {"third-a": ["third-a", "1.2", ""], "third-b": ["third-b", "1.2", ""]} == found
    assert ["third+a", "third+b"] == stores
    assert "" == errors


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (
            "import nothing_of_this_name",
            "ModuleNotFoundError: No module named 'nothing_of_this_name'",
        ),
        ("1 +", "SyntaxError: invalid syntax"),
        ("raise ValueError('another version')", "ValueError: another version"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        (None, "ModuleNotFoundError: No module named 'third_bad'"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_told_and_the_rest_works(
    installed: Callable[..., Any], source: str | None, problem: str
) -> None:
    """One line names the plugin and what is wrong; nothing is raised."""
    found, stores, errors = installed(third_bad=source, third_good=STORE % "third+good")
    assert ["third+good"] == stores
    assert problem in found["third-bad"][2]
    assert 1 == errors.count("\n")
    assert "third-bad" in errors
    assert problem in errors


def test_disabled_plugins_are_not_imported(installed: Callable[..., Any]) -> None:
    """A glob of names keeps plugins from being loaded at all."""
    found, stores, errors = installed(
        "third-b*", third_bad="raise ValueError", third_good=STORE % "third+good"
    )
    assert ["third-good"] == list(found)
    assert ["third+good"] == stores
    assert "" == errors


def test_two_plugins_of_one_name_are_told(installed: Callable[..., Any]) -> None:
    """The first stays, the second is named."""
    found, stores, errors = installed(third_a=STORE % "third+clash", third_b=STORE % "third+clash")
    assert 1 == len(stores)
    assert "two plugins are named 'clash'" in errors
    assert ["clash"] == list(found)
