"""What a commit does not have: the changes of the working tree as a patch, and the texts of small
files that git does not track.

Both are looked through for secrets. What had none is exact, byte by byte; where something was taken
out, that is said, for a patch that was changed does not apply any more.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fitprint.access import read_regular
from fitprint.context.git import Repository
from fitprint.context.redaction import is_secret_name, redact_text

__all__ = ["patch_of", "shown_path", "untracked_sources"]

_PATCH_LIMIT = 1 << 20
_FILE_LIMIT = 256 << 10
# what is looked through for secrets takes up to a second a MiB, beside the training
_TOTAL_LIMIT = 512 << 10
_MOST_FILES = 200
_MOST_NAMES = 1 << 20  # bytes of the list of names
_CODE = "ipynb jl md py pyx r rst scala sh sql".split()
# files of these kinds may be a secret and nothing else
_VALUES = "cff cfg ini json jsonnet toml txt yaml yml".split()
_NOT_OURS = frozenset({"node_modules", "site-packages", "__pycache__"})  # folders of others' code
_DIFF = """
    --no-ext-diff --no-textconv --no-color --submodule=short --ignore-submodules=none --unified=3
    --src-prefix=a/ --dst-prefix=b/ HEAD -- .
    """.split()


def patch_of(repository: Repository, changed: Sequence[str]) -> dict[str, Any]:
    """Return how the working tree differs from the commit: ``text``, whether it is ``exact``, and
    if not, what was ``left_out``.

    An exact patch brings the commit to what git has of the files (``git apply``); line endings and
    filters are git's business. Left out are "secrets", "files with the name of a secret", "binary
    files", "submodules" and, beyond 1 MiB, "the end".

    Args:
        repository: where git is asked.
        changed: paths of the files that differ.
    """
    secret = [path for path in changed if _is_secret(path)]
    patch, cut = repository.ask(
        _PATCH_LIMIT, "diff", *_DIFF, *(f":(top,literal,exclude){path}" for path in secret)
    )
    if cut:
        patch = patch[: patch.rfind(b"\n") + 1]
    text, is_exact = _redacted(patch)
    lines = patch.splitlines()
    left_out = {
        "secrets": not is_exact,
        "binary files": any(
            line.startswith(b"Binary files ") and line.endswith(b" differ") for line in lines
        ),
        "files with the name of a secret": bool(secret),
        "submodules": any(line.startswith(b"+Subproject commit ") for line in lines),
        "the end": cut,
    }
    missing = [what for what, is_missing in left_out.items() if is_missing]
    return {"text": text, "exact": not missing, **({"left_out": missing} if missing else {})}


def untracked_sources(repository: Repository) -> dict[str, Any]:
    """Return the texts of small source files that git neither tracks nor ignores, those in upper
    folders first.

    ``texts`` by path below the root; ``redacted``, the paths of those from which secrets were
    taken; ``count``, how many files there are; and ``left_out``, why others are missing: more than
    256 KiB in one, or 512 KiB in all, links, and files of values that have the name of a secret. Of
    more than 200 files the others are not named.
    """
    patterns = [f"*.{kind}" for kind in (*_CODE, *_VALUES)]
    names, _ = repository.ask(
        _MOST_NAMES, "ls-files", "--others", "--exclude-standard", "-z", "--", *patterns
    )
    paths = [os.fsdecode(name) for name in names.split(b"\0")[:-1]]
    paths = [path for path in paths if not _NOT_OURS.intersection(path.split("/"))]
    texts: dict[str, str] = {}
    redacted: list[str] = []
    left_out: dict[str, str] = {}
    total = 0
    for path in sorted(paths, key=lambda path: (path.count("/"), path)):
        if len(texts) == _MOST_FILES or len(left_out) == _MOST_FILES:
            break
        data, reason = _read(repository.root, path, _TOTAL_LIMIT - total)
        if data is None:
            left_out[shown_path(path)] = reason
            continue
        total += len(data)
        texts[shown_path(path)], is_exact = _redacted(data)
        if not is_exact:
            redacted.append(shown_path(path))
    facts: dict[str, Any] = {
        "texts": texts,
        "redacted": redacted,
        "left_out": left_out,
        "count": len(paths),
    }
    return {name: value for name, value in facts.items() if value} if texts or left_out else {}


def _is_secret(path: str) -> bool:
    """Tell whether a file of values, or a folder of it, has the name of a secret: ``secrets.toml``,
    ``tokens/api-token.txt``.
    """
    *folders, name = path.split("/")
    stem, _, kind = name.rpartition(".")
    return kind in _VALUES and any(map(is_secret_name, (*folders, stem)))


def _read(root: Path, path: str, most: int) -> tuple[bytes | None, str]:
    """Return the bytes of a source file, or None and why it is not kept."""
    if _is_secret(path):
        return None, "it has the name of a secret"
    file = root / path
    try:
        about = file.lstat()
        if not stat.S_ISREG(about.st_mode):
            return None, "it is not a regular file"
        if about.st_size > _FILE_LIMIT:
            return None, f"it is larger than {_FILE_LIMIT >> 10} KiB"
        if about.st_size > most:
            return None, f"all together are larger than {_TOTAL_LIMIT >> 10} KiB"
        data = read_regular(file)
    except OSError as error:
        return None, f"it cannot be read ({error.strerror})"
    if b"\0" in data:
        return None, "it is no text"
    return data, ""


def _redacted(data: bytes) -> tuple[str, bool]:
    """Return the text without secrets, and whether there were none; as bytes it is what it was
    (UTF-8, ``surrogateescape``).
    """
    text = data.decode("utf-8", "surrogateescape")
    shown = redact_text(text)
    return shown, shown == text


def shown_path(path: str) -> str:
    """Return a path as it can be written down; what is no UTF-8 in it is escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
