"""``MLmodel`` files as text: written in the part of YAML that all readers understand alike, and
read with PyYAML where others wrote them.

What :func:`dump` wrote is read without PyYAML, and only that: a text counts as ours if writing its
content again gives the same text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from fitprint.errors import FitprintError

__all__ = ["YamlError", "dump", "load"]

_MOST_LETTERS = 4 << 20  # of a text of others: PyYAML takes seconds for a million
_MOST_LEVELS = 50
_MOST_VALUES = 1_000_000  # what anchors stand for counts each time
_MOST_MERGED = 100  # asterisks in a text that merges mappings, each of which may stand for others


class YamlError(ValueError):
    """The text is not YAML, or holds what no ``MLmodel`` file does."""


def dump(content: Mapping[str, Any]) -> str:
    """Write a mapping of JSON values (NaN and infinities too) as YAML."""
    return "".join(_block(content, ""))


def load(text: str) -> Any:
    """Read one document: None, bool, int, float, str, list and dict. Dates stay text.

    Raises:
        YamlError: it is not YAML, names types of a program, or is deeper or longer than any
            ``MLmodel`` file.
        FitprintError: somebody else wrote it, and PyYAML is not installed.
    """
    ours = _own(text)
    return _of_others(text) if ours is None else ours


_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./]*(?:-[A-Za-z0-9_./]+)*\Z")
_RESERVED = {"", "~", "null", "true", "yes", "on", "y", "false", "no", "off", "n"}

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
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else f"\\U{code:08x}"
    )


# -- what we wrote ---------------------------------------------------------------------------------

_ENTRY = re.compile(
    r'(?P<indent> *)(?:(?P<dash>-)|(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s":]+)):)(?: '
    r"(?P<value>.+))?"
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))")
_WORDS: dict[str, Any] = {
    "null": None,
    "true": True,
    "false": False,
    ".nan": math.nan,
    ".inf": math.inf,
    "-.inf": -math.inf,
    "{}": {},
    "[]": [],
}


def _own(text: str) -> Any:
    """Return the content of a text that :func:`dump` wrote; None for any other."""
    try:
        entries = [_ENTRY.fullmatch(line) for line in text.split("\n")[:-1]]
        if None in entries:
            return None
        content, end = _nested(entries, 0, 0)
        return content if end == len(entries) and dump(content) == text else None
    except (ValueError, IndexError, AttributeError, OverflowError, RecursionError):
        return None


def _nested(entries: list[Any], at: int, indent: int) -> tuple[Any, int]:
    """Return the list or mapping that begins at an entry, and the place behind it."""
    is_list = bool(entries[at]["dash"])
    items: list[Any] = []
    keys: list[Any] = []
    while (
        at < len(entries)
        and len(entries[at]["indent"]) == indent
        and bool(entries[at]["dash"]) == is_list
    ):
        entry = entries[at]
        keys.append(
            entry["plain"] if entry["plain"] is not None else _unescaped(entry["quoted"] or "")
        )
        at += 1
        if entry["value"] is not None:
            items.append(_read(entry["value"]))
        else:
            item, at = _nested(entries, at, indent + 2)
            items.append(item)
    return (items, at) if is_list else (dict(zip(keys, items, strict=True)), at)


def _read(text: str) -> Any:
    if text[0] == '"':
        return _unescaped(text[1:-1])
    if text in _WORDS:
        found = _WORDS[text]
        return type(found)() if isinstance(found, (dict, list)) else found
    if text[0].isalpha() or text[0] == "_":
        return text
    return float(text) if "." in text else int(text)


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(
        lambda found: (
            chr(int(found[1] or found[2] or found[3], 16)) if found[4] is None else found[4]
        ),
        text,
    )


# -- what others wrote -----------------------------------------------------------------------------


def _of_others(text: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise FitprintError(
            "an MLmodel file that fitprint has not written is read with PyYAML, which is not "
            "installed: pip install 'fitprint[mlflow]'"
        ) from None

    # ten times as fast, where it was built
    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Reads dates as text, which MLflow means them to be."""

    Loader.yaml_implicit_resolvers = {
        letter: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
        for letter, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    if len(text) > _MOST_LETTERS:
        raise YamlError(
            f"it has {len(text)} characters, more than the {_MOST_LETTERS} that are read"
        )
    if "<<" in text and text.count("*") > _MOST_MERGED:
        raise YamlError("it merges mappings more often than any MLmodel file does")
    try:
        content = yaml.load(text, Loader)  # noqa: S506 - a safe loader
        _check(content)
    except (
        yaml.YAMLError,
        AttributeError,
        LookupError,
        ValueError,
        TypeError,
        OverflowError,
        RecursionError,
    ) as error:
        # A tag such as !!int before what is none makes PyYAML stumble in one of these ways.
        raise YamlError(" ".join(str(error).split()) or "it nests too deep") from error
    return content


def _check(content: Any) -> None:
    """Raise ValueError where there is more than any ``MLmodel`` file has, as of anchors inside
    anchors, or something that JSON has not.
    """
    level, values = [content], 0
    for _ in range(_MOST_LEVELS):
        values += len(level)
        if values > _MOST_VALUES:
            break
        inside: list[Any] = []
        for each in level:
            if isinstance(each, dict):
                if not all(isinstance(key, (str, int)) for key in each):
                    raise ValueError("it holds a key that is no text")
                inside += each.values()
            elif isinstance(each, list):
                inside += each
            elif not isinstance(each, (str, int, float, type(None))):
                raise ValueError(f"it holds a {type(each).__name__}")  # noqa: TRY004 - of the text
            if len(inside) > _MOST_VALUES:
                break
        level = inside
        if not level:
            return
    raise ValueError(f"it has more than {_MOST_VALUES} values or {_MOST_LEVELS} levels")
