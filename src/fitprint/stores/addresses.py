"""Where a store is, apart from what opens it: an address can be shown, compared, handed on and
written down.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from fitprint.errors import StoreError
from fitprint.platform.users import strangers

__all__ = [
    "address_of",
    "credentials_file",
    "hidden",
    "public",
    "remember",
    "unknown_scheme",
    "whole",
]

_DEFAULT_PORTS = {"http": "80", "https": "443", "postgresql": "5432"}
_SAME_SCHEMES = {"postgres": "postgresql"}
# in the name of a part of the query
_SECRET = re.compile(r"(?i)pass|pwd|secret|token|key|cred|auth|user|sig|jwt")
_TOKEN_LENGTH = 20  # a user without a password, and as long as this, is a token


class _Parts(NamedTuple):
    scheme: str
    user: str
    password: str
    host: str
    path: str
    query: str


def _split(uri: str) -> _Parts:
    scheme, _, rest = uri.partition("://")
    scheme = scheme.lower()
    if scheme in ("sqlite", "memory", "file"):
        return _Parts(scheme, "", "", "", rest, "")
    place = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" not in place and "@" in rest and ":" in place and not place.rpartition(":")[2].isdigit():
        # a password with a slash
        place = (
            rest.rpartition("@")[0]
            + "@"
            + re.split(r"[/?#]", rest.rpartition("@")[2], maxsplit=1)[0]
        )
    path, _, query = rest[len(place) :].partition("#")[0].partition("?")
    login, _, host = place.rpartition("@")
    user, _, password = login.partition(":")
    if not password and (len(user) >= _TOKEN_LENGTH or "http" in scheme):
        user, password = "", user
    return _Parts(scheme, user, password, host, path, query)


def _harmless(query: str) -> str:
    return "&".join(
        part for part in query.split("&") if part and not _SECRET.search(part.partition("=")[0])
    )


def public(uri: str) -> str:
    """Return the URI without password, token and secret parts of its query: fit to be shown and
    handed on.
    """
    if "://" not in uri:
        return uri if "@" not in uri else f"…@{uri.rpartition('@')[2]}"
    parts = _split(uri)
    query = _harmless(parts.query)
    if not parts.password and query == parts.query:
        return uri
    login = f"{parts.user}@" if parts.user else ""
    return f"{parts.scheme}://{login}{parts.host}{parts.path}{'?' + query if query else ''}"


def address_of(uri: str) -> str:
    """Return what all spellings of a store's URI have in common, whoever opens it: no user or
    password, no usual port, absolute paths.
    """
    if "://" not in uri:
        return public(uri)
    parts = _split(uri)
    scheme = _SAME_SCHEMES.get(parts.scheme, parts.scheme)
    if scheme == "sqlite":
        path = parts.path.removeprefix("/")
        try:
            # normalizes, too
            return f"sqlite:///{os.path.abspath(path)}" if path else uri  # noqa: PTH100
        except OSError:  # the working directory is gone
            return f"sqlite:///{path}"
    host = parts.host.lower()
    port = _DEFAULT_PORTS.get(scheme.rpartition("+")[2])
    if port and "," not in host:
        host = host.removesuffix(f":{port}")
    query = "&".join(sorted(_harmless(parts.query).split("&")))
    return f"{scheme}://{host}{parts.path.rstrip('/')}{'?' + query if query else ''}"


def hidden(text: str, uri: str) -> str:
    """Return a text without what of the URI must not be shown, such as an error of the one who
    opens it.
    """
    secrets = [
        part.partition("=")[2]
        for part in _split(uri).query.split("&")
        if _SECRET.search(part.partition("=")[0])
    ]
    text = text.replace(uri, public(uri))
    for secret in (_split(uri).password, *secrets):
        if len(secret) > 2:
            text = text.replace(secret, "[redacted]")
    return text


def credentials_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the file of the user's own that may hold whole URIs, one a line."""
    configuration = environment.get("XDG_CONFIG_HOME") or os.path.join(  # noqa: PTH118
        environment.get("HOME", "/"), ".config"
    )
    return Path(configuration) / "fitprint" / "credentials"


def whole(uri: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return the URI with password: of those in ``FITPRINT_STORE`` and ``FITPRINT_ARTIFACTS``,
    remembered, or in the file of credentials.

    It stays as it is if there is none.

    Raises:
        StoreError: the file can be read by others.
    """
    if public(uri) != uri or _split(uri).scheme in ("sqlite", "memory", "file"):
        return uri
    address = address_of(uri)
    told = (environment.get(name, "") for name in ("FITPRINT_STORE", "FITPRINT_ARTIFACTS"))
    known = [*told, *_remembered.values(), *_kept(credentials_file(environment))]
    return next(
        (each for each in known if public(each) != each and address_of(each) == address), uri
    )


_remembered: dict[str, str] = {}  # by address


def remember(uri: str) -> None:
    """Remember a whole URI, which a parent has handed to this process beside its token, in the
    place of another of the same address.
    """
    _remembered[address_of(uri)] = uri


def _kept(file: Path) -> list[str]:
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            return []
        if stat.S_IMODE(status.st_mode) & 0o077 or strangers({status.st_uid}):
            raise StoreError(f"{file} holds passwords and must be yours alone: chmod 600 {file}")
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    return [line.strip() for line in lines if "://" in line and not line.lstrip().startswith("#")]


def unknown_scheme(uri: str, known: Iterable[str], what: str, example: str) -> str:
    """Return the sentence on a URI whose scheme nothing opens; it holds no password.

    Args:
        uri: as it was given.
        known: the schemes that something opens.
        what: such as "stores".
        example: a URI to write, where there is no scheme at all.
    """
    from difflib import get_close_matches

    schemes = sorted(known)
    choice = ", ".join(f"{name}{'…' if name.endswith('+') else ''}://" for name in schemes)
    scheme, colon, _ = uri.partition("://")
    if not colon:
        return (
            f"{public(uri)!r} is not a URI for {what}: it needs a scheme "
            f"({choice}), as in {example}"
        )
    close = get_close_matches(scheme, schemes, 1)
    hint = f"; did you mean {close[0]}://?" if close else ""
    return (
        f"no installed plugin provides {what} at {scheme}://{hint}; use {choice}, or install "
        "a plugin that brings this one"
    )
