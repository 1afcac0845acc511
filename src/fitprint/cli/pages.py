"""What a comparison has to keep to where it is printed."""

from __future__ import annotations

from fitprint.cli.terminal import Terminal
from fitprint.views.comparison_table import Page

__all__ = ["page_of"]


def page_of(terminal: Terminal, exact: str = "--csv and --json") -> Page:
    """Return what a text for this terminal has to keep to."""
    return Page(terminal.width, terminal.unicode, terminal.style, "--all", exact)
