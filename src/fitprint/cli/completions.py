"""Scripts by which shells complete command lines: all that they need stands in them, so that
completing starts no Python.

A library for it, shtab, would be a dependency of every installation, for what is some lines a
shell.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from fitprint.cli.command import Command, parser_of

__all__ = ["SHELLS", "script"]

_MOST_HELP = 70  # characters of what stands beside an option


@dataclass(frozen=True, slots=True)
class _Option:
    """An option: its flags, whether a value must follow, and the values that there are if these are
    known.
    """

    flags: Sequence[str]
    help: str
    takes_value: bool
    choices: Sequence[str]


@dataclass(slots=True)
class _Words:
    """What may follow a command, or a verb of one: options and other words, each with its help."""

    options: list[_Option] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)


def script(shell: str, commands: Mapping[str, Command]) -> str:
    """Return the script for one of :data:`SHELLS`."""
    known = {
        "fitprint": _Words(words={name: _short(command.help) for name, command in commands.items()})
    }
    known["fitprint"].options.append(
        _Option(("-h", "--help"), "show all commands", takes_value=False, choices=())
    )
    known["fitprint"].options.append(
        _Option(("-V", "--version"), "show the version", takes_value=False, choices=())
    )
    for name, command in commands.items():
        _add(f"fitprint {name}", parser_of(command), known)
    return SHELLS[shell](known)


def _add(place: str, parser: argparse.ArgumentParser, known: dict[str, _Words]) -> None:
    found = known[place] = _Words()
    for action in parser._actions:  # noqa: SLF001 - argparse shows them nowhere else
        choices = [str(choice) for choice in action.choices or ()]
        if action.option_strings:
            takes_value = action.nargs not in (0, "?")
            found.options.append(
                _Option(action.option_strings, _short(action.help or ""), takes_value, choices)
            )
        elif isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            helps = {pseudo.dest: pseudo.help or "" for pseudo in action._choices_actions}  # noqa: SLF001
            for verb, below in action.choices.items():
                found.words[verb] = _short(helps.get(verb, ""))
                _add(f"{place} {verb}", below, known)
        else:
            found.words.update(dict.fromkeys(choices, ""))


def _short(text: str) -> str:
    line = " ".join(text.replace("%%", "%").split()).rstrip(".")
    return line if len(line) <= _MOST_HELP else f"{line[: _MOST_HELP - 1].rstrip()}…"


def _quoted(text: str) -> str:
    """Return a text as one word of any shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def _either(texts: Sequence[str]) -> str:
    return " | ".join(map(_quoted, texts))


def _places(known: Mapping[str, _Words]) -> str:
    return _either([place for place in known if place != "fitprint"])


def _valued(known: Mapping[str, _Words]) -> Iterator[tuple[list[str], Sequence[str]]]:
    """Yield the places behind options that take a value, and the values if these are known; those
    that may be anything come last.
    """
    anything: list[str] = []
    for place, words in known.items():
        for option in words.options:
            behind = [f"{place} {flag}" for flag in option.flags]
            if option.takes_value and option.choices:
                yield behind, option.choices
            elif option.takes_value:
                anything += behind
    yield anything, ()


def _bash(known: Mapping[str, _Words]) -> str:
    lines = [
        "# bash completion of fitprint",
        "_fitprint() {",
        (
            "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} "
            "place=fitprint index words="
        ),
        "    for ((index = 1; index < COMP_CWORD; index++)); do",
        '        case "$place ${COMP_WORDS[index]}" in',
        f'            {_places(known)}) place="$place ${{COMP_WORDS[index]}}" ;;',
        "        esac",
        "    done",
        "    COMPREPLY=()",
        '    case "$place $previous" in',
    ]
    for behind, values in _valued(known):
        reply = (
            f'COMPREPLY=($(compgen -W {_quoted(" ".join(values))} -- "$current")); '
            if values
            else ""
        )
        lines.append(f"        {_either(behind)}) {reply}return ;;")
    lines += ["    esac", '    case "$place" in']
    for place, words in known.items():
        flags = " ".join(flag for option in words.options for flag in option.flags)
        others = " ".join(words.words)
        lines.append(
            f"        {_quoted(place)}) if [[ $current == -* ]]; then words={_quoted(flags)}; else "
            f"words={_quoted(others)}; fi ;;"
        )
    lines += [
        "    esac",
        '    COMPREPLY=($(compgen -W "$words" -- "$current"))',
        "}",
        "complete -o default -F _fitprint fitprint",
    ]
    return "\n".join(lines) + "\n"


def _zsh(known: Mapping[str, _Words]) -> str:
    lines = [
        "#compdef fitprint",
        "_fitprint() {",
        "    local place=fitprint index",
        "    local -a found",
        "    for ((index = 2; index < CURRENT; index++)); do",
        '        case "$place ${words[index]}" in',
        f'            {_places(known)}) place="$place ${{words[index]}}" ;;',
        "        esac",
        "    done",
        '    case "$place ${words[CURRENT-1]}" in',
    ]
    for behind, values in _valued(known):
        reply = f"compadd -- {' '.join(map(_quoted, values))}" if values else "_files"
        lines.append(f"        {_either(behind)}) {reply}; return ;;")
    lines += ["    esac", '    case "$place" in']
    for place, words in known.items():
        flags = " ".join(
            _quoted(f"{flag}:{option.help}") for option in words.options for flag in option.flags
        )
        others = " ".join(_quoted(f"{word}:{told}") for word, told in words.words.items())
        lines.append(
            f"        {_quoted(place)}) if [[ ${{words[CURRENT]}} == -* ]]; then found=({flags}); "
            f"else found=({others}); fi ;;"
        )
    lines += [
        "    esac",
        "    if (( $#found )); then _describe fitprint found; else _files; fi",
        "}",
        (
            'if [[ $funcstack[1] == _fitprint ]]; then _fitprint "$@"; else compdef _fitprint '
            "fitprint; fi"
        ),
    ]
    return "\n".join(lines) + "\n"


def _fish(known: Mapping[str, _Words]) -> str:
    lines = [
        "# fish completion of fitprint",
        "function __fitprint_at",
        "    set -l place fitprint",
        "    for word in (commandline -opc)[2..]",
        f'        if contains -- "$place $word" {" ".join(_fish_quoted(place) for place in known)}',
        '            set place "$place $word"',
        "        end",
        "    end",
        '    test "$place" = "$argv"',
        "end",
    ]
    for place, words in known.items():
        here = f"complete -c fitprint -n {_fish_quoted(f'__fitprint_at {place}')}"
        lines += [
            f"{here} -f -a {_fish_quoted(word)} -d {_fish_quoted(told)}"
            for word, told in words.words.items()
        ]
        for option in words.options:
            flags = " ".join(
                f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}"
                for flag in option.flags
            )
            value = (
                f" -x -a {_fish_quoted(' '.join(option.choices))}"
                if option.choices
                else " -r"
                if option.takes_value
                else ""
            )
            lines.append(f"{here} {flags}{value} -d {_fish_quoted(option.help)}")
    return "\n".join(lines) + "\n"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
