"""The door: which command runs, and how everything ends."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import fitprint
from fitprint.cli import catalogue
from fitprint.cli.catalogue import all_commands, built_in
from fitprint.cli.command import parser_of
from fitprint.hooks import manager
from fitprint.hooks.markers import hookimpl


class Greeting:
    """Says hello."""

    name = "greet"
    help = "Greet somebody."

    def add_arguments(self, parser):
        parser.add_argument("name", help="whom")

    def run(self, arguments):
        if arguments.name == "nobody":
            raise fitprint.FitprintError("there is nobody to greet")
        print(f"hello {arguments.name}")
        return 0


class Plugin:
    @hookimpl
    def register_commands(self) -> Sequence[object]:
        return [Greeting()]


def test_help_lists_every_command(command):
    """``--help`` names each command and what it does."""
    done = command("--help")
    assert 0 == done.status
    assert [] == [
        each.name
        for each in built_in()
        if f"  {each.name} " not in done.out or each.help not in done.out
    ]


def imported(code: str) -> list[str]:
    """Return the modules of the core that a fresh process imports for some code."""
    code = (
        f"import sys\nfrom fitprint.cli import main\n{code}\nprint(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return [name for name in done.stderr.split() if name.startswith("fitprint.")]


def test_help_imports_no_command(home):
    """Neither commands nor what records and reads runs: the names and sentences are known before,
    and those of plugins are asked for.
    """
    modules = imported("main(['--help'])")
    assert "fitprint.hooks.manager" in modules
    assert [] == [
        name
        for name in modules
        if name.startswith(
            ("fitprint.cli.commands", "fitprint.recording", "fitprint.stores", "fitprint.views")
        )
    ]
    assert len(modules) <= 16


def test_a_command_imports_no_other_command(home):
    """Each is imported alone, with what it says of its arguments."""
    code = """
from fitprint.cli.catalogue import built_in
from fitprint.cli.command import parser_of
inner = "fitprint.cli.commands."
for command in built_in():
    for name in [name for name in sys.modules if name.startswith(inner)]:
        del sys.modules[name]
    parser_of(command)
    loaded = [name.removeprefix(inner) for name in sys.modules if name.startswith(inner)]
    assert 1 == len(loaded), (command.name, loaded)
"""
    assert imported(code)


def test_without_words_there_is_help_and_status_2(command):
    """Nothing was asked."""
    done = command()
    assert 2 == done.status
    assert done.out.startswith("usage: fitprint COMMAND")


def test_version(command):
    """``--version`` says it in one line."""
    assert f"fitprint {fitprint.__version__}\n" == command("--version").out


@pytest.mark.parametrize("name", [each.name for each in built_in()])
def test_every_command_explains_itself(command, name):
    """``COMMAND --help`` ends well and shows the usage."""
    done = command(name, "--help")
    assert 0 == done.status
    assert done.out.startswith(f"usage: fitprint {name}")


@pytest.mark.parametrize("each", all_commands().values(), ids=lambda each: each.name)
def test_every_argument_of_a_command_and_its_verbs_has_help(each):
    """``COMMAND --help`` and ``COMMAND VERB --help`` leave no word unexplained."""
    assert [] == [
        f"{parser.prog} {action.metavar or action.dest}"
        for parser in _parsers(parser_of(each))
        for action in parser._actions
        if not action.help
    ]


def _parsers(parser):
    """Return a parser and those of its verbs."""
    return [
        parser,
        *(
            inner
            for action in parser._actions
            if isinstance(action, argparse._SubParsersAction)
            for verb in action.choices.values()
            for inner in _parsers(verb)
        ),
    ]


def test_a_misspelt_command_gets_a_suggestion(command):
    """Status 2, on standard error."""
    done = command("shwo")
    assert (2, "", "fitprint: there is no command 'shwo'; did you mean `fitprint show`?\n") == (
        done.status,
        done.out,
        done.err,
    )


def test_the_command_of_a_plugin_that_is_not_installed_names_it(command, monkeypatch):
    """Instead of a command that is spelt alike."""
    monkeypatch.setattr("fitprint.cli.catalogue.find_command", lambda name: None)
    done = command("drift", "a", "b")
    assert (2, "") == (done.status, done.out)
    assert 'is of the plugin fitprint-monitor, which is not here: pip install "fitprint[mon' in (
        done.err
    )


def test_the_commands_of_all_plugins_are_known():
    """Each is told with the plugin that it comes from."""
    for folder in (Path(__file__).parents[3] / "plugins").iterdir():
        for module in folder.glob("src/*/__init__.py"):
            for name in re.findall(r'LazyCommand\(\s*"(\w+)"', module.read_text(encoding="utf-8")):
                assert f"fitprint-{catalogue.plugin_with(name)}" == folder.name, name


def test_arguments_that_make_no_sense_give_status_2(command):
    """What is wrong is said on standard error."""
    done = command("ls", "--top", "many")
    assert (2, "") == (done.status, done.out)
    assert "argument --top" in done.err


def test_errors_of_users_are_one_line_and_status_1(command):
    """No traceback."""
    done = command("show", "nope")
    assert (1, "") == (done.status, done.out)
    assert done.err.startswith("fitprint: no run has the name or id 'nope'")
    assert 1 == done.err.count("\n")


def test_register_commands_adds_a_command(command):
    """A plugin's command is found, listed, and held to the same rules."""
    manager.reset(manager.Hooks(extra={"greeter": Plugin()}))
    assert "hello you\n" == command("greet", "you").out
    assert "  greet " in command("--help").out
    assert (1, "fitprint: there is nobody to greet\n") == (
        command("greet", "nobody").status,
        command("greet", "nobody").err,
    )


def test_a_plugin_cannot_take_a_command_of_ours(command):
    """The built-in command runs, and the clash is told where plugins are looked at."""
    taken = type(
        "Taken",
        (),
        {"register_commands": hookimpl(lambda self: [type("Ls", (Greeting,), {"name": "ls"})()])},
    )()
    manager.reset(manager.Hooks(extra={"taker": taken}))
    assert 0 == command("ls").status


def test_an_unknown_setting_is_told(command, monkeypatch):
    """A mistake in the environment stops a command with the name that was meant."""
    monkeypatch.setenv("FITPRINT_EXPERIMNT", "x")
    done = command("ls")
    assert 1 == done.status
    assert "did you mean 'experiment'?" in done.err


def test_an_unknown_store_is_told(command, monkeypatch):
    """The message says which schemes there are."""
    monkeypatch.setenv("FITPRINT_STORE", "sqlit:///x.db")
    done = command("ls")
    assert 1 == done.status
    assert "did you mean sqlite://?" in done.err


def test_a_home_that_is_a_file_is_told(command, home, monkeypatch):
    """What the operating system refuses is no traceback either."""
    monkeypatch.delenv("FITPRINT_STORE")
    home.write_text("")
    done = command("ls")
    assert (1, "") == (done.status, done.out)
    assert str(home) in done.err
    assert "fitprint doctor" in done.err
