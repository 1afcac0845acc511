"""Settings: default, file, environment, call, each over the one before, typed, and strict about
names.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import fitprint
from fitprint.errors import SettingsError
from fitprint.hooks import manager
from fitprint.hooks.markers import hookimpl
from fitprint.recording import homes, workspace
from fitprint.settings import CORE_SETTINGS, Setting, find_project, flat, load_settings, wanted

DECLARED = (
    Setting("flag", bool, True, "A flag."),
    Setting("count", int, 3, "A count."),
    Setting("limit", float, 0.5, "A limit."),
    Setting("word", str, None, "A word."),
    Setting("names", list, ["*"], "Names."),
    Setting("mode", str, "never", "A mode.", ("never", "always")),
    Setting("toy.depth", int, 1, "A plugin's."),
    Setting("toy.deep.er", int, 2, "A plugin's, nested."),
)


def load(
    tmp_path: Path, text: str = "", *, call: dict[str, Any] | None = None, **environment: str
) -> Any:
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    return load_settings(DECLARED, call=call, environment=environment, start=tmp_path)


def test_without_anything_there_are_defaults(tmp_path: Path) -> None:
    """Every declared setting has its default, and says so."""
    settings = load_settings(environment={}, start=tmp_path)
    assert {setting.name: setting.default for setting in CORE_SETTINGS} == dict(settings.values)
    assert {"default"} == set(settings.origins.values())


def test_each_layer_goes_over_the_one_before(tmp_path: Path) -> None:
    """File over default, environment over file, call over environment; each value tells where it
    comes from.
    """
    text = "[tool.fitprint]\ncount = 4\nlimit = 1.5\nword = 'file'\n"
    settings = load(
        tmp_path, text, call={"word": "call"}, FITPRINT_LIMIT="2.5", FITPRINT_WORD="environment"
    )
    assert (3, True) == (load(tmp_path)["count"], settings["flag"])
    assert (4, 2.5, "call") == (settings["count"], settings["limit"], settings["word"])
    assert f"[tool.fitprint] in {tmp_path / 'pyproject.toml'}" == settings.origins["count"]
    assert "the environment variable FITPRINT_LIMIT" == settings.origins["limit"]
    assert ("call", "default") == (settings.origins["word"], settings.origins["flag"])


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        *(("flag", value, True) for value in (True, "true", "1", "YES", "On")),
        *(("flag", value, False) for value in (False, "false", "0", "no", "OFF")),
        *(("count", value, 7) for value in (7, 7.0, "7", " 7 ")),
        *(("limit", value, 7.0) for value in (7, 7.0, "7", "7e0")),
        ("limit", "inf", math.inf),
        ("word", "text", "text"),
        ("word", Path("a/b"), "a/b"),
        ("word", None, None),
        ("word", "", ""),
        ("names", ["a", "b"], ["a", "b"]),
        ("names", ("a", "b"), ["a", "b"]),
        ("names", "a, b,,", ["a", "b"]),
        ("names", "", []),
        ("mode", "always", "always"),
    ],
)
def test_values_get_their_type(tmp_path: Path, name: str, value: Any, expected: Any) -> None:
    """Texts of the environment and values of code become what the setting is."""
    assert [expected] == [load(tmp_path, call={name: value})[name]]
    assert type(expected) is type(load(tmp_path, call={name: value})[name])
    if isinstance(value, str):
        assert [expected] == [load(tmp_path, **{f"FITPRINT_{name.upper()}": value})[name]]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("flag", "perhaps", "must be true or false, not 'perhaps'"),
        ("flag", 1, "must be true or false, not 1"),
        ("flag", None, "must be true or false, not None"),
        ("count", "1.5", "must be a whole number, not '1.5'"),
        ("count", 1.5, "must be a whole number, not 1.5"),
        ("count", True, "must be a whole number, not True"),
        ("count", math.inf, "must be a whole number, not inf"),
        ("count", math.nan, "must be a whole number, not nan"),
        ("limit", "much", "must be a number, not 'much'"),
        ("limit", [1], "must be a number"),
        ("word", 3, "must be text, not 3"),
        ("names", [1], "must be a list of texts"),
        ("names", 3, "must be a list of texts"),
        ("mode", "sometimes", "must be one of 'never', 'always', not 'sometimes'"),
    ],
)
def test_values_of_another_type_are_errors_that_say_where(
    tmp_path: Path, name: str, value: Any, message: str
) -> None:
    """The message has name, place, what it must be and what it is."""
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, call={name: value})
    assert f"setting '{name}' from call {message}" in str(caught.value)


@pytest.mark.parametrize(
    ("where", "place"),
    [
        ({"text": "[tool.fitprint]\ncuont = 1"}, "from [tool.fitprint] in "),
        ({"FITPRINT_CUONT": "1"}, "from the environment variable FITPRINT_CUONT"),
    ],
)
def test_an_unknown_name_is_told_with_a_suggestion(
    tmp_path: Path, where: dict[str, Any], place: str
) -> None:
    """A slip of the pen does not go unnoticed in a file or a variable,
    and everything else counts.
    """
    settings = load(tmp_path, **where, call={"count": 5})
    (problem,) = settings.problems
    assert "unknown setting 'cuont'" in problem
    assert place in problem
    assert "did you mean 'count'?" in problem
    assert 5 == settings["count"]


def test_an_unknown_name_in_code_is_an_error_with_a_suggestion(tmp_path: Path) -> None:
    """The one who wrote it stands beside it."""
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, call={"cuont": 1})
    assert "unknown setting 'cuont' from call: did you mean 'count'?" == str(caught.value)


def test_a_value_of_another_type_in_a_variable_is_told_and_the_layer_below_counts(
    tmp_path: Path,
) -> None:
    """A mistake in the environment leaves the setting what the file says."""
    settings = load(tmp_path, "[tool.fitprint]\ncount = 4\n", FITPRINT_COUNT="many")
    assert 4 == settings["count"]
    assert (
        (
            "setting 'count' from the environment variable FITPRINT_COUNT must be a whole number, "
            "not 'many'"
        ),
    ) == settings.problems


def test_fault_23_a_limit_in_seconds_is_refused():
    """Seconds must not be read as steps: the former setting says what to give instead."""
    with pytest.raises(
        SettingsError,
        match="'training_metrics_limit' from call does not exist any more: .*`training_metrics",
    ):
        load_settings(call={"training_metrics_limit": 0.1}, environment={})


def test_a_name_like_no_other_gets_advice(tmp_path: Path) -> None:
    """Where nothing is near, the message says how to list all."""
    with pytest.raises(SettingsError, match="`fitprint config` lists all settings"):
        load(tmp_path, call={"zzzzzz": 1})


def test_a_plugins_settings_live_in_its_namespace(tmp_path: Path) -> None:
    """A table, a variable with two underscores, a dict or a name with a dot reach the
    same setting.
    """
    text = "[tool.fitprint.toy]\ndepth = 5\n[tool.fitprint.toy.deep]\ner = 6\n"
    assert {"depth": 5, "deep.er": 6} == load(tmp_path, text).namespace("toy")
    assert 7 == load(tmp_path, text, FITPRINT_TOY__DEPTH="7")["toy.depth"]
    assert 8 == load(tmp_path, text, call={"toy": {"depth": 8}})["toy.depth"]
    assert 9 == load(tmp_path, text, call={"toy.depth": 9})["toy.depth"]
    assert "did you mean 'toy.depth'?" in load(tmp_path, FITPRINT_TOY__DEPHT="7").problems[0]


def test_variables_that_carry_facts_are_no_settings(tmp_path: Path) -> None:
    """``FITPRINT_RUN`` names a run for a child process."""
    assert "run" not in load(tmp_path, FITPRINT_RUN="0" * 32).values


def test_the_nearest_file_upwards_counts(tmp_path: Path) -> None:
    """Settings are found from a folder below the project; the nearest ``pyproject.toml`` hides
    those above it.
    """
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("[tool.fitprint]\ncount = 4\n")
    assert 4 == load_settings(DECLARED, environment={}, start=inner)["count"]
    (tmp_path / "a" / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert 3 == load_settings(DECLARED, environment={}, start=inner)["count"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[tool.fitprint\ncount = 4", "is not valid TOML"),
        (b"[[tool.fitprint]]\ncount = 4", "must be one table"),
        (b"\xff\xfe[tool.fitprint]", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_understood_is_named(
    tmp_path: Path, content: bytes, message: str
) -> None:
    """A broken file is told by name, and all else counts."""
    (tmp_path / "pyproject.toml").write_bytes(content)
    settings = load_settings(DECLARED, environment={"FITPRINT_COUNT": "5"}, start=tmp_path)
    (problem,) = settings.problems
    assert message in problem
    assert str(tmp_path) in problem
    assert 5 == settings["count"]


def test_a_broken_file_that_does_not_speak_of_us_is_none_of_our_business(tmp_path: Path) -> None:
    """Somebody else's mistake does not keep a program from training."""
    for content in (b"[project\n", b"[project]\nname = 'caf\xe9'\n"):
        (tmp_path / "pyproject.toml").write_bytes(content)
        assert () == load_settings(DECLARED, environment={}, start=tmp_path).problems


def test_unknown_names_can_be_passed_over(tmp_path: Path) -> None:
    """What decides how plugins are found is read before their settings are known."""
    (tmp_path / "pyproject.toml").write_text(
        "[tool.fitprint]\ncount = 4\n[tool.fitprint.other]\nthing = 1\n"
    )
    settings = load_settings(
        DECLARED, call={"more": 1}, environment={"FITPRINT_X": "1"}, start=tmp_path, pass_over=True
    )
    assert 4 == settings["count"]


def test_names_are_flattened() -> None:
    """Nested mappings become names with dots."""
    assert {"a": 1, "b.c": 2, "b.d.e": 3} == flat({"a": 1, "b": {"c": 2, "d": {"e": 3}}, "f": {}})


@given(st.text("ab*", max_size=4), st.lists(st.text("ab*", max_size=4), max_size=2))
def test_what_is_excluded_is_not_wanted(name: str, exclude: list[str]) -> None:
    """Exclusion wins over inclusion, and nothing is wanted that is not included."""
    assert not wanted(name, [], exclude)
    assert not wanted("a", ["*"], ["*", *exclude])
    assert wanted("a.B", ["a.*"], ["b*"])
    assert not wanted("a.b", ["A.*"], [])


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ({"a/.fitprint": 1, "a/b/.git": 1}, "a"),
        ({"a/.git": 1, "a/b/pyproject.toml": 0}, "a/b"),
        ({"a/.git": 1}, "a"),
        ({"a/b/.git": 0}, "a/b"),
        ({}, "a/b/c"),
    ],
)
def test_the_project_is_found_upwards(tmp_path: Path, marks: dict[str, int], expected: str) -> None:
    """A home counts before marks of a project, and the nearest of a kind before those above it;
    without any it is the folder itself.
    """
    start = tmp_path / "a" / "b" / "c"
    start.mkdir(parents=True)
    for mark, is_folder in marks.items():
        (tmp_path / mark).mkdir() if is_folder else (tmp_path / mark).touch()
    assert tmp_path / expected == find_project(start)


# -- in a process ----------------------------------------------------------------------------------


def test_configure_sets_and_takes_back(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code goes over the environment; None takes back what code said."""
    monkeypatch.setenv("FITPRINT_EXPERIMENT", "environment")
    assert "environment" == workspace.current().settings["experiment"]
    fitprint.configure(experiment="mine", models=False)
    assert ("mine", False) == (
        workspace.current().settings["experiment"],
        workspace.current().settings["models"],
    )
    fitprint.configure(experiment=None)
    assert ("environment", False) == (
        workspace.current().settings["experiment"],
        workspace.current().settings["models"],
    )


def test_a_wrong_setting_changes_nothing(home: Path) -> None:
    """All or nothing."""
    with pytest.raises(SettingsError, match="did you mean 'experiment'"):
        fitprint.configure(models=False, experimnet="x")
    assert {} == workspace.given()
    assert workspace.current().settings["models"]


def test_an_open_run_stays_where_it_began(home: Path, tmp_path: Path) -> None:
    """A new home or store is for runs that begin later."""
    with fitprint.start_run("first") as first:
        fitprint.configure(home=tmp_path / "other", store="memory://other")
        fitprint.log_metric("loss", 1)
        with fitprint.start_run("second", nested=False) as second:
            fitprint.log_metric("loss", 2)
    assert ({"loss": 1.0}, {"loss": 2.0}) == (first.metrics, second.metrics)
    assert ["second"] == [run.name for run in fitprint.search_runs()]
    fitprint.configure(home=None, store=None)
    assert ["first"] == [run.name for run in fitprint.search_runs()]


def test_plugins_are_disabled_by_the_file(home: Path) -> None:
    """``disable_plugins`` in ``pyproject.toml`` counts before plugins are looked for, beside
    settings of plugins not known yet.
    """

    class Plugin:
        @hookimpl
        def register_settings(self) -> list[Setting]:
            return [Setting("toy.depth", int, 1, "Depth.")]

    Path("pyproject.toml").write_text(
        "[tool.fitprint]\ndisable_plugins = ['*']\nstrict = true\n[tool.fitprint.toy]\ndepth = 4\n"
    )
    with pytest.raises(SettingsError, match=r"unknown setting 'toy\.depth'"):
        workspace.current()
    assert ["core"] == [found.name for found in manager.hooks().found]
    assert manager.hooks().strict
    manager.reset(manager.Hooks(disabled=["*"], extra={"toy": Plugin()}))
    assert 4 == workspace.current().settings["toy.depth"]


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe[tool.fitprint]",
        b"[tool.fitprint\n",
        b"[tool.fitprint]\nnonsense = 1\nmodels = 7\n",
    ],
)
def test_fault_5_a_file_that_cannot_be_understood_does_not_stop_a_training(
    home: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    """``autolog()`` and the run API go on, and the file is told, once."""
    Path("pyproject.toml").write_bytes(content)
    fitprint.autolog()
    fitprint.start_run("a").end()
    assert ["a"] == [run.name for run in fitprint.search_runs()]
    told = [
        text
        for record in caplog.records
        if "no framework plugin is installed" not in (text := record.getMessage())
    ]
    assert max(1, content.count(b"=")) == len(told)
    assert all("pyproject.toml" in text and text.endswith("it is ignored") for text in told)


@pytest.fixture
def stranger() -> int:
    """The id of a user who is neither us nor root."""
    if os.geteuid():
        pytest.skip("only root can give files away")
    return 4321


@pytest.mark.parametrize("mark", [".fitprint", ".git", "pyproject.toml"])
def test_fault_5_a_strangers_mark_makes_no_project(
    home: Path, monkeypatch: pytest.MonkeyPatch, stranger: int, mark: str
) -> None:
    """What another user has put into a folder above does not say where runs go; that is told, with
    the way to choose it.
    """
    (home.parent / mark).mkdir()
    os.chown(home.parent / mark, stranger, stranger)
    below = home.parent / "below"
    below.mkdir()
    told: list[str] = []
    assert below == find_project(below, told)
    (problem,) = told
    assert problem.startswith(
        f"{home.parent / mark} belongs to another user (uid 4321), so it does not say where runs "
        "go; "
    )
    assert problem.endswith(f"set FITPRINT_HOME={home.parent / '.fitprint'}")


def test_fault_5_a_mark_that_everybody_may_write_makes_no_project(tmp_path: Path) -> None:
    """A folder like a world-writable ``/tmp/.fitprint`` is anybody's."""
    (tmp_path / ".fitprint").mkdir()
    (tmp_path / ".fitprint").chmod(0o1777)
    (tmp_path / "below").mkdir()
    told: list[str] = []
    assert tmp_path / "below" == find_project(tmp_path / "below", told)
    assert "can be written by everybody" in told[0]
    (tmp_path / ".fitprint").chmod(0o755)
    assert tmp_path == find_project(tmp_path / "below")


def test_fault_5_a_strangers_settings_are_passed_over(tmp_path: Path, stranger: int) -> None:
    """The next file above counts instead, unless the user has chosen the project by its home."""
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "pyproject.toml").write_text("[tool.fitprint]\ncount = 4\n")
    (inner / "pyproject.toml").write_text("[tool.fitprint]\ncount = 666\nhome = '/elsewhere'\n")
    os.chown(inner / "pyproject.toml", stranger, stranger)
    settings = load_settings(DECLARED, environment={}, start=inner)
    assert 4 == settings["count"]
    choice = f"set FITPRINT_HOME={inner / '.fitprint'}"
    expected = (
        f"{inner / 'pyproject.toml'} belongs to another user (uid 4321), so its settings "
        f"are ignored; if you trust it, {choice}"
    )
    assert (expected,) == settings.foreign
    known = (*DECLARED, Setting("home", str, None, "A home."))
    chosen = load_settings(
        known, environment={"FITPRINT_HOME": str(inner / ".fitprint")}, start=inner
    )
    assert (666, ()) == (chosen["count"], chosen.foreign)


def test_fault_5_a_link_of_a_strangers_is_a_strangers(tmp_path: Path, stranger: int) -> None:
    """A link that leads to a folder of ours sends our runs where its owner wants."""
    (tmp_path / "ours").mkdir()
    (tmp_path / ".fitprint").symlink_to(tmp_path / "ours")
    assert tmp_path == find_project(tmp_path)
    os.lchown(tmp_path / ".fitprint", stranger, stranger)
    (tmp_path / "below").mkdir()
    assert tmp_path / "below" == find_project(tmp_path / "below")


def test_fault_5_runs_do_not_go_into_a_strangers_home_in_this_very_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch, problems: list[str], stranger: int
) -> None:
    """The runs go to the temporary home, and that is told; the setting chooses the other one all
    the same.
    """
    foreign = home.parent / ".fitprint"
    foreign.mkdir()
    os.chown(foreign, stranger, stranger)
    monkeypatch.delenv("FITPRINT_HOME")
    fitprint.start_run("a").end()
    assert homes.temporary_home() == workspace.current().home
    assert any(
        f"{foreign} belongs to another user" in problem and f"FITPRINT_HOME={foreign}" in problem
        for problem in problems
    )
    assert [] == list(foreign.iterdir())
    fitprint.configure(home=str(foreign))
    assert foreign == workspace.current().home


@pytest.mark.parametrize("value", ["inf", "1e12", "86401", "nan"])
def test_a_wait_that_no_lock_can_wait_is_refused(value: str) -> None:
    """It would end the program with a traceback."""
    with pytest.raises(SettingsError, match="'exit_wait'.*must be a number"):
        load_settings(call={"exit_wait": float(value)}, environment={})
    assert 5.0 == load_settings(environment={"FITPRINT_EXIT_WAIT": value})["exit_wait"]
