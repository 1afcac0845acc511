"""What is not recorded of the user's own values: those whose names say that they are secrets, and secrets in the text of an error.

Only names are looked at, each once, and of most values not even the type is asked again: all other values are recorded exactly.
"""

from __future__ import annotations

from typing import Any

from fitprint.context.secret_names import is_harmless, is_secret_name, words_of
from fitprint.context.secret_shapes import REDACTED

__all__ = ["KNOWN", "is_withheld", "told", "withheld"]

_MOST_NAME = 200  # characters at the end of a name, which say what it holds
_MOST_TOLD = 1 << 18  # characters of an error
_MOST_KNOWN = 4096
_SHORT = 8  # letters that a token has at least

KNOWN: dict[str, bool] = {}
"""By name, whether texts under it are withheld: the same names come again and again."""


def withheld(name: str, value: Any) -> Any:
    """Return the JSON value that is recorded under a name: ``[redacted]`` for each text, if the name is that of a secret."""
    kind = type(value)
    if (kind is not str and kind is not list) or not is_withheld(name):
        return value
    if kind is list:
        return [withheld(name, item) for item in value]
    return value if is_harmless(name, value) or _is_word(name, value) else REDACTED


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
    return words_of(name)[-1:] in (["token"], ["tokens"]) and (len(value) < _SHORT or value.isalpha() or " " in value)


def told(error: str) -> str:
    """Return the text of an error without secrets; of one that is very long, its beginning and its end."""
    from fitprint.context.redaction import redact_text

    left = len(error) - _MOST_TOLD
    if left > 0:
        half = _MOST_TOLD // 2
        return f"{redact_text(error[:half])}\n… {left} characters are left out …\n{redact_text(error[-half:])}"
    return redact_text(error)
