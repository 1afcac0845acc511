"""Seals: how a user's own recordings are told from what came from elsewhere.

A model is sealed when it is recorded from memory: a keyed hash of its directory's digest, under a
key that lies in the user's own state folder and in no home, bundle or store. Whoever hands over a
home, a database or a bundle can copy seals but cannot make one, so a valid seal says: these very
bytes were written by fitprint in a program of this user.
"""

from __future__ import annotations

import hashlib
import os
import stat
from functools import lru_cache
from pathlib import Path

from fitprint.access import create_file, make_folder
from fitprint.ids import new_id
from fitprint.platform.files import UNFOLLOWED
from fitprint.platform.users import is_mine_alone

__all__ = ["is_own", "key_path", "seal"]

_KEY_BYTES = 32


def key_path() -> Path | None:
    """Return where the user's key lies: ``fitprint/seal.key`` in the state folder; None for a user
    without a home directory.
    """
    place = _key_place()
    return Path(place) if place is not None else None


def _key_place() -> str | None:
    """Return the same as a text: each model asks for it, and a Path takes longer than the seal."""
    state = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):  # noqa: PTH117 - the same
        # Path.expanduser raises where there is no home directory
        state = os.path.expanduser("~/.local/state")  # noqa: PTH111
    return f"{state}/fitprint/seal.key" if os.path.isabs(state) else None  # noqa: PTH117 - the same


def seal(digest: str) -> str:
    """Return the user's seal of a model directory's digest; "" where no key can be kept."""
    place = _key_place()
    key = _key(place) if place is not None else None
    return _hash(digest, key) if key else ""


def is_own(digest: str, found: object) -> bool:
    """Tell whether ``found`` is this user's seal of the digest. No key is made for asking."""
    path = key_path()
    if path is None or not isinstance(found, str) or not found.isascii():
        return False
    import hmac

    key = _read(path)
    return key is not None and hmac.compare_digest(_hash(digest, key), found)


def _hash(digest: str, key: bytes) -> str:
    return hashlib.blake2b(digest.encode(), key=key, person=b"fitprint model").hexdigest()


@lru_cache(maxsize=8)
def _key(place: str) -> bytes | None:
    return _read(Path(place)) or _make(Path(place))


def _read(path: Path) -> bytes | None:
    """Return the key; None if there is none, or one that others could have read or written."""
    try:
        handle = os.open(path, UNFOLLOWED)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode) or not is_mine_alone(facts):
            return None
        key = file.read(_KEY_BYTES + 1)
    return key if len(key) == _KEY_BYTES else None


def _make(path: Path) -> bytes | None:
    """Make the key; of several processes that do so at once one wins,
    and all read what it wrote.
    """
    draft = path.with_name(f".{new_id()}")
    try:
        make_folder(path.parent)
        with os.fdopen(create_file(draft), "wb") as file:
            file.write(os.urandom(_KEY_BYTES))
        try:
            os.link(draft, path)
        finally:
            draft.unlink()
    except OSError:
        pass  # somebody was faster, or nothing can be kept here: reading tells which
    return _read(path)
