"""Scripts that complete command lines."""

from __future__ import annotations

import argparse
import shutil
import subprocess

import pytest

from fitprint.cli.catalogue import built_in
from fitprint.cli.command import parser_of
from fitprint.cli.completions import SHELLS, script


class Odd:
    """A command with what shells could misunderstand."""

    name = "odd"
    help = 'It\'s $(touch harm) `touch harm` "odd", with 100 % of: everything.'

    def add_arguments(self, parser):
        parser.add_argument("kind", choices=["it's", "$HOME"], help="a word")
        parser.add_argument(
            "-l", "--level", choices=["low", "high"], help="it's 50 %% of [this]: that"
        )
        parser.add_argument("--watch", nargs="?", help="a value may follow")
        parser.add_argument("--file", help="a value must follow")

    def run(self, arguments):
        return 0


COMMANDS = {command.name: command for command in [*built_in(), Odd()]}


def completed(tmp_path, *words):
    """Return what bash offers in the place of the last word."""
    (tmp_path / "completion").write_text(script("bash", COMMANDS), encoding="utf-8")
    code = (
        'source ./completion; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _fitprint; printf '
        '"%s\\n" "${COMPREPLY[@]}"'
    )
    command = [shutil.which("bash"), "-euo", "pipefail", "-c", code, "bash", "fitprint", *words]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "" == done.stderr
    return done.stdout.split()


needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")


@pytest.mark.parametrize(
    ("shell", "check"),
    [("bash", ["bash", "-n"]), ("zsh", ["zsh", "-n"]), ("fish", ["fish", "--no-execute"])],
)
def test_the_script_is_sound(tmp_path, shell, check):
    """As the shell itself says, where it is installed."""
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    path = tmp_path / "script"
    path.write_text(script(shell, COMMANDS), encoding="utf-8")
    done = subprocess.run(
        [*check, str(path)], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_and_option_is_in_the_script(shell):
    """Those of plugins, too, and the verbs of commands that have some."""
    text = script(shell, COMMANDS)
    for command in COMMANDS.values():
        assert command.name in text
        for action in parser_of(command)._actions:
            for flag in action.option_strings:
                mark = (
                    flag
                    if shell != "fish"
                    else f"-l {flag[2:]}"
                    if flag.startswith("--")
                    else f"-s {flag[1:]}"
                )
                assert mark in text
            if isinstance(action, argparse._SubParsersAction):
                assert all(verb in text for verb in action.choices)


@needs_bash
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["pl"], ["plot", "plugins"]),
        (["--v"], ["--version"]),
        (["plot", "a", "-x", ""], ["step", "time", "epoch"]),
        (["plot", "a", "--axis", "t"], ["time"]),
        (["plot", "a", "--lo"], ["--log"]),
        (["plot", "a", "b"], []),
        (["plot", "-o", "x"], []),
        (["experiments", "n"], ["note"]),
        (["experiments", "note", "--he"], ["--help"]),
        (["note", "--ap"], ["--append"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["odd", "--level", ""], ["low", "high"]),
        (["odd", "--watch", "--le"], ["--level"]),
        (["unknown", "--le"], []),
    ],
)
def test_bash_offers_what_fits(tmp_path, words, expected):
    """Without a program on its path: it starts none. Where nothing fits, bash offers files."""
    assert expected == completed(tmp_path, *words)


@needs_bash
def test_nothing_of_a_text_is_executed(tmp_path):
    """Neither when the script is read nor when it completes."""
    completed(tmp_path, "odd", "")
    assert ["completion"] == [path.name for path in tmp_path.iterdir()]


def test_the_command_prints_a_script(command):
    """To be kept in a file."""
    done = command("completion", "bash")
    assert (0, "") == (done.status, done.err)
    assert done.out.endswith("complete -o default -F _fitprint fitprint\n")


@pytest.mark.parametrize("words", [(), ("tcsh",)])
def test_other_shells_are_refused(command, words):
    """With the status for that."""
    assert 2 == command("completion", *words).status
