"""What parsers of the program return becomes parameters, and the program notices nothing of it."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fitprint
from fitprint.recording import configuration
from fitprint.recording.configuration import configured


@pytest.fixture(autouse=True)
def observed(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(configuration, "_noted", configuration._Noted())
    with fitprint.autolog():
        yield


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="train", exit_on_error=False)
    made.add_argument("--rate", type=float, default=0.1)
    made.add_argument("--sizes", type=int, nargs="*")
    return made


def test_what_parse_args_returned_is_noted() -> None:
    """Defaults too, with their types; the program gets the very object that the parser made."""
    given = argparse.Namespace()
    assert given is parser().parse_args(["--sizes", "3", "4"], given)
    assert configured() == {"rate": 0.1, "sizes": [3, 4]}


@pytest.mark.parametrize(
    "parse",
    ["parse_args", "parse_known_args", "parse_intermixed_args", "parse_known_intermixed_args"],
)
def test_every_way_to_parse_is_seen(parse: str) -> None:
    getattr(parser(), parse)(["--rate", "0.5"])
    assert configured() == {"rate": 0.5, "sizes": None}


def test_subcommands_are_a_part_of_what_the_program_parsed() -> None:
    """The one that was chosen before is forgotten."""
    program = parser()
    commands = program.add_subparsers(dest="command")
    commands.add_parser("fit").add_argument("--depth", type=int)
    commands.add_parser("tune").add_argument("--trials", type=int)
    program.parse_args(["fit", "--depth", "3"])
    assert configured() == {"rate": 0.1, "sizes": None, "command": "fit", "depth": 3}
    program.parse_args(["tune", "--trials", "9"])
    assert configured() == {"rate": 0.1, "sizes": None, "command": "tune", "trials": 9}


def test_subclasses_are_seen() -> None:
    class Mine(argparse.ArgumentParser):
        def parse_known_args(self, *args, **kwargs):  # type: ignore[no-untyped-def]
            found, rest = super().parse_known_args(*args, **kwargs)
            found.mine = True
            return found, rest

    Mine(prog="mine").parse_args([])
    assert configured() == {"mine": True}
    mine = Mine(prog="mine")
    mine.add_argument("--a", default=1)
    mine.parse_args([])
    assert configured() == {"a": 1, "mine": True}


class _Slotted:
    __slots__ = ("rate", "sizes")


@pytest.mark.parametrize("namespace", [_Slotted(), type("Given", (), {})])
def test_odd_namespaces_are_left_alone(namespace: object, problems: list[str]) -> None:
    """Those whose attributes are not their own tell nothing; the parser gives them back."""
    assert namespace is parser().parse_args([], namespace)  # type: ignore[call-overload]
    assert ({}, []) == (configured(), problems)


def test_an_error_of_the_parser_is_the_users() -> None:
    with pytest.raises(argparse.ArgumentError) as caught:
        parser().parse_known_args(["--rate", "fast"])
    assert ("argument --rate: invalid float value: 'fast'", {}) == (str(caught.value), configured())


def test_parsers_of_other_tools_do_not_count() -> None:
    """A test runner parses its own flags."""
    names = {"__name__": "_pytest.config", "parser": parser()}
    exec("parser.parse_args(['--rate', '3'])", names)
    assert configured() == {}


def test_argparse_is_as_before_when_autologging_ends() -> None:
    fitprint.autolog(disable=True)
    parser().parse_args([])
    assert configured() == {}
    assert not hasattr(argparse.ArgumentParser.parse_known_args, "__wrapped__")


def test_without_configuration_parsers_are_left_alone() -> None:
    fitprint.autolog(disable=True)
    with fitprint.autolog(configuration=False):
        assert not hasattr(argparse.ArgumentParser.parse_known_args, "__wrapped__")


HYDRA = """
import fitprint, json
fitprint.autolog(context=False, notice=False)
import hydra

@hydra.main(version_base=None, config_path=".", config_name="settings")
def main(settings):
    with fitprint.start_run() as run:
        pass
    print(json.dumps({key: [param.value, param.provenance] for key, param in run.record.params.items()}))

main()
"""  # noqa: E501


def test_the_configuration_of_a_hydra_job_is_noted(tmp_path: Path) -> None:
    """With what the command line changed, without Hydra's own part and its own flags."""
    pytest.importorskip("hydra")
    (tmp_path / "settings.yaml").write_text(
        "model: {rate: 0.5, copy: '${model.rate}'}\npassword: hunter2\n"
    )
    (tmp_path / "train.py").write_text(HYDRA)
    command = [sys.executable, "train.py", "model.rate=0.7", f"hydra.run.dir={tmp_path / 'out'}"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "config.model.rate": [0.7, "config"],
        "config.model.copy": [0.7, "config"],
        "config.password": ["[redacted]", "config"],
    }
