"""``autolog()``: on, off, for a block, with options, and over what stands around it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

import fitprint
from fitprint.autologging import activation
from fitprint.autologging.framework import Framework
from fitprint.autologging.replacements import Interceptor, replacement_of
from fitprint.errors import SettingsError
from fitprint.hooks import manager
from fitprint.hooks.markers import hookimpl
from fitprint.recording import workspace
from fitprint.recording.run import Run
from fitprint.settings import Setting
from fitprint.versions import PLUGINS

if TYPE_CHECKING:
    from conftest import Toy

Runs = Callable[[], list[Run]]


def test_on_for_a_block(toy: Toy) -> None:
    """Inside the block calls are observed, before and after they are not."""
    toy.module.train({}, [])
    with fitprint.autolog():
        assert activation.is_on()
        toy.module.train({}, [])
    toy.module.train({}, [])
    assert not activation.is_on()
    assert 1 == toy.seen.count(("after", "train"))


def test_blocks_nest(toy: Toy) -> None:
    """The inner block leaves the outer one on, with its own options."""
    with fitprint.autolog(models=False):
        with fitprint.autolog(datasets=False, models=True):
            assert (True, False) == (
                workspace.current().settings["models"],
                workspace.current().settings["datasets"],
            )
        assert (False, True) == (
            workspace.current().settings["models"],
            workspace.current().settings["datasets"],
        )
        toy.module.train({}, [])
    toy.module.train({}, [])
    assert 1 == toy.seen.count(("after", "train"))
    assert {} == workspace.given()


def test_a_block_that_is_disabled_nests(toy: Toy) -> None:
    """Off for a block, it is on again behind it."""
    fitprint.autolog()
    with fitprint.autolog(disable=True):
        toy.module.train({}, [])
    assert [] == toy.seen
    toy.module.train({}, [])
    assert 1 == toy.seen.count(("after", "train"))


def test_a_block_that_is_left_by_an_exception_is_left(toy: Toy) -> None:
    """Whatever leaves the block, everything is as before it."""
    with pytest.raises(ValueError, match="x"), fitprint.autolog(models=False):
        raise ValueError("x")
    assert not activation.is_on()
    assert workspace.current().settings["models"]


def test_what_was_configured_before_a_block_is_there_after_it(toy: Toy) -> None:
    """Options of the block are taken back, nothing else."""
    fitprint.configure(experiment="mine")
    with fitprint.autolog(experiment="block"):
        assert "block" == workspace.current().settings["experiment"]
    assert {"experiment": "mine"} == workspace.given()
    assert "mine" == workspace.current().settings["experiment"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": True}, "unknown setting 'model' from call: did you mean 'models'"),
        ({"models": "perhaps"}, "setting 'models' from call must be true or false, not 'perhaps'"),
        ({"disabled": True}, "unknown setting 'disabled'"),
        (
            {"absent": {"depth": 3}},
            (
                "unknown setting 'absent.depth' from call: no installed plugin has settings of "
                "'absent'"
            ),
        ),
    ],
)
def test_a_wrong_option_changes_nothing(toy: Toy, options: dict[str, Any], message: str) -> None:
    """A typing error is an error with a suggestion; nothing is switched on."""
    with pytest.raises(SettingsError) as caught:
        fitprint.autolog(**options)
    assert message in str(caught.value)
    assert not activation.is_on()
    assert {} == workspace.given()


def test_a_frameworks_own_options_reach_its_observers(toy: Toy) -> None:
    """Settings that a plugin registers are given by a dict under its name, kept apart, merged over
    calls, and taken back.
    """
    seen: list[dict[str, Any]] = []

    class Plugin:
        @hookimpl
        def register_settings(self) -> list[Setting]:
            return [
                Setting(f"{toy.name}.depth", int, 3, "How deep."),
                Setting(f"{toy.name}.width", int, 5, "How wide."),
            ]

    def observe(fit: Any) -> Generator[None, Any, None]:
        seen.append(dict(fit.options()))
        yield

    toy.chosen = [toy.function(observe=observe)]
    manager.reset(
        manager.Hooks(disabled=["*"], extra={"toy": toy, "settings": Plugin()}, strict=True)
    )
    workspace.use(None)
    fitprint.autolog(**{toy.name: {"depth": 4}})
    toy.module.train({}, [])
    with fitprint.autolog(**{toy.name: {"width": 6}}):
        toy.module.train({}, [])
    toy.module.train({}, [])
    fitprint.configure(**{toy.name: {"depth": None}})
    toy.module.train({}, [])
    assert [
        {"depth": 4, "width": 5},
        {"depth": 4, "width": 6},
        {"depth": 4, "width": 5},
        {"depth": 3, "width": 5},
    ] == seen
    with pytest.raises(SettingsError, match=f"did you mean '{toy.name}.depth'"):
        fitprint.autolog(**{toy.name: {"dept": 1}})


def test_a_framework_that_is_let_in_later_is_observed(toy: Toy) -> None:
    """Frameworks left out at first are observed once a later ``autolog()`` lets them in."""
    fitprint.autolog(exclude_frameworks=["toy*"])
    assert not hasattr(toy.module.train, "__wrapped__")
    fitprint.autolog(exclude_frameworks=None)
    toy.module.train({}, [])
    assert 1 == toy.seen.count(("after", "train"))


def test_a_plugin_that_fails_costs_the_others_nothing(toy: Toy) -> None:
    """A plugin whose targets cannot be had is told by name; the rest is observed."""
    told: list[str] = []

    class Broken(Framework):
        name = "broken"
        distribution = "broken"

        def targets(self) -> Any:
            raise RuntimeError("for another version")

        @hookimpl
        def register_frameworks(self) -> Any:
            return [self]

        @hookimpl
        def on_problem(self, problem: str, source: str) -> None:
            told.append(f"{source}: {problem}")

    manager.reset(manager.Hooks(disabled=["*"], extra={"broken": Broken(), "toy": toy}))
    fitprint.autolog()
    toy.module.train({}, [])
    assert 1 == toy.seen.count(("after", "train"))
    assert ["broken: broken cannot be observed: RuntimeError: for another version"] == told


def test_without_plugins_that_is_told(toy: Toy) -> None:
    """Nothing would be recorded: the user learns why."""
    told: list[str] = []

    class Listener:
        @hookimpl
        def on_problem(self, problem: str) -> None:
            told.append(problem)

    manager.reset(manager.Hooks(disabled=["*"], extra={"listener": Listener()}))
    fitprint.autolog()
    assert 1 == len(told)
    assert "no framework plugin is installed" in told[0]


def test_fault_7_a_framework_without_its_plugin_is_told_beside_other_plugins(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, whenever it is imported; what other frameworks import for themselves is not."""
    told: list[str] = []

    class Listener:
        @hookimpl
        def on_problem(self, problem: str) -> None:
            told.append(problem)

    for name in PLUGINS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(manager, "entry_points", lambda group: ())
    manager.reset(manager.Hooks(extra={"toy": toy, "listener": Listener()}))
    monkeypatch.setitem(sys.modules, "catboost", ModuleType("catboost"))
    monkeypatch.setitem(sys.modules, "sklearn", ModuleType("sklearn"))
    fitprint.autolog()
    fitprint.autolog()
    assert [
        (
            "catboost is imported, and no installed plugin records its trainings: pip install "
            "fitprint-catboost"
        )
    ] == told
    fitprint.autolog(disable=True)
    fitprint.autolog(exclude_frameworks=["catboost"])
    assert 1 == len(told)


def test_disabling_what_is_off_is_nothing(toy: Toy) -> None:
    """Off twice is off."""
    fitprint.autolog(disable=True)
    fitprint.autolog(disable=True)
    toy.module.train({}, [])
    assert [] == toy.seen


def test_a_call_asks_once_whether_anybody_is_to_see_it() -> None:
    """Patches that are switched on between two looks, by another thread, do not take part in a call
    that has begun.
    """

    class Switched:
        looks = 0

        @property
        def on(self) -> bool:
            self.looks += 1
            return self.looks > 1

    patcher = Switched()
    replacement = replacement_of(lambda number: number + 1, Interceptor(patcher))  # type: ignore[arg-type]
    assert replacement(1) == 2
    assert patcher.looks == 1


@pytest.mark.thorough
def test_threads_may_switch_on_and_off_while_others_fit(toy: Toy, runs: Runs) -> None:
    """Whatever the interleaving, fits work, and every run that began has ended."""
    stop = threading.Event()
    errors: list[BaseException] = []
    assert toy.module.train  # imported by this thread, before the others use it

    def fit() -> None:
        try:
            while not stop.is_set():
                assert toy.module.Calling().fit([1]).seen == [1]
        except Exception as error:  # noqa: BLE001 - shown by the test
            errors.append(error)

    def define() -> None:
        try:
            while not stop.is_set():
                type("Mine", (toy.module.Base,), {"fit": lambda self, X: self})().fit([1])
        except Exception as error:  # noqa: BLE001 - shown by the test
            errors.append(error)

    threads = [threading.Thread(target=fit), threading.Thread(target=define)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        with fitprint.autolog():
            toy.module.train({}, [])
    stop.set()
    for thread in threads:
        thread.join()
    assert [] == errors
    assert {"FINISHED"} == {run.status for run in runs()}
    assert 30 == toy.seen.count(("after", "train"))
    assert not hasattr(toy.module.Base.fit, "__wrapped__")


def test_no_framework_is_imported(toy: Toy) -> None:
    """Switching on imports neither a framework nor numpy, pandas, matplotlib, sqlite3 or joblib."""
    script = """
import sys, fitprint
fitprint.autolog(context=False)
heavy = {"numpy", "pandas", "sklearn", "scipy", "matplotlib", "sqlite3", "joblib", "skops"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=toy.folder
    )
    assert "[]\n" == done.stdout


def test_the_notice_is_one_line_on_standard_error(
    toy: Toy, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the first run of a process one line says where runs are; standard output stays the
    user's, and the setting silences it.
    """
    from fitprint import builtin

    monkeypatch.setattr(builtin, "_noticed", set())
    fitprint.autolog(notice=True)
    toy.module.train({}, [])
    toy.module.train({}, [])
    output, errors = capsys.readouterr()
    assert "" == output
    assert 1 == errors.count("\n")
    assert str(Path.cwd() / ".fitprint") in errors


def test_the_notice_names_a_home_that_was_chosen_in_code(
    toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`fitprint ls` alone would look elsewhere."""
    from fitprint import builtin

    monkeypatch.setattr(builtin, "_noticed", set())
    fitprint.configure(home=str(tmp_path / "mine"))
    fitprint.autolog(notice=True)
    toy.module.train({}, [])
    assert f"`FITPRINT_HOME={tmp_path / 'mine'} fitprint ls`" in capsys.readouterr().err


def test_a_plugin_for_another_version_is_told(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, with the versions it supports; what it observes is observed all the same."""
    for name, version, requires in (
        ("otherboost", "3.1", ""),
        ("fitprint-otherboost", "1.0", 'otherboost<3; extra == "framework"'),
    ):
        folder = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        line = f"Requires-Dist: {requires}\n" if requires else ""
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{line}", encoding="utf-8"
        )
    monkeypatch.syspath_prepend(tmp_path)
    manager.hooks().found.append(manager.Found("otherboost", "fitprint-otherboost", "1.0"))
    for _ in range(2):
        with fitprint.autolog():
            toy.module.train({}, [])
    told = [record.getMessage() for record in caplog.records if "otherboost" in record.getMessage()]
    assert 1 == len(told)
    assert "fitprint-otherboost supports otherboost<3, and 3.1 is installed" in told[0]
    assert 2 == toy.seen.count(("after", "train"))
