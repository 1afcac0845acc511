"""Tables of text."""

from __future__ import annotations

import io

from fitprint.cli.grid import Column, markdown, render
from fitprint.cli.terminal import Terminal


def terminal(width: int | None = None) -> Terminal:
    """Return a plain terminal of this width."""
    made = Terminal(io.StringIO())
    made.width, made.is_interactive = width, True
    return made


def test_columns_are_aligned():
    """Text flush left, numbers flush right, nothing behind the last cell."""
    text, dropped = render(
        [
            Column("name", ["a", "bcd"]),
            Column("n", ["10", "9"], right=True),
            Column("x", ["", "y"]),
        ],
        terminal(),
    )
    assert ["name   n  x", "a     10", "bcd    9  y"] == text.splitlines()
    assert [] == dropped


def test_wide_characters_take_two_columns():
    """What stands behind Chinese characters is aligned, too."""
    text, _ = render([Column("name", ["漢字", "ab"]), Column("n", ["1", "2"])], terminal())
    assert ["name  n", "漢字  1", "ab    2"] == text.splitlines()


def test_what_has_no_room_is_left_out():
    """Columns of the highest rank go first, those of rank 0 stay, and the titles of the others are
    told.
    """
    columns = [
        Column("a", ["1" * 10]),
        Column("b", ["2" * 10], rank=2),
        Column("c", ["3" * 10], rank=1),
    ]
    text, dropped = render(columns, terminal(25))
    assert ["a           c", "1111111111  3333333333"] == text.splitlines()
    assert ["b"] == dropped


def test_a_column_that_stays_may_be_too_wide():
    """The least that is shown is shown."""
    text, dropped = render([Column("a", ["1" * 20])], terminal(5))
    assert ["a", "1" * 20] == text.splitlines()
    assert [] == dropped


def test_long_cells_are_cut():
    """A cell that is too long ends in an ellipsis."""
    text, _ = render([Column("a", ["x" * 50])], terminal(), most=5)
    assert ["a", "xxxx…"] == text.splitlines()


def test_long_titles_are_broken_on_a_terminal():
    """They go on in further lines, so that narrow columns stay narrow."""
    text, _ = render(
        [Column("id", ["7"]), Column("training_accuracy_score", ["0.5"], rank=1)], terminal(40)
    )
    assert ["    training_", "    accuracy_", "id  score", "7   0.5"] == text.splitlines()


def test_markdown_escapes_what_would_break_it():
    """A pipe in a cell stays in its cell."""
    table = markdown([Column("name", ["a|b"]), Column("n", ["1"], right=True)])
    assert ["| name | n |", "| --- | ---: |", r"| a\|b | 1 |"] == table.splitlines()


def test_fault_7_a_vast_cell_is_cut_in_one_step():
    """A text of a million letters is not copied a million times; the width of what is kept alone is
    measured.
    """

    class Counted(str):
        __slots__ = ()
        copies = 0

        def __getitem__(self, place):
            type(self).copies += 1
            return Counted(super().__getitem__(place))

    text, _ = render([Column("name", [Counted("x" * 10_000)])], terminal())
    assert text.splitlines()[1].endswith("…")
    assert Counted.copies <= 5


def test_fault_7_a_vast_title_is_cut_before_it_is_looked_at():
    """Whatever its letters are, also where there is no room for its column."""
    for letter in "x_.漢":
        text, dropped = render(
            [Column("n", ["1"]), Column(letter * 300_000, ["y"], rank=1)], terminal(20)
        )
        assert 2 * 60 >= max(map(len, dropped), default=0)
        assert 10 > len(text.splitlines())
