"""``fitprint completion``."""

from __future__ import annotations

import argparse

from fitprint.cli.catalogue import all_commands
from fitprint.cli.completions import SHELLS, script

__all__ = ["COMMAND", "Completing"]


class Completing:
    """The script contains commands, options and their values, including those of plugins, and does
    not start Python: print it again after you install another version or plugin.

    Examples:
      fitprint completion bash > ~/.local/share/bash-completion/completions/fitprint
      fitprint completion zsh > ~/.zfunc/_fitprint     (a folder of $fpath; before compinit)
      fitprint completion fish > ~/.config/fish/completions/fitprint.fish
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("shell", choices=list(SHELLS), help="the shell")

    def run(self, arguments: argparse.Namespace) -> int:
        print(script(arguments.shell, all_commands()), end="")
        return 0


COMMAND = Completing()
