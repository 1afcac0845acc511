"""What is not recorded of the user's own values: those whose names say that they are secrets, and
secrets in the text of an error.

Only names are looked at, each once, and of most values not even the type is asked again: all other
values are recorded exactly.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fitprint.context.secret_names import is_harmless, is_secret_name, words_of
from fitprint.context.secret_shapes import REDACTED, without_passwords

__all__ = ["KNOWN", "is_withheld", "tag_texts", "told", "withheld"]

_MOST_NAME = 200  # characters at the end of a name, which say what it holds
_MOST_TOLD = 1 << 16  # characters of an error, which is read while the program ends
_MOST_KNOWN = 4096
_SHORT = 8  # letters that a token has at least

_HOLDING = frozenset({str, list, dict})

KNOWN: dict[str, bool] = {}
"""By name, whether texts under it are withheld: the same names come again and again."""


def withheld(name: str, value: Any) -> Any:
    """Return the JSON value that is recorded under a name: ``[redacted]`` for each text, if the
    name is that of a secret.

    A text under another name is as it was, but for the password in an address.
    """
    kind = type(value)
    if kind not in _HOLDING:
        return value
    if not is_withheld(name):
        return _with_hidden_logins(value)
    if kind is list:
        return [withheld(name, item) for item in value]
    if kind is dict:
        return {key: withheld(name, item) for key, item in value.items()}
    return value if is_harmless(name, value) or _is_word(name, value) else REDACTED


def _with_hidden_logins(value: Any) -> Any:
    kind = type(value)
    if kind is list:
        return (
            [_with_hidden_logins(item) for item in value]
            if any(type(item) in _HOLDING for item in value)
            else value
        )
    if kind is dict:
        return {key: _with_hidden_logins(item) for key, item in value.items()}
    return without_passwords(value) if kind is str and "://" in value and "@" in value else value


def tag_texts(items: Iterable[tuple[str, Any]]) -> dict[str, str | None]:
    """Return tags as they are recorded: values as texts, ``[redacted]`` under the name of a secret,
    None for one that is removed.
    """
    return {name: None if value is None else _tag_text(name, value) for name, value in items}


def _tag_text(name: str, value: Any) -> str:
    if isinstance(value, (dict, list, set, tuple)) and is_withheld(name):
        return REDACTED  # its text is code, in which no value of its own can be told
    return str(withheld(name, str(value)))


def is_withheld(name: str) -> bool:
    """Tell whether texts under this name are withheld; :data:`KNOWN` keeps the answer."""
    found = KNOWN.get(name)
    if found is None:
        found = is_secret_name(name[-_MOST_NAME:])
        if len(name) <= _MOST_NAME and len(KNOWN) < _MOST_KNOWN:
            KNOWN[name] = found
    return found


def _is_word(name: str, value: str) -> bool:
    """Tell a token of a language model from one that opens a door."""
    words = [word for word in words_of(name) if not word.isdigit()]
    return words[-1:] in (["token"], ["tokens"]) and (
        len(value) < _SHORT or value.isalpha() or " " in value
    )


def told(error: str) -> str:
    """Return the text of an error without secrets; of one that is very long, its beginning and its
    end.
    """
    from fitprint.context.redaction import redact_text

    if len(error) <= _MOST_TOLD:
        return redact_text(error, messages=True)
    half = _MOST_TOLD // 2
    # Whole lines: what is cut in two may not look like a secret any more.
    first, last = error[:half].rpartition("\n")[0], error[-half:].partition("\n")[2]
    left = len(error) - len(first) - len(last)
    return (
        f"{redact_text(first, messages=True)}\n"
        f"… {left} characters are left out …\n"
        f"{redact_text(last, messages=True)}"
    )
