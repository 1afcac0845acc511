"""What the program was configured with: read where it is imported, typed, without secrets, and
without keeping anything.
"""

from __future__ import annotations

import argparse
import gc
import sys
import weakref
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import fitprint
from fitprint.recording import configuration
from fitprint.recording.configuration import configured, note_configuration

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture(autouse=True)
def nothing_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration, "_noted", configuration._Noted())


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """A program of the user's in the place of the test runner."""
    main = ModuleType("__main__")
    main.__file__ = str(tmp_path / "train.py")
    (tmp_path / "train.py").write_text("")
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setattr(sys, "argv", [main.__file__])
    return main


def test_nested_values_have_dotted_names_and_keep_their_types() -> None:
    inner = argparse.Namespace(depth=3, rate=0.1)
    note_configuration(
        "parser",
        {
            "model": {"tree": inner, "name": "a"},
            "sizes": (1, 2),
            "fast": True,
            "nothing": None,
            "empty": {},
        },
    )
    assert configured() == {
        "model.tree.depth": 3,
        "model.tree.rate": 0.1,
        "model.name": "a",
        "sizes": [1, 2],
        "fast": True,
        "nothing": None,
        "empty": {},
    }


def test_a_source_that_tells_again_is_heard_again_and_others_stay() -> None:
    note_configuration("one", {"a": 1, "b": 1})
    note_configuration("two", {"c": 2})
    note_configuration("one", {"a": 3})
    assert configured() == {"c": 2, "a": 3}


def test_secrets_are_withheld() -> None:
    """Under their names, and in texts of any name."""
    note_configuration(
        "parser",
        {
            "db": {"password": "hunter2"},
            "url": "postgres://me:hunter2@host/d",
            "more": ["--token=hunter2abc"],
        },
    )
    assert configured()["db.password"] == "[redacted]"
    assert "hunter2" not in str(configured())


class Odd:
    def __repr__(self) -> str:
        raise RuntimeError("no text")


def test_what_has_no_form_is_left_out_alone() -> None:
    note_configuration("parser", {"odd": Odd(), "a": 1})
    assert configured() == {"a": 1}


def test_nothing_of_the_program_is_kept_alive() -> None:
    """Values are those at the time, whatever becomes of them."""

    class Big(list[int]):
        pass

    values: dict[str, Any] = {"a": Big([1]), "b": [1]}
    seen = weakref.ref(values["a"])
    note_configuration("parser", values)
    values["b"].append(2)
    del values["a"]
    gc.collect()
    assert (seen(), configured()["b"]) == (None, [1])


def test_a_configuration_is_bounded() -> None:
    note_configuration(
        "parser",
        {
            "part": {f"k{number}": number for number in range(400)},
            "other": {f"k{number}": 0 for number in range(400)},
        },
    )
    assert len(configured()) == 500


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--epochs 10 --lr=1e-3", {"epochs": 10, "lr": 0.001}),
        ("-n 4 -v", {"n": 4, "v": True}),
        ("--offset -3 --drop-last --name a", {"offset": -3, "drop_last": True, "name": "a"}),
        ("model.depth=3 fast=True seed=none", {"model.depth": 3, "fast": True, "seed": None}),
        ("data.csv https://x/?a=b", {}),
        ("--a 1 -- --b 2", {"a": 1}),
        ("", {}),
        ("--token hunter2abc --user me", {"token": "[redacted]", "user": "me"}),
    ],
)
def test_flags_of_the_command_line_are_typed_by_how_they_look(
    monkeypatch: pytest.MonkeyPatch, words: str, expected: dict[str, Any]
) -> None:
    monkeypatch.setattr(sys, "argv", [*sys.argv, *words.split()])
    assert configured() == expected


@pytest.mark.usefixtures("program")
def test_flags_do_not_count_where_a_parser_has_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--a", "1"])
    note_configuration("parser", {"b": 2})
    assert configured() == {"b": 2}


def test_flags_of_an_installed_program_are_not_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as those of a test runner."""
    main = ModuleType("__main__")
    main.__file__ = pytest.__file__
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setattr(sys, "argv", ["pytest", "--maxfail", "3"])
    assert configured() == {}


def test_the_command_of_click_that_is_running_is_asked() -> None:
    """With the groups around it; what is typed in hiding stays hidden, and when it has ended it is
    past.
    """
    click = pytest.importorskip("click")
    found = []

    @click.group()
    @click.option("--verbose/--quiet")
    def program(verbose: bool) -> None: ...

    @program.command()
    @click.option("--rate", type=float)
    @click.option("--pin", hide_input=True)
    def train(rate: float, pin: str) -> None:
        found.append(configured())

    program.main(["--verbose", "train", "--rate", "0.5", "--pin", "1234"], standalone_mode=False)
    assert found == [{"verbose": True, "rate": 0.5, "pin": "[redacted]"}]
    assert configured() == {}


def test_configurations_among_the_global_names_of_the_program_are_read(program: ModuleType) -> None:
    """References are followed to values; resolvers are not called, and a part that is referred to
    stands where it is.
    """
    omegaconf = pytest.importorskip("omegaconf")
    called = []
    omegaconf.OmegaConf.register_new_resolver("test_called", lambda: called.append(1), replace=True)
    text = {
        "base": {"rate": 0.5},
        "rate": "${base.rate}",
        "sizes": [1, "${sizes.0}"],
        "all": "${base}",
        "me": "${me}",
        "call": "${test_called:}",
    }
    program.settings = omegaconf.OmegaConf.create(text)
    assert configured() == {
        "base.rate": 0.5,
        "rate": 0.5,
        "sizes": [1, 1],
        "all": "${base}",
        "me": "${me}",
        "call": "${test_called:}",
    }
    assert called == []


# -- on a run --------------------------------------------------------------------------------------


def test_a_configuration_is_params_of_the_run() -> None:
    """Marked as such, beside what the run's own code logs; inner runs of a framework do not repeat
    them.
    """
    from fitprint.recording.opening import open_run

    note_configuration("parser", {"rate": 0.5})
    with fitprint.start_run() as run:
        run.log_param("rate", 0.7)
        inner = open_run(parent=run, kind="candidate")
        inner.end()
    told = {key: (param.value, param.provenance) for key, param in run.record.params.items()}
    assert (told, inner.params) == ({"config.rate": (0.5, "config"), "rate": (0.7, "set")}, {})
    assert [run.id] == [
        found.id for found in fitprint.search_runs(filter_string="params.config.rate > 0.4")
    ]


def test_what_is_configured_before_the_first_training_counts() -> None:
    note_configuration("parser", {"rate": 0.5})
    with fitprint.start_run() as run:
        note_configuration("parser", {"rate": 0.6, "depth": 3})
        run.claim_fit()
        note_configuration("parser", {"rate": 0.7})
        run.claim_fit()
    assert run.params == {"config.rate": 0.6, "config.depth": 3}


def test_globs_of_params_choose_among_them() -> None:
    fitprint.configure(exclude_params=["config.secret*"])
    note_configuration("parser", {"rate": 0.5, "secretive": 1})
    with fitprint.start_run() as run:
        pass
    assert run.params == {"config.rate": 0.5}


def test_configuration_can_be_switched_off() -> None:
    fitprint.configure(configuration=False)
    note_configuration("parser", {"rate": 0.5})
    with fitprint.start_run() as run:
        pass
    assert run.params == {}


def test_long_lists_are_cut() -> None:
    """Each text is looked through while the program waits."""
    note_configuration(
        "parser", {"files": [f"{number}.csv" for number in range(10_000)], "counts": (1,) * 101}
    )
    found = configured()
    assert [*(f"{number}.csv" for number in range(100)), "… 9900 more"] == found["files"]
    assert [*(1,) * 100, "… 1 more"] == found["counts"]
    note_configuration("parser", {"nested": [["a"] * 50_000]})
    assert [[*["a"] * 100, "… 49900 more"]] == configured()["nested"]
    note_configuration("parser", {"deep": [[["a"] * 100] * 100] * 100})
    assert 500 == str(configured()["deep"]).count("'a'")
    around: list[Any] = [1]
    around.append(around)
    note_configuration("parser", {"round": around, "rate": 0.1})
    assert 0.1 == configured()["rate"]


def test_numbers_under_the_name_of_a_secret_are_withheld() -> None:
    """Numbers of a language model's tokens are none."""
    note_configuration(
        "parser",
        {
            "password": 12345678,
            "db": {"password": [1, 2]},
            "max_tokens": 512,
            "token": 5,
            "rate": 0.1,
            "auth": True,
        },
    )
    assert {
        "password": "[redacted]",
        "db.password": ["[redacted]", "[redacted]"],
        "max_tokens": 512,
        "token": 5,
        "rate": 0.1,
        "auth": True,
    } == configured()


def test_lazy_objects_of_the_program_are_not_made(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch, problems: list[str]
) -> None:
    """Looking for configurations among its global names asks none of them what it stands for."""

    class Lazy:
        @property
        def __class__(self) -> Any:
            raise RuntimeError("made")

    omegaconf = ModuleType("omegaconf")
    omegaconf.DictConfig = type("DictConfig", (), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "omegaconf", omegaconf)
    program.lazy = Lazy()  # type: ignore[attr-defined]
    assert ({}, []) == (configured(), problems)
