"""The part of YAML in which ``MLmodel`` files are written: block mappings and lists of plain, quoted and flow scalars.

Every YAML 1.1 reader takes what :func:`dump` writes to mean the same. :func:`load` reads that, what PyYAML's ``safe_dump`` writes,
and what people write by hand in the same spirit; tags, block scalars and complex keys are errors.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["YamlError", "dump", "load"]


class YamlError(ValueError):
    """The text is not of the part of YAML that is read here."""


def dump(content: Mapping[str, Any]) -> str:
    """Write a mapping of JSON values (NaN and infinities too) as YAML."""
    return "".join(_block(content, ""))


def load(text: str) -> Any:
    """Read one document: None, bool, int, float, str, list and dict. Dates stay text.

    Raises:
        YamlError: it names the line.
    """
    reader = _Reader(text)
    try:
        return reader.document()
    except (EOFError, IndexError, RecursionError, TypeError) as error:  # cut short, too deep, or a key that is no scalar
        raise reader.error("cannot be understood") from error


_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./]*(?:-[A-Za-z0-9_./]+)*\Z")
_WORDS: dict[str, Any] = {
    "": None,
    "~": None,
    "null": None,
    "true": True,
    "yes": True,
    "on": True,
    "false": False,
    "no": False,
    "off": False,
}
_RESERVED = {*_WORDS, "y", "n"}
_INT = re.compile(r"[-+]?(0|[1-9][0-9_]*)\Z")
_OTHER_INT = re.compile(r"[-+]?0(b[01_]+|x[0-9a-fA-F_]+|[0-7_]+)\Z")
_FLOAT = re.compile(r"([-+]?[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)([eE][-+][0-9]+)?\Z")
_SPECIAL = {".inf": math.inf, "+.inf": math.inf, "-.inf": -math.inf, ".nan": math.nan}
_ESCAPES = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b", " ": " ",
    '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip
_CODES = {"x": 2, "u": 4, "U": 8}


_NESTED = (dict, list, tuple, Mapping)


def _block(value: Any, indent: str) -> list[str]:
    lines = []
    if isinstance(value, Mapping):
        for key, item in value.items():
            lines += _entry(f"{indent}{_scalar(key)}:", item, f"{indent}  ")
    else:
        for item in value:
            lines += _entry(f"{indent}-", item, f"{indent}  ")
    return lines


def _entry(head: str, value: Any, indent: str) -> list[str]:
    if value and isinstance(value, _NESTED):
        return [f"{head}\n", *_block(value, indent)]
    return [f"{head} {_scalar(value)}\n"]


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _float(float(value))
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, list | tuple):
        return "[]"
    return _text(str(value))


def _text(text: str) -> str:
    if _PLAIN.match(text) and text.lower() not in _RESERVED:
        return text
    if text.isascii() and text.isprintable():
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _float(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    mantissa, exponent, power = repr(value).partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}{exponent}{power}"


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if " " <= character <= "~":
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class _Reader:
    """Lines as (indent, text) pairs and a place among them; a nested block on its parent's line is given a line of its own."""

    def __init__(self, text: str) -> None:
        self._lines: list[tuple[int, str]] = []
        for line in text.removeprefix("\ufeff").split("\n"):
            bare = line.rstrip("\r")
            stripped = bare.lstrip(" ")
            self._lines.append((len(bare) - len(stripped), stripped.rstrip()))
        self._at = 0
        self._anchors: dict[str, Any] = {}

    def document(self) -> Any:
        if self._peek() is not None and self._lines[self._at][1].startswith("---"):
            self._lines[self._at] = (0, self._lines[self._at][1][3:].strip())
        found = self._peek()
        value = self._node(found[0]) if found is not None else None
        if self._peek() is not None and self._lines[self._at][1] != "...":
            raise self.error("cannot be understood here")
        return value

    def error(self, what: str) -> YamlError:
        text = self._lines[self._at][1] if self._at < len(self._lines) else "the end"
        return YamlError(f"line {self._at + 1}: {text[:60]!r} {what}")

    def _peek(self) -> tuple[int, str] | None:
        """Return the next line that says something."""
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if line[1] and not line[1].startswith("#"):
                return line
            self._at += 1
        return None

    def _node(self, indent: int) -> Any:
        """Read what begins at this line."""
        text = self._lines[self._at][1]
        if text == "-" or text.startswith("- "):
            return self._list(indent)
        if self._key(text) is not None:
            return self._mapping(indent)
        if text == "?" or text.startswith("? "):
            raise self.error("is a form of YAML that is not read here")
        self._at += 1
        return self._value(text, indent - 1)

    def _list(self, indent: int) -> list[Any]:
        items: list[Any] = []
        while (line := self._peek()) is not None and line[0] == indent and (line[1] == "-" or line[1].startswith("- ")):
            rest = line[1][1:].lstrip(" ")
            inner = indent + len(line[1]) - len(rest)
            if rest and not rest.startswith("#") and (rest == "-" or rest.startswith("- ") or self._key(rest) is not None):
                self._lines[self._at] = (inner, rest)
                items.append(self._node(inner))
            else:
                self._at += 1
                items.append(self._value(rest, indent))
        return items

    def _mapping(self, indent: int) -> dict[Any, Any]:
        content: dict[Any, Any] = {}
        while (line := self._peek()) is not None and line[0] == indent:
            found = self._key(line[1])
            if found is None:
                break
            key, rest = found
            self._at += 1
            content[key] = self._value(rest, indent, mapping=True)
        return content

    def _key(self, text: str) -> tuple[Any, str] | None:
        """Split ``key: value``; None where the text is no such thing."""
        if text[0] in "\"'":
            end = _closing(text, 1, text[0])
            if end is None or not (text[end + 1 :] == ":" or text[end + 1 :].startswith(": ")):
                return None
            return _quoted(text[1:end], text[0]), text[end + 2 :].strip()
        if text[0] in "[{&*!|>%@`" or text == "?" or text.startswith("? "):
            return None
        if text.endswith(":") and ": " not in text:
            return _resolved(text[:-1].rstrip()), ""
        key, colon, rest = text.partition(": ")
        return (_resolved(key.rstrip()), rest.strip()) if colon and " #" not in key else None

    def _value(self, text: str, indent: int, *, mapping: bool = False) -> Any:
        """Read the value that begins with the text, after a key or dash at ``indent``; the lines after it are next."""
        if text.startswith("&"):
            anchor, _, rest = text[1:].partition(" ")
            self._anchors[anchor] = value = self._value(rest.strip(), indent, mapping=mapping)
            return value
        if text.startswith("*"):
            if text[1:] not in self._anchors:
                self._at -= 1
                raise self.error("refers to nothing")
            return self._anchors[text[1:]]
        if not text or text.startswith("#"):
            line = self._peek()
            if line is None or line[0] < indent or (line[0] == indent and not (mapping and line[1].startswith("-"))):
                return None
            return self._node(line[0])
        if text[0] in "\"'":
            return self._quoted(text)
        if text[0] in "[{":
            return self._flow(text)
        if text[0] in "!|>%@`":
            self._at -= 1
            raise self.error("is a form of YAML that is not read here")
        return self._plain(text, indent)

    def _plain(self, text: str, indent: int) -> Any:
        parts = [text.partition(" #")[0].rstrip()]
        blank = 0
        while self._at < len(self._lines):
            depth, more = self._lines[self._at]
            if more and depth <= indent:
                break
            self._at += 1
            if not more:
                blank += 1
                continue
            parts.append("\n" * blank or " ")
            parts.append(more.partition(" #")[0].rstrip())
            blank = 0
        return _resolved(parts[0]) if len(parts) == 1 else "".join(parts)

    def _quoted(self, text: str) -> str:
        quote, raw, start = text[0], text, 1
        blank = 0
        while (end := _closing(raw, start, quote)) is None:
            if self._at >= len(self._lines):
                raise self.error("ends inside of quotes")
            more = self._lines[self._at][1]
            self._at += 1
            if not more:
                blank += 1
                continue
            escaped = quote == '"' and (len(raw) - len(raw.rstrip("\\"))) % 2 == 1
            raw = f"{raw[:-1]}{_FOLD * blank}{more}" if escaped else f"{raw}{_FOLD * blank or ' '}{more}"
            blank = 0
        if raw[end + 1 :].strip() and not raw[end + 1 :].lstrip().startswith("#"):
            self._at -= 1
            raise self.error("goes on after the closing quote")
        return _quoted(raw[1:end], quote)

    def _flow(self, text: str) -> Any:
        while True:
            try:
                value, end = _flow(text, 0)
                break
            except EOFError:
                if self._at >= len(self._lines):
                    raise self.error("ends inside of brackets") from None
                text = f"{text} {self._lines[self._at][1]}"
                self._at += 1
        if text[end:].strip() and not text[end:].lstrip().startswith("#"):
            self._at -= 1
            raise self.error("goes on after the closing bracket")
        return value


_FOLD = "\x00"  # stands for a line break inside of quotes until the text is taken apart; no YAML text holds this character


def _closing(text: str, start: int, quote: str) -> int | None:
    """Return the place of the quote that ends the text."""
    place = start
    while place < len(text):
        if quote == '"' and text[place] == "\\":
            place += 1
        elif text[place] == quote:
            if quote == '"' or text[place + 1 : place + 2] != "'":
                return place
            place += 1
        place += 1
    return None


def _quoted(raw: str, quote: str) -> str:
    if quote == "'":
        return raw.replace("''", "'").replace(_FOLD, "\n")
    parts, place = [], 0
    while place < len(raw):
        character = raw[place]
        if character == "\\":
            letter = raw[place + 1]
            size = _CODES.get(letter, 0)
            try:
                parts.append(chr(int(raw[place + 2 : place + 2 + size], 16)) if size else _ESCAPES[letter])
            except (KeyError, ValueError, OverflowError):
                raise YamlError(f"{raw[place : place + 10]!r} is no escape") from None
            place += 2 + size
        else:
            parts.append("\n" if character == _FOLD else character)
            place += 1
    return "".join(parts)


def _resolved(text: str) -> Any:
    """Return the value of a plain scalar by the rules of YAML 1.1."""
    lowered = text.lower()
    if lowered in _WORDS and text in {lowered, lowered.capitalize(), lowered.upper()}:
        return _WORDS[lowered]
    if _INT.match(text):
        return int(text.replace("_", ""))
    if _OTHER_INT.match(text):
        digits = text.replace("_", "")
        return int(digits, 8) if not set("bx") & set(digits) and digits.strip("+-0") else int(digits, 0) if set("bx") & set(digits) else 0
    if _FLOAT.match(text):
        return float(text.replace("_", ""))
    return _SPECIAL.get(lowered, text)


def _flow(text: str, place: int) -> tuple[Any, int]:
    """Read a flow list, mapping or scalar at this place and return it with the place after it; EOFError if the text is too short."""
    place = _skip(text, place)
    character = text[place]
    if character in "\"'":
        end = _closing(text, place + 1, character)
        if end is None:
            raise EOFError
        return _quoted(text[place + 1 : end], character), end + 1
    if character not in "[{":
        end = place
        while end < len(text) and text[end] not in ",[]{}" and not (text[end] == ":" and text[end + 1 : end + 2] in {" ", "", ","}):
            end += 1
        return _resolved(text[place:end].strip()), end
    closing = "]" if character == "[" else "}"
    items: list[Any] = []
    content: dict[Any, Any] = {}
    place += 1
    while text[place := _skip(text, place)] != closing:
        item, place = _flow(text, place)
        place = _skip(text, place)
        if closing == "}":
            content[item] = None
            if text[place] == ":":
                content[item], place = _flow(text, place + 1)
                place = _skip(text, place)
        else:
            items.append(item)
        if text[place] == ",":
            place += 1
        elif text[place] != closing:
            raise YamlError(f"{text[place : place + 20]!r} where a comma or {closing!r} must be")
    return (items if closing == "]" else content), place + 1


def _skip(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t":
        place += 1
    if place == len(text):
        raise EOFError
    return place
