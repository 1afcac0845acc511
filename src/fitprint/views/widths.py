"""How much room a text takes where letters have a fixed width, and as much of it as fits."""

from __future__ import annotations

__all__ = ["cut", "display_width"]

_MOST_MARKS = 4  # letters and their accents in a column; of a longer text the end needs no look


def display_width(text: str) -> int:
    """Return how many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(
        0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in text
    )


def cut(text: str, width: int) -> str:
    """Return the text, or its beginning and an ellipsis, in at most ``width`` columns."""
    if len(text) <= _MOST_MARKS * width and display_width(text) <= width:
        return text
    # each letter that counts takes a column or two; of a long text most need no look
    text = text[:width]
    while display_width(text) > width - 1:
        text = text[:-1]
    return f"{text}…"
