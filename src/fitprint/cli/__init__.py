"""The command line: ``fitprint COMMAND ...``, and ``python -m fitprint``.

Exit status: 0 all is well, 1 something is wrong (said on standard error, without a traceback), 2
the arguments make no sense. ``fitprint exec`` and ``python -m fitprint SCRIPT`` end as the script
does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command, and return the exit status.

    Args:
        argv: the words behind the program's name; those of this process by default.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # what the encoding lacks must not end in an error
            stream.reconfigure(errors="backslashreplace")
    from fitprint.errors import FitprintError

    try:
        status = _run(words)
        if not getattr(sys.stdout, "closed", True):
            sys.stdout.flush()
    except FitprintError as error:
        _open_streams()
        print(f"fitprint: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # who reads has seen enough
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        return 0
    except OSError as error:
        _open_streams()
        print(f"fitprint: {_told(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return status


def _told(error: OSError) -> str:
    name = error.filename if isinstance(error.filename, str) else ""
    folder = os.path.dirname(name)  # noqa: PTH120 - pathlib need not be loaded
    if isinstance(error, FileNotFoundError) and folder and not os.path.isdir(folder):  # noqa: PTH112
        return f"there is no folder {folder}; create it, or choose another place than {name}"
    where = f" ({name})" if name else ""
    return f"{error.strerror or error}{where}; `fitprint doctor` may know why"


def _open_streams() -> None:
    """Where the program was started without an output, let what is written to it go nowhere."""
    if sys.stdout is None:
        # as long as the program
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def _run(words: list[str]) -> int:
    name = words[0] if words else "--help"
    if name in ("-h", "--help", "help"):
        print(_help())
        return 0 if words else 2
    if name in ("-V", "--version"):
        import fitprint

        print(f"fitprint {fitprint.__version__}")
        return 0
    if _is_script(name):
        words.insert(0, name := "exec")
    if name == "exec":  # a script is to find what it would find without us
        return _run_command(name, words[1:])
    from fitprint.recording.workspace import strictly

    _open_streams()
    with strictly():
        return _run_command(name, words[1:])


def _run_command(name: str, words: list[str]) -> int:
    from fitprint.cli.catalogue import find_command

    command = find_command(name)
    if command is None:
        return _unknown(name)
    from fitprint.cli.command import parser_of

    try:
        arguments = parser_of(command).parse_args(
            _joined(words) if name in ("ls", "compare", "views") else words
        )
    except SystemExit as end:  # argparse has said all
        return end.code if isinstance(end.code, int) else 2
    return command.run(arguments)


def _is_script(name: str) -> bool:
    """Tell whether the first word is a script to record instead of a command."""
    from pathlib import Path

    from fitprint.cli.catalogue import is_built_in

    return name == "-m" or (
        not is_built_in(name) and (name.endswith(".py") or Path(name).is_file())
    )


def _joined(words: list[str]) -> list[str]:
    """Join ``--sort`` with an ordering that begins with a dash, which would look like an option of
    its own.
    """
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] == "--sort":
            joined[-1] = f"--sort={word}"
        else:
            joined.append(word)
    return joined


def _help() -> str:
    from fitprint.cli.catalogue import all_commands

    commands = all_commands()
    width = max(map(len, commands))
    return "\n".join(
        [
            "usage: fitprint COMMAND [ARGUMENT ...]",
            "       python -m fitprint SCRIPT [ARGUMENT ...]",
            "",
            "Every fit leaves a print.",
            "",
            *(f"  {name:{width}}  {command.help}" for name, command in commands.items()),
            "",
            "RUN is an id, the beginning or end of one, a name, @last, @best:METRIC or #tag.",
            "`fitprint COMMAND --help` says more about a command.",
        ]
    )


def _unknown(name: str) -> int:
    from difflib import get_close_matches

    from fitprint.cli.catalogue import all_commands, plugin_with

    if plugin := plugin_with(name):
        print(
            f"fitprint: the command {name!r} is of the plugin fitprint-{plugin}, which is not "
            f'here: pip install "fitprint[{plugin}]"',
            file=sys.stderr,
        )
        return 2
    near = get_close_matches(name, all_commands(), 1)
    hint = f"did you mean `fitprint {near[0]}`?" if near else "`fitprint --help` lists all commands"
    print(f"fitprint: there is no command {name!r}; {hint}", file=sys.stderr)
    return 2
