"""The words of a query: numbers, texts, names and signs, each with its place in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Literal, NamedTuple, Union

from fitprint.errors import QueryError

__all__ = ["Token", "tokens"]

_TokenKind = Literal["number", "word", "backtick", "double", "single", "sign", "end"]


class Token(NamedTuple):
    """A word of a query.

    ``value`` is the number or the text without its quotes; the offsets include them.
    """

    kind: _TokenKind
    value: Union[float, str]
    start: int
    end: int

    @property
    def ended(self) -> bool:
        return self.kind == "end"

    def keyword(self, *words: str) -> bool:
        return self.kind == "word" and str(self.value).lower() in words

    def sign(self, *signs: str) -> bool:
        return self.kind == "sign" and self.value in signs


@cache
def _pattern() -> re.Pattern[str]:
    return re.compile(
        r"(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.])|[+-]?(?:inf|infinity|nan)(?![\w.]))"
        r"|(?P<word>[^\W\d][\w./:@#-]*)"
        r"|`(?P<backtick>(?:[^`]|``)*)`"
        r'|"(?P<double>(?:[^"]|"")*)"'
        r"|'(?P<single>(?:[^']|'')*)'"
        r"|(?P<sign><=|>=|!=|<>|==|[=<>(),])",
        re.IGNORECASE,
    )


_QUOTES = {"backtick": "`", "double": '"', "single": "'"}
_SYNONYMS = {"==": "=", "<>": "!="}


def tokens(text: str) -> Iterator[Token]:
    """Yield the words of ``text``, and an "end" after the last.

    Raises:
        QueryError: something is no word of the language.
    """
    match = _pattern().match
    at, end = 0, len(text)
    while True:
        while at < end and text[at].isspace():
            at += 1
        if at == end:
            yield Token("end", "", at, at)
            return
        found = match(text, at)
        if found is None:
            raise QueryError(_complaint(text, at), text, at)
        # the groups of the pattern are the kinds
        kind: _TokenKind = found.lastgroup  # type: ignore[assignment]
        value: float | str = found[kind]
        if kind == "number":
            value = float(value)
        elif kind == "sign":
            value = _SYNONYMS.get(found[0], found[0])
        elif quote := _QUOTES.get(kind):
            value = found[kind].replace(quote * 2, quote)
        yield Token(kind, value, at, found.end())
        at = found.end()


_WORDS = {"&": "and", "|": "or", "!": "not (...)"}  # for what other languages write with signs


def _complaint(text: str, at: int) -> str:
    sign = text[at]
    if sign in "'\"`":
        return f"the quote {sign} is never closed"
    if sign.isdigit() or sign in "+-.":
        return (
            "this is not a number; a name that begins with a digit is written in quotes, like "
            "params.`2nd`"
        )
    if sign in _WORDS:
        return f"cannot read {sign!r} here; write {_WORDS[sign]}"
    return (
        f"cannot read {sign!r} here; a key with unusual characters is written in quotes, like "
        "metrics.`my key`"
    )
